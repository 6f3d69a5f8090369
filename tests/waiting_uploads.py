"""Uploads in the queue of a store, as tests of several services leave and await them."""

from __future__ import annotations

import time
from typing import Any

import httpx
from service_store import tone
from waiting import PATIENCE_SECONDS, until

from calmscore.store import Store
from calmscore.store.jobs import JobRow, add_job, read_job, states_of


def sounds_and_others(count: int) -> list[bytes]:
    """Return recordings, of which every fifth is none."""
    return [
        b"no sound %d" % number if number % 5 == 4 else tone(1.0 + number / 100)
        for number in range(count)
    ]


def send_until_taken(
    addresses: list[str], *, key: dict[str, str], name: str, content: bytes
) -> str:
    """Send a recording to one address after another until it is taken; return its job's id."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    attempt = 0
    while time.monotonic() < deadline:
        attempt += 1
        try:
            answer = httpx.post(
                f"{addresses[attempt % len(addresses)]}/v1/calls", headers=key, timeout=60,
                verify=False, files={"file": (name, content)},
            )  # fmt: skip
        except httpx.TransportError:
            continue
        if answer.status_code == 202:
            job_id: str = answer.json()["id"]
            return job_id
        time.sleep(0.2)
    raise AssertionError(f"{name} was not taken")


def waiting_upload(store: Store, content: bytes, **parameters: Any) -> str:
    """Leave a call in the queue as a service does that has died."""
    store.incoming.prepare()
    with store.database.writing() as session:
        job = add_job(session, kind="call", parameters={"actor": "somebody", **parameters})
    store.incoming.path(job.id).write_bytes(content)
    return job.id


def until_ended(store: Store, job_ids: list[str]) -> list[JobRow]:
    """Wait until these jobs have ended; their uploads may be on disk a moment longer."""
    jobs: list[JobRow] = []

    def ended() -> bool:
        with store.database.reading() as session:
            jobs[:] = [read_job(session, job_id) for job_id in job_ids]
        return all(job.finished_at for job in jobs)

    until(ended)
    return jobs


def until_none_left(store: Store) -> None:
    """Wait until no upload of a job is left; one that was never acknowledged has no job."""

    def left() -> object:
        with store.database.reading() as session:
            return states_of(session, store.incoming.job_ids())

    until(lambda: not left())
