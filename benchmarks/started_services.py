"""A PostgreSQL server and services of their own, to be stopped, killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from postgres import programs_folder, unprivileged

ROOT = Path(__file__).resolve().parent.parent
SECONDS_PER_CALL = 0.3


class Postgres:
    """A server of its own, to be stopped and started."""

    def __init__(self, folder: Path) -> None:
        programs = programs_folder()
        if programs is None:
            raise SystemExit("no PostgreSQL is installed (apt-get install postgresql)")
        folder.mkdir()
        self._folder, self._programs = folder, programs
        self._identity = unprivileged(folder) if os.geteuid() == 0 else {}
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self, how: str) -> None:
        """Stop it: ``fast`` tells its clients, ``immediate`` is a crash."""
        self._run("pg_ctl", "stop", "-m", how)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            cwd=self._folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **self._identity,
        )  # fmt: skip


class Service:
    """A service as a process, to be killed and started."""

    def __init__(self, data: Path, url: str, log: Path, *, stub: bool) -> None:
        self._data, self._url, self._log, self._stub = data, url, log, stub
        self._process: subprocess.Popen[str] | None = None
        self._starting: threading.Thread | None = None
        self.address: str | None = None

    def start(self) -> None:
        """Start it, and wait until it has an address, or has ended."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CALMSCORE_DATA_FOLDER": str(self._data),
            "CALMSCORE_DATABASE_URL": self._url,
            "CALMSCORE_REQUESTS_PER_MINUTE": "1000000",
        }
        program = [
            str(ROOT / "tests" / "stub_server.py"), str(self._data), str(SECONDS_PER_CALL),
            "--url", self._url, "--leases-as-shipped",
        ] if self._stub else [str(ROOT / "benchmarks" / "serve_on_free_port.py")]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *program], env=environment, stdout=subprocess.PIPE, stderr=log,
                text=True,
            )  # fmt: skip
        process = self._process
        assert process.stdout is not None
        # Nothing, where it ended at once: the store was away, or it was killed.
        address = process.stdout.readline().strip() or None
        self.address = address if process.poll() is None else None

    def start_again(self, *, wait: bool = False) -> None:
        """Start it where it has ended, in the background: other things happen meanwhile."""
        starts = self._starting is not None and self._starting.is_alive()
        ended = self._process is None or self._process.poll() is not None
        if ended and not starts:
            self._starting = threading.Thread(target=self.start, daemon=True)
            self._starting.start()
        if wait and self._starting is not None:
            self._starting.join()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.address = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
