"""Kill ``calmscore batch`` at random moments, resume it, and count what the store holds.

    python benchmarks/batch_kill.py

The real command and the real model score calls that are cut from the sample calls, with
a little noise that makes each one different. The batch is killed (SIGKILL, with no chance
to tidy up) the given number of times, then left to finish. Every call has to be in the
store once: one call, one report, one audit line. Writes ``benchmarks/batch_kill.json``.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from told_figures import tell  # noqa: E402

from calmscore.store import Store  # noqa: E402
from calmscore.store.audit import list_events  # noqa: E402
from calmscore.store.calls import count_calls, list_calls  # noqa: E402
from calmscore.store.reports import list_reports  # noqa: E402

_CALL_SECONDS = 40.0
_SEED = 0


def write_calls(folder: Path, count: int) -> None:
    """Write calls of 40 s, each of other content."""
    generator = np.random.default_rng(_SEED)
    samples = [soundfile.read(path) for path in sorted((ROOT / "samples").glob("*.wav"))]
    for number in range(count):
        sound, rate_hz = samples[number % len(samples)]
        length = int(_CALL_SECONDS * rate_hz)
        start = int(generator.integers(0, len(sound) - length))
        noise = 1e-3 * generator.standard_normal((length, sound.shape[1]))
        soundfile.write(folder / f"call-{number:03d}.wav", sound[start : start + length] + noise,
                        rate_hz)  # fmt: skip


def stored(folder: Path) -> dict[str, int]:
    """Return how many calls, reports and lines of added calls a store holds."""
    store = Store(folder)
    with store.database.reading() as session:
        calls = list_calls(session, limit=count_calls(session) + 1)
        events = list_events(session, limit=100_000)
        counts = {
            "calls": len(calls),
            "reports": sum(len(list_reports(session, call.id)) for call in calls),
            "added": sum(event.action == "call added" for event in events),
        }
    store.close()
    return counts


def measure(folder: Path, *, calls: int, kills: int, jobs: int) -> dict[str, Any]:
    """Kill and resume; return what was found after each kill and in the end."""
    recordings = folder / "calls"
    recordings.mkdir()
    write_calls(recordings, calls)
    command = [sys.executable, "-m", "calmscore", "batch", str(recordings), "--jobs", str(jobs),
               "--failures", str(folder / "failures.csv")]  # fmt: skip
    environment = os.environ | {"CALMSCORE_DATA_FOLDER": str(folder / "store")}
    environment.pop("CALMSCORE_DATABASE_URL", None)
    generator = random.Random(_SEED)
    after = []
    for number in range(kills):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(generator.uniform(1.0, 16.0))
        # Every second time the workers are killed too, the other times they are left alone.
        if number % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        after.append(stored(folder / "store")["calls"])
        print(f"kill {number + 1} of {kills}: {after[-1]} calls stored", flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    summary = done.stderr.strip().splitlines()[-1]
    return {
        "calls": calls, "kills": kills, "jobs": jobs, "stored_after_each_kill": after,
        "summary_of_the_last_run": summary, "exit_code": done.returncode,
        "stored": stored(folder / "store"),
    }  # fmt: skip


def main() -> int:
    """Run the command line; return 0 if every call was stored once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), calls=options.calls, kills=options.kills, jobs=options.jobs)
    wanted = dict.fromkeys(("calls", "reports", "added"), options.calls)
    good = result["stored"] == wanted and result["exit_code"] == 0
    missed = [] if good else ["not every call is stored once"]
    return tell(result, missed=missed, file=Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    sys.exit(main())
