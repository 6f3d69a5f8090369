"""Uploads in the queue of a store, as tests of several services leave and await them."""

from __future__ import annotations

import time
from typing import Any

from calmscore.store import Store
from calmscore.store.jobs import JobRow, add_job, read_job, states_of

# A process of its own takes its time to start on a busy machine.
_PATIENCE_SECONDS = 180


def waiting_upload(store: Store, content: bytes, **parameters: Any) -> str:
    """Leave a call in the queue as a service does that has died."""
    store.incoming.prepare()
    with store.database.writing() as session:
        job = add_job(session, kind="call", parameters={"actor": "somebody", **parameters})
    store.incoming.path(job.id).write_bytes(content)
    return job.id


def until_ended(store: Store, job_ids: list[str]) -> list[JobRow]:
    """Wait until these jobs have ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with store.database.reading() as session:
            jobs = [read_job(session, job_id) for job_id in job_ids]
        if all(job.finished_at for job in jobs):
            return jobs
        time.sleep(0.01)
    raise AssertionError(f"jobs did not end: {jobs}")


def until_none_left(store: Store) -> None:
    """Wait until no upload of a job is left; one that was never acknowledged has no job."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with store.database.reading() as session:
            left = states_of(session, store.incoming.job_ids())
        if not left:
            return
        assert time.monotonic() < deadline, f"uploads are left: {left}"
        time.sleep(0.05)
