"""Calls composed of speakers' clips, with the truth known.

In a call of one speaker each clip fills one 3-second segment of the call's clock, so that
the truth and the analysis share their segments. The call goes through a telephone line as a
whole, and an agent's channel stays silent: only the customer is under test.

In a conversation an agent answers, and the two take turns as people do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.audio.channels import levels_db
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.voice_activity import MASK_RATE_HZ
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


def same_sex(sexes: Mapping[str, str], *speakers: str) -> bool | None:
    """Tell whether speakers are all of one sex; None where one's is not known."""
    known = {sexes.get(name) for name in speakers}
    return None if None in known else len(known) == 1


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A call of two people, each on a channel of their own.

    Attributes
    ----------
    trajectory, customer, agent : str
        How it was composed.
    level_difference_db : float
        By how much the customer is louder than the agent.
    overtalk : float
        Share of the speech in which both speak.
    recording : Recording
        Stereo: the customer left, the agent right.
    """

    trajectory: str
    customer: str
    agent: str
    level_difference_db: float
    overtalk: float
    recording: Recording


def on_one_channel(recording: Recording) -> Recording:
    """Return a call as a system that writes one channel would have recorded it."""
    return replace(recording, samples=recording.samples.mean(axis=0, keepdims=True))


# What agents sound like; how long people speak in one go, and how soon the other answers.
AGENT_EMOTIONS = ("neutral", "neutral", "neutral", "happy")
CLIPS_IN_A_TURN = (1, 4)
_BREATH_SECONDS, _ANSWER_SECONDS = (0.1, 0.4), (0.2, 1.0)
_LONGEST_OVERLAP_SECONDS = 1.5
_CLIP_FLOOR_DB = 35.0


def compose_conversations(
    clips: Sequence[Clip],
    *,
    read_clip: ReadClip,
    seed: int = 0,
    customer_clips: tuple[int, int] = (16, 36),
    level_difference_db: tuple[float, float] = (0.0, 10.0),
    overtalk: tuple[float, float] = (0.0, 0.1),
) -> Iterator[Conversation]:
    """Compose one conversation for every speaker as customer and every trajectory.

    Parameters
    ----------
    clips : sequence of Clip
        Clips with emotions of two speakers or more; each needs one of every emotion.
    read_clip : callable
        Returns a clip's mono samples at 16 kHz.
    seed : int
        Fixes who is the agent, the turns, levels, choice of clips and the lines' noise.
    customer_clips : tuple of int
        Range from which the number of the customer's clips is drawn.
    level_difference_db : tuple of float
        Range of the difference between the two levels; either may be the louder.
    overtalk : tuple of float
        Range of the share of speech that both speak at once.

    Yields
    ------
    Conversation
        The agent speaks first.
    """
    generator = np.random.default_rng(seed)
    paths = paths_by_emotion(clips)
    for customer in sorted(paths):
        for trajectory in TRAJECTORIES:
            agent = str(generator.choice([name for name in sorted(paths) if name != customer]))
            count = int(generator.integers(customer_clips[0], customer_clips[1] + 1))
            spoken: list[tuple[int, FloatArray]] = []
            decks = [Deck(paths[name], read_clip, generator) for name in (customer, agent)]
            emotions_to_come = list(emotion_sequence(trajectory, segments=count))
            while emotions_to_come:
                turn = int(generator.integers(CLIPS_IN_A_TURN[0], CLIPS_IN_A_TURN[1] + 1))
                answer = generator.choice(AGENT_EMOTIONS, turn).tolist()
                spoken.append((1, one_turn(decks[1], answer, generator)))
                turn = int(generator.integers(CLIPS_IN_A_TURN[0], CLIPS_IN_A_TURN[1] + 1))
                spoken.append((0, one_turn(decks[0], emotions_to_come[:turn], generator)))
                emotions_to_come = emotions_to_come[turn:]
            wanted = generator.uniform(*overtalk)
            sides, both = laid_out(spoken, wanted, generator)
            difference = generator.uniform(*level_difference_db) * generator.choice([-1.0, 1.0])
            yield Conversation(
                trajectory=trajectory,
                customer=customer,
                agent=agent,
                level_difference_db=float(difference),
                overtalk=both,
                recording=_stereo(
                    f"{customer} with {agent}, {trajectory}",
                    change_gain(sides[0], gain_db=difference / 2.0),
                    change_gain(sides[1], gain_db=-difference / 2.0),
                    generator,
                ),
            )


def paths_by_emotion(clips: Sequence[Clip]) -> dict[str, dict[str, list[Path]]]:
    """Return the clips' paths by speaker and emotion."""
    paths: dict[str, dict[str, list[Path]]] = {}
    for clip in clips:
        if clip.emotion is not None:
            emotions = paths.setdefault(clip.speaker, {})
            emotions.setdefault(clip.emotion, []).append(clip.path)
    return paths


class Deck:
    """One speaker's clips by emotion, each drawn once before any is drawn again."""

    def __init__(
        self, paths: Mapping[str, list[Path]], read_clip: ReadClip, generator: np.random.Generator
    ) -> None:
        self._paths, self._read, self._generator = paths, read_clip, generator
        self._left: dict[str, list[Path]] = {}

    def draw(self, emotion: str) -> FloatArray:
        """Return what is spoken in the next clip of an emotion."""
        if not self._left.get(emotion):
            self._left[emotion] = list(self._paths[emotion])
        left = self._left[emotion]
        return spoken_part(self._read(left.pop(int(self._generator.integers(len(left))))))


def spoken_part(samples: FloatArray) -> FloatArray:
    """Cut the silence off both ends of a clip, of shape (n,) at 16 kHz."""
    levels = levels_db(samples)
    loud = np.flatnonzero(levels >= levels.max() - _CLIP_FLOOR_DB)
    step = ANALYSIS_RATE_HZ // MASK_RATE_HZ
    return samples[loud[0] * step : (loud[-1] + 1) * step]


def one_turn(deck: Deck, emotions: Sequence[str], generator: np.random.Generator) -> FloatArray:
    """Return clips of so many emotions, with breaths between them."""
    parts = []
    for emotion in emotions:
        parts += [deck.draw(emotion), _silence(generator.uniform(*_BREATH_SECONDS))]
    return np.concatenate(parts[:-1])


def _silence(seconds: float) -> FloatArray:
    return np.zeros(int(seconds * ANALYSIS_RATE_HZ), dtype=np.float32)


def laid_out(
    turns: Sequence[tuple[int, FloatArray]],
    overtalk: float,
    generator: np.random.Generator,
    *,
    people: int = 2,
) -> tuple[FloatArray, float]:
    """Lay turns on one clock.

    Parameters
    ----------
    turns : sequence of tuple
        Whose each is, from 0, and its sound.
    overtalk : float
        Wanted share of the speech in which two speak.
    generator : numpy.random.Generator
        Draws pauses and overlaps.
    people : int
        How many there are.

    Returns
    -------
    array of float32, shape (people, n)
        What each of them says.
    float
        The share of the speech in which two do speak.
    """
    total = sum(turn.size for _, turn in turns)
    mean_overlap = overtalk * total / max(len(turns) - 1, 1)
    sides = np.zeros((people, 2 * total + 2 * ANALYSIS_RATE_HZ), dtype=np.float32)
    end, both = ANALYSIS_RATE_HZ, 0
    for number, (side, turn) in enumerate(turns):
        # Some speakers wait, others do not: twice as long, in half of the changes.
        if number and generator.random() < 0.5 and mean_overlap > 0.0:
            longest = min(_LONGEST_OVERLAP_SECONDS * ANALYSIS_RATE_HZ, turn.size / 2.0)
            overlap = int(min(generator.uniform(0.0, 4.0 * mean_overlap), longest))
            start, both = end - overlap, both + overlap
        else:
            start = end + int(generator.uniform(*_ANSWER_SECONDS) * ANALYSIS_RATE_HZ)
        sides[side, start : start + turn.size] += turn
        end = start + turn.size
    return sides[:, : end + ANALYSIS_RATE_HZ], both / max(total - both, 1)


def _draw(paths: list[Path], generator: np.random.Generator) -> Path:
    return paths[int(generator.integers(len(paths)))]


def _fill_segment(samples: FloatArray, segment_seconds: float) -> FloatArray:
    length = int(segment_seconds * ANALYSIS_RATE_HZ)
    return np.pad(samples[:length], (0, max(length - samples.size, 0)))


def _recording(name: str, customer: FloatArray, generator: np.random.Generator) -> Recording:
    line = telephone_line(customer, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
    return as_recording(name, np.stack([line, np.zeros_like(line)]))


def _stereo(
    name: str, customer: FloatArray, agent: FloatArray, generator: np.random.Generator
) -> Recording:
    lines = [
        telephone_line(side, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
        for side in (customer, agent)
    ]
    return as_recording(name, np.stack(lines))


def as_recording(name: str, samples: FloatArray) -> Recording:
    """Return a recording of a telephone call, of samples of shape (channels, n) at 16 kHz."""
    return Recording(
        file_name=name,
        sha256="",
        sample_rate_hz=8_000,
        duration_seconds=samples.shape[1] / ANALYSIS_RATE_HZ,
        samples=samples.astype(np.float16),
        warnings=(),
    )
