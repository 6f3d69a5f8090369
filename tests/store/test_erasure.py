"""What was deleted is nowhere within a minute: also under load, with readers, and unfinished."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import inspect, text
from stored_calls import add, call_id_of, make_report, recording_of
from waiting import until

from calmscore.errors import ClockJumpedError, NotStoredError
from calmscore.intake.queue import CallQueue
from calmscore.store import Store, audit, jobs
from calmscore.store.calls import count_calls, list_calls
from calmscore.store.deletion import uploads_of
from calmscore.store.schema import Installation
from calmscore.store.settings import Settings, write_settings

FILE_NAME, AGENT, CUSTOMER = "Zebedee complaint.wav", "Perpetua Quill", "Zebedee Quux 4711"
TRACES = ("Zebedee", "Perpetua", recording_of(FILE_NAME).decode()[:30])
A_MINUTE = 60.0


def traces(store: Store) -> set[str]:
    """Return which traces are in a file of the data folder or, on PostgreSQL, in any table."""
    found = set()
    for path in store.folder.rglob("*"):
        # What goes meanwhile is gone.
        with suppress(FileNotFoundError, IsADirectoryError):
            content = path.read_bytes() + str(path).encode()
            found |= {trace for trace in TRACES if trace.encode() in content}
    if not store.database.is_sqlite:
        with store.database.engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                rows = connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()
                found |= {trace for row in rows for trace in TRACES if trace in row}
    return found


def until_gone(store: Store) -> None:
    until(lambda: not traces(store), seconds=A_MINUTE)


def add_zebedee(store: Store) -> str:
    return add(
        store, FILE_NAME, make_report(FILE_NAME), agent=AGENT, customer=CUSTOMER
    )  # fmt: skip


def upload(store: Store, name: str, *, customer: str | None = None, **more: str) -> str:
    queue = CallQueue(store, load=lambda: pytest.fail("nothing works here"), at_once=1)
    said = {"customer": customer} if customer else {}
    job = queue.add_stream(
        io.BytesIO(recording_of(name)),
        parameters={"file_name": name, "actor": "tester", **said, **more},
    )
    return job.id


@contextmanager
def load(store: Store) -> Iterator[None]:
    """Read and write all the time."""
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with store.database.reading() as session:
                list_calls(session)
                time.sleep(0.02)
                count_calls(session)

    def write() -> None:
        number = 0
        while not stop.is_set():
            add(store, f"other {number}.wav", agent=f"Agent {number % 3}", with_audio=False)
            number += 1

    threads = [threading.Thread(target=work) for work in (read, read, read, write)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_under_load_nothing_is_left_within_a_minute(store):
    call_id = add_zebedee(store)
    assert traces(store) == set(TRACES)
    with load(store):
        time.sleep(0.5)
        store.delete_call(call_id, actor="Sam")
        until_gone(store)


def test_a_reader_who_holds_on_is_outlasted(store):
    call_id = add_zebedee(store)
    started = time.monotonic()
    with store.database.reading() as session:
        list_calls(session)
        store.delete_call(call_id, actor="Sam")
        assert time.monotonic() - started < A_MINUTE / 2
    until_gone(store)


def test_closing_waits_until_what_was_deleted_is_gone(store, store_url):
    call_id = add_zebedee(store)
    deleting = Store(store.folder, url=store_url)
    reading, done = threading.Event(), threading.Event()

    def hold_on() -> None:
        with store.database.reading() as session:
            list_calls(session)
            reading.set()
            done.wait(1.0)

    reader = threading.Thread(target=hold_on)
    reader.start()
    reading.wait(A_MINUTE)
    deleting.delete_call(call_id, actor="Sam")
    deleting.close()
    reader.join()
    assert traces(store) == set()


def test_uploads_that_wait_or_run_go_with_the_call(store):
    waiting, running = upload(store, FILE_NAME, customer=CUSTOMER), upload(store, FILE_NAME)
    with store.database.writing() as session:
        jobs.take_job(session, kind="call", owner="somebody")
    call_id = add_zebedee(store)
    store.delete_call(call_id, actor="Sam")
    until_gone(store)
    with store.database.reading() as session:
        assert jobs.states_of(session, [waiting, running]) == {}


def test_an_upload_that_is_no_call_yet_is_deleted_by_its_hash(store):
    upload(store, FILE_NAME, agent=AGENT)
    store.delete_call(call_id_of(FILE_NAME), actor="Sam")
    until_gone(store)
    with pytest.raises(NotStoredError):
        store.delete_call(call_id_of(FILE_NAME), actor="Sam")


def test_a_failed_upload_is_found_by_customer_and_agent_and_is_gone(store):
    said = upload(store, "a.wav", customer=CUSTOMER)
    with store.database.writing() as session:
        write_settings(
            session, Settings(file_name_pattern=r"^(?P<customer>[^_]+)_(?P<agent>[^.]+)\.wav")
        )
    named = upload(store, f"{CUSTOMER}_{AGENT}.wav")
    other = upload(store, "Somebody_Else.wav")
    with store.database.writing() as session:
        for job_id in (said, named):
            jobs.fail_job(session, job_id, code="empty_file", message=f"{FILE_NAME} is empty")
    with store.database.reading() as session:
        found = uploads_of(session, customer=CUSTOMER)
        assert found == {said: "a.wav", named: f"{CUSTOMER}_{AGENT}.wav"}
        assert list(uploads_of(session, agent=AGENT)) == [named]
        assert uploads_of(session) == {}
    store.delete_uploads(list(found), actor="Sam")
    until_gone(store)
    with store.database.reading() as session:
        assert list(jobs.states_of(session, [said, named, other])) == [other]
        lines = [line.actor for line in audit.list_events(session)]
    assert lines == ["Sam", "Sam"]


def test_retention_removes_what_broken_runs_left_an_hour_ago_and_nothing_younger(store):
    kept = add(store, "kept.wav")
    store.incoming.prepare()
    left = [
        store.audio.path("a" * 64),
        store.audio.path("b" * 64).with_name("tmp1.part"),
        store.incoming.folder / "tmp2.part",
    ]
    young = [path.with_name("a" * 58 + "123456") for path in left[:1]]
    for path in (*left, *young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in (*left, store.audio.path(kept)):
        os.utime(path, (time.time() - 3660,) * 2)
    store.apply_retention()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in young)
    assert store.audio.holds(kept)


# A clock that jumped


def test_retention_asks_before_a_clock_that_jumped(store):
    add(store)
    store.apply_retention()
    in_two_years = datetime.now(UTC) + timedelta(days=730)
    for _ in range(2):
        with pytest.raises(ClockJumpedError, match=r"7\d\d days after .* --clock-is-right"):
            store.apply_retention(now=in_two_years)
    with store.database.reading() as session:
        assert count_calls(session) == 1
    assert store.apply_retention(now=in_two_years, clock_is_right=True).calls == 1
    # What somebody said holds; a clock that was put back is as much a jump when it returns.
    store.apply_retention(now=in_two_years + timedelta(days=1))
    store.apply_retention()
    with pytest.raises(ClockJumpedError):
        store.apply_retention(now=in_two_years)


def test_before_its_first_run_the_last_deed_stands_for_the_clock(store):
    store.apply_retention(now=datetime.now(UTC) + timedelta(days=4000))  # nothing was ever done
    with store.database.writing() as session:
        session.get_one(Installation, 1).clock_seen_at = None
    add(store)
    with pytest.raises(ClockJumpedError):
        store.apply_retention(now=datetime.now(UTC) + timedelta(days=31))
    store.apply_retention(now=datetime.now(UTC) + timedelta(days=29))
