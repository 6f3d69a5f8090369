"""SAVEE: four men of the University of Surrey, seven emotions.

Haq and Jackson (2009), "Speaker-dependent audio-visual emotion recognition".
"""

from __future__ import annotations

import os
import re

from calmscore.errors import CorpusError
from calmscore.training.corpora.clips import Clip, label_clip, match_name

CORPUS = "savee"

_SPEAKERS = ("DC", "JE", "JK", "KL")
_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}

_NAME = re.compile(
    rf"(?:(?P<speaker>{'|'.join(_SPEAKERS)})_)?(?P<emotion>{'|'.join(_EMOTIONS)})(?P<number>\d\d)"
)


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read speaker and emotion from a file name.

    Parameters
    ----------
    name : str or path
        ``DC_a01``, or the official ``DC/a01.wav`` with the speaker as the folder.

    Returns
    -------
    Clip
        Surprise has no emotion; intensity and sentence are None.

    Raises
    ------
    CorpusError
        If the name is not one of SAVEE, or neither name nor folder tells the
        speaker.
    """
    path, parts = match_name(name, _NAME, corpus="SAVEE", scheme="DC_a01.wav or DC/a01.wav")
    speaker = parts["speaker"] or path.parent.name
    if speaker not in _SPEAKERS:
        raise CorpusError(
            f"{path.name}: neither its name nor its folder is a speaker of SAVEE"
            f" ({', '.join(_SPEAKERS)})"
        )
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=speaker,
        original_emotion=_EMOTIONS[parts["emotion"]],
        sex="male",
    )
