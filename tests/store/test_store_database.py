"""The database: migrations, what sessions see, and what cannot be opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError
from stored_calls import add, call_id_of, make_report

from calmscore.errors import NotStoredError, StoreError
from calmscore.store import Store
from calmscore.store import database as database_module
from calmscore.store.calls import CallFilter, count_calls, find_call, list_calls, read_call
from calmscore.store.database import Database
from calmscore.store.schema import Base, Call

MIGRATIONS = Path(database_module.__file__).with_name("migrations")


@pytest.fixture
def database(store_url):
    opened = Database(store_url)
    yield opened
    opened.close()


def migrate(database: Database, *, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if to == "base" else command.upgrade)(config, to)


def tables(database: Database) -> set[str]:
    names = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    return {name for name in names if no_index_of_words(name, "table", {})}


def no_index_of_words(name, kind, parents) -> bool:
    """Leave out what databases search words by; it is no table or column of a model."""
    return not name or not name.startswith(("words_search", "text_vector", "ix_call_words_text"))


def test_migrations_make_the_tables_of_the_models(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": no_index_of_words}
        )
        assert compare_metadata(context, Base.metadata) == []
    assert tables(database) == set(Base.metadata.tables)


def test_migrations_go_down_and_up_again(database):
    migrate(database, to="base")
    assert tables(database) == set()
    migrate(database, to="head")
    assert tables(database) == set(Base.metadata.tables)


def open_at_once(url: str, barrier) -> None:
    barrier.wait(timeout=120)
    Database(url).close()


def test_two_processes_may_migrate_at_once(store_url, forking):
    barrier = forking.Barrier(2)
    processes = [forking.Process(target=open_at_once, args=(store_url, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    opened = Database(store_url)
    assert tables(opened) == set(Base.metadata.tables)
    opened.close()


def test_a_store_that_is_opened_again_has_what_was_stored(store, tmp_path, store_url):
    add(store, "first.wav")
    again = Store(tmp_path, url=store_url)
    with again.database.reading() as session:
        assert read_call(session, call_id_of("first.wav")).file_name == "first.wav"
    again.close()


def test_a_reading_session_sees_one_state_throughout(store):
    with store.database.reading() as session:
        assert count_calls(session) == 0
        add(store, "meanwhile.wav")
        assert count_calls(session) == 0
    with store.database.reading() as session:
        assert count_calls(session) == 1


def test_a_writing_session_that_fails_writes_nothing(store):
    with pytest.raises(RuntimeError), store.database.writing() as session:
        session.add(Call(**_row()))
        session.flush()
        raise RuntimeError
    with store.database.reading() as session:
        assert count_calls(session) == 0


def test_moments_come_back_in_utc_and_need_a_time_zone(store):
    noon_in_india = datetime(2026, 3, 2, 12, 0, tzinfo=timezone(timedelta(hours=5.5)))
    call_id = add(store, called_at=noon_in_india)
    with store.database.reading() as session:
        stored = read_call(session, call_id).called_at
    assert stored == noon_in_india
    assert stored.utcoffset() == timedelta(0)
    with store.database.writing() as session, pytest.raises(StatementError, match="time zone"):
        count_calls(session, CallFilter(since=datetime(2026, 3, 2)))


@pytest.mark.parametrize(
    ("since", "count"), [(datetime.min, 1), (datetime.max, 0)], ids=["first", "last"]
)
def test_the_ends_of_time_are_moments_too(store, since, count):
    add(store)
    east_and_west = timedelta(hours=14) if since.year == 1 else timedelta(hours=-12)
    wanted = CallFilter(since=since.replace(tzinfo=timezone(east_and_west)))
    with store.database.reading() as session:
        assert count_calls(session, wanted) == count


@pytest.mark.parametrize("text", ["nul\0.wav", "half\ud800.wav", "\udcff\udcfe.wav"])
def test_text_that_no_database_stores_is_made_storable(store, text):
    add(store, report=make_report(file_name=text), agent=text, customer=text)
    with store.database.reading() as session:
        (row,) = list_calls(session, CallFilter(text=text))
        assert "\N{REPLACEMENT CHARACTER}" in row.file_name
        assert row.agent == row.customer == row.file_name
        with pytest.raises(NotStoredError):
            find_call(session, text)


def test_markup_and_sql_are_only_text(store):
    name = "'; DROP TABLE calls; --<b>.wav"
    add(store, name, agent=name)
    with store.database.reading() as session:
        (row,) = list_calls(session, CallFilter(agents=[name], text="DROP TABLE"))
    assert row.file_name == name


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no url at all", "not a database URL"),
        ("mysql://localhost/calls", "only sqlite and postgresql"),
        ("postgresql://nobody@localhost:1/calls", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told(url, reason):
    with pytest.raises(StoreError, match=reason):
        Database(url)


def test_the_password_of_a_database_is_never_told():
    with pytest.raises(StoreError) as told:
        Database("postgresql://me:much-secret@localhost:1/calls")
    assert "much-secret" not in str(told.value)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path):
    letter = tmp_path / "letter.db"
    letter.write_text("Dear customer, " * 500)
    with pytest.raises(StoreError, match=r"letter\.db"):
        Database(f"sqlite:///{letter}")
    assert letter.read_text().startswith("Dear customer")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        Store(tmp_path / "file" / "folder")
    assert "CALMSCORE_DATA_FOLDER" in caught.value.in_full
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(f"sqlite:///{tmp_path / 'file' / 'calls.db'}")


def test_a_database_of_a_newer_calmscore_is_refused(database, store_url):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer Calmscore"):
        Database(store_url)


def test_the_environment_names_folder_and_database(tmp_path, monkeypatch):
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path / "mine"))
    monkeypatch.delenv("CALMSCORE_DATABASE_URL", raising=False)
    opened = Store.from_environment()
    opened.close()
    assert (tmp_path / "mine" / "calmscore.db").is_file()
    assert (tmp_path / "mine").stat().st_mode & 0o077 == 0


def test_a_database_that_stops_answering_is_told_without_its_address(store, caplog):
    def lost(*_):
        raise OperationalError("SELECT 1", {}, Exception("no route to db.internal"))

    event.listen(store.database.engine, "before_cursor_execute", lost)
    for session_of in (store.database.reading, store.database.writing):
        with pytest.raises(StoreError, match="does not answer") as caught, session_of() as session:
            session.execute(text("SELECT 1"))
        assert "db.internal" not in str(caught.value)
    assert "db.internal" in caplog.text


def test_rows_that_hang_on_no_call_are_refused(store):
    with pytest.raises(SQLAlchemyError), store.database.writing() as session:
        session.execute(text("INSERT INTO tags (call_number, name) VALUES (4711, 'lost')"))


def _row() -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "id": "0" * 64, "file_name": "a.wav", "called_at": now, "added_at": now,
        "duration_seconds": 1.0, "outcome": "unresolved", "trend": [],
    }  # fmt: skip
