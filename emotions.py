"""The vocabulary: the six emotions with name, code, valence, colour.

Every other module takes these facts from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Valence = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """One emotion class.

    Attributes
    ----------
    name : str
        Name used in reports, in tables and on the page.
    code : str
        Three-letter code of CREMA-D's file names.
    valence : str
        ``negative``, ``neutral`` or ``positive``.
    distress : float
        How much the emotion adds to distress, from −1 to 1. Anger, fear and
        disgust weigh more than sad; happy eases.
    colour : str
        Hex colour. The six are Okabe and Ito's (2008), which people with any
        common colour blindness can tell apart.
    """

    name: str
    code: str
    valence: Valence
    distress: float
    colour: str


_ALL = (
    Emotion(name="anger", code="ANG", valence="negative", distress=1.0, colour="#D55E00"),
    Emotion(name="disgust", code="DIS", valence="negative", distress=0.9, colour="#CC79A7"),
    Emotion(name="fear", code="FEA", valence="negative", distress=0.9, colour="#E69F00"),
    Emotion(name="happy", code="HAP", valence="positive", distress=-0.25, colour="#009E73"),
    Emotion(name="neutral", code="NEU", valence="neutral", distress=0.0, colour="#8C96A0"),
    Emotion(name="sad", code="SAD", valence="negative", distress=0.6, colour="#0072B2"),
)

EMOTIONS: tuple[str, ...] = tuple(emotion.name for emotion in _ALL)
"""Names in the column order of every probability table."""

BY_NAME: dict[str, Emotion] = {emotion.name: emotion for emotion in _ALL}
BY_CODE: dict[str, Emotion] = {emotion.code: emotion for emotion in _ALL}
DISTRESS_WEIGHTS: tuple[float, ...] = tuple(emotion.distress for emotion in _ALL)
"""Weight of each emotion in distress, in the order of ``EMOTIONS``."""
