"""How often a second voice on the customer's side is found, and how often one is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.strangers import find_stranger
from calmscore.analysis.voice_windows import place_voices
from calmscore.audio.channels import levels_db
from calmscore.audio.line_noise import without_line_noise
from calmscore.audio.voice_activity import Mask, speech_mask
from calmscore.training.corpora.composed import same_sex
from calmscore.training.corpora.composed_strangers import STRANGERS, StrangerCall

Figures = dict[str, Any]

_LOUD_DB = 25.0


@dataclass(frozen=True, kw_only=True)
class JudgedStranger:
    """What was said of a call.

    Attributes
    ----------
    trajectory, customer, stranger : str
    kind : str or None
        As composed.
    same_sex : bool or None
        Whether customer and stranger are of one sex; None where nobody knows.
    told : {"excluded", "perhaps", "nothing"}
        Whether a second voice was left out, only told of, or neither.
    lost : float
        Share of the customer's speech that was left out.
    """

    trajectory: str
    customer: str
    stranger: str
    kind: str | None
    same_sex: bool | None
    told: str
    lost: float


def judged(calls: Iterable[StrangerCall], *, sexes: dict[str, str]) -> Iterator[JudgedStranger]:
    """Look for strangers on the customer's side of composed calls.

    Parameters
    ----------
    calls : iterable of StrangerCall
        The calls.
    sexes : dict of str to str
        By name of the speaker; may be empty.

    Yields
    ------
    JudgedStranger
    """
    for call in calls:
        sides = without_line_noise(call.recording.samples)
        own, agent = (_spoken(sound) for sound in (call.sounds[0], sides[1]))
        mask = speech_mask(sides[0])
        found = find_stranger(sides[0], place_voices(sides[0], mask), mask, other_mask=agent)
        left_out = np.zeros_like(mask) if found is None or not found.certain else found.mask
        yield JudgedStranger(
            trajectory=call.trajectory,
            customer=call.customer,
            stranger=call.stranger,
            kind=call.kind,
            same_sex=same_sex(sexes, call.customer, call.stranger),
            told="nothing" if found is None else "excluded" if found.certain else "perhaps",
            lost=float((own & left_out).sum() / max(own.sum(), 1)),
        )


def _spoken(sound: npt.NDArray[np.floating[Any]]) -> Mask:
    """Return where a composed side is spoken on: what is loud there is speech."""
    levels = levels_db(sound)
    return np.asarray(levels >= levels.max() - _LOUD_DB)


def stranger_figures(calls: Sequence[JudgedStranger]) -> dict[str, Figures]:
    """Sum up by kind.

    Parameters
    ----------
    calls : sequence of JudgedStranger
        Any number.

    Returns
    -------
    dict of dict
        By kind, by sex, and ``nobody else``: the number of calls, the shares in which somebody
        was left out and told of at all, and the customer's speech that was lost on average.
    """
    strange = [call for call in calls if call.kind is not None]
    groups = {
        "somebody else": strange,
        **{kind: [call for call in strange if call.kind == kind] for kind in STRANGERS},
        "of the same sex": [call for call in strange if call.same_sex],
        "of the other sex": [call for call in strange if call.same_sex is False],
        "nobody else": [call for call in calls if call.kind is None],
    }
    return {name: _figures(group) for name, group in groups.items() if group}


def _figures(calls: Sequence[JudgedStranger]) -> Figures:
    return {
        "calls": len(calls),
        "excluded": float(np.mean([call.told == "excluded" for call in calls])),
        "told": float(np.mean([call.told != "nothing" for call in calls])),
        "customer_lost": float(np.mean([call.lost for call in calls])),
    }
