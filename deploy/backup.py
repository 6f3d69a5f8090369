"""Back up a store while it is in use, and restore it elsewhere.

    python deploy/backup.py create FOLDER [--without-recordings]
    python deploy/backup.py restore FOLDER

The store is the one that CALMSCORE_DATA_FOLDER and CALMSCORE_DATABASE_URL name. A
backup is a folder with the database (``calmscore.db``, or ``calmscore.dump`` of
PostgreSQL's own pg_dump) and the recordings. It is restored into an empty place only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, func, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from calmscore.errors import CalmscoreError, StoreError  # noqa: E402
from calmscore.settings import read_environment  # noqa: E402
from calmscore.store import Store  # noqa: E402
from calmscore.store.audio_files import AudioFiles  # noqa: E402
from calmscore.store.schema import Call  # noqa: E402

SQLITE_FILE = "calmscore.db"
POSTGRES_FILE = "calmscore.dump"
RECORDINGS_FOLDER = "audio"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a backup or a restored store holds."""

    calls: int
    recordings: int


def create(store: Store, target: Path, *, recordings: bool = True) -> Contents:
    """Write a backup, whole or not at all.

    Parameters
    ----------
    store : Store
        May be in use.
    target : Path
        A folder that does not exist yet.
    recordings : bool
        Whether recordings are copied too.

    Raises
    ------
    StoreError
        If ``target`` exists, or something cannot be read or written.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; name a new folder for every backup")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(mode=0o700, parents=True)
        with store.database.reading() as session:
            calls = session.scalar(select(func.count(Call.number))) or 0
        # The database first: a recording is always there before its call is.
        url = store.database.engine.url
        if store.database.is_sqlite:
            _copy_sqlite(Path(url.database or ""), part / SQLITE_FILE)
        else:
            _run_postgres(
                "pg_dump", url, "--format=custom", "--no-owner", "--file", part / POSTGRES_FILE
            )
        copies = AudioFiles(part / RECORDINGS_FOLDER)
        if store.audio.folder_id is not None:
            copies.mark(store.audio.folder_id)
        copied = _copy_recordings(store.audio, copies) if recordings else 0
        part.rename(target)
    except OSError as error:
        raise StoreError(f"{target}: the backup cannot be written ({error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Contents(calls=calls, recordings=copied)


def restore(source: Path, folder: Path, *, url: str | None = None) -> Contents:
    """Restore a backup into an empty place, and check it.

    Parameters
    ----------
    source : Path
        A folder that `create` wrote.
    folder : Path
        The new data folder.
    url : str, optional
        The new database: needed for a backup of PostgreSQL, and then an empty one.

    Raises
    ------
    StoreError
        If there is no backup, it is damaged, or the place is not empty.
    """
    if (source / POSTGRES_FILE).is_file():
        _restore_postgres(source / POSTGRES_FILE, url)
    elif (source / SQLITE_FILE).is_file():
        _restore_sqlite(source / SQLITE_FILE, folder, url)
    else:
        raise StoreError(f"{source}: no backup; it should hold {SQLITE_FILE} or {POSTGRES_FILE}")
    kept = AudioFiles(source / RECORDINGS_FOLDER)
    if kept.folder_id is not None:
        # Before the database is opened, which knows its folder by it.
        AudioFiles(folder / "audio").mark(kept.folder_id)
    store = Store(folder, url=url)
    try:
        for call_id in kept.ids():
            with kept.path(call_id).open("rb") as recording:
                store.audio.put(call_id, recording)
        with store.database.reading() as session:
            calls = session.scalar(select(func.count(Call.number))) or 0
        return Contents(calls=calls, recordings=len(store.audio.ids()))
    finally:
        store.close()


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database with everything that is committed, while others write to it."""
    try:
        with (
            closing(sqlite3.connect(source)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)
            faults = copy.execute("PRAGMA integrity_check").fetchall()
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied ({error})") from error
    if faults != [("ok",)]:
        raise StoreError(f"{source} is damaged: {faults[0][0]}; restore an earlier backup")


def _restore_sqlite(source: Path, folder: Path, url: str | None) -> None:
    target = folder / SQLITE_FILE
    if url is not None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            raise StoreError(
                f"{source} is a SQLite database, CALMSCORE_DATABASE_URL names another kind; "
                "unset it"
            )
        target = Path(parsed.database)
    if target.exists():
        raise StoreError(f"{target} exists already; restore into an empty folder")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        _copy_sqlite(source, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _restore_postgres(source: Path, url: str | None) -> None:
    parsed = make_url(url) if url else None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        raise StoreError(
            f"{source} is of PostgreSQL; set CALMSCORE_DATABASE_URL to an empty PostgreSQL database"
        )
    engine = create_engine(parsed.set(drivername="postgresql+psycopg"))
    try:
        tables = inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{engine.url!r} cannot be reached ({reason})") from error
    finally:
        engine.dispose()
    if tables:
        raise StoreError(f"{parsed!r} holds tables already; restore into an empty database")
    _run_postgres("pg_restore", parsed, "--no-owner", "--single-transaction", source)


def _run_postgres(program: str, url: URL, *arguments: str | Path) -> None:
    # The password goes through the environment: every user sees the arguments of programs.
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    try:
        done = subprocess.run(
            [program, "--dbname", address, *map(str, arguments)],
            env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise StoreError(
            f"{program} is not installed; it comes with PostgreSQL (postgresql-client)"
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise StoreError(f"{program} failed: {lines[0]}")


def _copy_recordings(recordings: AudioFiles, copies: AudioFiles) -> int:
    count = 0
    for call_id in recordings.ids():
        try:
            with recordings.path(call_id).open("rb") as recording:
                copies.put(call_id, recording)
        except FileNotFoundError:
            continue  # deleted meanwhile: its days were over
        count += 1
    return count


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create", help="back up the store into a new folder")
    creating.add_argument("folder", type=Path)
    creating.add_argument("--without-recordings", action="store_true", help="the database alone")
    restoring = commands.add_parser("restore", help="restore a backup into an empty place")
    restoring.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == "create":
            store = Store.from_environment()
            try:
                contents = create(store, options.folder, recordings=not options.without_recordings)
            finally:
                store.close()
        else:
            place = read_environment()
            contents = restore(options.folder, place.data_folder, url=place.database_url)
    except CalmscoreError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{contents.calls} calls, {contents.recordings} recordings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
