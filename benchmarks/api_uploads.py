"""Fifty uploads at once, good and bad, to a real server with the shipped model.

    python benchmarks/api_uploads.py [--uploads 50] [--clients 8] [--json FILE]

The server is a process of its own on a free port, with an empty store. Good files are
different cuts of the sample calls; bad ones are empty, no sound, cut off or odd. Every
answer is held against what was sent; the server's log is searched for tracebacks.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


from calmscore.store import Store  # noqa: E402
from calmscore.store.calls import count_calls  # noqa: E402
from calmscore.store.jobs import open_job_ids  # noqa: E402
from calmscore.store.keys import create_key  # noqa: E402

RATE_HZ = 8_000
SHORTEST_SECONDS = 20.0
LONGEST_SECONDS = 90.0
TIMEOUT_SECONDS = 1800.0
START_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A file to upload, and the code of the error it must meet; empty for a good one."""

    name: str
    kind: str
    content: bytes
    code: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came back for a file."""

    status: int
    document: dict[str, Any]
    seconds: float


def make_files(count: int) -> list[Sent]:
    """Return good and bad files, two good ones to each bad one, in a fixed disorder."""
    samples = [soundfile.read(path)[0] for path in sorted((ROOT / "samples").glob("*.wav"))]
    sound = np.concatenate(samples)
    chance = random.Random(0)
    bad = [
        ("empty", b"", "empty_file"),
        ("no sound", b"this is a letter, not a call\n" * 40, "not_audio"),
        ("header alone", _wav(sound[:0]), "no_samples"),
        ("header cut off", _wav(sound[:800])[:20], "damaged_header"),
        ("rate too high", _wav(sound[:8000], rate_hz=384_000), "sample_rate_out_of_range"),
        ("nine channels", _wav(np.zeros((8000, 9))), "too_many_channels"),
    ]
    files = []
    for number in range(count):
        name = f"call {number:02d}.wav"
        if number % 3 == 2:
            kind, content, code = bad[number // 3 % len(bad)]
            files.append(Sent(name=name, kind=kind, content=content, code=code))
            continue
        length = int(chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) * RATE_HZ)
        first = chance.randrange(0, len(sound) - length)
        subtype = ("PCM_16", "ULAW")[number % 2]
        content = _wav(sound[first : first + length], subtype=subtype)
        files.append(
            Sent(name=name, kind=f"call, {subtype}", content=content, seconds=length / RATE_HZ)
        )
    chance.shuffle(files)
    return files


def _wav(samples: Any, *, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


@contextmanager
def server(data: Path, log: Path) -> Iterator[str]:
    """Run the service on a free port until it is no longer needed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "CALMSCORE_DATA_FOLDER": str(data),
        "CALMSCORE_REQUESTS_PER_MINUTE": "1000000",
    }
    environment.pop("CALMSCORE_DATABASE_URL", None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", "api:create_app", "--port", str(port),
             "--log-level", "warning"],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, address, log)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(START_SECONDS * 4):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text()}")
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise RuntimeError(f"the server is not ready after {START_SECONDS} s")


def send(address: str, key: str, file: Sent) -> Answered:
    """Upload a file and wait for its report."""
    started = time.perf_counter()
    answer = httpx.post(
        f"{address}/v1/calls",
        params={"wait": True},
        headers={"Authorization": f"Bearer {key}"},
        files={"file": (file.name, file.content)},
        timeout=TIMEOUT_SECONDS,
    )
    return Answered(
        status=answer.status_code,
        document=answer.json(),
        seconds=time.perf_counter() - started,
    )


def faults(files: list[Sent], answers: list[Answered]) -> dict[str, int]:
    """Count answers that belong to another file, errors without name or code, and tracebacks."""
    mixed_up = unnamed = tracebacks = 0
    for file, answer in zip(files, answers, strict=True):
        document = answer.document
        tracebacks += "Traceback" in json.dumps(document)
        if file.code:
            named = document.get("code") == file.code and file.name in document.get("detail", "")
            unnamed += not (answer.status == 422 and named)
            continue
        call = document.get("call", {})
        mixed_up += not (
            answer.status == 201
            and call.get("file_name") == file.name
            and call.get("id") == hashlib.sha256(file.content).hexdigest()
            and abs(call.get("duration_seconds", 0.0) - file.seconds) < 0.001
        )
    return {"mixed_up": mixed_up, "errors_unnamed": unnamed, "tracebacks_in_answers": tracebacks}


def measure(uploads: int, clients: int) -> dict[str, Any]:
    """Run the uploads and return all figures."""
    files = make_files(uploads)
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "data", Path(folder) / "server.log"
        store = Store(data)
        with store.database.writing() as session:
            key = create_key(session, name="benchmark", role="supervisor")
        with server(data, log) as address, ThreadPoolExecutor(clients) as pool:
            started = time.perf_counter()
            answers = list(pool.map(lambda file: send(address, key, file), files))
            seconds = time.perf_counter() - started
        with store.database.reading() as session:
            stored = count_calls(session)
            unended = len(open_job_ids(session, kind="call"))
        store.close()
        log_tracebacks = log.read_text(errors="replace").count("Traceback")
    good = sum(not file.code for file in files)
    return {
        "uploads": uploads,
        "clients": clients,
        "good": good,
        "bad": uploads - good,
        "seconds": seconds,
        "call_seconds": sum(file.seconds for file in files),
        "median_seconds_to_answer": float(np.median([a.seconds for a in answers])),
        "longest_seconds_to_answer": max(a.seconds for a in answers),
        "lost": good - stored + unended,
        **faults(files, answers),
        "tracebacks_in_log": log_tracebacks,
        "kinds": _by_kind(files, answers),
    }


def _by_kind(files: list[Sent], answers: list[Answered]) -> list[dict[str, Any]]:
    kinds: dict[str, list[tuple[Sent, Answered]]] = {}
    for file, answer in zip(files, answers, strict=True):
        kinds.setdefault(file.kind, []).append((file, answer))
    return [
        {
            "kind": kind,
            "files": len(pairs),
            "statuses": sorted({answer.status for _, answer in pairs}),
            "codes": sorted({a.document["code"] for _, a in pairs if "code" in a.document}),
            "median_seconds_to_answer": float(np.median([a.seconds for _, a in pairs])),
        }
        for kind, pairs in sorted(kinds.items())
    ]


def main() -> int:
    """Run the benchmark, print its tables; 1 if anything was lost, mixed up or unnamed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result = {"cores": os.cpu_count(), **measure(options.uploads, options.clients)}
    print(f"{'kind':<16} {'files':>5}  {'status':<8} {'code':<26} median s")
    for row in result["kinds"]:
        print(
            f"{row['kind']:<16} {row['files']:>5}  {', '.join(map(str, row['statuses'])):<8} "
            f"{', '.join(row['codes']):<26} {row['median_seconds_to_answer']:8.2f}"
        )
    print(
        f"{result['uploads']} uploads by {result['clients']} clients in {result['seconds']:.1f} s: "
        f"{result['call_seconds'] / 60:.1f} min of calls, "
        f"{result['call_seconds'] / result['seconds']:.0f} times real time"
    )
    bars = ("lost", "mixed_up", "errors_unnamed", "tracebacks_in_answers", "tracebacks_in_log")
    print(", ".join(f"{name.replace('_', ' ')} {result[name]}" for name in bars))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(any(result[name] for name in bars))


if __name__ == "__main__":
    sys.exit(main())
