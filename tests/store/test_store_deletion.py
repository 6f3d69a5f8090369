"""Deletion and retention: what is gone is gone, to the last byte on disk."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from shared_sessions import shared_session
from sqlalchemy import text
from stored_calls import NEWER_MODEL, add, call_id_of, make_report, recording_of

from calmscore.errors import NotStoredError, ParameterError, StoreError
from calmscore.store import Store, alert_rules, audit, coaching, jobs, remarks
from calmscore.store import store as store_module
from calmscore.store.alert_rules import AlertRule
from calmscore.store.alerts import raise_alerts
from calmscore.store.calls import count_calls, find_call, list_agents, list_calls, read_call
from calmscore.store.settings import Settings, write_settings

FILE_NAME = "Quetzal-7731.wav"
CALL_ID = call_id_of(FILE_NAME)
AGENT, EARLIER_AGENT, CUSTOMER = "Zebedee Quill", "Zebediah Quyll", "Marigold Xanthe"
NOTE, TAG, LISTENER = "asked twice about the wombat", "ombudsman", "Ottoline Vex"
CONTEST, REPLY = "the numbat barked throughout", "heard, the quokka is right"
TRACES = (
    FILE_NAME, CALL_ID, AGENT, EARLIER_AGENT, CUSTOMER, NOTE, TAG, LISTENER, CONTEST, REPLY,
    "recording of Q",
)  # fmt: skip


def add_with_everything(store) -> int:
    """Add a call with all that can hang on it, among others."""
    for number in range(30):
        add(store, f"other{number}.wav", agent=f"Agent {number % 3}")
    add(store, FILE_NAME, agent=EARLIER_AGENT)
    rule = AlertRule(
        name="Low", highest_score=10.0, url="https://example.com/", tells_customer=True
    )
    for agents in (None, (EARLIER_AGENT,)):
        with store.database.writing() as session:
            alert_rules.add_rule(session, replace(rule, agents=agents))
            call = find_call(session, CALL_ID)
            call.added_at = datetime.now(UTC)
            assert raise_alerts(session, call) == 1
    add(store, FILE_NAME, make_report(FILE_NAME, model=NEWER_MODEL), agent=AGENT, customer=CUSTOMER)
    with store.database.writing() as session:
        coaching.add_note(session, CALL_ID, text=NOTE, author=LISTENER, at_seconds=3.0)
        coaching.set_tags(session, CALL_ID, [TAG])
        coaching.correct_emotion(
            session, CALL_ID, start_seconds=0.0, end_seconds=3.0, emotion="sad", author=LISTENER
        )
        job = jobs.add_job(session, kind="call", parameters={"file_name": FILE_NAME})
        jobs.finish_job(session, job.id, call_id=CALL_ID)
    for number in range(30, 60):
        add(store, f"other{number}.wav", agent=f"Agent {number % 3}")
    with store.database.reading() as session:
        return read_call(session, CALL_ID).number


def contest_in_session(store, agent: str) -> int:
    """Share a session with the call; let its agent contest the score, and set it aside."""
    number = shared_session(store, agent, CALL_ID)
    with store.database.writing() as session:
        contest = remarks.answer(
            session, number, kind="contested", author=AGENT, call_id=CALL_ID, text=CONTEST
        )
        remarks.reply(session, contest, text=REPLY, author="Sam", decision="upheld")
    return number


def data_folders(store) -> list[Path]:
    """Return where the bytes of a store are, after the database has written everything."""
    if store.database.is_sqlite:
        return [store.folder]
    with store.database.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM FULL"))
        connection.execute(text("CHECKPOINT"))
        folder = Path(connection.scalar(text("SHOW data_directory")))
        number = connection.scalar(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        pytest.skip(f"{folder} of the PostgreSQL server cannot be read")
    return [store.folder, folder / "base" / str(number)]


def traces_on_disk(store) -> set[str]:
    """Return those of ``TRACES`` that are in any file's name or content."""
    found, files = set(), 0
    for folder in data_folders(store):
        for path in folder.rglob("*"):
            if path.is_file():
                files += 1
                content = path.read_bytes() + str(path.relative_to(folder)).encode()
                found |= {trace for trace in TRACES if trace.encode() in content}
    assert files
    return found


def expired(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def retain(store, *, now: datetime):
    return store.apply_retention(now=now, clock_is_right=True)


def test_after_a_deletion_no_byte_on_disk_tells_of_the_call(store):
    number = add_with_everything(store)
    contest_in_session(store, "Agent 1")
    assert traces_on_disk(store) >= set(TRACES) - {EARLIER_AGENT}
    store.delete_call(CALL_ID, actor="Sam")
    assert traces_on_disk(store) == set()
    with store.database.reading() as session:
        lines = [line for line in audit.list_events(session) if line.action == "call deleted"]
        assert [(line.actor, line.call_number) for line in lines] == [("Sam", number)]
        assert count_calls(session) == 60
        assert list_agents(session) == ["Agent 0", "Agent 1", "Agent 2"]


def test_the_planners_samples_do_not_tell_of_a_deleted_call(store):
    add_with_everything(store)
    with store.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    store.delete_call(CALL_ID, actor="Sam")
    assert traces_on_disk(store) == set()


def test_the_planners_samples_tell_nothing_of_a_store_that_was_emptied(store):
    for number in (1, 2):
        add(store, f"other{number}.wav", agent=AGENT, customer=CUSTOMER)
    with store.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    assert retain(store, now=expired(365.1)).calls == 2
    assert traces_on_disk(store) == set()
    add(store, FILE_NAME)  # the tables are as they were


def test_after_the_retention_no_byte_on_disk_tells_of_the_call(store):
    add_with_everything(store)
    contest_in_session(store, AGENT)
    gone = retain(store, now=expired(365.1))
    assert gone.calls == 61
    assert traces_on_disk(store) == set()
    with store.database.reading() as session:
        lines = audit.list_events(session, limit=1000)
    assert {line.actor for line in lines if line.action == "call expired"} == {"retention"}
    assert len([line for line in lines if line.action == "call expired"]) == 61


def test_after_a_session_is_deleted_no_byte_on_disk_tells_what_was_said(store):
    add(store, FILE_NAME)
    number = contest_in_session(store, AGENT)
    assert traces_on_disk(store) >= {AGENT, CONTEST, REPLY}
    store.delete_session(number, actor="Sam")
    # Why the score is set aside is the call's, and goes with it.
    assert traces_on_disk(store) == {FILE_NAME, CALL_ID, REPLY, "recording of Q"}
    store.delete_call(CALL_ID, actor="Sam")
    assert traces_on_disk(store) == set()


def test_after_an_agents_erasure_no_byte_on_disk_tells_of_them(store):
    add(store, FILE_NAME, agent=AGENT)
    contest_in_session(store, AGENT)
    shared_session(store, AGENT, add(store, "theirs too.wav", agent=AGENT))
    store.delete_call(CALL_ID, actor="Sam")
    store.delete_call(call_id_of("theirs too.wav"), actor="Sam")
    assert store.delete_sessions_of(AGENT, actor="Sam") == 2
    assert traces_on_disk(store) == set()


def test_a_deleted_call_cannot_be_read_played_or_deleted_again(store):
    call_id = add(store)
    store.delete_call(call_id, actor="Sam")
    assert not store.audio.holds(call_id)
    with store.database.reading() as session, pytest.raises(NotStoredError):
        read_call(session, call_id)
    with pytest.raises(NotStoredError):
        store.open_audio(call_id, actor="Sam")
    with pytest.raises(NotStoredError):
        store.delete_call(call_id, actor="Sam")


def test_a_deleted_call_that_comes_again_is_a_new_one(store):
    call_id = add(store)
    with store.database.writing() as session:
        coaching.set_tags(session, call_id, ["old"])
    store.delete_call(call_id, actor="Sam")
    add(store)
    with store.database.reading() as session:
        row = read_call(session, call_id)
    assert (row.tags, row.has_audio) == ((), True)


def test_an_agent_who_has_another_call_stays(store):
    call_id = add(store, agent="Ben")
    add(store, "other.wav", agent="Ben")
    store.delete_call(call_id, actor="Sam")
    with store.database.reading() as session:
        assert list_agents(session) == ["Ben"]


def test_recordings_go_after_their_days_and_calls_after_theirs(store):
    call_id = add(store)
    assert vars(retain(store, now=expired(29.9))) == {"recordings": 0, "calls": 0}
    assert store.audio.holds(call_id)
    assert vars(retain(store, now=expired(30.1))) == {"recordings": 1, "calls": 0}
    assert not store.audio.holds(call_id)
    with store.database.reading() as session:
        assert not read_call(session, call_id).has_audio
    with pytest.raises(StoreError, match="no longer kept"):
        store.open_audio(call_id, actor="Sam")
    assert vars(retain(store, now=expired(364.9))) == {"recordings": 0, "calls": 0}
    assert vars(retain(store, now=expired(365.1))) == {"recordings": 0, "calls": 1}
    with store.database.reading() as session:
        assert count_calls(session) == 0
        actions = [line.action for line in audit.list_events(session)]
    assert actions == ["call expired", "audio expired", "call added"]


def test_the_days_are_those_of_the_settings(store):
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=2, report_days=3))
    add(store)
    assert vars(retain(store, now=expired(2.1))) == {"recordings": 1, "calls": 0}
    assert vars(retain(store, now=expired(3.1))) == {"recordings": 0, "calls": 1}


def test_the_audit_tells_nothing_of_whoever_called(store):
    call_id = add(store, FILE_NAME, agent=AGENT, customer=CUSTOMER)
    store.open_audio(call_id, actor="Sam")
    store.delete_call(call_id, actor="Sam")
    with store.database.reading() as session:
        lines = audit.list_events(session)
    assert [line.action for line in lines] == ["call deleted", "recording opened", "call added"]
    told = json.dumps([vars(line) for line in lines], default=str)
    assert not [trace for trace in TRACES if trace in told]


def test_ended_jobs_expire_with_the_reports_and_failed_uploads_with_the_recordings(store):
    with store.database.writing() as session:
        done, failed, waiting = (
            jobs.add_job(session, kind="call", parameters={"file_name": name}).id
            for name in ("done.wav", FILE_NAME, "waiting.wav")
        )
        jobs.finish_job(session, done)
        jobs.fail_job(session, failed, code="empty_file", message=f"{FILE_NAME} is empty")

    def states() -> list[str]:
        with store.database.reading() as session:
            return sorted(jobs.states_of(session, [done, failed, waiting]).values())

    retain(store, now=expired(29.0))
    assert states() == ["done", "failed", "queued"]
    retain(store, now=expired(31.0))
    assert states() == ["done", "queued"]
    retain(store, now=expired(366.0))
    assert states() == ["queued"]


def test_without_days_for_recordings_none_is_kept(store):
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=0))
    call_id = add(store)
    assert store.audio.ids() == []
    with pytest.raises(StoreError, match=r"call\.wav is no longer kept"):
        store.open_audio(call_id, actor="Sam")


def test_a_recording_is_played_as_it_came_and_every_time_is_audited(store):
    call_id = add(store)
    for _ in range(2):
        assert store.open_audio(call_id, actor="Sam").read_bytes() == recording_of("call.wav")
    with store.database.reading() as session:
        lines = audit.list_events(session)
    assert [line.action for line in lines] == ["recording opened", "recording opened", "call added"]


def test_a_recording_that_is_missing_on_disk_is_told(store):
    call_id = add(store)
    store.audio.path(call_id).unlink()
    with pytest.raises(StoreError, match="no longer kept"):
        store.open_audio(call_id, actor="Sam")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a" * 63, "A" * 64, "", "a" * 64 + "\n"]
)
def test_no_name_is_ever_a_path(store, name):
    for ask in (store.audio.path, store.audio.holds, store.audio.delete):
        with pytest.raises(ParameterError, match="not the id of a call"):
            ask(name)
    with pytest.raises(ParameterError):
        store.audio.put(name, io.BytesIO(b"x"))


def test_an_upload_named_like_a_path_stays_in_the_folder(store, tmp_path):
    name = "../../outside.wav"
    call_id = add(store, name)
    assert store.audio.path(call_id).resolve().is_relative_to(tmp_path / "audio")
    assert not list(tmp_path.parent.parent.glob("outside.wav"))
    with store.database.reading() as session:
        assert list_calls(session)[0].file_name == name


def test_a_recording_that_is_not_what_its_id_says_is_refused(store):
    with pytest.raises(StoreError, match="changed meanwhile"):
        store.add_call(make_report(), io.BytesIO(b"something else"), actor="tester")
    assert [path for path in store.audio.folder.rglob("??/*") if path.is_file()] == []
    with store.database.reading() as session:
        assert count_calls(session) == 0


def test_a_disk_that_takes_nothing_is_told(store):
    shutil.rmtree(store.audio.folder, ignore_errors=True)
    store.audio.folder.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="free space"):
        add(store)


def break_off(folder: Path, url: str, *, at: str) -> None:
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    opened = Store(folder, url=url)
    if at == "row":
        setattr(store_module, "save_report", die)  # noqa: B010
    else:
        os.fsync = die
    add(opened)


@pytest.mark.parametrize("at", ["row", "audio"])
def test_what_a_killed_process_left_is_deleted_and_the_call_can_come_again(
    store, store_url, tmp_path, forking, at
):
    process = forking.Process(target=break_off, args=(tmp_path, store_url), kwargs={"at": at})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with store.database.reading() as session:
        assert count_calls(session) == 0
    assert [path.is_file() for path in store.audio.folder.rglob("??/*")] == [True]
    kept = add(store, "kept.wav")
    assert store.delete_left() == 0  # it may still be on its way
    for path in store.audio.folder.rglob("??/*"):
        os.utime(path, (0, 0))
    assert store.delete_left() == 1
    assert store.audio.ids() == [kept]
    call_id = add(store)
    assert store.open_audio(call_id, actor="Sam").read_bytes() == recording_of("call.wav")
    assert store.delete_left() == 0


def test_a_call_that_was_left_without_its_row_is_completed_by_adding_it_again(store):
    store.audio.put(call_id_of("call.wav"), io.BytesIO(recording_of("call.wav")))
    call_id = add(store)
    assert store.open_audio(call_id, actor="Sam").is_file()
    assert store.audio.ids() == [call_id]
