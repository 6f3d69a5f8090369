"""Half-sent requests end, however many there are, and the service answers meanwhile."""

from __future__ import annotations

import http.client
import itertools
import logging
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from running_service import running
from service_store import UNHURRIED, make_keys, tone
from stub_classifier import stub_classifier
from websockets.sync.client import connect

from calmscore.connections import BoundedProtocol, hide_queries
from calmscore.service.application import create_app
from calmscore.store import Store

HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
HALF_A_BODY = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
PATIENCE = 60.0


class Hasty(BoundedProtocol):
    head_seconds = 2.0
    silence_seconds = 1.0
    linger_seconds = 0.5
    most_connections = 40


class Fair(Hasty):
    """Leaves somebody who is in time seconds to spare, also on a busy machine."""

    head_seconds = silence_seconds = 8.0


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = Store(tmp_path_factory.mktemp("data"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(store):
    app = create_app(store, stub_classifier(), settings=UNHURRIED)
    with running(app, http=Hasty) as address:
        yield address


def connection(address: str) -> socket.socket:
    parts = urlsplit(address)
    assert parts.hostname and parts.port
    made = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
    return made


def is_ended(sent: socket.socket) -> bool:
    """Wait until the other side ends a connection; what it says first is thrown away."""
    try:
        while sent.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def health(address: str) -> int:
    asked = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    asked.request("GET", "/healthz")
    status = asked.getresponse().status
    asked.close()
    return status


def test_more_half_sent_requests_than_there_is_room_for_live_on_for_no_one(address):
    with ExitStack() as stack:
        sent = [stack.enter_context(connection(address)) for _ in range(100)]
        for one in sent:
            try:
                one.sendall(HALF_A_HEAD)
            except ConnectionError:
                continue
        assert health(address) == 200
        assert all(is_ended(one) for one in sent)
        assert health(address) == 200


@pytest.mark.parametrize("said", [b"", HALF_A_HEAD, b"GET"])
def test_who_says_nothing_or_half_a_word_is_not_waited_for(address, said):
    with connection(address) as sent:
        sent.sendall(said)
        assert is_ended(sent)


def test_letters_one_by_one_do_not_buy_time(address):
    with connection(address) as sent:
        started = time.monotonic()
        try:
            while time.monotonic() - started < PATIENCE:
                sent.sendall(b"X")
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert time.monotonic() - started < PATIENCE / 2


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_a_body_that_stops_or_only_drips_ends(address, store, drip):
    key = make_keys(store).supervisor["Authorization"]
    head = (
        HALF_A_BODY
        + (
            f"Authorization: {key}\r\n"
            "Content-Type: multipart/form-data; boundary=cut\r\n\r\n--cut\r\n"
        ).encode()
    )
    with connection(address) as sent:
        sent.sendall(head)
        started = time.monotonic()
        try:
            while drip and time.monotonic() - started < PATIENCE:
                sent.sendall(drip)
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert is_ended(sent)
        assert time.monotonic() - started < PATIENCE / 2


def test_who_was_answered_does_not_go_on_sending(address):
    with connection(address) as sent:
        sent.sendall(HALF_A_BODY + b"\r\n")
        assert is_ended(sent)


def test_who_is_in_time_is_served_again_and_again(store):
    key = make_keys(store).supervisor["Authorization"]
    body = (
        b'--cut\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
        + tone(3.0)
        + b"\r\n--cut--\r\n"
    )
    headers = {"Authorization": key, "Content-Type": "multipart/form-data; boundary=cut"}
    app = create_app(store, stub_classifier(), settings=UNHURRIED)
    with running(app, http=Fair) as address:
        asked = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
        for _ in range(4):
            asked.request("POST", "/v1/predict", body=body, headers=headers)
            answer = asked.getresponse()
            answer.read()
            assert answer.status < 500
            # All of them together take longer than one may.
            time.sleep(Fair.head_seconds / 3)
        asked.close()


def test_what_is_asked_for_is_not_written_down(caplog):
    hide_queries()
    log = logging.getLogger("uvicorn.access")
    with caplog.at_level(logging.INFO, logger="uvicorn.access"):
        log.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", "/v1/calls?q=Ann+Smith", "1.1", 200)
    assert "/v1/calls?" in caplog.text
    assert "Ann" not in caplog.text


SESSIONS = 20
CONNECTIONS_OF_A_BROWSER = 6


async def pages(scope, receive, send):
    """Serve a page as a browser opens it: files, and a connection that may be silent."""
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "here"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"file"})


@pytest.fixture(scope="module")
def pages_address():
    with running(pages, http=Hasty) as address:
        yield address


def test_a_page_that_is_silent_stays_open_and_nothing_is_logged(pages_address, caplog):
    with connect(pages_address.replace("http", "ws")) as page:
        time.sleep(3 * Hasty.head_seconds)
        page.send("still there?")
        assert page.recv(timeout=PATIENCE) == "here"
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_one_address_may_hold_twenty_browsers_with_all_their_connections():
    with running(pages, http=BoundedProtocol) as address, ExitStack() as stack:
        browsers = [
            [
                http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
                for _ in range(CONNECTIONS_OF_A_BROWSER)
            ]
            for _ in range(SESSIONS)
        ]
        opened = [stack.enter_context(connect(address.replace("http", "ws"))) for _ in browsers]
        for _ in range(3):
            for one in itertools.chain(*browsers):
                one.request("GET", "/")
            for one in itertools.chain(*browsers):
                assert one.getresponse().read() == b"file"
        for page in opened:
            page.send("still there?")
            assert page.recv(timeout=PATIENCE) == "here"
        for one in itertools.chain(*browsers):
            one.close()
