"""Three services on one store, one killed under load: what was accepted is there, once."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from service_store import make_keys
from sqlalchemy import text
from stub_service import address_of, stub_service
from waiting import PATIENCE_SECONDS, until
from waiting_uploads import send_until_taken, sounds_and_others, until_ended, until_none_left

UPLOADS = 30
CLIENTS = 4


def test_three_services_and_one_is_killed(store, store_url):
    key = make_keys(store).supervisor
    files = sounds_and_others(UPLOADS)
    with ExitStack() as stack:
        services = [
            stack.enter_context(stub_service(store.folder, seconds_per_call=0.2, url=store_url))
            for _ in range(3)
        ]
        addresses = [address_of(service) for service in services]
        victim = services[0]

        def send(number: int) -> str:
            first = number % 3
            return send_until_taken(
                [*addresses[first:], *addresses[:first]], key=key,
                name=f"{number}.wav", content=files[number],
            )  # fmt: skip

        def at_work() -> bool:
            with store.database.reading() as session:
                done = session.scalar(text("SELECT count(*) FROM jobs WHERE state = 'done'"))
            return bool(done and done > 3)

        def kill_it_at_work() -> None:
            until(at_work)
            victim.kill()

        killer = threading.Thread(target=kill_it_at_work)
        killer.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            accepted = list(pool.map(send, range(UPLOADS)))
        killer.join()
        assert victim.wait(PATIENCE_SECONDS) != 0
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
