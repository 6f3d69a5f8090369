"""Recordings for batches, and workers with the stub classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from stub_classifier import stub_classifier

from calmscore.intake.batch import StorePlace, Work
from calmscore.store import Store
from calmscore.store.audit import list_events
from calmscore.store.calls import list_calls
from calmscore.store.reports import list_reports

RATE_HZ = 8_000


def write_recording(path: Path, seed: int) -> Path:
    """Write six seconds of noise in turns, different for each seed.

    Whoever watches the folder sees the whole file or none.
    """
    generator = np.random.default_rng(seed)
    sound = 0.05 * generator.standard_normal((6 * RATE_HZ, 2))
    sound[: 3 * RATE_HZ, seed % 2] = 0.0
    part = path.with_suffix(".part")
    soundfile.write(part, sound, RATE_HZ, format="WAV")
    return part.replace(path)


def write_recordings(folder: Path, count: int) -> list[Path]:
    """Write recordings of different content."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_recording(folder / f"call-{number:02d}.wav", number) for number in range(count)]


def stub_work(folder: Path, **options) -> Work:
    """Return work on a store in a folder, with the stub classifier."""
    return Work(place=StorePlace(folder=folder), actor="test", load=stub_classifier, **options)


def stored(folder: Path) -> dict[str, int]:
    """Return what a store holds: calls, reports, and audit lines of added calls."""
    store = Store(folder)
    try:
        with store.database.reading() as session:
            calls = list_calls(session, limit=1000)
            added = [e for e in list_events(session, limit=10_000) if e.action == "call added"]
            return {
                "calls": len(calls),
                "reports": sum(len(list_reports(session, call.id)) for call in calls),
                "added": len(added),
            }
    finally:
        store.close()
