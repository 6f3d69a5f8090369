"""Jobs: taken by one worker each, ended once, and queued again after a crash."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from stored_calls import add

from calmscore.errors import NotStoredError
from calmscore.store import Store, jobs
from calmscore.store.schema import Job

WORKERS = 6
JOBS = 24


def queue(store, *numbers: int, kind: str = "call") -> list[str]:
    ids = []
    for number in numbers:
        with store.database.writing() as session:
            ids.append(jobs.add_job(session, kind=kind, parameters={"number": number}).id)
    return ids


def take(store, *, kind: str = "call") -> jobs.JobRow | None:
    with store.database.writing() as session:
        return jobs.take_job(session, kind=kind)


def read(store, job_id: str) -> jobs.JobRow:
    with store.database.reading() as session:
        return jobs.read_job(session, job_id)


def test_jobs_are_taken_in_their_order_each_kind_by_itself(store):
    queue(store, 1, 2)
    queue(store, 3, kind="training")
    assert [take(store).parameters["number"] for _ in range(2)] == [1, 2]
    assert take(store) is None
    assert take(store, kind="training").parameters == {"number": 3}


def test_a_job_ends_done_with_its_call_or_failed_with_its_reason(store):
    done, failed = queue(store, 1, 2)
    call_id = add(store)
    assert read(store, done).state == "queued"
    assert (take(store).state, read(store, done).state) == ("running", "running")
    take(store)
    with store.database.writing() as session:
        jobs.finish_job(session, done, call_id=call_id)
        jobs.fail_job(session, failed, code="empty_file", message="a.wav is empty")
    row = read(store, done)
    assert (row.state, row.call_id, row.error_code) == ("done", call_id, None)
    assert row.finished_at >= row.created_at
    row = read(store, failed)
    assert (row.state, row.error_code, row.error_message) == (
        "failed", "empty_file", "a.wav is empty",
    )  # fmt: skip
    assert take(store) is None


def hold(store, owner: str) -> jobs.JobRow | None:
    with store.database.writing() as session:
        return jobs.take_job(session, kind="call", owner=owner)


def test_a_job_is_free_again_when_its_lease_is_over_and_not_before(store, monkeypatch):
    (job_id,) = queue(store, 1)
    queue(store, 4, kind="training")
    take(store, kind="training")
    assert hold(store, "first").starts == 1
    assert hold(store, "second") is None
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.05))
    with store.database.writing() as session:
        jobs.renew_leases(session, [job_id], owner="first")
    time.sleep(0.1)
    again = hold(store, "second")
    assert (again.id, again.starts) == (job_id, 2)
    with store.database.writing() as session:
        assert not jobs.finish_job(session, job_id, owner="first")
        assert jobs.finish_job(session, job_id, owner="second")
    assert take(store, kind="training") is None


def test_a_lease_that_a_wrong_clock_wrote_does_not_hold_for_ever(store):
    (job_id,) = queue(store, 1)
    hold(store, "first")
    with store.database.writing() as session:
        session.get(Job, job_id).lease_until = datetime(2099, 1, 1, tzinfo=UTC)
    assert hold(store, "second").id == job_id


def test_what_is_put_back_waits_and_counts_as_a_setback_not_as_a_start(store):
    first, second = queue(store, 1, 2)
    assert hold(store, "me").id == first
    with store.database.writing() as session:
        jobs.put_back(session, owner="me", job_id=first, pause=timedelta(seconds=60))
    assert hold(store, "me").id == second
    assert hold(store, "me") is None
    assert (read(store, first).state, read(store, first).setbacks) == ("queued", 1)
    with store.database.writing() as session:
        session.get(Job, first).not_before = datetime.now(UTC)
        jobs.put_back(session, owner="me")
    assert [hold(store, "me").starts for _ in range(2)] == [1, 1]


def test_an_unknown_job_is_told(store):
    with pytest.raises(NotStoredError, match="'nothing'"):
        read(store, "nothing")


def test_two_workers_never_take_the_same_job(store):
    ids = queue(store, *range(JOBS))
    start = threading.Barrier(WORKERS)

    def work() -> list[str]:
        start.wait(timeout=60)
        taken = []
        while (job := take(store)) is not None:
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(work) for _ in range(WORKERS)]
        taken = [job_id for future in futures for job_id in future.result()]
    assert sorted(taken) == sorted(ids)


def test_on_postgresql_a_worker_passes_over_a_job_that_another_is_taking(postgres_url, tmp_path):
    store = Store(tmp_path, url=postgres_url)
    first, second = queue(store, 1, 2)
    with store.database.writing() as session:
        assert jobs.take_job(session, kind="call").id == first
        assert take(store).id == second
    store.close()
