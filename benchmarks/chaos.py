"""Uploads against two services on PostgreSQL while everything around them fails; then count.

    python benchmarks/chaos.py [--minutes 30] [--clients 4] [--seed 0] [--stub] [--json FILE]

While clients upload good, bad and repeated recordings, one thing after another happens:
a service is killed (SIGKILL) and started again, PostgreSQL is stopped (at once, or without
a word to its clients) and started again, the disk of the data folder is filled, the table
of jobs is locked. Clocks are left alone. In the end all is mended and the queue runs
empty. What was accepted (202) has to be stored, or failed for a reason of its own; nothing
lost, nothing twice. A disk is filled only where this may mount one (root).

With ``--stub`` a stub stands for the model: then services are up within a second or two
of their start, and far more faults fit into the time.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.started_services import Postgres, Service  # noqa: E402
from benchmarks.told_figures import tell  # noqa: E402
from calmscore.errors import StoreError  # noqa: E402
from calmscore.store import Store  # noqa: E402
from calmscore.store.keys import create_key  # noqa: E402

RATE_HZ = 8_000
SERVICES = 2
# Room for what half an hour of uploads brings: it is the filler that fills the disk.
DISK_BYTES = 1 << 30
DRAINED_WITHIN_SECONDS = 1200.0
KINDS_OF_BAD = {"empty": b"", "letter": b"this is a letter, not a call\n" * 40}


@dataclass(kw_only=True)
class Record:
    """What the clients saw; job ids by the hash of what was sent."""

    accepted: dict[str, str] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    health: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def recording(chance: random.Random) -> bytes:
    """Return a short call that was never there before: two tones that break off and on."""
    seconds = chance.uniform(2.0, 8.0)
    moments = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sides = [
        0.1 * np.sin(2 * np.pi * chance.uniform(100, 900) * moments)
        + np.random.default_rng(chance.randrange(2**32)).normal(0, 0.01, len(moments))
        for _ in range(2)
    ]
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), RATE_HZ, format="WAV", subtype="ULAW")
    return file.getvalue()


def upload(
    services: list[Service], key: dict[str, str], record: Record, stop: threading.Event, seed: int
) -> None:
    """Send one recording after another, each until it is accepted or the time is over."""
    chance, sent = random.Random(seed), 0
    earlier: list[bytes] = []
    while not stop.is_set():
        sent += 1
        if sent % 7 == 0:
            content = KINDS_OF_BAD[chance.choice(sorted(KINDS_OF_BAD))]
            content += str((seed, sent)).encode() if content else b""
            with record.lock:
                record.bad.add(hashlib.sha256(content).hexdigest())
        elif sent % 11 == 0 and earlier:
            content = chance.choice(earlier)
        else:
            content = recording(chance)
            earlier.append(content)
        name = f"call {seed}-{sent}.wav"
        while not stop.is_set() and not _sent(services, key, record, name, content, chance):
            stop.wait(0.3)


def _sent(
    services: list[Service],
    key: dict[str, str],
    record: Record,
    name: str,
    content: bytes,
    chance: random.Random,
) -> bool:
    addresses = [service.address for service in services if service.address]
    if not addresses:
        return False
    try:
        answer = httpx.post(
            f"{chance.choice(addresses)}/v1/calls", headers=key, timeout=120,
            files={"file": (name, content)},
        )  # fmt: skip
    except httpx.HTTPError:
        outcome = "no answer"
    else:
        outcome = str(answer.status_code)
        if answer.status_code == 202:
            with record.lock:
                record.accepted[answer.json()["id"]] = hashlib.sha256(content).hexdigest()
    with record.lock:
        record.answers[outcome] += 1
    return outcome == "202"


def watch_health(services: list[Service], record: Record, stop: threading.Event) -> None:
    """Ask every service that runs whether it lives and is ready."""
    while not stop.wait(0.5):
        for service in services:
            for path in ("healthz", "readyz"):
                if service.address is None:
                    continue
                with suppress(httpx.HTTPError):
                    answer = httpx.get(f"{service.address}/{path}", timeout=10)
                    with record.lock:
                        record.health[f"{path} {answer.status_code}"] += 1


def break_things(
    services: list[Service],
    postgres: Postgres,
    data: Path,
    record: Record,
    *,
    seconds: float,
    chance: random.Random,
    may_fill: bool,
) -> None:
    """Let one thing after another happen, for so long."""

    def kill() -> None:
        chance.choice(services).kill()
        time.sleep(chance.uniform(1, 5))

    def stop_store(how: str) -> None:
        postgres.stop(how)
        time.sleep(chance.uniform(3, 15))
        postgres.start()

    def fill() -> None:
        filler = data / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"\0" * (1 << 20))
        time.sleep(chance.uniform(5, 12))
        filler.unlink()

    def lock() -> None:
        engine = create_engine(postgres.url)
        with suppress(SQLAlchemyError), engine.begin() as connection:
            connection.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
            time.sleep(chance.uniform(5, 20))
        engine.dispose()

    faults: dict[str, Callable[[], None]] = {
        "service killed": kill,
        "store stopped": lambda: stop_store("fast"),
        "store crashed": lambda: stop_store("immediate"),
        "store locked": lock,
    }
    if may_fill:
        faults["disk filled"] = fill
    end = time.monotonic() + seconds
    names: list[str] = []
    while time.monotonic() < end:
        names = names or chance.sample(sorted(faults), len(faults))
        name = names.pop()
        faults[name]()
        record.faults[name] += 1
        print(f"{record.faults.total():3d} {name}; {len(record.accepted)} accepted", flush=True)
        for service in services:
            service.start_again()
        time.sleep(chance.uniform(3, 8))
    for service in services:
        service.start_again(wait=True)


def count(store: Store, record: Record) -> dict[str, Any]:
    """Return what became of everything that was accepted."""
    with store.database.reading() as session:
        jobs = {row.id: row for row in session.execute(text("SELECT * FROM jobs"))}
        calls = set(session.scalars(text("SELECT id FROM calls")))
        reports = session.scalar(text("SELECT count(*) FROM reports"))
        added = session.scalar(
            text("SELECT count(*) FROM audit_events WHERE action = 'call added'")
        )
    ends = Counter[str]()
    reasons = Counter[str]()
    for job_id, sha256 in record.accepted.items():
        job = jobs.get(job_id)
        if job is None or job.finished_at is None:
            ends["lost"] += 1
        elif job.state == "done":
            ends["stored" if job.call_id == sha256 and sha256 in calls else "lost"] += 1
        elif sha256 in record.bad:
            ends["failed for a reason of its own"] += 1
            reasons[job.error_code] += 1
        else:
            ends["failed wrongly"] += 1
            reasons[f"good recording: {job.error_code}"] += 1
    wanted = set(record.accepted.values()) - record.bad
    return {
        "accepted": len(record.accepted),
        "stored": ends["stored"],
        "failed_for_a_reason": ends["failed for a reason of its own"],
        "failed_wrongly": ends["failed wrongly"],
        "lost": ends["lost"] + len(wanted - calls),
        "calls": len(calls),
        "twice": (reports or 0) - len(calls) + (added or 0) - len(calls),
        "recordings_kept": sum(store.audio.holds(call_id) for call_id in calls),
        "interrupted_and_resumed": sum(job.starts > 1 for job in jobs.values()),
        "setbacks": sum(job.setbacks for job in jobs.values()),
        "uploads_left": len(store.incoming.job_ids()),
        "reasons": dict(reasons),
    }


def _until_empty(store: Store) -> float:
    started = time.monotonic()
    while time.monotonic() - started < DRAINED_WITHIN_SECONDS:
        with suppress(StoreError), store.database.reading() as session:
            if not session.scalar(text("SELECT count(*) FROM jobs WHERE finished_at IS NULL")):
                break
        time.sleep(0.5)
    return time.monotonic() - started


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make the folder a small disk of its own where that is allowed, and tell whether."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def run(*, minutes: float, clients: int, seed: int, stub: bool) -> dict[str, Any]:
    """Run it all and return the figures."""
    record, stop = Record(), threading.Event()
    folder = Path(tempfile.mkdtemp(prefix="calmscore-chaos-"))
    folder.chmod(0o711)
    postgres = Postgres(folder / "postgres")
    postgres.start()
    services: list[Service] = []
    try:
        with small_disk(folder / "data") as may_fill:
            data = folder / "data"
            store = Store(data, url=postgres.url)
            with store.database.writing() as session:
                key = {
                    "Authorization": "Bearer "
                    + create_key(session, name="chaos", role="supervisor")
                }
            services += [
                Service(data, postgres.url, folder / f"service {number}.log", stub=stub)
                for number in range(SERVICES)
            ]
            for service in services:
                service.start()
            with ThreadPoolExecutor(clients + 1) as pool:
                pool.submit(watch_health, services, record, stop)
                ends = [
                    pool.submit(upload, services, key, record, stop, seed * 1000 + number)
                    for number in range(clients)
                ]
                try:
                    break_things(
                        services, postgres, data, record, seconds=60 * minutes,
                        chance=random.Random(seed), may_fill=may_fill,
                    )  # fmt: skip
                finally:
                    stop.set()
                for end in ends:
                    end.result()
            drained = _until_empty(store)
            time.sleep(2)
            figures = count(store, record)
            store.close()
            for service in services:
                service.kill()
    finally:
        for service in services:
            service.kill()
        postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "minutes": minutes,
        "services": SERVICES,
        "clients": clients,
        "seed": seed,
        "model": "stub" if stub else "shipped",
        "faults": dict(record.faults),
        "answers": dict(record.answers),
        "health": dict(record.health),
        "queue_empty_after_seconds": round(drained, 1),
        **figures,
    }


def main() -> int:
    """Run the command line; exit 1 if anything was lost, failed wrongly or came twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stub", action="store_true", help="a stub in place of the model")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    figures = run(
        minutes=options.minutes, clients=options.clients, seed=options.seed, stub=options.stub
    )
    missed = [f"{figures[name]} {name}" for name in ("lost", "twice") if figures[name]]
    if figures["accepted"] != figures["stored"] + figures["failed_for_a_reason"]:
        missed.append("what was accepted is not what was stored or failed for a reason")
    return tell(figures, missed=missed, file=options.json)


if __name__ == "__main__":
    sys.exit(main())
