"""Measure what words add to the guess of who is the customer, on the level of text.

    python -m calmscore.training.spoken_customer_evaluation [--tweets FILE] [--mono 24]

Who speaks when comes from the scripts of `customer_evaluation`. What agents say is drawn from
lines written by hand, a part of them without any phrase that gives agents away; what customers say
comes from tweets to airlines, which nobody here wrote. Words are lost and mistaken as often as on
a telephone line. So the figures tell how the cues join, and how often real customers are taken for
agents; how agents of a given company speak, they do not tell.

``--mono`` speaks some calls with clips of CREMA-D on one channel, so that the words are those of
two voices that were told apart, with all that goes wrong there.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calmscore.analysis.customer import UNCLEAR_DOUBT, guess_customer
from calmscore.analysis.report import Direction, Speaker
from calmscore.analysis.segments import SegmentedCall, segment_call
from calmscore.analysis.spoken_cues import Said, agent_signs
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask
from calmscore.training.corpora.airline_tweets import read_tweets
from calmscore.training.corpora.composed import as_recording
from calmscore.training.customer_evaluation import (
    Person,
    clips_of_validation_speakers,
    inbound_script,
    outbound_script,
    speak,
)
from calmscore.training.customer_evaluation import Said as Spoken
from calmscore.training.ending import with_exit_code, write_json

Span = tuple[float, float]

_WORD_ERROR_RATE = 0.15
_WORDS_PER_SECOND = 2.5
_SHORT_SECONDS = 1.2
_NOT_SAID = re.compile(r"https?://\S+|[@#]\w+|[^\x20-\x7e]")
# How sure a single customer's text may look like an agent's.
_LIKE_AN_AGENT = 1.5

_GREETINGS = (
    "Thank you for calling Northern Gas, this is Paul.", "Hello, Marlow Insurance, Jenny here.",
    "Good morning, customer care, how may I help?", "Hi there, what can I do for you today?",
    "Welcome to Brightline, my name is Sue.", "Service desk, good afternoon.", "Yes, hello?",
    "You're through to bookings, Mark speaking.", "Support, Anna.", "Reservations, who is this?",
)  # fmt: skip
_CALLS_OUT = (
    "Hello, this is Peter from Northern Gas, it's about the meter.", "Hi, is that Mrs Smith?",
    "Good afternoon, Marlow Insurance here, have you got two minutes?",
    "Am I speaking with Mister Jones? I'm ringing about your claim.",
    "Hi, you asked for a call back.", "It's Brightline, about the engineer on Friday.",
)  # fmt: skip
_WORK = (
    "Can I take your account number, please?", "And what's the postcode?", "Let me have a look.",
    "Bear with me a second.", "Okay, and when was that?", "Right, I can see it here.",
    "I'm sorry about that.", "So what I can do is send somebody out on Monday.",
    "That should be with you by the end of the week.", "Did you get an e-mail from us?",
    "Could you confirm your date of birth for me?", "Thanks for waiting.", "No problem at all.",
    "It says here that it left the depot.", "I'll put that through now.", "Which one is it?",
    "I understand how annoying that is.", "Have you tried to switch it off?", "One moment.",
)  # fmt: skip
_CLOSINGS = (
    "Is there anything else?", "All sorted, have a good day.", "Anything else I can do for you?",
    "Thanks for your time, bye now.", "Okay then, goodbye.", "You'll get a text from us.",
)  # fmt: skip
_SHORT = ("Yes.", "No.", "Okay.", "Hello?", "Mhm.", "That's right.", "Sure.", "Thanks, bye.")


@dataclass(frozen=True, kw_only=True)
class SpokenCall:
    """A call as text, and who is guessed to be its customer, without words and with them."""

    direction: Literal["inbound", "outbound"]
    named: bool
    right: tuple[bool, bool]
    doubt: tuple[float, float]


def spoken_calls(texts: Sequence[str], *, calls: int, seed: int) -> Iterator[SpokenCall]:
    """Compose calls and guess who is the customer.

    Parameters
    ----------
    calls : int
        How many; inbound and outbound in turns, every second pair with its direction known.
    """
    for number in range(calls):
        generator = np.random.default_rng((seed, number))
        inbound, named = number % 2 == 0, number % 4 >= 2
        script = (inbound_script if inbound else outbound_script)(generator)
        customer = int(generator.integers(2))
        masks, said = _composed(script, texts, customer, generator, inbound=inbound)
        direction: Literal["inbound", "outbound"] = "inbound" if inbound else "outbound"
        known: Direction = direction if named else "unknown"
        guesses = [guess_customer(masks, direction=known, said=words) for words in ((), said)]
        yield SpokenCall(
            direction=direction,
            named=named,
            right=(guesses[0].voice == customer, guesses[1].voice == customer),
            doubt=(guesses[0].doubt, guesses[1].doubt),
        )


def _composed(
    script: Sequence[Spoken],
    texts: Sequence[str],
    customer: int,
    generator: np.random.Generator,
    *,
    inbound: bool,
) -> tuple[list[Mask], list[Said]]:
    places: dict[Person, int] = {"customer": customer, "agent": 1 - customer}
    times = _times(script)
    masks = [np.zeros(int((times[-1][1] + 60.0) * MASK_RATE_HZ), dtype=np.bool_) for _ in range(2)]
    for one, (start, end) in zip(script, times, strict=True):
        masks[places[one.person]][int(start * MASK_RATE_HZ) : int(end * MASK_RATE_HZ)] = True
    lines = _lines(script, texts, generator, inbound=inbound)
    return masks, [
        Said(place=places[one.person], text=text) for one, text in zip(script, lines, strict=True)
    ]


def _times(script: Sequence[Spoken]) -> list[tuple[float, float]]:
    """Return when each line begins and ends, as `customer_evaluation.speak` speaks them."""
    last, times = 1.0, []
    for one in script:
        start = max(last + one.pause_seconds, 0.0)
        times.append((start, start + one.seconds))
        last = max(last, start + one.seconds)
    return times


def _lines(
    script: Sequence[Spoken],
    texts: Sequence[str],
    generator: np.random.Generator,
    *,
    inbound: bool,
) -> list[str]:
    last = max(place for place, one in enumerate(script) if one.person == "agent")
    lines: list[str] = []
    opened = False
    for number, one in enumerate(script):
        if one.seconds < _SHORT_SECONDS and (one.person == "customer" or opened):
            text = _one_of(_SHORT, generator)
        elif one.person == "customer":
            text = _one_of(texts, generator)
        elif not opened:
            text = _one_of(_GREETINGS if inbound else _CALLS_OUT, generator)
        else:
            text = _one_of(_CLOSINGS if number == last else _WORK, generator)
        opened = opened or one.person == "agent"
        words = text.split()[: max(int(one.seconds * _WORDS_PER_SECOND), 1)]
        lines.append(_misheard(words, generator))
    return lines


def mono_calls(
    data: Path, texts: Sequence[str], *, calls: int, seed: int
) -> Iterator[SpokenCall | None]:
    """Speak calls on one channel, tell the two voices apart, and guess who is the customer.

    Who says a line is who of the two voices, as they were told apart, speaks meanwhile.

    Parameters
    ----------
    data : Path
        Folder with CREMA-D's clips.
    calls : int
        How many; inbound and outbound in turns, their direction unknown.

    Yields
    ------
    SpokenCall or None
        None where the voices are not told apart.

    Raises
    ------
    CorpusError
        If the folder has no clip of the validation speakers.
    """
    paths = clips_of_validation_speakers(data)
    for number in range(calls):
        generator = np.random.default_rng((seed, number))
        inbound = number % 2 == 0
        script = (inbound_script if inbound else outbound_script)(generator)
        customer, agent = generator.choice(sorted(paths), 2, replace=False)
        sound = speak(
            script, {"customer": paths[customer], "agent": paths[agent]}, seed=seed + number
        ).sum(axis=0, keepdims=True)
        call = as_recording(f"{number}.wav", sound / np.abs(sound).max())
        without = segment_call(call)
        if without.speakers.how != "separated":
            yield None
            continue
        times, lines = _times(script), _lines(script, texts, generator, inbound=inbound)
        said = [
            Said(place=place, text=text)
            for span, text in zip(times, lines, strict=True)
            if (place := _place_at(without, span)) is not None
        ]
        guesses = (without, segment_call(call, said=said))
        spans = {
            person: [s for one, s in zip(script, times, strict=True) if one.person == person]
            for person in ("customer", "agent")
        }
        right = [
            _meets(guess, spans["customer"]) > _meets(guess, spans["agent"]) for guess in guesses
        ]
        yield SpokenCall(
            direction="inbound" if inbound else "outbound",
            named=False,
            right=(right[0], right[1]),
            doubt=(guesses[0].speakers.doubt, guesses[1].speakers.doubt),
        )


def _meets(call: SegmentedCall, spans: Sequence[Span], *, speaker: Speaker = "customer") -> float:
    """Return for how many seconds one of a call's two speakers speaks within some spans."""
    return sum(
        max(min(turn.end_seconds, end) - max(turn.start_seconds, start), 0.0)
        for turn in call.talk.turns
        if turn.speaker == speaker
        for start, end in spans
    )


def _place_at(call: SegmentedCall, span: Span) -> int | None:
    """Return the place of the voice that speaks meanwhile: 0 for who speaks first."""
    customers, agents = (_meets(call, [span], speaker=who) for who in ("customer", "agent"))
    if not customers and not agents:
        return None
    customer = 0 if call.customer_channel == "left" else 1
    return customer if customers >= agents else 1 - customer


def _one_of(texts: Sequence[str], generator: np.random.Generator) -> str:
    return texts[int(generator.integers(len(texts)))]


def _misheard(words: Sequence[str], generator: np.random.Generator) -> str:
    """Lose or mistake words, each as likely as the other."""
    heard = []
    for word in words:
        fate = generator.random()
        if fate >= _WORD_ERROR_RATE:
            heard.append(word)
        elif fate >= _WORD_ERROR_RATE / 2.0:
            heard.append("uh")
    return " ".join(heard)


def customers_texts(path: Path) -> list[str]:
    """Return what customers write, as they would say it: no names, links or hash signs."""
    cleaned = (_NOT_SAID.sub(" ", html.unescape(text)) for text in read_tweets(path).texts)
    return [text for text in (" ".join(text.split()) for text in cleaned) if text]


def summarise(calls: Sequence[SpokenCall]) -> list[dict[str, Any]]:
    """Return, for all calls and for each kind, what became of them without words and with."""
    rows = [_row("all", calls)]
    for named in (False, True):
        for direction in ("inbound", "outbound"):
            part = [c for c in calls if c.direction == direction and c.named == named]
            rows.append(_row(f"{direction}, direction {'known' if named else 'unknown'}", part))
    return rows


def _row(name: str, calls: Sequence[SpokenCall]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "calls": len(calls)}
    for place, words in enumerate(("without", "with")):
        scored = [call.doubt[place] < UNCLEAR_DOUBT for call in calls]
        right = [call.right[place] for call in calls]
        count = max(len(calls), 1)
        row[words] = {
            "customer_scored": sum(s and r for s, r in zip(scored, right, strict=True)) / count,
            "agent_scored": sum(s and not r for s, r in zip(scored, right, strict=True)) / count,
            "nobody_scored": 1.0 - sum(scored) / count,
        }
    return row


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--tweets", type=Path, default=Path("data/text/airline_tweets.csv"))
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--mono", type=int, default=0, help="calls to speak on one channel, too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    texts = customers_texts(options.tweets)
    mono = (
        list(mono_calls(options.data, texts, calls=options.mono, seed=options.seed))
        if options.mono
        else []
    )
    rows = summarise(list(spoken_calls(texts, calls=options.calls, seed=options.seed)))
    apart = [call for call in mono if call is not None]
    if mono:
        rows.append(_row("one channel, told apart", apart))
    alike = np.mean(
        [agent_signs([Said(place=0, text=text)], 1)[0] >= _LIKE_AN_AGENT for text in texts]
    )
    print(f"{'':32}{'calls':>6}   {'customer scored':>18}{'agent scored':>18}{'nobody':>18}")
    for row in rows:
        cells = (
            f"{row['without'][name]:8.1%} → {row['with'][name]:6.1%}"
            for name in ("customer_scored", "agent_scored", "nobody_scored")
        )
        print(f"{row['name']:<32}{row['calls']:6d}   {''.join(f'{cell:>18}' for cell in cells)}")
    print(f"customers' texts that sound like an agent's: {alike:.2%} of {len(texts)}")
    write_json(options.json, {"calls": rows, "texts_like_an_agent": float(alike)})


if __name__ == "__main__":
    sys.exit(main())
