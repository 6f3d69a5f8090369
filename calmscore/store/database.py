"""A database that is up to date, and sessions on it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, exists, make_url, select, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from calmscore.errors import StoreError
from calmscore.store.schema import Base

_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
# Any number, but the same in every process that migrates.
_MIGRATION_LOCK = 7_263_001
_BUSY_MILLISECONDS = 60_000
_WIPE_MILLISECONDS = 1_000
_WIPE_AGAIN_SECONDS = 0.5
_WIPED_WITHIN_SECONDS = 60.0
_SAMPLED_COLUMNS = text(
    "SELECT quote_ident(a.attname), format_type(a.atttypid, a.atttypmod) FROM pg_stats s "
    "JOIN pg_attribute a ON a.attrelid = to_regclass(s.tablename) AND a.attname = s.attname "
    "WHERE s.tablename = :name AND s.schemaname = current_schema()"
)
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_PRAGMAS = {
    "journal_mode": "WAL",
    # What was acknowledged outlasts a power cut.
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "secure_delete": "ON",
    "busy_timeout": str(_BUSY_MILLISECONDS),
}


class Database:
    """SQLite (WAL) or PostgreSQL, brought to the newest schema when it is opened.

    Parameters
    ----------
    url : str
        As SQLAlchemy writes it, for example ``sqlite:////srv/calmscore/calmscore.db``
        or ``postgresql://user:password@host/calmscore``.

    Raises
    ------
    StoreError
        If the database cannot be reached or brought up to date.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._wiping = threading.Lock()
        self._wiper: threading.Thread | None = None
        try:
            self._migrate()
        except CommandError as error:
            raise StoreError(
                f"the database {self.engine.url!r} was written by a newer Calmscore ({error}); "
                "install that one, or restore the backup that was made before the upgrade"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(
                f"the database {self.engine.url!r} cannot be opened; see that it runs, or ask "
                "whoever looks after Calmscore",
                technical=f"{error.__class__.__name__}: {str(error).splitlines()[0]}; check "
                "CALMSCORE_DATABASE_URL",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that only reads; it sees one state of the database throughout.

        Raises
        ------
        StoreError
            If the database does not answer.
        """
        options = {} if self.is_sqlite else _SNAPSHOT
        with _answering(), Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options=options)
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that writes all or nothing; on SQLite one at a time.

        Raises
        ------
        StoreError
            If the database does not answer or cannot write.
        """
        options = {"sqlite_begin": "BEGIN IMMEDIATE"} if self.is_sqlite else {}
        with (
            _answering(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection(execution_options=options)
            yield session

    def wipe(self) -> None:
        """See to it that what was deleted can be read nowhere in the database any more.

        SQLite overwrites deleted rows (secure_delete), but they linger in the file and in
        the write-ahead log until the log is emptied. Where a reader holds on to them, that
        is tried again in the background. PostgreSQL notes samples of each column for its
        planner; they are taken anew.
        """
        if not self.is_sqlite:
            self._sample_anew()
            return
        if self._log_emptied():
            return
        with self._wiping:
            if self._wiper is None or not self._wiper.is_alive():
                self._wiper = threading.Thread(target=self._keep_wiping, name="wipe", daemon=True)
                self._wiper.start()

    def close(self) -> None:
        """Close all connections; what is being wiped is wiped first, within a minute."""
        if self._wiper is not None:
            self._wiper.join(_WIPED_WITHIN_SECONDS)
            if self._wiper.is_alive():
                _log.error("a reader kept what was deleted in the database's log")
        self.engine.dispose()

    def _sample_anew(self) -> None:
        tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
        try:
            with self.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                    text(f"ANALYZE {tables}")
                )
            self._forget_samples()
        except DBAPIError as error:
            _log.error("the planner's samples stay old: %s", str(error).splitlines()[0])

    def _forget_samples(self) -> None:
        """Drop the samples of tables that are empty now: PostgreSQL keeps those as they were."""
        for table in Base.metadata.sorted_tables:
            with self.engine.begin() as connection:
                sampled = connection.execute(_SAMPLED_COLUMNS, {"name": table.name}).all()
                empty = not connection.execute(select(exists().select_from(table))).scalar()
                if sampled and empty:
                    connection.execute(text(f"SET LOCAL lock_timeout = {_WIPE_MILLISECONDS}"))
                    # Given its own type, a column keeps everything but its samples.
                    changes = (f"ALTER COLUMN {column} TYPE {kind}" for column, kind in sampled)
                    connection.execute(text(f"ALTER TABLE {table.name} {', '.join(changes)}"))

    def _keep_wiping(self) -> None:
        while not self._log_emptied():
            time.sleep(_WIPE_AGAIN_SECONDS)

    def _log_emptied(self) -> bool:
        try:
            with self.engine.connect() as connection:
                # Writers wait as long as this waits for readers.
                connection.execute(text(f"PRAGMA busy_timeout = {_WIPE_MILLISECONDS}"))
                try:
                    busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
                finally:
                    connection.execute(text(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}"))
        except DBAPIError as error:
            _log.error("the database's log cannot be emptied: %s", str(error).splitlines()[0])
            return False
        return not busy

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        if self.is_sqlite:
            database = self.engine.url.database or ""
            with FileLock(f"{database}.migration.lock"), self.engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            return
        with self.engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):
        raise  # a fault of what was asked, not of the database
    except (DBAPIError, TimeoutError) as error:
        # Names of hosts and users are for the log, not for who happens to ask.
        _log.error("the database failed: %s", str(error).splitlines()[0])
        raise StoreError(
            "the database does not answer or cannot write; try again, and check that it runs and "
            "that its disk is not full if it stays so"
        ) from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "what is given is not a database URL; ask whoever looks after Calmscore",
            technical="write CALMSCORE_DATABASE_URL as sqlite:////folder/file.db or "
            "postgresql://user:password@host/name",
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"the database is of the kind {parsed.drivername!r}; only sqlite and postgresql are "
            "supported",
            technical="change CALMSCORE_DATABASE_URL",
        )
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
    # Enough for readers while writers wait for one another.
    engine = create_engine(parsed, pool_size=10, max_overflow=50)

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, record: Any) -> None:
        # Transactions are begun below, so that a writer can say so at once.
        connection.isolation_level = None
        for name, value in _PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine
