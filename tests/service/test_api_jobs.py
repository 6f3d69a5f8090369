"""Jobs of the HTTP service: nothing is lost, nothing is mixed up."""

from __future__ import annotations

import hashlib
import io
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from running_service import running
from service_store import make_keys, speech, tone, unhurried
from starlette.testclient import TestClient
from stub_classifier import stub_classifier
from stub_service import address_of, stub_service
from waiting import PATIENCE_SECONDS
from waiting_uploads import until_ended, waiting_upload

from calmscore.service.application import create_app
from calmscore.store.calls import count_calls
from calmscore.store.jobs import read_job, take_job
from calmscore.store.schema import Job

UPLOADS = 50
CLIENTS = 8


def make_app(store, **changes):
    return create_app(store, stub_classifier(), settings=unhurried(**changes))


def test_a_new_service_takes_up_what_the_last_one_left(store):
    contents = [tone(1.0 + number / 10) for number in range(5)]
    job_ids = [
        waiting_upload(store, content, file_name=f"{number}.wav", agent="Ada")
        for number, content in enumerate(contents)
    ]
    with store.database.writing() as session:
        # As services hold them that died a while ago.
        for job in [take_job(session, kind="call", owner="another") for _ in range(2)]:
            session.get(Job, job.id).lease_until = datetime(2020, 1, 1, tzinfo=UTC)
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


def put(app, content, *, name="a.wav"):
    return app.state.service.queue.add_stream(
        io.BytesIO(content), parameters={"file_name": name, "actor": "somebody"}
    )


def test_a_caller_who_went_away_stops_no_worker(store):
    app = make_app(store, analyses_at_once=1)
    with TestClient(app):
        queue = app.state.service.queue
        for _ in range(3):
            queue.end_of(put(app, tone()).id).cancel()
        job = put(app, tone(2.0), name="b.wav")
        assert until_ended(store, [job.id])[0].state == "done"
        assert queue.alive


def test_a_full_queue_answers_429_before_and_after_the_body_and_then_has_room(store):
    key = make_keys(store).supervisor
    app = make_app(store, most_calls_waiting=1)
    client = TestClient(app)  # not entered: nothing works
    store.incoming.prepare()

    def send():
        return client.post("/v1/calls", headers=key, files={"file": ("a.wav", tone())})

    assert send().status_code == 202
    full = send()
    assert (full.status_code, full.json()["code"]) == (429, "queue_full")
    assert int(full.headers["Retry-After"]) > 0
    with monkeypatched_check(app.state.service.queue):
        assert send().status_code == 429
    assert len(store.incoming.job_ids()) == 1 and not list(store.incoming.folder.glob("*.part"))
    with client:
        until_ended(store, store.incoming.job_ids())
        assert send().status_code == 202


@contextmanager
def monkeypatched_check(queue):
    """Let an upload past the first look, as one that came at the same time as the last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "check_room", lambda: None)
        yield


def test_whoever_waits_is_told_what_another_service_found(store, monkeypatch):
    key = make_keys(store).supervisor
    monkeypatch.setattr("calmscore.service.upload_routes._LOOK_EVERY_SECONDS", 0.05)
    deaf, works = make_app(store), make_app(store)
    with TestClient(works), monkeypatch.context() as patch:
        # This service takes uploads and analyses none.
        patch.setattr(deaf.state.service.queue, "start", lambda: None)
        with TestClient(deaf) as client:
            for name, status in (("a.wav", 201), ("again.wav", 200)):
                answer = client.post(
                    "/v1/calls", params={"wait": True}, headers=key,
                    files={"file": (name, tone())},
                )  # fmt: skip
                assert (answer.status_code, answer.json()["call"]["file_name"]) == (status, "a.wav")
            answer = client.post(
                "/v1/calls", params={"wait": True}, headers=key, files={"file": ("b.wav", b"")}
            )
            assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")


def test_the_hash_of_a_waiting_upload_is_not_told_as_a_call(store):
    key = make_keys(store).supervisor
    store.incoming.prepare()
    client = TestClient(make_app(store))
    job = client.post("/v1/calls", headers=key, files={"file": ("a.wav", tone())}).json()
    assert (job["state"], job["call_id"]) == ("queued", None)


def test_readers_do_not_wait_for_writers_that_wait_for_a_lock(store):
    keys = make_keys(store)
    app = make_app(store)
    content = tone()
    with running(app) as address, ThreadPoolExecutor(60) as pool:
        client = httpx.Client(base_url=address, timeout=60)
        params = {"wait": True}
        client.post(
            "/v1/calls", params=params, headers=keys.supervisor, files={"file": ("a.wav", content)}
        )
        call_id = hashlib.sha256(content).hexdigest()
        with closing(sqlite3.connect(store.folder / "calmscore.db", timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            blocked = [
                pool.submit(client.get, f"/v1/calls/{call_id}/audio", headers=keys.viewer)
                for _ in range(50)
            ]
            time.sleep(0.5)
            answers = [
                client.get(path, headers=keys.admin, timeout=60).status_code
                for path in ("/healthz", "/v1/calls", f"/v1/calls/{call_id}")
            ]
            assert not any(answer.done() for answer in blocked)
            other.rollback()
        assert answers == [200, 200, 200]
        assert {answer.result().status_code for answer in blocked} == {200}
        client.close()


def test_not_ready_while_nothing_can_be_stored_and_still_alive(store, monkeypatch):
    app = make_app(store)
    with TestClient(app) as client:
        app.state.service.classifier.wait()
        monkeypatch.setattr(type(app.state.service.queue), "trouble", "the disk is full")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unusable")
        assert answer.json()["detail"] == "the disk is full"
        assert client.get("/healthz").status_code == 200


# A real server


def test_a_killed_service_loses_no_accepted_upload(store):
    key = make_keys(store).supervisor
    contents = [tone(1.0 + number / 10) for number in range(6)]
    with stub_service(store.folder, seconds_per_call=PATIENCE_SECONDS) as process:
        address = address_of(process)
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
    with stub_service(store.folder, seconds_per_call=0.0) as process:
        address_of(process)
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
