"""The throw-away PostgreSQL server that other tests use."""

from postgres import empty_database
from sqlalchemy import create_engine, inspect, make_url, text

from calmscore.store.database import Database


def test_database_is_empty_and_can_be_used(postgres_url):
    database = Database(postgres_url)
    try:
        assert {"calls", "reports"} <= set(inspect(database.engine).get_table_names())
        with database.reading() as session:
            assert session.scalar(text("SELECT count(*) FROM calls")) == 0
            assert session.scalar(text("SELECT lower('ÄÖÜ')")) == "äöü"
    finally:
        database.close()


def test_databases_are_separate_and_dropped(postgres_server):
    with empty_database(postgres_server) as first, empty_database(postgres_server) as second:
        assert first != second
        for url in (first, second):
            engine = create_engine(url)
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE mine (id integer)"))
            engine.dispose()
    engine = create_engine(postgres_server)
    with engine.connect() as connection:
        names = set(connection.scalars(text("SELECT datname FROM pg_database")))
    engine.dispose()
    assert not names & {make_url(url).database for url in (first, second)}
