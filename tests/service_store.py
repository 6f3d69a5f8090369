"""What the tests of the HTTP service share: a store with keys, and small recordings."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from calmscore.settings import Environment
from calmscore.store import Store
from calmscore.store.keys import KEY_ROLES, KeyRole, create_key

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 8_000
UNHURRIED = Environment(requests_per_minute=10**9)


def unhurried(**changes: Any) -> Environment:
    """Return settings that never make a test wait, changed here and there."""
    return UNHURRIED.model_copy(update=changes)


FAKE_TRAINING = (sys.executable, str(ROOT / "tests" / "fake_training.py"))


@dataclass(frozen=True, kw_only=True)
class Keys:
    """One key of each role, as headers."""

    viewer: dict[str, str]
    supervisor: dict[str, str]
    admin: dict[str, str]


def make_keys(store: Store) -> Keys:
    def header(role: KeyRole) -> dict[str, str]:
        with store.database.writing() as session:
            key = create_key(session, name=f"the {role}", role=role)
        return {"Authorization": f"Bearer {key}"}

    return Keys(**{role: header(role) for role in KEY_ROLES})


def tone(seconds: float = 1.0, *, hertz: float = 200.0, kind: str = "WAV") -> bytes:
    """Return a recording without speech that differs with its length and pitch."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.sin(2 * np.pi * hertz * time), RATE_HZ, format=kind)
    return file.getvalue()


def speech(seconds: float = 20.0, *, start_seconds: float = 3.0) -> bytes:
    """Return a part of a sample call: two channels, a greeting, enough speech for a score."""
    first = int(start_seconds * RATE_HZ)
    samples, rate = soundfile.read(
        ROOT / "samples" / "calms_down.wav", start=first, frames=int(seconds * RATE_HZ)
    )
    assert rate == RATE_HZ
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def make_training_set(folder: Path, name: str) -> None:
    for part in ("train", "validation"):
        (folder / name / part).mkdir(parents=True)
