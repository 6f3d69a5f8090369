"""The real dashboard and a real browser, for the tests and for the README's picture."""

from __future__ import annotations

import ast
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from calmscore.store import Store

ROOT = Path(__file__).resolve().parent.parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Only this machine's page is opened: the browser is kept from calling its makers.
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
_START_SECONDS = 180
_END_SECONDS = 60
# Below those that connections get from the system by themselves.
_PORTS = itertools.count(20_000 + os.getpid() % 10_000)


def free_port() -> int:
    """Return a port of this machine on which nobody listens; never the same one twice."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("localhost", port))
            return port
    raise AssertionError("ports never end")


@contextmanager
def running_dashboard(
    *, stub_model: bool = False, fill: Callable[[Store], None] | None = None
) -> Iterator[str]:
    """Start the dashboard on a free port; yield its address; stop it.

    Its store is empty, or holds what ``fill`` puts in.
    """
    port = free_port()
    folder = tempfile.mkdtemp(prefix="calmscore-test-")
    if fill is not None:
        store = Store(Path(folder))
        fill(store)
        store.close()
    environment = os.environ | {"CALMSCORE_DATA_FOLDER": folder}
    environment.pop("CALMSCORE_DATABASE_URL", None)
    real = ["-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    stub = ["tests/stub_dashboard.py", str(port)]
    server = subprocess.Popen(
        [sys.executable, *(stub if stub_model else real)],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        wait_until_healthy(f"{address}/_stcore/health", server)
        yield address
    finally:
        end(server)
        shutil.rmtree(folder, ignore_errors=True)


def end(server: subprocess.Popen[bytes]) -> None:
    """End a program, by force where it takes too long."""
    server.terminate()
    try:
        server.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_until_healthy(address: str, server: subprocess.Popen[bytes]) -> None:
    """Return once a program that was just started answers at an address.

    Raises
    ------
    RuntimeError
        If the program ends instead, or does not answer in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"it stopped with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{address} did not answer within {_START_SECONDS} s")


def chromium_options() -> dict[str, Any]:
    """Return how Playwright is to start this machine's Chromium."""
    names = (os.environ.get("CALMSCORE_CHROMIUM", ""), *_BROWSERS)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("The browser test needs Chromium: apt-get install chromium")
    return {"executable_path": found, "args": _ARGUMENTS}


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start headless Chromium; yield it; close it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_options())
        yield browser
        browser.close()


def paths_of_all_pages() -> list[str]:
    """Return the paths of the pages that the navigation names, the first one first.

    Those of an agent are left out: nobody else has them.
    """
    source = (ROOT / "calmscore" / "dashboard" / "navigation.py").read_text(encoding="utf-8")
    paths = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_page":
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            path = ast.literal_eval(named.get("url_path", node.args[0]))
            if path.startswith("my_"):
                continue
            paths.append("" if "default" in named else path)
    return paths
