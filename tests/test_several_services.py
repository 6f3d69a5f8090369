"""Three services on one store, one killed under load: what was accepted is there, once."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
from service_store import make_keys, tone
from sqlalchemy import text
from stub_service import address_of, stub_service
from waiting_uploads import until_ended, until_none_left

UPLOADS = 30
CLIENTS = 4


def contents() -> list[bytes]:
    """Return recordings, of which every fifth is none."""
    return [
        b"no sound %d" % number if number % 5 == 4 else tone(1.0 + number / 100)
        for number in range(UPLOADS)
    ]


def test_three_services_and_one_is_killed(store, store_url):
    key = make_keys(store).supervisor
    files = contents()
    with ExitStack() as stack:
        services = [
            stack.enter_context(stub_service(store.folder, seconds_per_call=0.2, url=store_url))
            for _ in range(3)
        ]
        addresses = [address_of(service) for service in services]
        victim = services[0]

        def send(number: int) -> str:
            for attempt in range(20):
                address = addresses[(number + attempt) % 3]
                try:
                    answer = httpx.post(
                        f"{address}/v1/calls", headers=key, timeout=60,
                        files={"file": (f"{number}.wav", files[number])},
                    )  # fmt: skip
                except httpx.TransportError:
                    continue  # as nginx does: the next one
                if answer.status_code == 202:
                    job_id: str = answer.json()["id"]
                    return job_id
                time.sleep(0.2)
            raise AssertionError(f"{number}.wav was taken by no service")

        def kill_it_at_work() -> None:
            while True:
                with store.database.reading() as session:
                    done = session.scalar(text("SELECT count(*) FROM jobs WHERE state = 'done'"))
                if done and done > 3:
                    victim.kill()
                    return
                time.sleep(0.05)

        killer = threading.Thread(target=kill_it_at_work)
        killer.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            accepted = list(pool.map(send, range(UPLOADS)))
        killer.join(60)
        assert victim.wait(10) != 0
        ended = until_ended(store, accepted)
        # An upload goes right after its job has ended; one of the victim's with the next round.
        until_none_left(store)
    stored = {job.call_id for job in ended if job.state == "done"}
    failed = [job for job in ended if job.state == "failed"]
    good = {hashlib.sha256(content).hexdigest() for content in files if b"RIFF" in content[:4]}
    assert stored == good
    assert {job.error_code for job in failed} == {"not_audio"}
    assert len(accepted) == len(stored) + len(failed) == UPLOADS
    with store.database.reading() as session:
        rows = session.scalars(text("SELECT id FROM calls")).all()
        reports = session.scalar(text("SELECT count(*) FROM reports"))
    assert (sorted(rows), reports) == (sorted(good), len(good))
