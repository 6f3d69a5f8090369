"""Urdu talk shows: natural speech, four emotions, for evaluation alone.

Latif et al. (2018), doi:10.1109/FIT.2018.00023. For research; nobody trains on it.
"""

from __future__ import annotations

import os
import re

from calmscore.training.corpora.clips import Clip, Sex, label_clip, match_name

CORPUS = "urdu"

_EMOTIONS = {"A": "anger", "H": "happy", "N": "neutral", "S": "sad"}
_SEXES: dict[str, Sex] = {"M": "male", "F": "female"}
_NAME = re.compile(r"(?P<speaker>S(?P<sex>[MF])\d+)_F\d+_(?P<emotion>[AHNS])\d+")


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read speaker and emotion from a file name.

    Parameters
    ----------
    name : str or path
        Stem, file name or path, for example ``SM5_F12_A012``.

    Raises
    ------
    CorpusError
        If the name is not one of this corpus.
    """
    path, parts = match_name(name, _NAME, corpus="Urdu talk shows", scheme="SM5_F12_A012.wav")
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=parts["speaker"],
        original_emotion=_EMOTIONS[parts["emotion"]],
        sex=_SEXES[parts["sex"]],
    )
