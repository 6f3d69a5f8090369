"""Calls composed of one speaker's clips, with the true emotion of every segment known.

Each clip fills one 3-second segment of the call's clock, so that the truth and the
analysis share their segments. The call goes through a telephone line as a whole,
and an agent's channel stays silent: only the customer is under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.training.augmentation import change_gain, telephone_line
from calmscore.training.corpora.clips import Clip

FloatArray = npt.NDArray[np.float32]
ReadClip = Callable[[Path], FloatArray]

TRAJECTORIES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "anger to neutral": (("anger", 0.5), ("neutral", 0.5)),
    "neutral to anger": (("neutral", 0.5), ("anger", 0.5)),
    "neutral throughout": (("neutral", 1.0),),
    "anger throughout": (("anger", 1.0),),
    "anger to happy": (("anger", 0.6), ("neutral", 0.2), ("happy", 0.2)),
    "happy to anger": (("happy", 0.3), ("neutral", 0.2), ("anger", 0.5)),
    "anger with a relapse": (
        ("anger", 0.25), ("neutral", 0.25), ("anger", 0.25), ("neutral", 0.25),
    ),
    "mostly neutral, one outburst": (("neutral", 0.4), ("anger", 0.2), ("neutral", 0.4)),
    "sad throughout": (("sad", 1.0),),
    "fear to neutral": (("fear", 0.4), ("sad", 0.2), ("neutral", 0.4)),
    "disgust to anger": (("neutral", 0.2), ("disgust", 0.4), ("anger", 0.4)),
    "disgust to happy": (("disgust", 0.5), ("neutral", 0.3), ("happy", 0.2)),
}  # fmt: skip
"""What customers go through: emotions and their shares of the call."""

LINE_GAIN_DB = (-10.0, 10.0)
"""How much softer and louder than the clips the lines of composed calls are."""


@dataclass(frozen=True, kw_only=True)
class ComposedCall:
    """A call with its truth.

    Attributes
    ----------
    trajectory, speaker : str
        How it was composed.
    emotions : tuple of str
        The intended emotion of each 3-second segment.
    clips : tuple of str
        Name of the clip that fills each segment.
    recording : Recording
        Stereo: the customer left, silence right.
    """

    trajectory: str
    speaker: str
    emotions: tuple[str, ...]
    clips: tuple[str, ...]
    recording: Recording


def emotion_sequence(trajectory: str, *, segments: int) -> tuple[str, ...]:
    """Return the emotions of a trajectory of ``TRAJECTORIES``, one name per segment."""
    bounds = np.cumsum([share for _, share in TRAJECTORIES[trajectory]])
    names = [emotion for emotion, _ in TRAJECTORIES[trajectory]]
    places = (np.arange(segments) + 0.5) / segments
    return tuple(names[int(np.searchsorted(bounds, place))] for place in places)


def compose_calls(
    clips: Sequence[Clip],
    *,
    read_clip: ReadClip,
    seed: int = 0,
    segments: tuple[int, int] = (12, 30),
    segment_seconds: float = 3.0,
    line_gain_db: tuple[float, float] = LINE_GAIN_DB,
) -> Iterator[ComposedCall]:
    """Compose one call for every speaker and trajectory.

    Parameters
    ----------
    clips : sequence of Clip
        Clips with emotions; each speaker needs one of every emotion.
    read_clip : callable
        Returns a clip's mono samples at 16 kHz.
    seed : int
        Fixes lengths, choice of clips and the line's noise.
    segments : tuple of int
        Range from which a call's number of segments is drawn.
    segment_seconds : float
        Length of a segment.
    line_gain_db : tuple of float
        Range from which a call's gain is drawn: telephone systems differ in level.

    Yields
    ------
    ComposedCall
    """
    generator = np.random.default_rng(seed)
    for speaker in sorted({clip.speaker for clip in clips}):
        by_emotion: dict[str, list[Path]] = {}
        for clip in clips:
            if clip.speaker == speaker and clip.emotion is not None:
                by_emotion.setdefault(clip.emotion, []).append(clip.path)
        for trajectory in TRAJECTORIES:
            count = int(generator.integers(segments[0], segments[1] + 1))
            emotions = emotion_sequence(trajectory, segments=count)
            chosen = [_draw(by_emotion[emotion], generator) for emotion in emotions]
            customer = np.concatenate(
                [_fill_segment(read_clip(path), segment_seconds) for path in chosen]
            )
            yield ComposedCall(
                trajectory=trajectory,
                speaker=speaker,
                emotions=emotions,
                clips=tuple(path.stem for path in chosen),
                recording=_recording(
                    f"{speaker} {trajectory}",
                    change_gain(customer, gain_db=generator.uniform(*line_gain_db)),
                    generator,
                ),
            )


def _draw(paths: list[Path], generator: np.random.Generator) -> Path:
    return paths[int(generator.integers(len(paths)))]


def _fill_segment(samples: FloatArray, segment_seconds: float) -> FloatArray:
    length = int(segment_seconds * ANALYSIS_RATE_HZ)
    return np.pad(samples[:length], (0, max(length - samples.size, 0)))


def _recording(name: str, customer: FloatArray, generator: np.random.Generator) -> Recording:
    line = telephone_line(customer, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
    samples = np.stack([line, np.zeros_like(line)]).astype(np.float16)
    return Recording(
        file_name=name,
        sha256="",
        sample_rate_hz=8_000,
        duration_seconds=samples.shape[1] / ANALYSIS_RATE_HZ,
        samples=samples,
        warnings=(),
    )
