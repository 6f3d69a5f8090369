"""RAVDESS: 24 actors, eight emotions, two intensities; speech and song.

Livingstone and Russo (2018), doi:10.1371/journal.pone.0196391. CC BY-NC-SA 4.0.
"""

from __future__ import annotations

import os
import re

from calmscore.errors import CorpusError
from calmscore.training.corpora.clips import Clip, label_clip, match_name

CORPUS = "ravdess"

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_SENTENCES = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_AUDIO_ONLY = "03"
_SPEECH = "01"

_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>0[1-9]|1\d|2[0-4])"
)


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read actor, statement, emotion and intensity from a file name.

    Parameters
    ----------
    name : str or path
        Stem, file name or path, for example ``03-01-05-02-01-01-03``: modality,
        channel, emotion, intensity, statement, repetition, actor.

    Returns
    -------
    Clip
        Calm has the emotion neutral; surprised has none. Actors with an odd
        number are male.

    Raises
    ------
    CorpusError
        If the name is not one of RAVDESS, or is of a video or a song.
    """
    path, parts = match_name(name, _NAME, corpus="RAVDESS", scheme="03-01-05-02-01-01-03.wav")
    # The videos have the same sound as the audio files: each would count twice.
    if parts["modality"] != _AUDIO_ONLY:
        raise CorpusError(f"{path.name}: a video of RAVDESS; only its audio files are read")
    if parts["channel"] != _SPEECH:
        raise CorpusError(f"{path.name}: a song of RAVDESS; only its speech is read")
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=parts["actor"],
        original_emotion=_EMOTIONS[parts["emotion"]],
        intensity=_INTENSITIES[parts["intensity"]],
        sentence=_SENTENCES[parts["statement"]],
        sex="male" if int(parts["actor"]) % 2 else "female",
    )
