"""CREMA-D: 7,442 clips of 91 actors, with listeners' votes and demographics.

Cao et al. (2014), doi:10.1109/TAFFC.2014.2336244. Home:
https://github.com/CheyneyComputerScience/CREMA-D. Open Database License 1.0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from calmscore.emotions import BY_CODE, EMOTIONS
from calmscore.errors import CorpusError
from calmscore.training.corpora.clips import Clip, label_clip, match_name

CORPUS = "crema-d"
DEMOGRAPHICS_FILE = "VideoDemographics.csv"
"""Beside the corpus's folder of clips."""
VOTES_FILE = "tabulatedVotes.csv"

SENTENCES: dict[str, str] = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
"""The twelve sentences by their code in the file names."""

VALIDATION_SPEAKERS: tuple[str, ...] = (
    "1015",
    "1020",
    "1021",
    "1030",
    "1050",
    "1070",
    "1079",
    "1089",
    "1090",
)
"""Validation speakers (`Clip.speaker_id`) of the split of TensorFlow Datasets.

They serve model selection and calibration, never fitting.
"""

SILENT_CLIPS: frozenset[str] = frozenset({"1076_MTI_SAD_XX"})
"""Clips without any speech."""

DUPLICATED_CLIPS: dict[str, str] = {
    "1006_TIE_NEU_XX": "1006_TIE_HAP_XX",
    "1013_WSI_DIS_XX": "1013_WSI_SAD_XX",
    "1017_IWW_FEA_XX": "1017_IWW_ANG_XX",
}
"""Clips that hold the same recording as another, under another emotion.

The key is left out, the value is kept, as TensorFlow Datasets does it.
"""

_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}

# Copies from before October 2022 hold one clip with a single X: 1040_ITH_SAD_X.
_NAME = re.compile(
    rf"(?P<speaker>\d{{4}})_(?P<sentence>{'|'.join(SENTENCES)})"
    rf"_(?P<emotion>{'|'.join(BY_CODE)})_(?P<intensity>{'|'.join(_INTENSITIES)})"
)


def parse_name(name: str | os.PathLike[str]) -> Clip:
    """Read actor, sentence, emotion and intensity from a file name.

    Parameters
    ----------
    name : str or path
        Stem, file name or path, for example ``1001_DFA_ANG_XX``.

    Returns
    -------
    Clip
        Sex is None: it is in the demographics, not in the name.

    Raises
    ------
    CorpusError
        If the name is not one of CREMA-D.
    """
    path, parts = match_name(name, _NAME, corpus="CREMA-D", scheme="1001_DFA_ANG_XX.wav")
    return label_clip(
        path,
        corpus=CORPUS,
        speaker_id=parts["speaker"],
        original_emotion=BY_CODE[parts["emotion"]].name,
        intensity=_INTENSITIES[parts["intensity"]],
        sentence=SENTENCES[parts["sentence"]],
    )


def usable(clip: Clip) -> bool:
    """Tell whether a clip may serve as an example of its emotion.

    Parameters
    ----------
    clip : Clip
        Of any corpus; those of other corpora are usable.

    Returns
    -------
    bool
        False for a silent clip and for the second label of a recording.
    """
    if clip.corpus != CORPUS:
        return True
    return clip.name not in SILENT_CLIPS and clip.name not in DUPLICATED_CLIPS


def _read_table(path: str | os.PathLike[str], *, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{os.fspath(path)}: not a readable table ({error})") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise CorpusError(f"{os.fspath(path)}: the table lacks the columns {', '.join(missing)}")
    return table


def read_listener_votes(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read how listeners who heard a clip without its picture voted.

    Parameters
    ----------
    path : str or path
        CREMA-D's ``tabulatedVotes.csv``. The first digit of its first column
        tells what was shown: 1 voice alone, 2 face alone, 3 both.

    Returns
    -------
    DataFrame
        Index: clip name, sorted. Columns: ``EMOTIONS``, each the share of the
        votes, from 0 to 1; a row sums to 1. Clips that nobody heard are absent.

    Raises
    ------
    CorpusError
        If the file cannot be read, is another table or holds no such votes.
    """
    letters = {emotion[0].upper(): emotion for emotion in EMOTIONS}
    table = _read_table(path, columns=("fileName", *letters))
    heard = table[table.iloc[:, 0].astype(str).str.startswith("1")]
    counts = heard.groupby("fileName")[list(letters)].sum().rename(columns=letters)
    totals = counts.sum(axis=1)
    if not totals.gt(0).any():
        raise CorpusError(f"{os.fspath(path)}: no votes of listeners who heard the voice alone")
    shares = counts.div(totals, axis=0)[totals > 0]
    return shares.loc[:, list(EMOTIONS)].rename_axis(index="name")


def votes_by_name(data: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return the shares of the listeners' votes of each clip of a folder.

    Parameters
    ----------
    data : Path
        Folder with the clips; ``VOTES_FILE`` lies there or in the folder above.

    Returns
    -------
    dict of str to array of float32, shape (6,)
        By clip name, in the order of ``EMOTIONS``; empty without the table.
    """
    tables = [folder / VOTES_FILE for folder in (data, data.parent)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return {}
    shares = read_listener_votes(table)
    return dict(zip(shares.index, shares.to_numpy(np.float32), strict=True))


def read_demographics(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read age, sex, race and ethnicity of the actors.

    Parameters
    ----------
    path : str or path
        CREMA-D's ``VideoDemographics.csv``.

    Returns
    -------
    DataFrame
        Index: `Clip.speaker_id` as a string, for example ``1001``. Columns:
        ``age`` (years at the recording), ``sex`` (``female`` or ``male``),
        ``race``, ``ethnicity``, ``age_band`` (``20–29``, ``30–39``, …).

    Raises
    ------
    CorpusError
        If the file cannot be read or is another table.
    """
    columns = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    table = _read_table(path, columns=columns).loc[:, list(columns)]
    table.columns = ["speaker", "age", "sex", "race", "ethnicity"]
    table["speaker"] = table["speaker"].astype(str)
    table["sex"] = table["sex"].str.lower()
    decades = table["age"] // 10 * 10
    table["age_band"] = [f"{decade}–{decade + 9}" for decade in decades]
    return table.set_index("speaker")


def sex_by_speaker(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the sex of each actor, ``female`` or ``male``, by the speaker's name in a `Clip`.

    Raises
    ------
    CorpusError
        As `read_demographics`.
    """
    sexes = read_demographics(path)["sex"]
    return {f"{CORPUS}/{speaker}": sex for speaker, sex in sexes.items()}
