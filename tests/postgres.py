"""A throw-away PostgreSQL server for tests, and an empty database in it for each test.

The server lives in a temporary folder and is reached through a socket in it, so that it
needs no port and no password, and nobody but its owner can connect.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

SERVER_VARIABLE = "CALMSCORE_TEST_POSTGRES_URL"
_OWNER = "postgres"
_DEBIAN = Path("/usr/lib/postgresql")
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
    # PostgreSQL refuses to run as root.
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        done = subprocess.run(  # its messages go to a file: the server keeps a pipe open
            command, cwd=folder, stdout=log, stderr=log, check=False, **identity
        )
        if done.returncode:
            pytest.fail(f"{program} failed:\n{(folder / 'log').read_text(encoding='utf-8')}")

    data = folder / "data"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    with (folder / "log").open("wb") as log:
        try:
            run("initdb", "-D", str(data), "-U", _OWNER, "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync")  # fmt: skip
            run("pg_ctl", "-D", str(data), "-o", options, "-w", "start")
            yield URL.create(
                "postgresql+psycopg",
                username=_OWNER,
                database="postgres",
                query={"host": str(folder)},
            )
        finally:
            if (data / "postmaster.pid").exists():
                run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
            shutil.rmtree(folder, ignore_errors=True)


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


def _unprivileged_user() -> pwd.struct_passwd:
    for name in (_OWNER, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise FileNotFoundError(f"there is no user {_OWNER} or nobody to run PostgreSQL as")
