"""A throw-away PostgreSQL server for tests, and an empty database in it for each test.

The server lives in a temporary folder and is reached through a socket in it, so that it
needs no port and no password, and nobody but its owner can connect.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

SERVER_VARIABLE = "CALMSCORE_TEST_POSTGRES_URL"
_OWNER = "postgres"
_DEBIAN = Path("/usr/lib/postgresql")
_START_SECONDS = 120
_numbers = count(1)


def programs_folder() -> Path | None:
    """Return the folder of ``initdb`` and ``pg_ctl``: the one on PATH, or Debian's newest."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def running_server() -> Iterator[URL]:
    """Start a server, yield the URL of its first database, and remove it all at the end.

    Raises
    ------
    FileNotFoundError
        If no PostgreSQL is installed.
    """
    programs = programs_folder()
    if programs is None:
        raise FileNotFoundError("no PostgreSQL is installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="calmscore-postgres-"))
    data, url = folder / "data", _url(folder)
    # PostgreSQL refuses to run as root.
    identity = unprivileged(folder) if os.geteuid() == 0 else {}
    with (folder / "log").open("wb") as log:
        try:
            subprocess.run(
                [programs / "initdb", "-D", data, "-U", _OWNER, "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync"],
                cwd=folder, stdout=log, stderr=log, check=True, **identity,
            )  # fmt: skip
            server = subprocess.Popen(
                [*_ends_with_us(), programs / "postgres", "-D", data, "-c", "listen_addresses=",
                 "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"],
                cwd=folder, stdout=log, stderr=log, **identity,
            )  # fmt: skip
            try:
                _wait_for(url, server)
                yield url
            finally:
                server.send_signal(signal.SIGQUIT)
                server.wait(60)
        except (subprocess.CalledProcessError, TimeoutError) as error:
            raise RuntimeError((folder / "log").read_text(encoding="utf-8")) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _url(folder: Path) -> URL:
    return URL.create(
        "postgresql+psycopg", username=_OWNER, database="postgres", query={"host": str(folder)}
    )


def unprivileged(folder: Path) -> dict[str, Any]:
    """Give a folder to a user who is not root, and return what makes a process theirs."""
    for name in (_OWNER, "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError(f"there is no user {_OWNER} or nobody to run PostgreSQL as")


def _ends_with_us() -> list[str]:
    """Return what ends a program when this one is killed, where that is to be had."""
    program = shutil.which("setpriv")
    return [] if program is None else [program, "--pdeathsig", "QUIT"]


def _wait_for(url: URL, server: subprocess.Popen[bytes]) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(OperationalError), engine.connect():
                return
            time.sleep(0.05)
    finally:
        engine.dispose()
    raise TimeoutError(f"PostgreSQL did not answer within {_START_SECONDS} s")


@contextmanager
def empty_database(server: URL) -> Iterator[str]:
    """Make a database, yield its URL, and drop it with all its connections."""
    name = f"calmscore_test_{os.getpid()}_{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
            try:
                yield server.set(database=name).render_as_string(hide_password=False)
            finally:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Give the server of ``CALMSCORE_TEST_POSTGRES_URL``, or a throw-away one."""
    if os.environ.get(SERVER_VARIABLE):
        yield make_url(os.environ[SERVER_VARIABLE])
        return
    if programs_folder() is None:
        pytest.skip(f"no PostgreSQL is installed, and {SERVER_VARIABLE} names none")
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """Give the URL of an empty database, which is dropped after the test."""
    with empty_database(postgres_server) as url:
        yield url
