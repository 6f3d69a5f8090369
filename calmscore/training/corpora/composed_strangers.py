"""Calls in which a third person, or an announcement, is heard on the customer's side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.training.augmentation import Codec, change_gain, telephone_line
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import (
    AGENT_EMOTIONS,
    CLIPS_IN_A_TURN,
    LINE_GAIN_DB,
    TRAJECTORIES,
    Deck,
    ReadClip,
    as_recording,
    emotion_sequence,
    laid_out,
    one_turn,
    paths_by_emotion,
)

FloatArray = npt.NDArray[np.float32]

STRANGERS: tuple[str, ...] = (
    "takes over",
    "takes over on another line",
    "speaks for a while",
    "joins in now and then",
    "announcement before",
    "announcement midway",
)
"""What somebody else does on the customer's side."""

_CUSTOMER, _AGENT, _STRANGER = range(3)
_CUSTOMER_CLIPS = (16, 36)
_COMES_AT = (0.3, 0.7)
_A_WHILE, _ANNOUNCEMENT = (8, 14), (8, 12)
_JOINS_IN = 0.4
_OVERTALK = 0.05
_CODECS: tuple[Codec, ...] = ("mu-law", "a-law", "gsm")
_SNR_DB = (15.0, 30.0)
_DIRECT_CURRENT = 0.1


@dataclass(frozen=True, kw_only=True)
class StrangerCall:
    """A call with its truth.

    Attributes
    ----------
    trajectory, customer, stranger : str
        How it was composed.
    kind : str or None
        One of ``STRANGERS``; None where the customer alone is on their side.
    recording : Recording
        Stereo: the customer left, the agent right.
    sounds : array of float16, shape (2, n)
        What the customer and the stranger say, before the line.
    """

    trajectory: str
    customer: str
    stranger: str
    kind: str | None
    recording: Recording
    sounds: npt.NDArray[np.float16]


def compose_stranger_calls(
    clips: Sequence[Clip], *, read_clip: ReadClip, strange: int, plain: int, seed: int = 0
) -> Iterator[StrangerCall]:
    """Compose calls with somebody else on the customer's side, and without.

    Parameters
    ----------
    clips : sequence of Clip
        Clips with emotions of three speakers or more; each needs one of every emotion.
    read_clip : callable
        Returns a clip's mono samples at 16 kHz.
    strange, plain : int
        How many of each; all kinds, trajectories and customers take turns.
    seed : int
        Fixes all that is drawn: people, clips, turns, levels, codecs, noise, direct current.

    Yields
    ------
    StrangerCall
    """
    generator = np.random.default_rng(seed)
    paths = paths_by_emotion(clips)
    people, trajectories = sorted(paths), list(TRAJECTORIES)
    for number in range(strange + plain):
        kind = STRANGERS[number % len(STRANGERS)] if number < strange else None
        place = number if number < strange else number - strange
        customer = people[place % len(people)]
        others = [name for name in people if name != customer]
        agent, stranger = (str(name) for name in generator.choice(others, 2, replace=False))
        trajectory = trajectories[(place // len(people) + place) % len(trajectories)]
        decks = [Deck(paths[name], read_clip, generator) for name in (customer, agent, stranger)]
        turns = _turns(decks, trajectory, kind, generator)
        sides, _ = laid_out(turns, _OVERTALK, generator, people=3)
        yield StrangerCall(
            trajectory=trajectory,
            customer=customer,
            stranger=stranger,
            kind=kind,
            recording=as_recording(f"{customer}, {trajectory}", _lines(sides, kind, generator)),
            sounds=sides[[_CUSTOMER, _STRANGER]].astype(np.float16),
        )


def _turns(
    decks: Sequence[Deck], trajectory: str, kind: str | None, generator: np.random.Generator
) -> list[tuple[int, FloatArray]]:
    count = int(generator.integers(_CUSTOMER_CLIPS[0], _CUSTOMER_CLIPS[1] + 1))
    emotions = emotion_sequence(trajectory, segments=count)
    comes_at = int(count * generator.uniform(*_COMES_AT))
    turns: list[tuple[int, FloatArray]] = []

    def say(person: int, clips: Sequence[str]) -> None:
        turns.append((person, one_turn(decks[person], clips, generator)))

    def strange(clips: int) -> list[str]:
        return [str(name) for name in generator.choice(AGENT_EMOTIONS, clips)]

    done, heard = 0, False
    left_of_while = int(generator.integers(*_A_WHILE)) if kind == "speaks for a while" else 0
    if kind == "announcement before":
        say(_STRANGER, ["neutral"] * int(generator.integers(*_ANNOUNCEMENT)))
    while done < count:
        length = int(generator.integers(CLIPS_IN_A_TURN[0], CLIPS_IN_A_TURN[1] + 1))
        say(_AGENT, strange(length))
        here = emotions[done : done + length]
        if done >= comes_at and kind is not None:
            if kind == "announcement midway" and not heard:
                say(_STRANGER, ["neutral"] * int(generator.integers(*_ANNOUNCEMENT)))
            elif kind.startswith("takes over") or left_of_while > 0:
                say(_STRANGER, strange(length))
                left_of_while -= length
                done += length if kind.startswith("takes over") else 0
                continue
            elif kind == "joins in now and then" and (not heard or generator.random() < _JOINS_IN):
                say(_STRANGER, strange(2))
            heard = True
        say(_CUSTOMER, here)
        done += len(here)
    return turns


def _lines(sides: FloatArray, kind: str | None, generator: np.random.Generator) -> FloatArray:
    """Send what is said over telephone lines; return it in shape (2, n)."""
    own = sides[_CUSTOMER]
    if kind == "takes over on another line":
        line = _line(own, generator) + _while_there(sides[_STRANGER], generator)
    else:
        line = _line(own + sides[_STRANGER], generator)
    # Direct current comes from the recorder, on one side or on both.
    offsets = generator.choice([0.0, 0.0, _DIRECT_CURRENT], 2)
    both = np.stack([line, _line(sides[_AGENT], generator)])
    return np.asarray(both + offsets[:, None], dtype=np.float32)


def _line(sound: FloatArray, generator: np.random.Generator) -> FloatArray:
    loud = change_gain(sound, gain_db=generator.uniform(*LINE_GAIN_DB))
    return telephone_line(
        loud,
        sample_rate_hz=ANALYSIS_RATE_HZ,
        generator=generator,
        codec=_CODECS[int(generator.integers(len(_CODECS)))],
        snr_db=_SNR_DB,
    )


def _while_there(sound: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return a line that is heard from its first sound on."""
    spoken = np.flatnonzero(sound)
    line = _line(sound, generator)
    if spoken.size:
        line[: spoken[0]] = 0.0
    return line
