"""Measure how often the customer's side of a call is guessed right, and what the doubt is worth.

    python -m calmscore.training.customer_evaluation [--data data/AudioWAV] [--calls 200]

Calls of two validation speakers are composed as people hold them: calls that come in and calls
that go out, greetings and hellos of many lengths, problems told, questions with short answers,
"mhm", silences, goodbyes. The customer is left or right by chance; half of the calls have their
direction in the file's name. How long people speak is drawn evenly from ranges, not from the
curves by which the guess is made. A call counts as good if the guess is right, or its doubt is
above 0.3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.analysis.call_direction import call_direction
from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.training.augmentation import change_gain, telephone_line
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora.composed import as_recording
from calmscore.training.corpora.reading import validation_clips
from calmscore.training.ending import with_exit_code, write_json

FloatArray = npt.NDArray[np.float32]
Person = Literal["customer", "agent"]
Range = tuple[float, float]

DOUBTFUL = 0.3
_LEAK_DB: Range = (-45.0, -25.0)
_LEVEL_DB: Range = (-8.0, 8.0)
_LEAK_SECONDS = 0.06
_CLIP_FLOOR = 0.02


@dataclass(frozen=True)
class Said:
    """What one person says in one go, how long, and how long after what came before it."""

    person: Person
    seconds: float
    pause_seconds: float


class _Script:
    """Lines of a call, drawn one after the other."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.lines: list[Said] = []

    def say(self, person: Person, seconds: Range, *, pause: Range = (0.1, 1.2)) -> None:
        draw = self.generator.uniform
        self.lines.append(Said(person, float(draw(*seconds)), float(draw(*pause))))

    def likely(self, share: float) -> bool:
        return bool(self.generator.random() < share)


def inbound_script(generator: np.random.Generator) -> list[Said]:
    """Draw what is said in a call that a customer makes."""
    script = _Script(generator)
    if script.likely(0.12):
        script.say("customer", (0.4, 1.0))
    # "Support, Ada" is all that some say.
    script.say("agent", (0.8, 1.6) if script.likely(0.1) else (2.2, 7.0))
    script.say("customer", (2.0, 15.0))
    _talk(script, short_answers=0.25)
    return script.lines


def outbound_script(generator: np.random.Generator) -> list[Said]:
    """Draw what is said in a call that an agent makes."""
    script = _Script(generator)
    if script.likely(0.95):
        # "Smith speaking, good morning" is what some say.
        script.say("customer", (1.5, 3.0) if script.likely(0.2) else (0.4, 1.5))
    else:
        script.say("agent", (1.5, 3.0))
        script.say("customer", (0.4, 1.5))
    script.say("agent", (2.0, 9.0))
    script.say("customer", (0.4, 2.0) if script.likely(0.7) else (2.0, 6.0))
    _talk(script, short_answers=0.45)
    return script.lines


def _talk(script: _Script, *, short_answers: float) -> None:
    for _ in range(int(script.generator.integers(3, 7))):
        script.say("agent", (1.0, 8.0))
        script.say("customer", (0.4, 1.0) if script.likely(short_answers) else (1.0, 8.0))
        if script.likely(0.2):
            script.say("agent", (0.3, 0.6), pause=(-1.5, -0.8))
    if script.likely(0.3):
        script.say("agent", (1.5, 4.0))
        waits_no_longer: Person = "customer" if script.likely(0.2) else "agent"
        script.say(waits_no_longer, (0.6, 4.0), pause=(8.0, 20.0))
    script.say("agent", (2.0, 5.0))
    script.say("customer", (0.4, 2.0))
    if script.likely(0.5):
        script.say("agent", (0.4, 1.2))


def speak(script: Sequence[Said], voices: dict[Person, list[Path]], *, seed: int) -> FloatArray:
    """Speak a script.

    Parameters
    ----------
    script : sequence of Said
        What is said.
    voices : dict
        The clips of the customer's and of the agent's speaker.
    seed : int
        Fixes clips, levels and noise of the lines.

    Returns
    -------
    array of float32, shape (2, n)
        Customer and agent, over the telephone, at ``ANALYSIS_RATE_HZ``.
    """
    generator = np.random.default_rng(seed)
    end = 1.0
    placed: list[tuple[Person, float, FloatArray]] = []
    for said in script:
        start = max(end + said.pause_seconds, 0.0)
        placed.append((said.person, start, _speech(voices[said.person], said.seconds, generator)))
        end = max(end, start + said.seconds)
    sides = {
        person: np.zeros(int((end + 1.0) * ANALYSIS_RATE_HZ), dtype=np.float32) for person in voices
    }
    for person, start, sound in placed:
        first = int(start * ANALYSIS_RATE_HZ)
        sides[person][first : first + sound.size] += sound
    lines = [
        telephone_line(
            change_gain(sides[person], gain_db=generator.uniform(*_LEVEL_DB)),
            sample_rate_hz=ANALYSIS_RATE_HZ,
            generator=generator,
        )
        for person in ("customer", "agent")
    ]
    late = int(_LEAK_SECONDS * ANALYSIS_RATE_HZ)
    echo = np.roll(lines[1], late) * np.float32(10.0 ** (generator.uniform(*_LEAK_DB) / 20.0))
    return np.stack([lines[0] + echo, lines[1]])


def _speech(paths: Sequence[Path], seconds: float, generator: np.random.Generator) -> FloatArray:
    wanted = int(seconds * ANALYSIS_RATE_HZ)
    parts: list[FloatArray] = []
    while sum(part.size for part in parts) < wanted:
        clip = read_clip(paths[int(generator.integers(len(paths)))])
        loud = np.flatnonzero(np.abs(clip) > _CLIP_FLOOR * np.abs(clip).max())
        parts.append(clip[loud[0] : loud[-1] + 1])
    return np.concatenate(parts)[:wanted]


@dataclass(frozen=True, kw_only=True)
class GuessedCall:
    """A composed call and what was guessed of it."""

    direction: Literal["inbound", "outbound"]
    named: bool
    right: bool
    doubt: float

    @property
    def good(self) -> bool:
        """Whether the guess is right, or doubted."""
        return self.right or self.doubt > DOUBTFUL


def guess_calls(data: Path, *, calls: int, seed: int) -> Iterator[GuessedCall]:
    """Compose calls and guess the customer's side of each.

    Parameters
    ----------
    data : Path
        Folder with CREMA-D's clips.
    calls : int
        How many; inbound and outbound in turns, every second pair with its direction named.

    Yields
    ------
    GuessedCall

    Raises
    ------
    CorpusError
        If the folder has no clip of the validation speakers.
    """
    paths = clips_of_validation_speakers(data)
    for number in range(calls):
        generator = np.random.default_rng((seed, number))
        customer, agent = generator.choice(sorted(paths), 2, replace=False)
        inbound, named = number % 2 == 0, number % 4 >= 2
        script = (inbound_script if inbound else outbound_script)(generator)
        sound = speak(
            script, {"customer": paths[customer], "agent": paths[agent]}, seed=seed + number
        )
        customer_right = bool(generator.integers(2))
        direction: Literal["inbound", "outbound"] = "inbound" if inbound else "outbound"
        name = f"{number}_{direction}.wav" if named else f"{number}.wav"
        guess = segment_call(
            as_recording(name, sound[::-1] if customer_right else sound),
            direction=call_direction(name),
        )
        yield GuessedCall(
            direction=direction,
            named=named,
            right=guess.customer_channel == ("right" if customer_right else "left"),
            doubt=guess.speakers.doubt,
        )


def clips_of_validation_speakers(data: Path) -> dict[str, list[Path]]:
    """Return the usable clips of each validation speaker.

    Raises
    ------
    CorpusError
        If the folder has none.
    """
    paths: dict[str, list[Path]] = {}
    for clip in validation_clips(data):
        paths.setdefault(clip.speaker, []).append(clip.path)
    return paths


def summarise(calls: Sequence[GuessedCall]) -> list[dict[str, Any]]:
    """Return a row for all calls and one for each kind of them."""
    rows = [_row("all", calls)]
    for named in (False, True):
        for direction in ("inbound", "outbound"):
            part = [c for c in calls if c.direction == direction and c.named == named]
            known = "known" if named else "unknown"
            rows.append(_row(f"{direction}, direction {known}", part))
    return [row for row in rows if row["calls"]]


def _row(name: str, calls: Sequence[GuessedCall]) -> dict[str, Any]:
    count = max(len(calls), 1)
    return {
        "name": name,
        "calls": len(calls),
        "right": sum(call.right for call in calls) / count,
        "doubted": sum(call.doubt > DOUBTFUL for call in calls) / count,
        "right_or_doubted": sum(call.good for call in calls) / count,
        "mean_doubt": sum(call.doubt for call in calls) / count,
    }


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    guesses = guess_calls(options.data, calls=options.calls, seed=options.seed)
    rows = summarise(list(tqdm(guesses, total=options.calls, disable=None)))
    print(f"{'':32}{'calls':>6}{'right':>8}{'doubted':>9}{'either':>8}{'mean doubt':>12}")
    for row in rows:
        print(
            f"{row['name']:<32}{row['calls']:6d}{row['right']:8.1%}{row['doubted']:9.1%}"
            f"{row['right_or_doubted']:8.1%}{row['mean_doubt']:12.2f}"
        )
    write_json(options.json, rows)


if __name__ == "__main__":
    sys.exit(main())
