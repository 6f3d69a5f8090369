"""TESS, the Toronto set: two women, 200 words, seven emotions.

Pichora-Fuller and Dupuis (2020), doi:10.5683/SP2/E8H2MF.
"""

from __future__ import annotations

import os
import re

from calmscore.training.corpora.clips import Clip, label_clip, match_name

CORPUS = "tess"

_EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "pleasant surprise",
    "sad": "sad",
}

# One file is officially called OA_bite_neutral; without the “?” it would be lost.
_NAME = re.compile(rf"(?P<age>[OY])AF?_(?P<word>[A-Za-z]+)_(?P<emotion>{'|'.join(_EMOTIONS)})")


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read speaker, word and emotion from a file name.

    Parameters
    ----------
    name : str or path
        Stem, file name or path, for example ``OAF_back_fear``: older or younger
        speaker, word, emotion. The official folders, one a speaker and emotion,
        say nothing that the name does not.

    Returns
    -------
    Clip
        Pleasant surprise (``ps``) has no emotion; intensity is None.

    Raises
    ------
    CorpusError
        If the name is not one of TESS.
    """
    path, parts = match_name(name, _NAME, corpus="TESS", scheme="OAF_back_fear.wav")
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=f"{parts['age']}AF",
        original_emotion=_EMOTIONS[parts["emotion"]],
        sentence=f"Say the word {parts['word']}",
        sex="female",
    )
