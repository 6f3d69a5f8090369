"""The vocabulary: the six emotions with name, code, valence, colour.

Every other module takes these facts from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

EmotionName = Literal["anger", "disgust", "fear", "happy", "neutral", "sad"]
Valence = Literal["negative", "neutral", "positive"]
VALENCES: tuple[Valence, ...] = get_args(Valence)


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """One emotion class.

    Attributes
    ----------
    name : str
        Name in reports and in tables for programs.
    heard_as : str
        How somebody sounds in it, for people: on pages, on paper and on the terminal.
    code : str
        Three-letter code of CREMA-D's file names.
    valence : str
        ``negative``, ``neutral`` or ``positive``.
    distress : float
        How much the emotion adds to distress, from −1 to 1. Anger, fear and
        disgust weigh more than sad; happy eases.
    colour : str
        Hex colour. Any two of the six differ by at least 31 in CIELAB (ΔE 1976),
        to full sight and to each of the three kinds of colour blindness as
        simulated by Machado et al. (2009).
    """

    name: EmotionName
    heard_as: str
    code: str
    valence: Valence
    distress: float
    colour: str


_ALL = (
    Emotion(
        name="anger", heard_as="angry", code="ANG", valence="negative",
        distress=1.0, colour="#B41A18",
    ),
    Emotion(
        name="disgust", heard_as="disgusted", code="DIS", valence="negative",
        distress=0.9, colour="#A224A3",
    ),
    Emotion(
        name="fear", heard_as="fearful", code="FEA", valence="negative",
        distress=0.9, colour="#D88D0A",
    ),
    Emotion(
        name="happy", heard_as="happy", code="HAP", valence="positive",
        distress=-0.25, colour="#31B36E",
    ),
    Emotion(
        name="neutral", heard_as="calm", code="NEU", valence="neutral",
        distress=0.0, colour="#5A5E64",
    ),
    Emotion(
        name="sad", heard_as="sad", code="SAD", valence="negative",
        distress=0.6, colour="#1660FD",
    ),
)  # fmt: skip

EMOTIONS: tuple[EmotionName, ...] = get_args(EmotionName)
"""Names in the column order of every probability table."""

BY_NAME: dict[str, Emotion] = {emotion.name: emotion for emotion in _ALL}
BY_CODE: dict[str, Emotion] = {emotion.code: emotion for emotion in _ALL}
DISTRESS_WEIGHTS: tuple[float, ...] = tuple(emotion.distress for emotion in _ALL)
"""Weight of each emotion in distress, in the order of ``EMOTIONS``."""
