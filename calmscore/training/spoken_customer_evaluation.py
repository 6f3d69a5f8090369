"""Measure what words add to the guess of who is the customer, on the level of text.

    python -m calmscore.training.spoken_customer_evaluation [--tweets FILE] [--calls 1000]

Who speaks when comes from the scripts of `customer_evaluation`. What agents say is drawn from
lines written by hand, a part of them without any phrase that gives agents away; what customers say
comes from tweets to airlines, which nobody here wrote. Words are lost and mistaken as often as on
a telephone line. So the figures tell how the cues join, and how often real customers are taken for
agents; how agents of a given company speak, they do not tell.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calmscore.analysis.customer import guess_customer
from calmscore.analysis.report import Direction
from calmscore.analysis.segments import UNCLEAR_DOUBT
from calmscore.analysis.spoken_cues import Said, agent_signs
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask
from calmscore.errors import CalmscoreError
from calmscore.training.corpora.airline_tweets import read_tweets
from calmscore.training.customer_evaluation import Said as Spoken
from calmscore.training.customer_evaluation import inbound_script, outbound_script

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
    texts : sequence of str
        What customers write.
    calls : int
        How many; inbound and outbound in turns, every second pair with its direction known.
    seed : int
        Fixes them.
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
    end, placed, said = 1.0, [], []
    last = max(place for place, one in enumerate(script) if one.person == "agent")
    opened = False
    for number, one in enumerate(script):
        start = max(end + one.pause_seconds, 0.0)
        place = customer if one.person == "customer" else 1 - customer
        placed.append((place, start, start + one.seconds))
        end = max(end, start + one.seconds)
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
        said.append(Said(place=place, text=_misheard(words, generator)))
    masks = [np.zeros(int((end + 1.0) * MASK_RATE_HZ), dtype=np.bool_) for _ in range(2)]
    for place, start, stop in placed:
        masks[place][int(start * MASK_RATE_HZ) : int(stop * MASK_RATE_HZ)] = True
    return masks, said


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 3 with one line of reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--tweets", type=Path, default=Path("data/text/airline_tweets.csv"))
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    try:
        texts = customers_texts(options.tweets)
    except CalmscoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    rows = summarise(list(spoken_calls(texts, calls=options.calls, seed=options.seed)))
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
    if options.json is not None:
        figures = {"calls": rows, "texts_like_an_agent": float(alike)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
