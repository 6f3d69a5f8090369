"""Time and memory of the command line for calls of several lengths.

    python benchmarks/call_speed.py [--minutes 1 10 60] [--before CHECKOUT] [--json FILE]

Calls are made of the sample calls, turned end to end: stereo, 8 kHz, μ-law. Each
length is analysed in fresh processes, the first time cold, then warm; processor
seconds and peak memory are the process's own. Another checkout is measured in turn
with this one, under the same load. The shares of the stages are measured in this
process around the same functions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from calmscore.analysis.call import listen_to_call, score_given_the_call  # noqa: E402
from calmscore.analysis.inertia import smooth_probabilities  # noqa: E402
from calmscore.analysis.segments import segment_call  # noqa: E402
from calmscore.audio.log_mel import log_mel  # noqa: E402
from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording  # noqa: E402
from calmscore.network.classifier import (  # noqa: E402
    DEFAULT_ARTIFACTS,
    MODEL_FILE,
    EmotionClassifier,
    load_classifier,
)

T = TypeVar("T")
RATE_HZ = 8_000
WARM_RUNS = 2


def make_call(path: Path, *, minutes: float) -> None:
    """Write a call of the given length, made of the sample calls."""
    parts = [soundfile.read(sample)[0] for sample in sorted((ROOT / "samples").glob("*.wav"))]
    wanted = int(minutes * 60 * RATE_HZ)
    samples = np.concatenate(parts)
    repeated = np.concatenate([samples] * -(-wanted // len(samples)))[:wanted]
    soundfile.write(path, repeated, RATE_HZ, subtype="ULAW")


@dataclass(frozen=True)
class Run:
    """What an analysis in a fresh process took."""

    wall_seconds: float
    processor_seconds: float
    peak_megabytes: float


def run_command(call: Path, *, checkout: Path, output: Path) -> Run:
    """Analyse a call in a fresh process."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "inference.py", str(call), "--format", "json", "--output", str(output)],
        cwd=checkout, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{call.name}: the command line failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def figures_of(runs: list[Run]) -> dict[str, float]:
    """Return the figures of runs, of which the first was cold."""
    warm = runs[1:] or runs
    return {
        "cold_seconds": runs[0].wall_seconds,
        "warm_seconds": min(run.wall_seconds for run in warm),
        "processor_seconds": min(run.processor_seconds for run in warm),
        "peak_megabytes": max(run.peak_megabytes for run in runs),
    }


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Return a function's result and the seconds it took."""
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def measure_stages(call: Path) -> dict[str, float]:
    """Return the seconds of each stage of an analysis, in this process."""
    classifier = load_classifier()
    recording, reading = timed(lambda: read_recording(call))
    segmented, segmenting = timed(lambda: segment_call(recording))
    hearing, classifying = timed(lambda: listen_to_call(segmented, classifier))
    places = np.array([segment.index for segment in segmented.judged], dtype=np.int64)
    _, scoring = timed(
        lambda: score_given_the_call(segmented, smooth_probabilities(hearing.heard, indices=places))
    )
    return {
        "read": reading,
        "find speech": segmenting,
        "classify": classifying,
        "score": scoring,
        "scored segments": float(len(places)),
    }


def segment_speed(call: Path, *, segments: int = 32) -> dict[str, dict[str, float]]:
    """Return milliseconds a segment, wall and processor, of each way to run the network.

    The export and Keras classify segments all at once and one after the other;
    ``keras.Model.predict`` is the usual way to call a model. All in turn, twice.
    """
    segmented = segment_call(read_recording(call))
    sounds = [s.samples for s in segmented.segments if s.samples is not None]
    sounds = (sounds * -(-segments // len(sounds)))[:segments]
    exported, keras_run = load_classifier(runtime="onnx"), load_classifier(runtime="keras")
    import keras

    model = keras.models.load_model(DEFAULT_ARTIFACTS / MODEL_FILE, compile=False)

    def together(classifier: EmotionClassifier) -> None:
        classifier.predict_proba(sounds, sample_rate_hz=ANALYSIS_RATE_HZ)

    def alone(classifier: EmotionClassifier) -> None:
        for sound in sounds:
            classifier.predict_proba([sound], sample_rate_hz=ANALYSIS_RATE_HZ)

    def predict() -> None:
        for sound in sounds:
            model.predict(log_mel([sound]), verbose=0)

    ways: dict[str, Callable[[], None]] = {
        "onnx together": lambda: together(exported),
        "onnx alone": lambda: alone(exported),
        "keras together": lambda: together(keras_run),
        "keras alone": lambda: alone(keras_run),
        "keras predict": predict,
    }
    found: dict[str, dict[str, float]] = {}
    for _ in range(2):
        for name, way in ways.items():
            processor = time.process_time()
            _, wall = timed(way)
            taken = {"wall": wall, "processor": time.process_time() - processor}
            best = found.setdefault(name, {key: float("inf") for key in taken})
            found[name] = {
                key: min(best[key], 1000 * value / segments) for key, value in taken.items()
            }
    return found


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--warm-runs", type=int, default=2, help="after the cold one")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="measured in turn")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="gets the figures; other lengths' are kept"
    )
    options = parser.parse_args()
    checkouts = {"now": ROOT, **({"before": options.before} if options.before else {})}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        print("minutes           cold s   warm s   processor s   peak MB   load")
        for minutes in options.minutes:
            call = Path(folder) / f"{minutes:g}.wav"
            make_call(call, minutes=minutes)
            runs: dict[str, list[Run]] = {name: [] for name in checkouts}
            for _ in range(1 + options.warm_runs):
                for name, checkout in checkouts.items():
                    runs[name].append(run_command(call, checkout=checkout, output=output))
            figures = {name: figures_of(taken) for name, taken in runs.items()}
            load = os.getloadavg()[0]
            for name, found in figures.items():
                print(
                    f"{minutes:7g} {name:>6}  {found['cold_seconds']:7.1f}  "
                    f"{found['warm_seconds']:7.1f}  {found['processor_seconds']:12.1f}  "
                    f"{found['peak_megabytes']:8.0f}  {load:5.1f}",
                    flush=True,
                )
            row = {"minutes": minutes, "load_average": load, **figures.pop("now"), **figures}
            rows.append({**row, "stages": measure_stages(call)})
        by_way = segment_speed(call)
    for row in rows:
        stages = ", ".join(
            f"{name} {value:.2f} s" for name, value in row["stages"].items() if "seg" not in name
        )
        print(f"{row['minutes']:g} min: {stages}; {row['stages']['scored segments']:.0f} segments")
    for name, taken in by_way.items():
        wall, processor = taken["wall"], taken["processor"]
        print(f"{name:<15} {wall:6.1f} ms a segment, {processor:6.1f} ms of processor")
    if options.json is not None:
        kept = _rows_of(options.json, but=options.minutes)
        results = {
            "cores": os.cpu_count(),
            "calls": sorted(kept + rows, key=lambda row: float(row["minutes"])),
            "milliseconds_per_segment": by_way,
        }
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _rows_of(path: Path, *, but: list[float]) -> list[dict[str, Any]]:
    """Return what a file holds of other lengths."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["calls"]
    return [row for row in rows if row["minutes"] not in but]


if __name__ == "__main__":
    main()
