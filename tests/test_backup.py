"""A backup that is made while calls come in holds whole calls, and restores as it was."""

import hashlib
import io
import sqlite3
import threading

import numpy as np
import pytest
from sqlalchemy import select, update

from benchmarks.made_up_calls import make_report
from calmscore.analysis.report import CallInfo, CallReport
from calmscore.errors import StoreError
from calmscore.store import Store
from calmscore.store.calls import CallDetails, list_calls
from calmscore.store.coaching import add_note, list_notes, set_tags
from calmscore.store.reports import read_report
from calmscore.store.schema import Call, Moment
from deploy import backup


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """Give a maker of empty databases: None for SQLite in the store's folder."""
    if request.param == "sqlite":
        return lambda: None
    server = request.getfixturevalue("postgres_server")
    from postgres import empty_database

    def make():
        context = empty_database(server)
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        return context.__enter__()

    return make


@pytest.fixture
def open_store(request):
    """Give a function that opens a store, which is closed after the test."""

    def open_one(folder, url):
        store = Store(folder, url=url)
        request.addfinalizer(store.close)
        return store

    return open_one


def add_call(store, number: int) -> str:
    """Store a made-up call with a recording of its own, and return its id."""
    recording = f"recording {number}".encode() * 100
    report = make_report(number, np.random.default_rng(number))
    call = CallInfo(**{**vars(report.call), "id": hashlib.sha256(recording).hexdigest()})
    report = CallReport(**{**vars(report), "call": call})
    store.add_call(
        report, io.BytesIO(recording), actor="test", details=CallDetails(agent=f"A{number % 3}")
    )
    return report.call.id


def contents(store) -> dict[str, dict]:
    """Return the reports of a store, by call."""
    with store.database.reading() as session:
        return {row.id: read_report(session, row.id) for row in list_calls(session, limit=10_000)}


def moments_of(store, call_id: str) -> int:
    with store.database.reading() as session:
        query = select(Moment.id).join(Call, Call.number == Moment.call_number)
        return len(session.scalars(query.where(Call.id == call_id)).all())


def test_restored_store_equals_the_one_that_was_backed_up(tmp_path, database_url, open_store):
    store = open_store(tmp_path / "old", database_url())
    ids = [add_call(store, number) for number in range(5)]
    with store.database.writing() as session:
        add_note(session, ids[0], text="Well done – schön!", author="Lee", at_seconds=3.0)
        set_tags(session, ids[1], ["praise"])
    made = backup.create(store, tmp_path / "backup")
    assert made == backup.Contents(calls=5, recordings=5)

    url = database_url()
    assert backup.restore(tmp_path / "backup", tmp_path / "new", url=url) == made
    restored = open_store(tmp_path / "new", url)
    assert contents(restored) == contents(store)
    assert restored.audio.ids() == sorted(ids)
    for call_id in ids:
        assert restored.audio.path(call_id).read_bytes() == store.audio.path(call_id).read_bytes()
    with restored.database.reading() as session:
        assert [note.text for note in list_notes(session, ids[0])] == ["Well done – schön!"]
        assert next(r for r in list_calls(session) if r.id == ids[1]).tags == ("praise",)
    # It can be written on: numbers go on after the highest one.
    add_call(restored, 99)
    assert len(contents(restored)) == 6


def test_backup_while_calls_come_in_holds_whole_calls(tmp_path, database_url, open_store):
    url = database_url()
    store, writer = open_store(tmp_path / "old", url), open_store(tmp_path / "old", url)
    before = {add_call(store, number) for number in range(3)}
    enough, stop = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def keep_adding():
        try:
            for number in range(100, 400):
                add_call(writer, number)
                if number == 104:
                    enough.set()
                if stop.is_set():
                    return
        except BaseException as error:
            failures.append(error)
            enough.set()

    thread = threading.Thread(target=keep_adding)
    thread.start()
    try:
        assert enough.wait(60)
        folders = [tmp_path / f"backup-{number}" for number in range(3)]
        for folder in folders:
            backup.create(store, folder)
    finally:
        stop.set()
        thread.join(60)
    assert not failures
    everything = contents(store)

    for number, folder in enumerate(folders):
        new = database_url()
        backup.restore(folder, tmp_path / f"new-{number}", url=new)
        restored = open_store(tmp_path / f"new-{number}", new)
        found = contents(restored)
        assert before < set(found)
        assert found.items() <= {k: v for k, v in everything.items() if k in found}.items()
        for call_id, report in found.items():
            assert report == everything[call_id]
            assert moments_of(restored, call_id) == len(report["score"]["transitions"])
            assert restored.audio.holds(call_id)


def test_database_alone_can_be_backed_up(tmp_path, database_url, open_store):
    store = open_store(tmp_path / "old", database_url())
    add_call(store, 1)
    assert backup.create(store, tmp_path / "backup", recordings=False).recordings == 0
    url = database_url()
    assert backup.restore(tmp_path / "backup", tmp_path / "new", url=url).calls == 1
    assert not open_store(tmp_path / "new", url).audio.ids()


def test_existing_data_are_never_overwritten(tmp_path, database_url, open_store):
    url = database_url()
    store = open_store(tmp_path / "old", url)
    add_call(store, 1)
    backup.create(store, tmp_path / "backup")
    with pytest.raises(StoreError, match="exists already"):
        backup.create(store, tmp_path / "backup")
    with pytest.raises(StoreError, match="empty"):
        backup.restore(tmp_path / "backup", tmp_path / "old", url=url)
    assert len(contents(store)) == 1


def test_failed_backup_leaves_nothing_half(tmp_path, open_store, monkeypatch):
    store = open_store(tmp_path / "old", None)
    add_call(store, 1)

    def full_disk(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy_recordings", full_disk)
    with pytest.raises(StoreError, match="No space left"):
        backup.create(store, tmp_path / "backup")
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def test_damaged_recording_is_refused(tmp_path, open_store):
    store = open_store(tmp_path / "old", None)
    call_id = add_call(store, 1)
    backup.create(store, tmp_path / "backup")
    (tmp_path / "backup" / "audio" / call_id[:2] / call_id).write_bytes(b"other")
    with pytest.raises(StoreError, match=call_id[:12]):
        backup.restore(tmp_path / "backup", tmp_path / "new")


def test_damaged_database_is_refused(tmp_path, open_store):
    store = open_store(tmp_path / "old", None)
    add_call(store, 1)
    backup.create(store, tmp_path / "backup")
    file = tmp_path / "backup" / "calmscore.db"
    file.write_bytes(file.read_bytes()[:5000] + b"\xff" * 5000)
    with pytest.raises(StoreError, match=r"calmscore\.db"):
        backup.restore(tmp_path / "backup", tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


def test_backup_of_another_kind_of_database_is_refused(tmp_path, open_store):
    store = open_store(tmp_path / "old", None)
    backup.create(store, tmp_path / "backup")
    with pytest.raises(StoreError, match="unset"):
        backup.restore(tmp_path / "backup", tmp_path / "new", url="postgresql://x@127.0.0.1/x")
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "calmscore.dump").write_bytes(b"")
    with pytest.raises(StoreError, match="PostgreSQL"):
        backup.restore(tmp_path / "dump", tmp_path / "new")
    with pytest.raises(StoreError, match="no backup"):
        backup.restore(tmp_path, tmp_path / "new")


def test_backup_is_for_its_owner_alone_and_one_file(tmp_path, open_store):
    store = open_store(tmp_path / "old", None)
    add_call(store, 1)
    backup.create(store, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    names = {path.name for path in (tmp_path / "backup").iterdir()}
    assert names == {"calmscore.db", "audio"}
    with sqlite3.connect(tmp_path / "backup" / "calmscore.db") as database:
        assert database.execute("SELECT count(*) FROM calls").fetchone() == (1,)
    database.close()


def test_command_line(tmp_path, open_store, monkeypatch, capsys):
    add_call(open_store(tmp_path / "old", None), 1)
    monkeypatch.delenv("CALMSCORE_DATABASE_URL", raising=False)
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path / "old"))
    assert backup.main(["create", str(tmp_path / "backup")]) == 0
    assert backup.main(["create", str(tmp_path / "backup")]) == 1
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path / "new"))
    assert backup.main(["restore", str(tmp_path / "backup")]) == 0
    printed = capsys.readouterr()
    assert printed.out == "1 calls, 1 recordings\n" * 2
    assert "exists already" in printed.err
    assert len(contents(open_store(tmp_path / "new", None))) == 1


def test_newer_database_is_not_touched(tmp_path, open_store):
    store = open_store(tmp_path / "old", None)
    from sqlalchemy import column, table

    with store.database.engine.begin() as connection:
        connection.execute(
            update(table("alembic_version", column("version_num"))).values(version_num="9999")
        )
    with pytest.raises(StoreError, match="newer Calmscore"):
        Store(tmp_path / "old")
