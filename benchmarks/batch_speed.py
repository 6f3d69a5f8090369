"""Calls per hour of ``calmscore batch`` with one process and with several.

    python benchmarks/batch_speed.py [--calls 60] [--jobs 1 2]

Calls of 5 minutes (stereo, 8 kHz, μ-law) are made of the sample calls, each shifted so
that no two are the same recording. The real command puts them into a fresh store. Start
and loading of the model are part of the time. Writes ``benchmarks/batch_speed.json``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from batch_kill import stored
from call_speed import RATE_HZ, ROOT, make_call
from told_figures import tell

_MINUTES = 5


def write_calls(folder: Path, count: int) -> None:
    """Write calls of 5 minutes, each shifted against the others."""
    make_call(folder / "first.wav", minutes=_MINUTES)
    sound, _ = soundfile.read(folder / "first.wav")
    (folder / "first.wav").unlink()
    for number in range(count):
        shifted = np.roll(sound, number * RATE_HZ, axis=0)
        soundfile.write(folder / f"call-{number:03d}.wav", shifted, RATE_HZ, subtype="ULAW")


def measure(recordings: Path, *, jobs: int) -> dict[str, Any]:
    """Run the batch into a fresh store; return how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CALMSCORE_DATA_FOLDER": folder}
        environment.pop("CALMSCORE_DATABASE_URL", None)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "calmscore", "batch", str(recordings), "--jobs", str(jobs)],
            cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        calls = stored(Path(folder))["calls"]
    return {
        "jobs": jobs,
        "calls": calls,
        "seconds": round(seconds, 1),
        "calls_per_hour": round(calls / seconds * 3600),
        "real_time_factor": round(seconds / (calls * _MINUTES * 60), 5),
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_calls(Path(folder), options.calls)
        runs = [measure(Path(folder), jobs=jobs) for jobs in options.jobs]
    result = {"cores": os.cpu_count(), "minutes_per_call": _MINUTES, "runs": runs}
    return tell(result, missed=(), file=Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    sys.exit(main())
