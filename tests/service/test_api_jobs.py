"""Jobs of the HTTP service: nothing is lost, nothing is mixed up."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from running_service import running
from service_store import ROOT, UNHURRIED, make_keys, speech, tone, unhurried
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.testclient import TestClient
from stub_classifier import stub_classifier

from calmscore.errors import StoreError
from calmscore.service.application import create_app
from calmscore.service.uploads import Upload
from calmscore.store import Store
from calmscore.store.calls import count_calls
from calmscore.store.jobs import add_job, read_job, take_job

UPLOADS = 50
CLIENTS = 8


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def make_app(store, **changes):
    return create_app(store, stub_classifier(), settings=unhurried(**changes))


def waiting_upload(store, content, **parameters):
    """Leave a call in the queue as a service does that has died."""
    folder = store.folder / "incoming"
    folder.mkdir(exist_ok=True)
    with store.database.writing() as session:
        job = add_job(session, kind="call", parameters={"actor": "somebody", **parameters})
    (folder / job.id).write_bytes(content)
    return job.id


def until_ended(store, job_ids):
    for _ in range(3000):
        with store.database.reading() as session:
            jobs = [read_job(session, job_id) for job_id in job_ids]
        if all(job.finished_at for job in jobs):
            return jobs
        time.sleep(0.01)
    raise AssertionError(f"jobs did not end: {jobs}")


def test_a_new_service_takes_up_what_the_last_one_left(store):
    contents = [tone(1.0 + number / 10) for number in range(5)]
    job_ids = [
        waiting_upload(store, content, file_name=f"{number}.wav", agent="Ada")
        for number, content in enumerate(contents)
    ]
    with store.database.writing() as session:
        for _ in range(2):
            take_job(session, kind="call")
    stray = store.folder / "incoming" / "half.part"
    stray.write_bytes(b"half an upload")
    with TestClient(make_app(store)):
        jobs = until_ended(store, job_ids)
    assert [job.call_id for job in jobs] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_job_whose_call_was_stored_just_before_the_end_is_done_once(store):
    content = tone()
    first = waiting_upload(store, content, file_name="a.wav")
    with TestClient(make_app(store)):
        until_ended(store, [first])
    again = waiting_upload(store, content, file_name="a.wav")
    with TestClient(make_app(store)):
        (job,) = until_ended(store, [again])
    assert job.state == "done"
    with store.database.reading() as session:
        assert count_calls(session) == 1


def test_a_recording_that_takes_the_service_down_again_and_again_is_given_up(store):
    job_id = waiting_upload(store, tone(), file_name="heavy.wav")
    (store.folder / "incoming" / f"{job_id}.starts").write_bytes(b"...")
    with TestClient(make_app(store)):
        (job,) = until_ended(store, [job_id])
    assert (job.state, job.error_code) == ("failed", "analysis_interrupted")
    assert "heavy.wav" in (job.error_message or "")
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_lost_upload_fails_by_name(store):
    job_id = waiting_upload(store, tone(), file_name="lost.wav")
    (store.folder / "incoming" / job_id).unlink()
    with TestClient(make_app(store)):
        (job,) = until_ended(store, [job_id])
    assert job.state == "failed" and "lost.wav" in (job.error_message or "")


def test_two_services_do_not_work_in_one_folder(store):
    with (
        TestClient(make_app(store)),
        pytest.raises(StoreError, match="another service"),
        TestClient(make_app(store)),
    ):
        pass
    with TestClient(make_app(store)) as client:
        assert client.get("/healthz").status_code == 200


def put(app, content, *, name="a.wav"):
    analyses = app.state.service.analyses
    path = analyses.folder / f"{name}.part"
    path.write_bytes(content)
    return analyses.add(Upload(path=path), parameters={"file_name": name, "actor": "somebody"})


def test_a_caller_who_went_away_stops_no_worker(store):
    app = make_app(store, analyses_at_once=1)
    with TestClient(app):
        for _ in range(3):
            _, result = put(app, tone())
            result.cancel()
        _, result = put(app, tone(2.0), name="b.wav")
        assert result.result(timeout=60).report.call.file_name == "b.wav"
        assert app.state.service.analyses.alive


def test_a_fault_in_one_call_stops_no_worker_and_is_told_without_secrets(store, monkeypatch):
    app = make_app(store, analyses_at_once=1)
    with TestClient(app):
        with monkeypatch.context() as patch:
            patch.setattr("calmscore.service.analyses.take_in", lambda *a, **k: 1 / 0)
            _, result = put(app, tone())
            failed = result.result(timeout=60)
        assert failed.error_code == "internal_error"
        assert "a.wav" in failed.error_message and "division" not in failed.error_message
        _, result = put(app, tone())
        assert result.result(timeout=60).report is not None


@pytest.mark.parametrize("error", [OperationalError, IntegrityError])
def test_a_worker_outlives_a_database_that_fails_for_a_while(store, monkeypatch, error):
    monkeypatch.setattr("calmscore.service.analyses._RETRY_SECONDS", 0.01)
    failures = Counter()

    def failing_twice(name, function):
        def wrapped(*arguments, **options):
            failures[name] += 1
            if failures[name] <= 2:
                raise error("COMMIT", {}, Exception("disk I/O error"))
            return function(*arguments, **options)

        monkeypatch.setattr(f"calmscore.service.analyses.{name}", wrapped)

    from calmscore.service import analyses

    failing_twice("take_job", analyses.take_job)
    failing_twice("finish_job", analyses.finish_job)
    app = make_app(store, analyses_at_once=1)
    with TestClient(app):
        _, result = put(app, tone())
        assert result.result(timeout=60).report is not None
    assert failures["finish_job"] == 3


def test_an_upload_that_cannot_be_queued_leaves_nothing(store, monkeypatch):
    def broken(*arguments, **options):
        raise OSError(28, "No space left on device")

    app = make_app(store)
    with TestClient(app):
        monkeypatch.setattr("calmscore.service.analyses.os.replace", broken)
        with pytest.raises(OSError, match="No space"):
            put(app, tone())
        assert app.state.service.analyses.queue_length() == 0


def test_an_orderly_end_does_not_count_against_the_call(store, monkeypatch):
    monkeypatch.setattr("calmscore.service.analyses._STOP_SECONDS", 0.0)
    job_id = waiting_upload(store, tone(), file_name="a.wav")
    (store.folder / "incoming" / f"{job_id}.starts").write_bytes(b"..")
    app = create_app(store, stub_classifier(), settings=UNHURRIED)
    service = app.state.service
    service.analyses.folder.mkdir(exist_ok=True)
    service.analyses.stop()
    assert not (store.folder / "incoming" / f"{job_id}.starts").exists()


# A real server


@contextmanager
def server_process(folder: Path, *, seconds_per_call: float):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "stub_server.py"), str(folder),
         str(seconds_per_call)],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_service_loses_no_accepted_upload(store):
    key = make_keys(store).supervisor
    contents = [tone(1.0 + number / 10) for number in range(6)]
    with server_process(store.folder, seconds_per_call=0.3) as (process, address):
        jobs = [
            httpx.post(
                f"{address}/v1/calls", headers=key, files={"file": (f"{n}.wav", content)},
                timeout=60,
            ).json()
            for n, content in enumerate(contents)
        ]  # fmt: skip
        process.kill()
        process.wait()
    with store.database.reading() as session:
        assert any(read_job(session, job["id"]).finished_at is None for job in jobs)
    with server_process(store.folder, seconds_per_call=0.0):
        ended = until_ended(store, [job["id"] for job in jobs])
    assert [job.call_id for job in ended] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
    with store.database.reading() as session:
        assert count_calls(session) == len(contents)


def mixed_files() -> list[tuple[str, bytes, str]]:
    """Return names, contents, and the code of the error that each must meet, or nothing."""
    header = tone()[:44]
    files = []
    for number in range(UPLOADS):
        kind = number % 10
        content, code = {
            0: (b"", "empty_file"),
            3: (b"this is no sound %d" % number, "not_audio"),
            5: (header + b"", "no_samples"),
            8: (header[:20], "damaged_header"),
            9: (speech(6.0 + number / 100), ""),
        }.get(kind, (tone(1.0 + number / 100, hertz=200.0 + number), ""))
        files.append((f"call {number}.wav", content, code))
    random.Random(0).shuffle(files)
    return files


@pytest.mark.parametrize("wait", [True, False])
def test_fifty_uploads_at_once_are_neither_lost_nor_mixed_up(store, wait):
    key = make_keys(store).supervisor
    files = mixed_files()

    def send(file):
        name, content, _ = file
        with httpx.Client(headers=key, timeout=300) as client:
            answer = client.post(
                f"{address}/v1/calls", params={"wait": wait}, files={"file": (name, content)}
            )
            if wait:
                return answer.status_code, answer.json()
            assert answer.status_code == 202
            job_id = answer.json()["id"]
            until_ended(store, [job_id])
            job = client.get(f"{address}/v1/jobs/{job_id}").json()
            assert job["file_name"] == name
            if job["error"]:
                return 422, {"code": job["error"]["code"], "detail": job["error"]["message"]}
            return 201, client.get(f"{address}/v1/calls/{job['call_id']}").json()

    with running(make_app(store)) as address, ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(send, files))
    for (name, content, code), (status, document) in zip(files, answers, strict=True):
        if code:
            assert (status, document["code"]) == (422, code)
            assert name in document["detail"] and "Traceback" not in document["detail"]
        else:
            assert status == 201
            assert document["call"]["file_name"] == name
            assert document["call"]["id"] == hashlib.sha256(content).hexdigest()
    with store.database.reading() as session:
        assert count_calls(session) == sum(not code for _, _, code in files)
    assert list((store.folder / "incoming").iterdir()) == []
