"""The service with the stub classifier as a process of its own, to be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running_dashboard import ROOT


@contextmanager
def stub_service(
    folder: Path, *, seconds_per_call: float, url: str | None = None, port: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """Start it on a store and yield the process; `address_of` waits until it is up."""
    command = [sys.executable, str(ROOT / "tests" / "stub_server.py"), str(folder),
               str(seconds_per_call), "--port", str(port)]  # fmt: skip
    process = subprocess.Popen(
        command + (["--url", url] if url else []),
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def address_of(process: subprocess.Popen[str]) -> str:
    """Wait until a service is up, and return its address."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
