"""An nginx of its own with the configuration in deploy/, on this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from running_dashboard import ROOT, free_port

SHIPPED = ROOT / "deploy" / "nginx.conf"
_START_SECONDS = 120
_AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/calmscore.conf;
}}
"""


def nginx_program() -> str | None:
    """Return where nginx is; None if it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def changed(text: str, changes: dict[str, str]) -> str:
    """Return a configuration with each of these put in; all of them have to be there."""
    for before, after in changes.items():
        assert before in text, f"deploy/nginx.conf has no {before!r} any more"
        text = text.replace(before, after)
    return text


@dataclass(frozen=True, kw_only=True)
class Nginx:
    """A running one."""

    address: str
    plain_address: str
    folder: Path

    def log(self) -> list[str]:
        """Return the lines of its log of requests."""
        return (self.folder / "access.log").read_text(encoding="utf-8").splitlines()


@contextmanager
def running_nginx(
    folder: Path,
    *,
    services: list[int],
    dashboard: int = 9,
    changes: dict[str, str] | None = None,
) -> Iterator[Nginx]:
    """Start it before three services and a dashboard.

    Parameters
    ----------
    folder : Path
        Empty; for what it writes.
    services : list of int
        Three ports.
    dashboard : int
        Its port.
    changes : dict of str, optional
        What else is put in the place of what.
    """
    secure, plain = free_port(), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    text = changed(
        SHIPPED.read_text(encoding="utf-8"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
            "listen 80": f"listen 127.0.0.1:{plain}",
            "/etc/ssl/calmscore.pem": f"{folder}/cert.pem",
            "/etc/ssl/private/calmscore.key": f"{folder}/key.pem",
            "/var/log/nginx/calmscore.log": f"{folder}/access.log",
            "127.0.0.1:8501": f"127.0.0.1:{dashboard}",
            **{f"127.0.0.1:{8001 + n}": f"127.0.0.1:{port}" for n, port in enumerate(services)},
            **(changes or {}),
        },
    )
    (folder / "calmscore.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder), encoding="utf-8")
    program = nginx_program()
    assert program is not None
    with subprocess.Popen(
        [program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    ) as process:
        try:
            _until_it_listens(process, secure, folder)
            yield Nginx(
                address=f"https://localhost:{secure}",
                plain_address=f"http://localhost:{plain}",
                folder=folder,
            )
        finally:
            process.terminate()


def _until_it_listens(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError((folder / "error.log").read_text(encoding="utf-8"))
