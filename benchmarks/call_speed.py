"""Time and memory of the command line for calls of several lengths.

    python benchmarks/call_speed.py [--minutes 1 10 60] [--json FILE]

Calls are made of the sample calls, turned end to end: stereo, 8 kHz, μ-law. Each
length is analysed in fresh processes, the first time cold, then warm; the peak
memory is the process's own. The shares of the stages are measured in this process
around the same functions.
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
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from calmscore.analysis.call import analyze_recording  # noqa: E402
from calmscore.analysis.segments import segment_call  # noqa: E402
from calmscore.audio.log_mel import log_mel  # noqa: E402
from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording  # noqa: E402
from calmscore.network.classifier import DEFAULT_ARTIFACTS, MODEL_FILE, load_classifier  # noqa: E402

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


def run_command(call: Path, *, output: Path) -> tuple[float, float]:
    """Analyse a call in a fresh process; return wall seconds and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "inference.py", str(call), "--format", "json", "--output", str(output)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{call.name}: the command line failed")
    return seconds, usage.ru_maxrss / 1024


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Return a function's result and the seconds it took."""
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def measure_stages(call: Path) -> dict[str, float]:
    """Return the seconds of each stage of an analysis, and of the whole, in this process."""
    classifier = load_classifier()
    recording, reading = timed(lambda: read_recording(call))
    segmented, segmenting = timed(lambda: segment_call(recording))
    sounds = [s.samples for s in segmented.segments if s.samples is not None]
    _, classifying = timed(
        lambda: classifier.predict_proba(sounds, sample_rate_hz=ANALYSIS_RATE_HZ)
    )
    _, analysing = timed(lambda: analyze_recording(recording, classifier=classifier))
    return {
        "read": reading,
        "find speech": segmenting,
        "classify": classifying,
        "score": max(analysing - segmenting - classifying, 0.0),
        "scored segments": float(len(sounds)),
    }


def batch_speed_up(call: Path, *, segments: int = 64) -> dict[str, float]:
    """Compare classifying segments all at once with one after the other.

    One after the other is measured twice: through the classifier's own compiled
    function, and through ``keras.Model.predict``, the usual way to call a model.
    """
    classifier = load_classifier()
    segmented = segment_call(read_recording(call))
    sounds = [s.samples for s in segmented.segments if s.samples is not None]
    sounds = (sounds * -(-segments // len(sounds)))[:segments]
    classifier.predict_proba(sounds, sample_rate_hz=ANALYSIS_RATE_HZ)
    _, together = timed(lambda: classifier.predict_proba(sounds, sample_rate_hz=ANALYSIS_RATE_HZ))
    _, alone = timed(
        lambda: [classifier.predict_proba([s], sample_rate_hz=ANALYSIS_RATE_HZ) for s in sounds]
    )
    import keras

    model = keras.models.load_model(DEFAULT_ARTIFACTS / MODEL_FILE, compile=False)
    model.predict(log_mel(sounds[:1]), verbose=0)
    _, predicted = timed(lambda: [model.predict(log_mel([s]), verbose=0) for s in sounds])
    return {
        "milliseconds_per_segment_keras_predict": 1000 * predicted / segments,
        "speed_up_over_keras_predict": predicted / together,
        "milliseconds_per_segment_batched": 1000 * together / segments,
        "milliseconds_per_segment_alone": 1000 * alone / segments,
        "speed_up": alone / together,
    }


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results: dict[str, Any] = {"cores": os.cpu_count(), "calls": []}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        print("minutes   cold s   warm s   real-time factor   peak MB")
        for minutes in options.minutes:
            call = Path(folder) / f"{minutes:g}.wav"
            make_call(call, minutes=minutes)
            runs = [run_command(call, output=output) for _ in range(1 + WARM_RUNS)]
            warm = min(seconds for seconds, _ in runs[1:])
            row = {
                "minutes": minutes,
                "cold_seconds": runs[0][0],
                "warm_seconds": warm,
                "real_time_factor": warm / (60 * minutes),
                "peak_megabytes": max(megabytes for _, megabytes in runs),
                "stages": measure_stages(call),
            }
            results["calls"].append(row)
            print(
                f"{minutes:7g}  {runs[0][0]:7.1f}  {warm:7.1f}  {row['real_time_factor']:17.4f}"
                f"  {row['peak_megabytes']:8.0f}"
            )
        results["batch"] = batch_speed_up(call)
    for row in results["calls"]:
        stages = ", ".join(
            f"{name} {value:.2f} s" for name, value in row["stages"].items() if "seg" not in name
        )
        print(f"{row['minutes']:g} min: {stages}; {row['stages']['scored segments']:.0f} segments")
    batch = results["batch"]
    print(
        f"batched {batch['milliseconds_per_segment_batched']:.1f} ms a segment, alone "
        f"{batch['milliseconds_per_segment_alone']:.1f} ms: {batch['speed_up']:.1f} times faster; "
        f"with Keras's predict {batch['milliseconds_per_segment_keras_predict']:.1f} ms: "
        f"{batch['speed_up_over_keras_predict']:.1f} times"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
