"""Who is not admitted uploads nothing; who is, only while there is room; pages stay at home."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import httpx
import pytest
from running_dashboard import ROOT, end, free_port, running_dashboard, wait_until_healthy
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from calmscore.dashboard import door
from calmscore.dashboard.door import CONTENT_POLICY, AdmittedSessions, Door

SECRETS = """
[auth]
redirect_uri = "http://localhost/oauth2callback"
cookie_secret = "{secret}"
client_id = "calmscore"
client_secret = "provider-secret"
server_metadata_url = "http://localhost:9/.well-known/openid-configuration"
[roles.groups]
"leads" = "supervisor"
"""


def open_session(address: str):
    """Open a page as a browser does; return the connection and the session's id."""
    page = connect(
        f"{address.replace('http', 'ws', 1)}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")], origin=Origin(address), max_size=None,
    )  # fmt: skip
    # A page asks for its first drawing: BackMsg.rerun_script, empty.
    page.send(b"\x5a\x00")
    while True:
        message = ForwardMsg.FromString(page.recv(timeout=60))
        if message.WhichOneof("type") == "new_session":
            session_id = message.new_session.initialize.session_id
        if message.WhichOneof("type") == "script_finished":
            return page, session_id


def put(address: str, session_id: str, *, size: int = 100) -> int:
    """Upload a file to Streamlit's own address; return the status of the answer."""
    with urllib.request.urlopen(f"{address}/_stcore/health") as answer:
        cookie = answer.headers["Set-Cookie"].split(";")[0]
    body = (
        b'--cut\r\nContent-Disposition: form-data; name="f"; filename="call.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + bytes(size) + b"\r\n--cut--\r\n"
    )
    request = urllib.request.Request(
        f"{address}/_stcore/upload_file/{session_id}/{uuid.uuid4()}",
        data=body, method="PUT",
        headers={
            "Content-Type": "multipart/form-data; boundary=cut",
            "Cookie": cookie, "X-Xsrftoken": cookie.split("=", 1)[1],
        },
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def test_who_is_not_signed_in_uploads_nothing(tmp_path, monkeypatch):
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(SECRETS.format(secret="c" * 64))
    monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(secrets))
    with running_dashboard(stub_model=True) as address:
        page, session_id = open_session(address)
        with page:
            assert put(address, session_id) == 403
            assert put(address, str(uuid.uuid4())) == 403


def test_who_sits_at_this_machine_uploads_while_there_is_room(monkeypatch):
    monkeypatch.setenv("CALMSCORE_DASHBOARD_UPLOAD_BYTES", str(5 * 2**20))
    with running_dashboard(stub_model=True) as address:
        page, session_id = open_session(address)
        with page:
            assert [put(address, session_id, size=2**20) for _ in range(2)] == [204, 204]
            # More than fits on the wire, so that it is still being sent when it is refused.
            assert [put(address, session_id, size=size) for size in (2**20, 2**25)] == [413, 413]
        policy = httpx.get(address).headers["Content-Security-Policy"]
        assert policy == CONTENT_POLICY


def made_run(port: int) -> list[str]:
    """Return what ``make run`` starts."""
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "run", f"PORT={port}",
         f"BIN={Path(sys.executable).parent}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return shlex.split(told.stdout.splitlines()[-1])


def dashboard_command(port: int) -> list[str]:
    return [sys.executable, "-m", "calmscore", "dashboard", "--port", str(port)]


HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
HALF_AN_UPLOAD = (
    b"PUT /_stcore/upload_file/%s/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=cut\r\n\r\n--cut\r\n"
)


@pytest.mark.parametrize("command", [made_run, dashboard_command])
def test_half_sent_requests_end_strangers_upload_nothing_and_pages_stay_open(tmp_path, command):
    port = free_port()
    server = subprocess.Popen(
        command(port), cwd=ROOT, env=os.environ | {"CALMSCORE_DATA_FOLDER": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://localhost:{port}"
    stranger = HALF_AN_UPLOAD % (str(uuid.uuid4()).encode(), str(uuid.uuid4()).encode())
    try:
        wait_until_healthy(f"{address}/_stcore/health", server)
        page, session_id = open_session(address)
        halves = [socket.create_connection(("localhost", port), timeout=60) for _ in range(6)]
        for half, said in zip(halves, [HALF_A_HEAD, stranger] * 3, strict=True):
            half.sendall(said)
        with page:
            for half in halves:
                with half, suppress(ConnectionResetError):
                    assert half.recv(12) in (b"", b"HTTP/1.1 403")
                    while half.recv(65536):
                        pass
            assert put(address, str(uuid.uuid4())) == 403
            assert put(address, session_id) == 204
    finally:
        end(server)


@pytest.fixture
def held(monkeypatch):
    """Files that sessions hold; one session, `ann`, is admitted."""
    admitted = AdmittedSessions()
    for name in ("ann", "ben", "cleo"):
        admitted.mark(name, admitted=True)
    sizes: dict[str, list[int]] = {}
    monkeypatch.setattr(door, "admitted_sessions", admitted)
    monkeypatch.setattr(door, "_held_bytes", lambda: sizes)
    monkeypatch.setenv("CALMSCORE_DASHBOARD_UPLOAD_BYTES", "1000")
    return sizes


async def streamlit(scope, receive, send):
    await PlainTextResponse("taken", 200)(scope, receive, send)


def upload(session: str, content=b"", *, method="PUT"):
    address = f"/_stcore/upload_file/{session}/file"
    return TestClient(Door(streamlit)).request(method, address, content=content)


def test_a_page_and_all_pages_together_hold_no_more_than_they_may(held):
    assert upload("ann", bytes(500)).status_code == 200
    assert upload("ann", bytes(501)).status_code == 413
    held["ann"] = [300]
    assert upload("ann", bytes(201)).status_code == 413
    held["ben"] = [400]
    assert upload("cleo", bytes(300)).status_code == 200
    full = upload("cleo", bytes(301))
    assert (full.status_code, full.headers["Retry-After"]) == (503, "60")


def test_a_page_holds_only_so_many_files(held):
    held["ann"] = [0] * 500
    assert upload("ann", b"1").status_code == 413


def test_an_upload_says_how_long_it_is_and_fits_one_file(held, monkeypatch):
    assert upload("ann", iter([b"1"])).status_code == 411
    monkeypatch.setattr(config, "get_option", lambda name: 0)
    assert upload("ann", b"1").status_code == 413


def test_who_was_admitted_is_not_any_more_once_a_page_refuses_them(held):
    assert upload("ann", b"1").status_code == 200
    door.admitted_sessions.mark("ann", admitted=False)
    for method in ("PUT", "DELETE"):
        refused = upload("ann", b"1", method=method)
        assert (refused.status_code, refused.headers["Connection"]) == (403, "close")


def test_only_so_many_pages_are_open_at_once(monkeypatch):
    async def page(scope, receive, send):
        await send({"type": "websocket.accept"})
        await receive()
        await receive()

    monkeypatch.setattr(door, "_MOST_PAGES_AT_ONCE", 1)
    client = TestClient(Door(page))
    first, second = (client.websocket_connect("/_stcore/stream") for _ in range(2))
    with first, pytest.raises(WebSocketDisconnect), second:
        pass
    with client.websocket_connect("/_stcore/stream"):
        pass
