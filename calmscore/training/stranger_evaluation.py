"""How often a second voice on the customer's side is found, and how often one is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calmscore.analysis.segments import SegmentedCall, segment_call
from calmscore.audio.voice_activity import Mask, speech_mask
from calmscore.training.corpora.composed_strangers import STRANGERS, StrangerCall

Figures = dict[str, Any]


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
    """Look for strangers in composed calls.

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
        found = segment_call(call.recording, customer_channel="left")
        codes = {notice.code for notice in found.warnings}
        known = {sexes.get(name) for name in (call.customer, call.stranger)}
        told = "perhaps" if "perhaps_other_voice" in codes else "nothing"
        yield JudgedStranger(
            trajectory=call.trajectory,
            customer=call.customer,
            stranger=call.stranger,
            kind=call.kind,
            same_sex=None if None in known else len(known) == 1,
            told="excluded" if codes & {"other_voice", "sides_exchanged"} else told,
            lost=_lost(found, speech_mask(call.sounds[0])),
        )


def _lost(found: SegmentedCall, truth: Mask) -> float:
    """Return which share of the customer's segments was left out as another voice's."""
    steps = np.array([s.start_seconds * 100 for s in found.segments], dtype=int)
    own = np.array([truth[first : first + 300].sum() for first in steps], dtype=float)
    left_out = np.array([s.status == "other_voice" for s in found.segments])
    return float((own * left_out).sum() / max(own.sum(), 1.0))


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
