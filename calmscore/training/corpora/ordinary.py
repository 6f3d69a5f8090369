"""Ordinary speech that nobody acted: windows cut from recordings as calls give them.

Acted neutral is flat and read; people on the telephone are lively when nothing is
wrong. A network that has heard only acting takes that for anger or disgust. So
recordings of ordinary people stand beside the acted clips in training, with what a
listener would most likely say of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask
from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError, ParameterError
from calmscore.training.clip_sounds import RATE_HZ, read_clip

FloatArray = npt.NDArray[np.float32]

WINDOW_SECONDS = 4.0
"""Longer than a segment, so that a change of speed and a random cut leave one."""

_HOP_SECONDS = 2.5
_LEAST_SPEECH_SECONDS = 1.0
_SOUND_ENDINGS = (".opus", ".ogg", ".wav", ".flac")

HEARD: FloatArray = np.array(
    [{"neutral": 0.76, "happy": 0.12}.get(name, 0.03) for name in EMOTIONS], dtype=np.float32
)
"""What listeners would say of a window of ordinary speech: mostly neutral, some happy."""


@dataclass(frozen=True, kw_only=True)
class OrdinaryWindow:
    """A stretch of ordinary speech.

    Attributes
    ----------
    source : str
        The folder that it came from, taken for one source.
    recording : str
        Stem of the file.
    start_seconds : float
        From the start of the recording.
    samples : array of float32, shape (n,)
        Mono at 16 kHz, full scale 1.
    """

    source: str
    recording: str
    start_seconds: float
    samples: FloatArray


def ordinary_recordings(folder: Path) -> list[Path]:
    """List the recordings of ordinary speech, one folder a source.

    Parameters
    ----------
    folder : Path
        With a sub-folder for each source.

    Returns
    -------
    list of Path
        Sorted.

    Raises
    ------
    CorpusError
        If there is none.
    """
    found = [path for path in folder.rglob("*") if path.suffix.lower() in _SOUND_ENDINGS]
    if not found:
        raise CorpusError(f"{folder}: holds no recording ({', '.join(_SOUND_ENDINGS)})")
    return sorted(found)


def source_of(path: Path, folder: Path) -> str:
    """Return the name of the source that a recording belongs to."""
    return path.relative_to(folder).parts[0]


def ordinary_windows(path: Path, *, source: str, seed: int = 0) -> list[OrdinaryWindow]:
    """Cut a recording into windows that begin anywhere in its speech.

    Parameters
    ----------
    path : Path
        The recording. Of a stereo call only the left side, the agent's, is taken: the
        customer may have a reason to complain.
    source : str
        What the windows are said to come from.
    seed : int
        Fixes where the first window begins.

    Returns
    -------
    list of OrdinaryWindow
        Those with at least a second of speech.

    Raises
    ------
    CorpusError
        If the recording cannot be read.
    """
    mono = read_clip(path, left_only=True)
    mask = speech_mask(mono)
    offset = float(np.random.default_rng((seed, mono.size)).uniform(0.0, 1.0))
    starts = np.arange(offset, max(mono.size / RATE_HZ - 1.0, offset + 0.1), _HOP_SECONDS)
    return [
        OrdinaryWindow(
            source=source,
            recording=path.stem,
            start_seconds=float(start),
            samples=_stretch(mono, float(start), RATE_HZ).copy(),
        )
        for start in starts
        if _stretch(mask, float(start), MASK_RATE_HZ).sum() >= _LEAST_SPEECH_SECONDS * MASK_RATE_HZ
    ]


def _stretch(values: npt.NDArray, start_seconds: float, rate_hz: int) -> npt.NDArray:  # type: ignore[type-arg]
    first = int(start_seconds * rate_hz)
    return values[first : first + int(WINDOW_SECONDS * rate_hz)]


def source_shares(sources: Sequence[str] | npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Return how often each window is drawn, so that no source drowns the others.

    Parameters
    ----------
    sources : sequence of str, length n
        Source of each window.

    Returns
    -------
    array of float, shape (n,)
        Sums to 1; a source's total share grows with the square root of its windows.
    """
    names, places, counts = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    shares = 1.0 / np.sqrt(counts[places])
    return np.asarray(shares / shares.sum()) if len(names) else np.zeros(0)


def learnt_windows(
    sources: npt.NDArray[np.str_], *, left_out: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Return the row numbers of the windows that are learnt from.

    Parameters
    ----------
    sources : array of str, shape (windows,)
        Where each window comes from.
    left_out : sequence of str
        Sources that are not learnt from.

    Raises
    ------
    ParameterError
        If no window is left.
    """
    rows = np.flatnonzero(~np.isin(sources, list(left_out)))
    if not rows.size:
        raise ParameterError(
            f"left_out is {', '.join(left_out)}, which leaves no ordinary speech to learn from; "
            "prepare another source with train_data_preprocessing.py --ordinary"
        )
    return rows
