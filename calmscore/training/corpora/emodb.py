"""EmoDB, the Berlin database: ten German speakers, seven emotions.

Burkhardt et al. (2005), doi:10.21437/Interspeech.2005-446.
"""

from __future__ import annotations

import os
import re

from calmscore.training.corpora.clips import Clip, Sex, label_clip, match_name

CORPUS = "emodb"

# The letters stand for the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer.
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_SEXES: dict[str, Sex] = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank",
    "a02": "Das will sie am Mittwoch abgeben",
    "a04": "Heute abend könnte ich es ihm sagen",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück",
    "a07": "In sieben Stunden wird es soweit sein",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter",
    "b03": ("An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht"),
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen",
}

_NAME = re.compile(
    rf"(?P<speaker>{'|'.join(_SEXES)})(?P<sentence>{'|'.join(_SENTENCES)})"
    rf"(?P<emotion>[{''.join(_EMOTIONS)}])(?P<version>[a-z])"
)


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read speaker, text and emotion from a file name.

    Parameters
    ----------
    name : str or path
        Stem, file name or path, for example ``08b09Wa``: speaker, text,
        letter of the emotion, version.

    Returns
    -------
    Clip
        Boredom has no emotion and negative valence; intensity is None.

    Raises
    ------
    CorpusError
        If the name is not one of EmoDB.
    """
    path, parts = match_name(name, _NAME, corpus="EmoDB", scheme="08b09Wa.wav")
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=parts["speaker"],
        original_emotion=_EMOTIONS[parts["emotion"]],
        sentence=_SENTENCES[parts["sentence"]],
        sex=_SEXES[parts["speaker"]],
    )
