"""The nginx of deploy/: three services of which one dies, real addresses, bounds, pages."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from nginx import Nginx, nginx_program, running_nginx
from running_dashboard import free_port, running_dashboard
from service_store import make_keys
from sqlalchemy import text
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from stub_service import address_of, stub_service
from waiting import until
from waiting_uploads import send_until_taken, sounds_and_others, until_ended, until_none_left
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from calmscore.store import Store

pytestmark = pytest.mark.skipif(nginx_program() is None, reason="nginx is not installed")

UPLOADS = 60
CLIENTS = 4


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "nginx"
    made.mkdir()
    return made


def count_ended(store: Store) -> int:
    with store.database.reading() as session:
        return int(session.scalar(text("SELECT count(*) FROM jobs WHERE state = 'done'")) or 0)


def until_it_serves(nginx: Nginx, port: int) -> None:
    """Ask until nginx hands a request on to a port again."""
    before = len(nginx.log())

    def serves() -> bool:
        httpx.get(f"{nginx.address}/v1/calls", verify=False)
        return any(line.endswith(f":{port}") for line in nginx.log()[before:])

    until(serves, every=0.1)


def test_three_services_of_which_one_is_killed_and_comes_back(store, folder):
    key = make_keys(store).supervisor
    files, ports = sounds_and_others(UPLOADS), [free_port() for _ in range(3)]
    with ExitStack() as stack:

        def start(port: int) -> subprocess.Popen[str]:
            return stack.enter_context(stub_service(store.folder, seconds_per_call=0.2, port=port))

        services = [start(port) for port in ports]
        for service in services:
            address_of(service)
        victim = services[0]
        nginx = stack.enter_context(
            running_nginx(folder, services=ports, changes={"fail_timeout=10s": "fail_timeout=1s"})
        )

        def kill_it_at_work_and_start_it_again() -> None:
            until(lambda: count_ended(store) >= 10)
            victim.kill()
            victim.wait()
            time.sleep(1.0)
            address_of(start(ports[0]))

        fate = threading.Thread(target=kill_it_at_work_and_start_it_again)
        fate.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            accepted = list(
                pool.map(
                    lambda number: send_until_taken(
                        [nginx.address], key=key, name=f"{number}.wav", content=files[number]
                    ),
                    range(UPLOADS),
                )
            )
        fate.join()
        until_it_serves(nginx, ports[0])
        ended = until_ended(store, accepted)
        until_none_left(store)
    stored = [job.call_id for job in ended if job.state == "done"]
    failed = [job.error_code for job in ended if job.state == "failed"]
    good = {hashlib.sha256(content).hexdigest() for content in files if content[:4] == b"RIFF"}
    assert set(stored) == good and set(failed) == {"not_audio"}
    assert len(stored) + len(failed) == len(accepted) == UPLOADS
    with store.database.reading() as session:
        reports = session.scalar(text("SELECT count(*) FROM reports"))
    assert reports == len(good)


def ask(nginx: Nginx, path: str, *, source: str = "127.0.0.1", **headers: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source, verify=False)) as client:
        return client.get(nginx.address.replace("localhost", "127.0.0.1") + path, headers=headers)


def test_the_real_address_is_taken_from_a_trusted_proxy_alone(store, folder):
    with (
        stub_service(store.folder, seconds_per_call=0.0) as service,
        running_nginx(
            folder, services=[int(address_of(service).rsplit(":", 1)[1]), 9, 9],
            changes={"# set_real_ip_from 192.0.2.7;": "set_real_ip_from 127.0.0.7;"},
        ) as nginx,
    ):  # fmt: skip
        said = {"X-Forwarded-For": "198.51.100.1", "Authorization": "Bearer unknown"}
        # The service waits for nobody but the address that showed unknown keys too often.
        trusted = [
            ask(nginx, "/v1/calls?text=Smith", source="127.0.0.7", **said).status_code
            for _ in range(21)
        ]
        forged = ask(nginx, "/v1/calls?text=Smith", source="127.0.0.8", **said).status_code
    # Read when it has ended: an answer is on its way before its line is written.
    log = [line for line in nginx.log() if " /v1/" in line]
    assert trusted == [401] * 20 + [429]
    assert forged == 401
    assert [line.split()[0] for line in log] == ["198.51.100.1"] * 21 + ["127.0.0.8"]
    assert not any("Smith" in line for line in log)


def test_too_much_too_often_and_nobody_there_are_told_as_the_service_tells(folder):
    with running_nginx(
        folder, services=[9, 9, 9],
        changes={"2049m": "1m", "rate=20r/s": "rate=1r/m", "burst=200": "burst=1"},
    ) as nginx:  # fmt: skip
        large = httpx.post(
            f"{nginx.address}/v1/calls", verify=False, files={"file": bytes(2 << 20)}
        )
        answers = [ask(nginx, "/v1/calls") for _ in range(4)]
        redirect = httpx.get(f"{nginx.plain_address}/calls")
        figures = ask(nginx, "/_stcore/metrics").status_code
    assert (large.status_code, large.json()["code"]) == (413, "file_too_large")
    assert [answer.status_code for answer in answers] == [503, 503, 429, 429]
    assert [answer.json()["code"] for answer in answers[1:3]] == [
        "service_away", "too_many_requests",
    ]  # fmt: skip
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert (redirect.status_code, redirect.headers["Location"]) == (301, "https://localhost/calls")
    assert figures == 404


def test_a_page_opens_and_a_stranger_behind_nginx_is_not_let_in(folder):
    with (
        running_dashboard(stub_model=True) as dashboard,
        running_nginx(
            folder, services=[9, 9, 9], dashboard=int(dashboard.rsplit(":", 1)[1])
        ) as nginx,
    ):
        assert httpx.get(nginx.address, verify=False).status_code == 200
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        texts = []
        with connect(
            f"{nginx.address.replace('https', 'wss')}/_stcore/stream", ssl=trusting,
            subprotocols=[Subprotocol("streamlit")], origin=Origin(nginx.address), max_size=None,
        ) as page:  # fmt: skip
            page.send(b"\x5a\x00")
            while True:
                message = ForwardMsg.FromString(page.recv(timeout=60))
                texts.append(str(message))
                if message.WhichOneof("type") == "script_finished":
                    break
    assert any("there is no remote access" in said for said in texts)
    assert not any("Nothing to listen to" in said or "Add calls" in said for said in texts)
