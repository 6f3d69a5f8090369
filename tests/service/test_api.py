"""The HTTP service: uploads, calls, clips, keys, limits and problems."""

from __future__ import annotations

import hashlib
import io
import os
import time
from datetime import UTC, datetime

import pytest
import soundfile
from service_store import UNHURRIED, make_keys, speech, tone, unhurried
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from stub_classifier import stub_classifier
from waiting import until

from calmscore.audio.recording import read_recording
from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError, ParameterError
from calmscore.service.application import create_app
from calmscore.service.key_use import RateLimit, UseNotes
from calmscore.store import Store
from calmscore.store.audit import list_events
from calmscore.store.calls import find_call, read_call
from calmscore.store.keys import create_key, list_keys, revoke_key
from calmscore.store.schema import ApiKey
from calmscore.store.settings import Settings, write_settings

PROBLEM = "application/problem+json"
UNKNOWN_ID = "0" * 64
UNKNOWN_JOB = "0" * 32


def upload(client, keys, content=None, *, name="call.wav", wait=True, **fields):
    return client.post(
        "/v1/calls",
        params={"wait": wait},
        headers=keys.supervisor,
        files={"file": (name, tone() if content is None else content)},
        data=fields,
    )


def ended_job(client, keys, job_id):
    def read():
        return client.get(f"/v1/jobs/{job_id}", headers=keys.viewer).json()

    until(lambda: read()["state"] in ("done", "failed"))
    return read()


def assert_problem(answer, status, code):
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert answer.headers["content-type"] == PROBLEM
    assert document["status"] == status
    assert document["type"] and document["title"] and document["detail"]
    assert "Traceback" not in answer.text
    return document


# Uploads


def test_an_upload_is_answered_with_a_job_that_leads_to_the_report(client, keys):
    content = tone()
    answer = upload(client, keys, content, wait=False)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued" and job["file_name"] == "call.wav"
    job = ended_job(client, keys, job["id"])
    assert job["state"] == "done" and job["error"] is None
    assert job["call_id"] == hashlib.sha256(content).hexdigest()
    report = client.get(f"/v1/calls/{job['call_id']}", headers=keys.viewer).json()
    assert report["call"]["id"] == job["call_id"]
    assert report["call"]["duration_seconds"] == pytest.approx(1.0)


def test_waiting_gives_the_report_as_new_once_and_then_as_known(client, keys):
    content = speech()
    first, second = upload(client, keys, content), upload(client, keys, content, name="again.wav")
    call_id = hashlib.sha256(content).hexdigest()
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == f"/v1/calls/{call_id}"
    assert first.json()["call"]["id"] == call_id
    assert first.json()["score"]["value"] is not None
    assert second.json() == first.json()
    stored = client.get(f"/v1/calls/{call_id}", headers=keys.viewer).json()
    assert stored == first.json()


def test_what_is_said_of_a_call_is_stored_with_it(client, keys):
    answer = upload(
        client, keys, speech(), agent="Ada Byron", customer="4711",
        called_at="2026-03-02T14:05:00+01:00", customer_channel="left", direction="outbound",
    )  # fmt: skip
    assert answer.json()["call"]["customer_channel"] == "left"
    assert answer.json()["call"]["direction"] == "outbound"
    (call,) = client.get("/v1/calls", headers=keys.viewer).json()["calls"]
    assert (call["agent"], call["customer"]) == ("Ada Byron", "4711")
    assert call["called_at"] == "2026-03-02T13:05:00Z"


def test_a_recording_without_a_header_is_read_as_its_upload_says_and_stays_readable(
    client, keys, store
):
    samples, rate_hz = soundfile.read(io.BytesIO(speech()))
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="RAW", subtype="ULAW")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    bare, said = file.getvalue(), f"ulaw:{rate_hz}:{channels}"
    unread = upload(client, keys, bare, name="call.bin")
    assert_problem(unread, 422, "not_audio")
    answer = upload(client, keys, bare, name="call.bin", raw_format=said)
    assert answer.status_code == 201
    assert answer.json()["call"]["channels"] == channels
    assert upload(client, keys, bare, name="call.bin").status_code == 200
    call_id = answer.json()["call"]["id"]
    with store.database.reading() as session:
        row = read_call(session, call_id)
    recording = read_recording(
        store.audio.path(call_id), file_name=row.file_name, raw_format=row.raw_format
    )
    assert recording.duration_seconds == pytest.approx(len(samples) / rate_hz, abs=0.05)


@pytest.mark.parametrize("said", ["ulaw:8000:1", "alaw", "gsm:8000"])
def test_a_recording_with_a_header_is_read_as_that_says(client, keys, said):
    answer = upload(client, keys, raw_format=said)
    assert answer.json()["call"] == upload(client, keys).json()["call"]


def test_an_agent_that_is_named_later_is_stored_with_the_known_call(client, keys):
    upload(client, keys)
    assert upload(client, keys, agent="Grace").status_code == 200
    (call,) = client.get("/v1/calls", headers=keys.viewer).json()["calls"]
    assert call["agent"] == "Grace"


def test_a_field_that_was_left_empty_tells_nothing(client, keys):
    assert upload(client, keys, agent="", called_at="").status_code == 201
    (call,) = client.get("/v1/calls", headers=keys.viewer).json()["calls"]
    assert call["agent"] is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"not a sound at all", "not_audio"),
        (tone()[:44], "no_samples"),
        (tone()[:20], "damaged_header"),
    ],
)
def test_a_bad_file_fails_with_its_name_and_reason(client, keys, content, code):
    name = "bad one.wav"
    problem = assert_problem(upload(client, keys, content, name=name), 422, code)
    assert name in problem["detail"]
    job = client.get(problem["instance"], headers=keys.viewer).json()
    assert job["state"] == "failed" and job["error"]["code"] == code
    later = ended_job(
        client, keys, upload(client, keys, content, name=name, wait=False).json()["id"]
    )
    assert later["error"] == {"code": code, "message": problem["detail"]}
    assert client.get("/v1/calls", headers=keys.viewer).json()["total"] == 0


def test_a_name_is_never_a_path(client, keys, store):
    before = {path for path in store.folder.parent.rglob("*") if "data" not in path.parts}
    answer = upload(client, keys, name="../../outside/..\\evil\u202e.wav")
    assert answer.json()["call"]["file_name"] == "evil.wav"
    after = {path for path in store.folder.parent.rglob("*") if "data" not in path.parts}
    assert after == before
    assert not list(store.folder.rglob("*evil*"))


def test_a_very_long_name_is_cut_and_keeps_its_ending(client, keys):
    name = upload(client, keys, name="x" * 3000 + ".wav").json()["call"]["file_name"]
    assert len(name) == 200 and name.endswith(".wav")


def test_nothing_of_an_upload_stays_in_the_queue_folder(client, keys, store):
    upload(client, keys)
    upload(client, keys, b"")
    upload(client, keys, agent="\x01")
    assert list((store.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"called_at": "2026-03-02T14:05:00"},
        {"called_at": "1772456700"},
        {"called_at": "2026-02-30T14:05:00Z"},
        {"customer_channel": "upper"},
        {"direction": "upwards"},
        {"raw_format": "mp3:8000:1"},
        {"raw_format": "ulaw:8000:9"},
        {"costumer": "4711"},
        {"agent": "x" * 201},
        {"agent": "   "},
        {"agent": "Ada\x00Byron"},
    ],
)
def test_fields_are_checked_before_anything_is_analysed(client, keys, fields):
    problem = assert_problem(upload(client, keys, **fields), 422, "invalid_request")
    assert next(iter(fields)) in problem["detail"]


def raw(client, keys, body, *, content_type="multipart/form-data; boundary=b"):
    return client.post(
        "/v1/calls", headers={**keys.supervisor, "Content-Type": content_type}, content=body
    )


def part(name, content=b"x", *, file_name=None):
    extra = b"" if file_name is None else b'; filename="' + file_name + b'"'
    return (
        b'--b\r\nContent-Disposition: form-data; name="' + name + b'"' + extra + b"\r\n\r\n"
        + content + b"\r\n"
    )  # fmt: skip


FILE = part(b"file", file_name=b"a.wav")
END = b"--b--\r\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (part(b"agent", b"Ada") + END, "no_file"),
        (part(b"file") + END, "malformed_form"),
        (FILE + FILE + END, "malformed_form"),
        (FILE + part(b"agent") + part(b"agent") + END, "malformed_form"),
        (FILE, "malformed_form"),
        (b"", "malformed_form"),
        (b"something else", "malformed_form"),
        (b"--b\r\nX-Odd: 1\r\n\r\nx\r\n" + END, "malformed_form"),
        (FILE + part(b"agent", b"x" * 5000) + END, "malformed_form"),
        (b"".join(part(b"f%d" % n) for n in range(25)) + END, "malformed_form"),
    ],
)
def test_a_form_that_cannot_be_used_is_named(client, keys, body, code):
    assert_problem(raw(client, keys, body), 422, code)


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data", "text/plain", ""]
)
def test_only_forms_are_taken(client, keys, content_type):
    assert_problem(raw(client, keys, FILE + END, content_type=content_type), 415, "not_multipart")


def test_a_boundary_beyond_measure_is_refused(client, keys):
    kind = "multipart/form-data; boundary=" + "b" * 300
    assert_problem(raw(client, keys, FILE, content_type=kind), 422, "malformed_form")


def test_a_file_above_the_limit_is_refused_announced_or_not(keys, store):
    def unannounced():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(40):
            yield bytes(65536)
        yield END

    app = create_app(store, stub_classifier(), settings=unhurried(max_file_bytes=100_000))
    with TestClient(app) as client:
        assert_problem(upload(client, keys, bytes(200_000)), 413, "file_too_large")
        assert_problem(raw(client, keys, unannounced()), 413, "file_too_large")
        assert upload(client, keys, tone(5.0)).status_code == 201
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_call_above_the_length_limit_is_refused(client, keys, monkeypatch):
    monkeypatch.setenv("CALMSCORE_MAX_DURATION_SECONDS", "2")
    assert_problem(upload(client, keys, tone(3.0)), 422, "too_long")


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000], ids=["buffered", "flushed", "parts"])
def test_an_upload_on_a_full_disk_is_a_problem_of_the_store(client, keys, store, monkeypatch, size):
    part = store.folder / "incoming" / "full.part"
    monkeypatch.setattr(
        "calmscore.service.uploads.tempfile.mkstemp",
        lambda **_: (os.open("/dev/full", os.O_WRONLY), str(part)),
    )
    assert_problem(upload(client, keys, bytes(size)), 503, "store_unusable")
    assert list((store.folder / "incoming").iterdir()) == []


def test_an_upload_that_cannot_be_written_is_a_problem_of_the_store(client, keys, store):
    (store.folder / "incoming").rmdir()
    assert_problem(upload(client, keys), 503, "store_unusable")


# Calls


@pytest.fixture(scope="module")
def four_calls(tmp_path_factory):
    """Give a way to list four stored calls."""
    store = Store(tmp_path_factory.mktemp("four") / "data")
    keys = make_keys(store)
    with TestClient(create_app(store, stub_classifier(), settings=UNHURRIED)) as client:
        for number, agent in enumerate(("Ada", "Grace", "")):
            upload(
                client, keys, tone(1.0 + number), name=f"call {number}.wav", agent=agent,
                called_at=f"2026-03-0{1 + number}T12:00:00Z",
            )  # fmt: skip
        upload(client, keys, speech(), name="speech.wav", agent="Ada",
               called_at="2026-03-04T12:00:00Z")  # fmt: skip
        yield lambda query: client.get(f"/v1/calls?{query}", headers=keys.viewer).json()
    store.close()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["speech.wav", "call 2.wav", "call 1.wav", "call 0.wav"]),
        ("descending=false", ["call 0.wav", "call 1.wav", "call 2.wav", "speech.wav"]),
        ("order=duration_seconds", ["speech.wav", "call 2.wav", "call 1.wav", "call 0.wav"]),
        ("order=agent&descending=false&limit=2", ["speech.wav", "call 0.wav"]),
        ("limit=1&offset=1", ["call 2.wav"]),
        ("agent=Grace", ["call 1.wav"]),
        ("agent=Grace&agent=Ada&limit=2", ["speech.wav", "call 1.wav"]),
        ("since=2026-03-02T12:00:00Z&until=2026-03-03T12:00:00Z", ["call 1.wav"]),
        ("since=2026-03-04T13:00:00%2B01:00", ["speech.wav"]),
        ("lowest_score=1", ["speech.wav"]),
        ("highest_score=10", ["speech.wav"]),
        ("lowest_score=10", []),
        ("outcome=insufficient+evidence&limit=1", ["call 2.wav"]),
        ("text=speech", ["speech.wav"]),
        ("text=%25", []),
        ("tag=billing", []),
        ("since=0001-01-01T00:00:00%2B14:00&limit=1", ["speech.wav"]),
        ("since=9999-12-31T23:59:60-14:00", []),
    ],
)
def test_calls_are_filtered_sorted_and_paged(four_calls, query, names):
    page = four_calls(query)
    assert [call["file_name"] for call in page["calls"]] == names
    assert page["total"] >= len(names)


@pytest.mark.parametrize(
    "query",
    [
        "limit=501", "limit=0", "offset=-1", "order=customer", "outcome=fine", "since=yesterday",
        "lowest_score=0", "lowest_score=nan", "text=", "text=%00", "descending=perhaps",
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_is_refused(client, keys, query):
    problem = assert_problem(
        client.get(f"/v1/calls?{query}", headers=keys.viewer), 422, "invalid_request"
    )
    assert query.split("=")[0] in problem["detail"]


def test_a_deleted_call_is_gone_with_its_job_and_recording(client, keys, store):
    job_id = upload(client, keys, wait=False).json()["id"]
    call_id = ended_job(client, keys, job_id)["call_id"]
    assert store.audio.holds(call_id)
    answer = client.delete(f"/v1/calls/{call_id}", headers=keys.supervisor)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (f"/v1/calls/{call_id}", f"/v1/calls/{call_id}/audio", f"/v1/jobs/{job_id}"):
        assert_problem(client.get(path, headers=keys.viewer), 404, "not_found")
    again = client.delete(f"/v1/calls/{call_id}", headers=keys.supervisor)
    assert_problem(again, 404, "not_found")
    assert not store.audio.holds(call_id)


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/calls/{UNKNOWN_ID}", f"/v1/calls/{UNKNOWN_ID}/audio", "/v1/calls/x", "/v1/calls/%00",
        f"/v1/jobs/{UNKNOWN_JOB}", "/v1/jobs/x", f"/v1/train/{UNKNOWN_JOB}", "/v1/nothing", "/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client, keys, path):
    assert_problem(client.get(path, headers=keys.admin), 404, "not_found")


# Recordings


@pytest.fixture
def recording(client, keys):
    content = tone(2.0)
    upload(client, keys, content, name="Grüße an alle.wav")
    return content, f"/v1/calls/{hashlib.sha256(content).hexdigest()}/audio"


def test_a_recording_is_given_back_as_it_came(client, keys, recording):
    content, path = recording
    answer = client.get(path, headers=keys.viewer)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Gr%C3%BC%C3%9Fe" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("0-0", 0, 1), ("100-199", 100, 200), ("32000-", 32000, None), ("-44", -44, None)],
)
def test_a_range_of_a_recording_is_given(client, keys, recording, asked, first, end):
    content, path = recording
    answer = client.get(path, headers={**keys.viewer, "Range": f"bytes={asked}"})
    begin, stop, _ = slice(first, end).indices(len(content))
    assert (answer.status_code, answer.content) == (206, content[first:end])
    assert answer.headers["Content-Range"] == f"bytes {begin}-{stop - 1}/{len(content)}"
    assert answer.headers["Content-Type"] == "audio/wav"


def test_several_ranges_come_as_parts(client, keys, recording):
    content, path = recording
    answer = client.get(path, headers={**keys.viewer, "Range": "bytes=0-3,8-11"})
    assert answer.status_code == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert content[0:4] in answer.content and content[8:12] in answer.content


def test_a_range_outside_of_the_recording_is_a_problem(client, keys, recording):
    content, path = recording
    answer = client.get(path, headers={**keys.viewer, "Range": f"bytes={len(content)}-"})
    assert_problem(answer, 416, "range_outside")
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


def test_a_range_that_cannot_be_read_is_a_problem(client, keys, recording):
    answer = client.get(recording[1], headers={**keys.viewer, "Range": "seconds=1-2"})
    assert_problem(answer, 400, "malformed_range")


@pytest.mark.parametrize(
    ("kind", "media_type"), [("FLAC", "audio/flac"), ("OGG", "audio/ogg"), ("MP3", "audio/mpeg")]
)
def test_the_media_type_is_that_of_the_content_not_of_the_name(client, keys, kind, media_type):
    content = tone(1.0, kind=kind)
    upload(client, keys, content, name="call.wav")
    path = f"/v1/calls/{hashlib.sha256(content).hexdigest()}/audio"
    answer = client.get(path, headers=keys.viewer)
    assert answer.headers["Content-Type"] == media_type


def test_every_listening_leaves_an_audit_line(client, keys, recording, store):
    client.get(recording[1], headers=keys.viewer)
    client.get(recording[1], headers={**keys.admin, "Range": "bytes=0-9"})
    with store.database.reading() as session:
        lines = [(line.actor, line.action) for line in list_events(session)]
    assert lines == [
        ("the admin", "recording opened"), ("the viewer", "recording opened"),
        ("the supervisor", "call added"),
    ]  # fmt: skip


def test_a_recording_that_is_not_kept_is_gone_while_its_report_stays(client, keys, store):
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=0))
    call_id = upload(client, keys).json()["call"]["id"]
    answer = client.get(f"/v1/calls/{call_id}/audio", headers=keys.viewer)
    problem = assert_problem(answer, 410, "recording_not_kept")
    assert "call.wav" in problem["detail"]
    assert client.get(f"/v1/calls/{call_id}", headers=keys.viewer).status_code == 200


# Clips


def test_a_clip_gives_a_probability_for_each_emotion(client, keys, store):
    answer = client.post(
        "/v1/predict",
        headers=keys.supervisor,
        files={"file": ("a/clip.wav", speech(4.0, start_seconds=9.0))},
    )
    prediction = answer.json()
    assert answer.status_code == 200
    assert prediction["file_name"] == "clip.wav"
    assert prediction["duration_seconds"] == pytest.approx(4.0)
    assert 0.0 < prediction["speech_seconds"] <= 4.0
    assert list(prediction["probabilities"]) == list(EMOTIONS)
    assert sum(prediction["probabilities"].values()) == pytest.approx(1.0)
    best = max(prediction["probabilities"], key=prediction["probabilities"].get)
    assert prediction["emotion"] == best
    assert client.get("/v1/calls", headers=keys.viewer).json()["total"] == 0
    assert list((store.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [(tone(), "no_speech"), (tone(61.0), "clip_too_long"), (b"", "empty_file")],
)
def test_a_clip_that_cannot_be_classified_is_named(client, keys, content, code):
    answer = client.post(
        "/v1/predict", headers=keys.supervisor, files={"file": ("clip.wav", content)}
    )
    assert "clip.wav" in assert_problem(answer, 422, code)["detail"]


def test_a_clip_without_a_header_is_read_as_its_upload_says(client, keys):
    samples, rate_hz = soundfile.read(io.BytesIO(speech(4.0, start_seconds=9.0)))
    bare = io.BytesIO()
    soundfile.write(bare, samples, rate_hz, format="RAW", subtype="ALAW")
    clip = {"file": ("clip.bin", bare.getvalue())}
    unread = client.post("/v1/predict", headers=keys.supervisor, files=clip)
    assert_problem(unread, 422, "not_audio")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    said = {"raw_format": f"alaw:{rate_hz}:{channels}"}
    answer = client.post("/v1/predict", headers=keys.supervisor, files=clip, data=said)
    assert answer.status_code == 200
    assert answer.json()["duration_seconds"] == pytest.approx(4.0)


@pytest.mark.parametrize("fields", [{"agent": "Ada"}, {"raw_format": "mp3:8000:1"}])
def test_with_a_clip_nothing_comes_but_what_it_holds(client, keys, fields):
    answer = client.post("/v1/predict", headers=keys.supervisor, files={"file": b"x"}, data=fields)
    assert next(iter(fields)) in assert_problem(answer, 422, "invalid_request")["detail"]


# Keys, roles, limits

ROUTES = [
    ("GET", "/v1/calls", "viewer"),
    ("GET", f"/v1/calls/{UNKNOWN_ID}", "viewer"),
    ("GET", f"/v1/calls/{UNKNOWN_ID}/audio", "viewer"),
    ("GET", f"/v1/jobs/{UNKNOWN_JOB}", "viewer"),
    ("GET", "/metrics", "viewer"),
    ("POST", "/v1/calls", "supervisor"),
    ("POST", "/v1/predict", "supervisor"),
    ("DELETE", f"/v1/calls/{UNKNOWN_ID}", "supervisor"),
    ("POST", "/v1/train", "admin"),
    ("GET", f"/v1/train/{UNKNOWN_JOB}", "admin"),
]


@pytest.mark.parametrize(("method", "path", "least"), ROUTES)
def test_each_route_needs_its_role(client, keys, method, path, least):
    roles = ("viewer", "supervisor", "admin")
    for role in roles:
        answer = client.request(method, path, headers=getattr(keys, role))
        if roles.index(role) < roles.index(least):
            assert least in assert_problem(answer, 403, "role_too_low")["detail"]
        else:
            assert answer.status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path", "least"), ROUTES)
@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "no_key"), ("Basic YTpi", "no_key"), ("Bearer", "no_key"), ("Bearer x", "unknown_key")],
)
def test_without_a_known_key_nobody_comes_in(client, keys, method, path, least, header, code):
    answer = client.request(method, path, headers={"Authorization": header} if header else {})
    assert_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_opens_nothing(client, keys, store):
    with store.database.writing() as session:
        revoke_key(session, list_keys(session)[0].id)
    assert_problem(client.get("/v1/calls", headers=keys.viewer), 401, "unknown_key")


def test_a_key_that_is_over_opens_nothing_and_says_so(client, store):
    with store.database.writing() as session:
        key = create_key(session, name="old", role="viewer", days=1)
        session.flush()
        session.execute(update(ApiKey).values(expires_at=datetime.now(UTC)))
    answer = client.get("/v1/calls", headers={"Authorization": f"Bearer {key}"})
    assert "'old' ended on" in assert_problem(answer, 401, "expired_key")["detail"]


def test_unknown_keys_are_slowed_down_and_noted_and_good_ones_are_not(client, keys, store):
    stranger = {"Authorization": "Bearer calm_guess"}
    answers = [client.get("/v1/calls", headers=stranger) for _ in range(25)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert_problem(answers[-1], 429, "too_many_unknown_keys")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert client.get("/v1/calls", headers=keys.viewer).status_code == 200

    def noted() -> list[str]:
        with store.database.reading() as session:
            events = list_events(session)
        return [line.actor for line in events if line.action == "unknown key shown"]

    until(lambda: len(noted()) == 2)
    assert noted() == ["stranger at testclient"] * 2


def test_a_key_that_asks_too_often_is_told_when_to_come_back(store, keys):
    app = create_app(store, stub_classifier(), settings=unhurried(requests_per_minute=2))
    with TestClient(app) as client:
        answers = [client.get("/v1/calls", headers=keys.viewer) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert_problem(answers[2], 429, "too_many_requests")
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
        assert client.get("/v1/calls", headers=keys.admin).status_code == 200


def test_every_key_has_a_measure_of_its_own():
    limit = RateLimit(60)
    assert [limit.take(1) for _ in range(60)] == [0.0] * 60
    assert 0.0 < limit.take(1) <= 60.0
    assert limit.take(2) == 0.0


def test_the_last_use_of_a_key_is_noted_at_most_once_a_minute(store, keys):
    now = 100.0
    notes = UseNotes(clock=lambda: now)

    def used() -> datetime | None:
        with store.database.reading() as session:
            return list_keys(session)[0].last_used_at

    def noted(*, after: datetime | None) -> datetime | None:
        notes.note(store, 1)
        until(lambda: used() != after)  # it is written in the background
        return used()

    assert used() is None
    first = noted(after=None)
    now = 159.0
    notes.note(store, 1)
    time.sleep(0.1)
    assert used() == first
    now = 160.0
    assert first is not None and noted(after=first) > first


# Those who run the service


def test_it_lives_and_is_ready(client):
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_without_a_model_it_lives_but_is_not_ready_and_loses_nothing(store, keys, monkeypatch):
    def broken():
        raise ArtifactError("settings.json: the model's settings cannot be read")

    monkeypatch.setattr("calmscore.service.application.load_classifier", broken)
    with TestClient(create_app(store, settings=UNHURRIED)) as client:
        assert client.get("/healthz").status_code == 200
        assert_problem(upload(client, keys), 503, "artifact_unusable")
        assert_problem(client.get("/readyz"), 503, "artifact_unusable")
        clip = client.post("/v1/predict", headers=keys.supervisor, files={"file": tone()})
        assert_problem(clip, 503, "artifact_unusable")
        job_id = upload(client, keys, wait=False).json()["id"]
        assert client.get(f"/v1/jobs/{job_id}", headers=keys.viewer).json()["state"] == "queued"
    with TestClient(create_app(store, stub_classifier(), settings=UNHURRIED)) as client:
        assert ended_job(client, keys, job_id)["state"] == "done"


def test_a_fault_while_loading_the_model_is_told_too(store, monkeypatch):
    def broken():
        raise RuntimeError("no such operation")

    monkeypatch.setattr("calmscore.service.application.load_classifier", broken)
    app = create_app(store, settings=UNHURRIED)
    with TestClient(app) as client:
        with pytest.raises(ArtifactError, match="no such operation"):
            app.state.service.classifier.wait()
        assert_problem(client.get("/readyz"), 503, "artifact_unusable")


def test_until_the_model_is_loaded_it_is_not_ready(store):
    # Never entered: nothing was started.
    client = TestClient(create_app(store, stub_classifier(), settings=UNHURRIED))
    answer = client.get("/readyz")
    assert_problem(answer, 503, "model_loading")
    assert int(answer.headers["Retry-After"]) > 0


def test_with_stopped_workers_it_is_not_ready(client):
    service = client.app.state.service
    service.classifier.wait()
    service.queue.stop()
    assert_problem(client.get("/readyz"), 503, "workers_stopped")


def test_figures_count_requests_and_analyses(client, keys):
    upload(client, keys)
    upload(client, keys, b"")
    client.get("/v1/nothing")
    client.request("FROBNICATE", "/v1/calls")

    def figures():
        return client.get("/metrics", headers=keys.viewer)

    assert figures().headers["Content-Type"].startswith("text/plain")
    # An analysis may be counted a moment after its uploader is answered.
    until(lambda: "calmscore_analysis_seconds_count 2.0" in figures().text)
    for line in (
        'calmscore_requests_total{method="POST",route="/v1/calls",status="201"} 1.0',
        'calmscore_requests_total{method="POST",route="/v1/calls",status="422"} 1.0',
        'calmscore_requests_total{method="GET",route="unknown",status="404"} 1.0',
        'calmscore_requests_total{method="unknown",route="/v1/calls",status="405"} 1.0',
        'calmscore_analyses_total{error="",outcome="insufficient evidence"} 1.0',
        'calmscore_analyses_total{error="empty_file",outcome="failed"} 1.0',
        "calmscore_queue_length 0.0",
    ):
        assert line in figures().text


# Problems


def test_a_wrong_method_is_told_the_right_ones(client, keys):
    answer = client.put("/v1/calls", headers=keys.admin)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_a_fault_is_a_problem_without_a_traceback(store, keys, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("secret inside")

    monkeypatch.setattr("calmscore.service.call_routes.count_calls", broken)
    app = create_app(store, stub_classifier(), settings=UNHURRIED)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/v1/calls", headers=keys.viewer)
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


def test_a_database_that_does_not_answer_is_a_problem(client, keys, monkeypatch):
    def broken(*arguments, **options):
        raise OperationalError("SELECT secret", {}, Exception("disk I/O error"))

    monkeypatch.setattr("calmscore.service.call_routes.count_calls", broken)
    answer = client.get("/v1/calls", headers=keys.viewer)
    assert_problem(answer, 503, "store_unusable")
    assert "secret" not in answer.text


def test_the_document_describes_itself_and_names_every_known_word(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"Problem", "TrainingRequest"} <= document["components"]["schemas"].keys()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and "500" in operation["responses"], (method, path)


# Settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALMSCORE_REQUESTS_PER_MINUTE", "0"),
        ("CALMSCORE_REQUESTS_PER_MINUTE", "many"),
        ("CALMSCORE_ANALYSES_AT_ONCE", "1.5"),
        ("CALMSCORE_TRAINING_FOLDER", "/no/such/folder"),
        ("CALMSCORE_MAX_FILE_BYTES", "-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_at_once(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ParameterError, match=variable):
        create_app()


def test_the_store_of_the_environment_is_opened_and_closed(monkeypatch, tmp_path):
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path / "data"))
    app = create_app(classifier=stub_classifier())
    with TestClient(app) as client:
        app.state.service.classifier.wait()
        assert client.get("/readyz").status_code == 200
    with app.state.service.store.database.reading() as session, pytest.raises(LookupError):
        find_call(session, UNKNOWN_ID)
