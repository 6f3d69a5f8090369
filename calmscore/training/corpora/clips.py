"""One labelled clip, the same whichever corpus it comes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from calmscore.emotions import BY_NAME, Valence
from calmscore.errors import CorpusError

Sex = Literal["female", "male"]

_EMOTION_OF_WORD: dict[str, str | None] = {
    "anger": "anger",
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "happy": "happy",
    "happiness": "happy",
    "neutral": "neutral",
    # Someone at ease is what a call should end with; the six have no nearer class.
    "calm": "neutral",
    "sad": "sad",
    "sadness": "sad",
    # Surprise is neither happy nor fear, and boredom is neither sad nor neutral:
    # forcing them into a class would teach or measure something else.
    "surprise": None,
    "surprised": None,
    "pleasant surprise": None,
    "boredom": None,
}

_VALENCE_OF_OTHERS: dict[str, Valence] = {
    "surprise": "positive",
    "surprised": "positive",
    "pleasant surprise": "positive",
    # Low in arousal, but unpleasant (Russell, 1980).
    "boredom": "negative",
}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One recording of one emotion by one speaker.

    Attributes
    ----------
    corpus : str
        Name of the corpus, for example ``crema-d``.
    speaker : str
        Corpus and the corpus's own number or letters, for example
        ``crema-d/1001``: no two speakers of any corpora share it.
    emotion : str or None
        One of ``emotions.EMOTIONS``; None where the corpus's label has no
        counterpart among the six (surprise, boredom).
    original_emotion : str
        The corpus's own word, for example ``calm``.
    valence : str
        ``negative``, ``neutral`` or ``positive``. Calm is neutral, surprise
        positive, boredom negative.
    intensity : str or None
        The corpus's own word, for example ``high``; None where it states none.
    sentence : str or None
        The words that are spoken; None where the file name does not tell.
    sex : str or None
        ``female`` or ``male``; None where the file name does not tell.
    """

    path: Path
    corpus: str
    speaker: str
    emotion: str | None
    original_emotion: str
    valence: Valence
    intensity: str | None
    sentence: str | None
    sex: Sex | None = None

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def speaker_id(self) -> str:
        """The corpus's own number or letters of the speaker, for example ``1001``."""
        return self.speaker.rpartition("/")[2]


def label_clip(
    path: Path,
    *,
    corpus: str,
    speaker_id: str,
    original_emotion: str,
    intensity: str | None = None,
    sentence: str | None = None,
    sex: Sex | None = None,
) -> Clip:
    """Make a clip from what its file name says.

    Parameters
    ----------
    corpus, speaker_id : str
        Together they make ``Clip.speaker``.
    original_emotion : str
        The corpus's own word; emotion and valence follow from it.
    intensity, sentence, sex : str, optional
        As in `Clip`.

    Returns
    -------
    Clip
        With emotion and valence filled in.
    """
    emotion = _EMOTION_OF_WORD[original_emotion]
    valence = BY_NAME[emotion].valence if emotion else _VALENCE_OF_OTHERS[original_emotion]
    return Clip(
        path=path,
        corpus=corpus,
        speaker=f"{corpus}/{speaker_id}",
        emotion=emotion,
        original_emotion=original_emotion,
        valence=valence,
        intensity=intensity,
        sentence=sentence,
        sex=sex,
    )


def match_name(
    name: str | os.PathLike[str], pattern: re.Pattern[str], *, corpus: str, scheme: str
) -> tuple[Path, dict[str, str]]:
    """Take a file name apart.

    Parameters
    ----------
    name : str or path
        File stem, file name or path.
    pattern : re.Pattern
        Fits the whole stem and names its parts.
    corpus : str
        Name of the corpus, for the message.
    scheme : str
        How a right name looks, for the message.

    Returns
    -------
    path : Path
        ``name`` as a path.
    parts : dict of str to str
        The named parts; a part that is absent is the empty string.

    Raises
    ------
    CorpusError
        If the name does not fit.
    """
    path = Path(name)
    match = pattern.fullmatch(path.stem)
    if match is None:
        raise CorpusError(f"{path.name}: not a file name of {corpus}, which look like {scheme}")
    return path, match.groupdict(default="")
