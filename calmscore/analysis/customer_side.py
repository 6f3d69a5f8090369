"""Which channel of a call is the customer's, and where each person speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from calmscore.analysis.call_channels import called, channel_name
from calmscore.analysis.call_direction import CallDirection
from calmscore.analysis.customer import (
    LATE_LINE_ORDER_DOUBT,
    UNCLEAR_DOUBT,
    CustomerGuess,
    guess_customer,
)
from calmscore.analysis.report import CustomerCue, Speakers
from calmscore.analysis.side_notices import (
    customer_by_words,
    customer_guessed,
    customer_unclear,
    line_late,
    one_side_silent,
)
from calmscore.analysis.spoken_cues import Said
from calmscore.audio.channels import (
    HalfArray,
    Stretch,
    dead_stretches,
    lateness_seconds,
    levels_db,
)
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, leak_mask, mask_seconds, near_voices
from calmscore.errors import Notice

# Somebody has begun to talk once a second of speech stands within two.
_OPENING_SPEECH_SECONDS = 1.0
_OPENING_WINDOW_SECONDS = 2.0
# Who says so little beside somebody else is on a line that was hardly recorded: whoever is heard
# may be the agent.
_FEW_WORDS_SECONDS, _FEW_WORDS_SHARE = 2.5, 0.06
# Of 60 composed calls the beginning was at most 17.5 dB softer than the rest of its side.
_OPENING_LEVEL_SECONDS, _LOUD_PERCENT, _BACKGROUND_DB = 1.5, 75.0, 18.0
# A channel that holds so much of all the others' speech is their mix.
_MIX_SHARE = 0.9
# Nobody else speaks whenever somebody does, and pauses with them.
_SAME_SHARE = 0.9


def sides_of(heard: Sequence[Mask], chosen: int | None) -> list[int]:
    """Return the channels on which people are: both of a stereo call, else those that speak."""
    if len(heard) == 2:
        return [0, 1]
    opened = [place for place, mask in enumerate(heard) if opening_seconds(mask) is not None]
    speaking = _once(opened, heard, first=chosen)
    sides = {place for place in speaking if not _is_mix(place, speaking, heard)}
    if chosen is not None:
        sides.add(chosen)
    # Two at least: one who speaks, and one who does not.
    silent = [place for place in range(len(heard)) if place not in sides]
    silent.sort(key=lambda place: heard[place].sum())
    return sorted([*sides, *silent[: max(2 - len(sides), 0)]])


def _once(places: Sequence[int], heard: Sequence[Mask], *, first: int | None) -> list[int]:
    """Return channels without those that hold the same as another: recorders write some twice."""
    kept: list[int] = []
    for place in sorted(places, key=lambda place: (place != first, place)):
        if not any(_is_same(heard[place], heard[other]) for other in kept):
            kept.append(place)
    return sorted(kept)


def _is_same(mask: Mask, other: Mask) -> bool:
    return bool((mask & other).sum() >= _SAME_SHARE * (mask | other).sum())


def _is_mix(place: int, speaking: Sequence[int], heard: Sequence[Mask]) -> bool:
    """Tell whether a channel holds what at least two others hold, as some recorders add."""
    others = [heard[other] for other in speaking if other != place]
    return len(others) > 1 and all(
        (mask & heard[place]).sum() >= _MIX_SHARE * mask.sum() for mask in others
    )


def dead_lines(samples: HalfArray, masks: Mapping[int, Mask]) -> dict[int, list[Stretch]]:
    """Return where nothing at all was recorded on each channel for long."""
    dead = {}
    for place, mask in masks.items():
        others = reduce(np.logical_or, [one for other, one in masks.items() if other != place])
        dead[place] = dead_stretches(samples[place], speech=mask, other_speech=others)
    return dead


def own_speech(samples: HalfArray, heard: Sequence[Mask], side: int, sides: Sequence[int]) -> Mask:
    """Return where a side speaks, without what leaks into it from the others."""
    own = heard[side]
    for other in sides:
        if other != side:
            own = own & ~leak_mask(
                samples[side], samples[other], heard=heard[side], other_heard=heard[other]
            )
    return near_voices(samples[side], own)


def first_voice(masks: Sequence[Mask]) -> int:
    """Return who of two speaks first; who never says a whole sentence comes last."""
    opened = [opening_seconds(mask) for mask in masks]
    return min((0, 1), key=lambda voice: (opened[voice] is None, opened[voice]))


def opens_in_background(samples: HalfArray, masks: Mapping[int, Mask]) -> bool:
    """Tell whether the first sound that was taken for speech is far softer than that side's voice.

    A radio beside somebody is no greeting, however much it resembles speech.
    """
    starts = {side: int(np.argmax(mask)) for side, mask in masks.items() if mask.any()}
    if not starts:
        return False
    first = min(starts, key=lambda side: starts[side])
    spoken = np.flatnonzero(masks[first])
    levels = levels_db(samples[first])[spoken]
    opening = levels[: int(_OPENING_LEVEL_SECONDS * MASK_RATE_HZ)]
    loud_db, opening_db = (np.percentile(part, _LOUD_PERCENT) for part in (levels, opening))
    return bool(loud_db - opening_db > _BACKGROUND_DB)


def customer_cue(guess: CustomerGuess, direction: CallDirection) -> CustomerCue | None:
    """Return what tells who is the customer; None where nobody knows."""
    if guess.doubt >= UNCLEAR_DOUBT:
        return None
    if guess.doubt_without_words >= UNCLEAR_DOUBT:
        return "words"
    return direction.cue or "greeting"


def speaking_sides(masks: Mapping[int, Mask]) -> list[int]:
    """Return the channels on which somebody says more than a few words."""
    opened = [side for side, mask in masks.items() if opening_seconds(mask) is not None]
    return [side for side in opened if not _says_few_words(masks[side], masks.values())]


def choose_side(
    masks: Mapping[int, Mask],
    *,
    count: int,
    chosen: int | None,
    direction: CallDirection,
    said: Sequence[Said],
    order_doubt: float = 0.0,
) -> tuple[int, Speakers, tuple[Notice, ...]]:
    """Return the customer's place among the channels, what tells so, and what to know.

    Who speaks first tells the less the more ``order_doubt`` there is, see `guess_customer`.
    """
    if chosen is not None:
        return chosen, Speakers(how="channels", customer_from="chosen", doubt=0.0), ()
    speaking = speaking_sides(masks)
    if len(speaking) < 2:
        # The silent side: whoever speaks may be the agent, who is never scored.
        silent = next(side for side in masks if side not in speaking)
        few_words = any(
            opening_seconds(masks[side]) is not None for side in masks if side not in speaking
        )
        notices = [
            one_side_silent(channel_name(side, count), few_words=few_words) for side in speaking
        ]
        cue: CustomerCue | None = None if speaking else "greeting"
        return silent, Speakers(how="channels", customer_from=cue, doubt=0.5), tuple(notices)
    voices = [masks[side] for side in speaking]
    late = lateness_seconds((voices[0], voices[1])) if len(masks) == len(voices) == 2 else 0.0
    by_voice = [
        replace(one, place=speaking.index(one.place)) for one in said if one.place in speaking
    ]
    guess = guess_customer(
        _put_right(voices, late), direction=direction.value, said=by_voice,
        order_doubt=max(order_doubt, LATE_LINE_ORDER_DOUBT if late else 0.0),
    )  # fmt: skip
    speakers = Speakers(
        how="channels", customer_from=customer_cue(guess, direction), doubt=guess.doubt
    )
    customer = speaking[guess.voice]
    names = [channel_name(side, count) for side in speaking]
    told_late = [line_late(names[1 if late > 0 else 0], abs(late))] if late else []
    if guess.doubt >= UNCLEAR_DOUBT:
        return customer, speakers, (customer_unclear("channels", guess), *told_late)
    if speakers.customer_from == "words":
        told = [customer_by_words(called(names[guess.voice]), guess)]
    else:
        told = [customer_guessed(guess, names, direction)]
    return customer, speakers, (*told, *told_late)


def _says_few_words(mask: Mask, masks: Iterable[Mask]) -> bool:
    most = max(mask_seconds(other) for other in masks)
    return mask_seconds(mask) < min(_FEW_WORDS_SECONDS, _FEW_WORDS_SHARE * most)


def _put_right(masks: Sequence[Mask], late_seconds: float) -> list[Mask]:
    """Move the first of two masks as far back as the second is late, or the other way."""
    if not late_seconds:
        return list(masks)
    missing = np.zeros(round(abs(late_seconds) * MASK_RATE_HZ), dtype=np.bool_)
    early = 0 if late_seconds > 0 else 1
    return [
        np.concatenate([missing, mask] if place == early else [mask, missing])
        for place, mask in enumerate(masks)
    ]


def opening_seconds(mask: Mask) -> float | None:
    """Return when somebody begins to talk in earnest, not just clears the throat."""
    window = int(_OPENING_WINDOW_SECONDS * MASK_RATE_HZ)
    total = np.concatenate([[0], np.cumsum(mask)])
    first = np.minimum(np.arange(mask.size) + window, mask.size)
    enough = total[first] - total[:-1] >= _OPENING_SPEECH_SECONDS * MASK_RATE_HZ
    starts = np.flatnonzero(enough & mask)
    return float(starts[0]) / MASK_RATE_HZ if starts.size else None
