"""Places among voices, made without a network."""

from __future__ import annotations

import numpy as np

from calmscore.analysis.voice_windows import Voices, Window


def people(likeness: float) -> np.ndarray:
    """Return two points of that likeness, of unit length."""
    return np.array([[1.0, 0.0], [likeness, np.sqrt(1.0 - likeness**2)]])


def side_of(centres: np.ndarray, seconds: float = 3.0, *, seed: int = 0) -> Voices:
    """Say a window every so many seconds, each near its centre as windows of one person are."""
    noise = np.random.default_rng(seed).standard_normal((len(centres), 40))
    points = np.hstack([centres, 0.12 * noise])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    firsts = [round(100 * seconds * number) for number in range(len(centres))]
    windows = [Window(number, first, first + 148) for number, first in enumerate(firsts)]
    return Voices(windows, points.astype(np.float32))
