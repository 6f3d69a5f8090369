"""The queue: each upload becomes a call, is told as known, or fails by name; none is lost."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from made_calls import made_recording
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from stub_classifier import stub_classifier
from waiting import PATIENCE_SECONDS, until
from waiting_uploads import until_ended, waiting_upload

from calmscore.errors import ArtifactError, DeletedMeanwhileError, QueueFullError, StoreError
from calmscore.intake import attempt, take_in, upkeep, workers
from calmscore.intake.queue import CallQueue
from calmscore.intake.queue_timing import QueueTiming
from calmscore.intake.queued_call import QueuedCall
from calmscore.store import Store, jobs
from calmscore.store.calls import count_calls, list_calls

ROOT = Path(__file__).resolve().parents[2]


def hurried(**seconds: float) -> QueueTiming:
    pauses = ("first_pause", "retry", "look_every", "beat")
    return QueueTiming(**{**{f"{name}_seconds": 0.02 for name in pauses}, **seconds})


@contextmanager
def working(store: Store, *, load=stub_classifier, **options) -> Iterator[CallQueue]:
    queue = CallQueue(store, load=load, **{"at_once": 2, "timing": hurried(), **options})
    queue.start()
    try:
        yield queue
    finally:
        queue.stop()


@pytest.fixture
def queue(store) -> Iterator[CallQueue]:
    with working(store) as queue:
        yield queue


def add(queue: CallQueue, content: bytes, name: str, **parameters) -> QueuedCall:
    job = queue.add_stream(
        io.BytesIO(content), parameters={"file_name": name, "actor": "tester", **parameters}
    )
    return QueuedCall(job_id=job.id, file_name=name)


def locking_connection(store: Store) -> closing[sqlite3.Connection]:
    """Connect to the store's database as another program does, which waits for its turn."""
    return closing(sqlite3.connect(store.folder / "calmscore.db", timeout=PATIENCE_SECONDS))


def finish(queue: CallQueue, *uploads: QueuedCall) -> None:
    def finished() -> bool:
        queue.refresh(uploads)
        return all(upload.finished for upload in uploads)

    until(finished)


def calls(store: Store):
    with store.database.reading() as session:
        return list_calls(session)


def job_of(store: Store, job_id: str) -> jobs.JobRow:
    with store.database.reading() as session:
        return jobs.read_job(session, job_id)


def failing(times: int, function: Callable, error: Exception) -> Callable:
    left = [times]

    def wrapped(*arguments, **options):
        if left[0] > 0:
            left[0] -= 1
            raise error
        return function(*arguments, **options)

    return wrapped


# What becomes of uploads


def test_the_good_ones_are_kept_and_the_broken_one_is_named(queue, store):
    good = [add(queue, made_recording(number), f"{number}.wav") for number in range(3)]
    bad = add(queue, b"Dear customer", "letter.wav")
    finish(queue, *good, bad)
    assert [upload.state for upload in good] == ["added"] * 3
    assert (bad.state, bad.report) == ("failed", None)
    assert "letter.wav" in bad.message
    assert sorted(row.file_name for row in calls(store)) == ["0.wav", "1.wav", "2.wav"]
    assert all(row.has_audio for row in calls(store))
    # An upload goes right after its job has ended.
    until(lambda: list(store.incoming.folder.iterdir()) == [])


def test_a_recording_that_is_here_is_told_as_such(queue, store):
    finish(queue, add(queue, made_recording(), "first.wav"))
    again = add(queue, made_recording(), "second.wav")
    finish(queue, again)
    assert again.state == "known"
    assert "first.wav" in again.message
    assert len(calls(store)) == 1


def test_the_same_recording_twice_in_one_go_is_one_call(queue, store):
    pair = [add(queue, made_recording(), name) for name in ("a.wav", "b.wav")]
    finish(queue, *pair)
    assert sorted(upload.state for upload in pair) == ["added", "known"]
    assert len(calls(store)) == 1


def test_a_call_of_an_earlier_model_is_analysed_again(queue, store):
    finish(queue, add(queue, made_recording(), "a.wav"))
    queue.stop()
    newer = stub_classifier()
    newer.sha256 = "1" * 64
    with working(store, load=lambda: newer) as later:
        renewed = add(later, made_recording(), "a.wav")
        finish(later, renewed)
    assert renewed.state == "renewed"
    assert len(calls(store)) == 1


def test_a_fault_of_one_is_told_without_its_details_and_stops_no_other(queue, store, monkeypatch):
    really = take_in.analyze_recording

    def broken(recording, **options):
        if recording.file_name == "broken.wav":
            raise RuntimeError("secret detail")
        return really(recording, **options)

    monkeypatch.setattr(take_in, "analyze_recording", broken)
    bad = add(queue, made_recording(0), "broken.wav")
    good = add(queue, made_recording(1), "good.wav")
    finish(queue, bad, good)
    assert (bad.state, good.state) == ("failed", "added")
    assert "fault in Calmscore" in bad.message
    assert "secret" not in bad.message


def test_what_was_said_of_an_upload_goes_with_the_call(queue, store):
    finish(queue, add(queue, made_recording(), "a.wav", agent="Dana", customer="C 1"))
    (row,) = calls(store)
    assert (row.agent, row.customer) == ("Dana", "C 1")


def test_a_full_queue_takes_no_more_until_there_is_room(store):
    queue = CallQueue(store, load=stub_classifier, at_once=1, most_waiting=2)
    waiting = [add(queue, made_recording(number), f"{number}.wav") for number in range(2)]
    with pytest.raises(QueueFullError, match="2 calls wait"):
        add(queue, made_recording(3), "late.wav")
    assert sorted(store.incoming.job_ids()) == sorted(upload.job_id for upload in waiting)
    queue.start()
    finish(queue, *waiting)
    finish(queue, add(queue, made_recording(3), "late.wav"))
    queue.stop()
    assert len(calls(store)) == 3


# Faults that pass


@pytest.mark.parametrize(
    "error",
    [
        StoreError("the database does not answer"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        ArtifactError("the model cannot be read"),
    ],
    ids=["store", "disk full", "disk", "model"],
)
def test_a_fault_of_the_store_or_the_disk_is_waited_out(queue, store, monkeypatch, error):
    monkeypatch.setattr(take_in, "read_recording", failing(5, take_in.read_recording, error))
    upload = add(queue, made_recording(), "a.wav")
    finish(queue, upload)
    assert upload.state == "added"
    job = job_of(store, upload.job_id)
    assert (job.setbacks, job.starts) == (5, 1)


def test_a_disk_that_is_full_when_the_recording_is_kept_is_waited_out(queue, store, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(
        "calmscore.store.audio_files.shutil.copyfileobj",
        failing(3, __import__("shutil").copyfileobj, full),
    )
    upload = add(queue, made_recording(), "a.wav")
    finish(queue, upload)
    assert (upload.state, job_of(store, upload.job_id).setbacks) == ("added", 3)
    assert store.audio.holds(calls(store)[0].id)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (workers, "take_job"), (attempt, "finish_job"), (workers, "put_back"),
        (upkeep, "renew_leases"),
    ],
)  # fmt: skip
def test_a_database_that_fails_for_a_while_at_any_step_loses_nothing(
    store, monkeypatch, module, name
):
    error = OperationalError("COMMIT", {}, Exception("disk I/O error"))
    monkeypatch.setattr(module, name, failing(3, getattr(module, name), error))
    if name == "put_back":
        passing = StoreError("away")
        monkeypatch.setattr(take_in, "read_recording", failing(1, take_in.read_recording, passing))
    with working(store) as queue:
        upload = add(queue, made_recording(), "a.wav")
        finish(queue, upload)
    assert (upload.state, len(calls(store))) == ("added", 1)


@pytest.mark.parametrize(("module", "name"), [(workers, "take_job"), (attempt, "finish_job")])
def test_a_database_whose_answer_is_lost_after_it_wrote_loses_nothing(
    store, monkeypatch, module, name
):
    real, lost = store.database.writing, [1]
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.5))
    noted: list[str] = []
    step = getattr(module, name)

    def counted(*arguments, **options):
        noted.append(name)
        return step(*arguments, **options)

    monkeypatch.setattr(module, name, counted)

    @contextmanager
    def writing():
        with real() as session:
            yield session
        if noted and lost:
            lost.clear()
            raise StoreError("the connection was lost while it answered")

    monkeypatch.setattr(store.database, "writing", writing)
    with working(store) as queue:
        upload = add(queue, made_recording(), "a.wav")
        finish(queue, upload)
        assert not lost
        until(lambda: store.incoming.job_ids() == [])
    assert (upload.state, len(calls(store))) == ("added", 1)


def test_pauses_grow_and_have_an_end():
    pauses = [QueueTiming().pause_seconds(setbacks) for setbacks in range(2000)]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses == sorted(pauses) and pauses[-1] == jobs.LONGEST_PAUSE.total_seconds()


def test_a_write_lock_is_waited_out(store, monkeypatch):
    monkeypatch.setattr("calmscore.store.database._BUSY_MILLISECONDS", 100)
    short = Store(store.folder)
    with short.database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA busy_timeout = 50")
    with working(short) as queue:
        uploads = [add(queue, made_recording(number), f"{number}.wav") for number in range(3)]
        with locking_connection(store) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.5)
            other.rollback()
        finish(queue, *uploads)
    short.close()
    assert [upload.state for upload in uploads] == ["added"] * 3


def test_a_lost_upload_fails_by_name(store):
    job_id = waiting_upload(store, made_recording(), file_name="lost.wav")
    store.incoming.path(job_id).unlink()
    with working(store):
        (job,) = until_ended(store, [job_id])
    assert (job.error_code, "lost.wav" in job.error_message) == ("upload_lost", True)


def test_an_upload_that_cannot_be_written_is_refused_and_leaves_nothing(queue, store, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("calmscore.store.incoming.os.fsync", full)
    with pytest.raises(StoreError, match="No space"):
        add(queue, made_recording(), "a.wav")
    assert queue.length() == 0
    assert list(store.incoming.folder.iterdir()) == []


# Whether it is ready


def test_it_says_that_the_disk_is_full_and_that_it_is_well_again(store, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with working(store) as queue:
        assert queue.trouble == ""
        with monkeypatch.context() as patch:
            patch.setattr(upkeep.tempfile, "TemporaryFile", full)
            until(lambda: "disk of the data folder is full" in queue.trouble)
        until(lambda: queue.trouble == "")


def test_it_says_that_the_store_is_locked_and_that_it_is_free_again(store):
    with working(store, timing=hurried(late_seconds=0.2)) as queue:
        with locking_connection(store) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: "lock" in queue.trouble)
            other.rollback()
        until(lambda: queue.trouble == "")


# Several services, and services that die


def test_two_services_share_the_work_and_neither_takes_the_others(store_url, tmp_path):
    stores = [Store(tmp_path, url=store_url) for _ in range(2)]
    with working(stores[0], at_once=1) as first, working(stores[1], at_once=1) as second:
        uploads = [
            add(first if number % 2 else second, made_recording(number), f"{number}.wav")
            for number in range(12)
        ]
        finish(first, *uploads)
    assert [upload.state for upload in uploads] == ["added"] * 12
    assert len(calls(stores[0])) == 12
    for store in stores:
        store.close()


def test_another_folder_for_the_same_database_is_refused(postgres_url, tmp_path):
    Store(tmp_path / "a", url=postgres_url).close()
    with pytest.raises(StoreError, match="in another folder"):
        Store(tmp_path / "b", url=postgres_url)
    # The folder may move, and be copied.
    (tmp_path / "a").rename(tmp_path / "c")
    Store(tmp_path / "c", url=postgres_url).close()


def test_a_folder_that_is_away_is_no_fault_of_the_recording(postgres_url, tmp_path):
    store = Store(tmp_path / "data", url=postgres_url)
    with working(store):
        until_ended(store, [waiting_upload(store, made_recording(), file_name="a.wav")])
    later = waiting_upload(store, made_recording(1), file_name="b.wav")
    (tmp_path / "data").rename(tmp_path / "away")
    queue = CallQueue(store, load=stub_classifier, at_once=1, timing=hurried())
    (tmp_path / "data" / "incoming").mkdir(parents=True)
    queue.start()
    until(lambda: job_of(store, later).setbacks > 0)
    queue.stop()
    assert job_of(store, later).state == "queued"
    store.close()


def test_who_lost_the_lease_stores_nothing(store, monkeypatch):
    robbery = threading.Event()
    with working(store, at_once=1) as queue:
        real = take_in.analyze_recording

        def robbed(recording, **options):
            with store.database.writing() as session:
                session.execute(update(jobs.Job).values(owner="another"))
            robbery.set()
            return real(recording, **options)

        with monkeypatch.context() as patch:
            patch.setattr(take_in, "analyze_recording", robbed)
            upload = add(queue, made_recording(), "a.wav")
            assert robbery.wait(PATIENCE_SECONDS)
            time.sleep(0.3)
        assert calls(store) == []
        with store.database.writing() as session:
            jobs.put_back(session, owner="another")
        finish(queue, upload)
    assert (upload.state, len(calls(store))) == ("added", 1)


def test_an_orderly_end_gives_its_calls_back_at_once(store, monkeypatch):
    let_go = threading.Event()

    def slow(*_: object, **__: object) -> None:
        let_go.wait(PATIENCE_SECONDS)

    with working(store, at_once=1, timing=hurried(stop_seconds=0.1)) as queue:
        monkeypatch.setattr(take_in, "analyze_recording", slow)
        upload = add(queue, made_recording(), "a.wav")
        until(lambda: job_of(store, upload.job_id).state == "running")
    job = job_of(store, upload.job_id)
    let_go.set()
    assert (job.state, job.starts) == ("queued", 0)


def interrupted(store: Store, job_id: str, *, times: int) -> None:
    """Leave a job as services do that were killed at it."""
    with store.database.writing() as session:
        session.get(jobs.Job, job_id).starts = times


def alone(tmp_path: Path, body: str) -> tuple[str, ...]:
    program = tmp_path / "alone.py"
    program.write_text(
        f"import os, sys\nsys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n{body}"
    )
    return (sys.executable, str(program))


SCORES = (
    "from stub_classifier import stub_classifier\n"
    "from calmscore.intake.alone import main\n"
    "sys.exit(main(sys.argv[1:], load=stub_classifier))\n"
)


def test_a_healthy_call_that_was_interrupted_seven_times_is_scored(store, tmp_path):
    job_id = waiting_upload(store, made_recording(), file_name="a.wav")
    interrupted(store, job_id, times=7)
    told = []
    with working(
        store, alone_command=alone(tmp_path, SCORES), told=lambda ended, _: told.append(ended)
    ):
        (job,) = until_ended(store, [job_id])
        until(lambda: bool(told))
    assert (job.state, job.taken, len(calls(store))) == ("done", "added", 1)
    assert told[0].report.call.file_name == "a.wav"


def test_a_call_that_ends_its_own_process_twice_is_given_up_and_takes_nothing_with_it(
    store, tmp_path
):
    tries = tmp_path / "tries"
    killer = alone(tmp_path, f"open({str(tries)!r}, 'a').write('x')\nos.kill(os.getpid(), 9)\n")
    job_id = waiting_upload(store, made_recording(0), file_name="heavy.wav")
    interrupted(store, job_id, times=2)
    with working(store, alone_command=killer) as queue:
        other = add(queue, made_recording(1), "other.wav")
        finish(queue, other)
        (job,) = until_ended(store, [job_id])
    assert (job.error_code, "heavy.wav" in job.error_message) == ("analysis_interrupted", True)
    assert tries.read_text() == "xx"
    assert other.state == "added"
    assert list(store.incoming.folder.iterdir()) == []


def test_a_store_that_fails_a_call_that_is_alone_is_waited_out(store, tmp_path):
    once = tmp_path / "once"
    again = alone(
        tmp_path,
        f"if not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w').close()\n    sys.exit(os.EX_TEMPFAIL)\n{SCORES}",
    )
    job_id = waiting_upload(store, made_recording(), file_name="a.wav")
    interrupted(store, job_id, times=3)
    with working(store, alone_command=again):
        (job,) = until_ended(store, [job_id])
    assert (job.state, job.setbacks) == ("done", 1)


# What a power cut or a kill left


def aged(path: Path, age: timedelta) -> None:
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))


def test_an_upload_whose_row_was_lost_is_taken_in_again_with_all_that_was_said(store):
    queue = CallQueue(store, load=stub_classifier, at_once=1)
    upload = add(queue, made_recording(), "a.wav", agent="Dana")
    nameless = add(queue, made_recording(1), "b.wav")
    with store.database.writing() as session:
        for job_id in (upload.job_id, nameless.job_id):
            session.delete(session.get(jobs.Job, job_id))
    (store.incoming.folder / f"{nameless.job_id}.json").unlink()
    for path in store.incoming.folder.iterdir():
        aged(path, timedelta(minutes=11))
    with working(store):
        until(lambda: len(calls(store)) == 2)
    assert {row.file_name: row.agent for row in calls(store)} == {
        "a.wav": "Dana", f"recovered upload {nameless.job_id[:8]}": None,
    }  # fmt: skip
    assert job_of(store, upload.job_id).state == "done"


def test_a_new_service_leaves_alone_what_another_is_just_adding(store):
    store.incoming.prepare()
    fresh = [store.incoming.folder / name for name in ("a" * 32, "half.part", "b" * 32 + ".json")]
    for path in fresh:
        path.write_bytes(b"{}")
    with working(store) as queue:
        until(lambda: queue.trouble == "")
        time.sleep(0.1)
    assert all(path.exists() for path in fresh)
    assert calls(store) == []


def test_what_broken_uploads_left_goes_after_an_hour(store):
    store.incoming.prepare()
    left = [store.incoming.folder / name for name in ("half.part", "b" * 32 + ".json")]
    orphan, part = store.audio.path("a" * 64), store.audio.path("b" * 64).with_suffix(".part")
    for path in (*left, orphan, part):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        aged(path, timedelta(minutes=61))
    with working(store):
        until(lambda: not any(path.exists() for path in (*left, orphan, part)))


def test_the_upload_of_a_job_that_ended_just_before_a_kill_goes(store):
    job_id = waiting_upload(store, made_recording(), file_name="a.wav")
    with store.database.writing() as session:
        jobs.fail_job(session, job_id, code="x", message="x")
    with working(store):
        until(lambda: store.incoming.job_ids() == [])


def test_what_is_acknowledged_was_synced_file_folder_and_row(store, monkeypatch):
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    queue = CallQueue(store, load=stub_classifier, at_once=1)
    add(queue, made_recording(), "a.wav")
    assert any(name.endswith(".part") for name in synced)
    assert any(name.endswith(".json") for name in synced)
    assert synced[-1] == str(store.incoming.folder)
    with store.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


# What is deleted while it is on its way


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_a_call_that_is_deleted_while_it_is_analysed_does_not_come_back(store, monkeypatch, known):
    call_id = hashlib.sha256(made_recording()).hexdigest()
    real = take_in.analyze_recording
    with working(store, at_once=1) as queue:
        if known:
            finish(queue, add(queue, made_recording(), "a.wav"))

        def deleting(recording, **options):
            report = real(recording, **options)
            store.delete_call(call_id, actor="Sam")
            return report

        monkeypatch.setattr(take_in, "analyze_recording", deleting)
        upload = add(queue, made_recording(), "again.wav", customer_channel="right")
        behind = add(queue, made_recording(), "behind.wav")
        finish(queue, upload, behind)
    assert [each.message for each in (upload, behind)] == [
        "again.wav was deleted", "behind.wav was deleted",
    ]  # fmt: skip
    assert calls(store) == [] and store.audio.ids() == []
    assert list(store.incoming.folder.iterdir()) == []


def test_a_batch_does_not_bring_back_what_was_deleted_meanwhile(store, monkeypatch):
    options = {"store": store, "classifier": stub_classifier(), "actor": "tester"}
    source = io.BytesIO(made_recording())
    call_id = take_in.take_in(source, file_name="a.wav", **options).report.call.id
    real = take_in.analyze_recording

    def deleting(recording, **rest):
        store.delete_call(call_id, actor="Sam")
        return real(recording, **rest)

    monkeypatch.setattr(take_in, "analyze_recording", deleting)
    with pytest.raises(DeletedMeanwhileError, match=r"a\.wav was deleted"):
        take_in.take_in(source, file_name="a.wav", customer_channel="right", **options)
    with store.database.reading() as session:
        assert count_calls(session) == 0
    assert store.audio.ids() == []
