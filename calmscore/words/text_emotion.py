"""What words express: the six emotions, whether they are negative, and which words weigh.

It reads the words alone. Of the seven classes it was trained on, *surprise* (with
curiosity, confusion and realisation) counts as neutral: on a service call those are
questions. Sarcasm is taken at its word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from tokenizers import Tokenizer

from calmscore.analysis.distress import distress
from calmscore.emotions import BY_NAME, EMOTIONS, VALENCES, EmotionName, Valence
from calmscore.errors import ArtifactError
from calmscore.network.onnx_session import open_onnx, run_in_parts
from calmscore.network.settings_file import read_settings_file, write_settings_file

FloatArray = npt.NDArray[np.float32]

MODEL_FILE = "text_emotion.onnx"
TOKENIZER_FILE = "text_emotion_tokenizer.json"
SETTINGS_FILE = "text_emotion.json"

READ_AS: dict[str, EmotionName] = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "neutral",
}
"""The classes that the network was trained on, in its order, and what each counts as."""
_MADE_FOR = {"classes": tuple(READ_AS)}

AS_EMOTIONS = np.array(
    [[name == read for name in EMOTIONS] for read in READ_AS.values()], np.float32
)
"""Shape (7, 6): shares of the classes times this are shares of the emotions."""
_OF_VALENCE = np.array(
    [[BY_NAME[name].valence == valence for valence in VALENCES] for name in EMOTIONS], np.float32
)
_OUTPUT = "logits"
_ROWS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """What travels with the model's weights.

    Attributes
    ----------
    version : str
        Of the model.
    temperature : float
        Divides the logits before the softmax; above 0.
    bias : tuple of float
        Added to the divided logits, in the order of ``READ_AS``.
    thresholds : tuple of float
        Probability from which a class is named, where several may be, in the same order.
    longest : int
        Most word pieces that are read at once, the two that mark the ends included.
    distress_midpoint, distress_slope : float
        The scale of the words' distress, as in `analysis.distress`: 0.5 is as likely as not
        that most readers find a text negative.
    matter_of_fact : tuple of float
        What texts of no mood get on average, in the order of ``EMOTIONS``.
    """

    version: str
    temperature: float
    bias: tuple[float, ...]
    thresholds: tuple[float, ...]
    longest: int
    distress_midpoint: float
    distress_slope: float
    matter_of_fact: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> TextSettings:
        """Read the settings file of an artifact.

        Raises
        ------
        ArtifactError
            If it is missing or not in this version's form.
        """
        return read_settings_file(path, cls._of_fields, made_for=_MADE_FOR)

    @classmethod
    def _of_fields(cls, fields: dict[str, Any]) -> TextSettings:
        settings = cls(
            version=str(fields["version"]),
            temperature=float(fields["temperature"]),
            bias=tuple(map(float, fields["bias"])),
            thresholds=tuple(map(float, fields["thresholds"])),
            longest=int(fields["longest"]),
            distress_midpoint=float(fields["distress_midpoint"]),
            distress_slope=float(fields["distress_slope"]),
            matter_of_fact=tuple(map(float, fields["matter_of_fact"])),
        )
        if len(settings.bias) != len(READ_AS) or not settings.temperature > 0.0:
            raise ValueError("its calibration does not fit")
        if len(settings.matter_of_fact) != len(EMOTIONS) or not (
            0.0 < settings.distress_midpoint < 1.0 and settings.distress_slope > 0.0
        ):
            raise ValueError("its scale of distress does not fit")
        return settings

    def write(self, path: Path) -> None:
        """Write the settings file of an artifact."""
        write_settings_file(path, vars(self), made_for=_MADE_FOR)


class TextEmotionClassifier:
    """A loaded artifact. Safe to use from several threads.

    Parameters
    ----------
    artifacts : Path
        Folder with the model, its word pieces and its settings.

    Raises
    ------
    ArtifactError
        If one of them is missing or damaged.
    """

    def __init__(self, artifacts: Path) -> None:
        self.settings = TextSettings.read(artifacts / SETTINGS_FILE)
        path = artifacts / TOKENIZER_FILE
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
            path = artifacts / MODEL_FILE
            self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            self._session = open_onnx(path)
        except Exception as error:  # neither library has an error of its own for this
            raise ArtifactError(
                f"{path}: cannot be loaded ({error}); install Calmscore again"
            ) from error

    def predict_proba(self, texts: Sequence[str]) -> FloatArray:
        """Tell what texts express.

        Parameters
        ----------
        texts : sequence of str
            Of any length; case and punctuation are not needed. A long one is read in
            stretches, whose answers are averaged.

        Returns
        -------
        array of float32, shape (len(texts), 6)
            Calibrated probabilities in the order of ``EMOTIONS``. A text without a word
            is neutral.
        """
        return np.asarray(self.predict_classes(texts) @ AS_EMOTIONS, dtype=np.float32)

    def predict_classes(self, texts: Sequence[str]) -> FloatArray:
        """Tell what texts express, in the classes that the network was trained on.

        Returns
        -------
        array of float32, shape (len(texts), 7)
            As `predict_proba`, in the order of ``READ_AS``.
        """
        encodings = self._tokenizer.encode_batch([_plain(text) for text in texts])
        stretches: list[list[int]] = []
        owners: list[int] = []
        for index, encoding in enumerate(encodings):
            for stretch in self._stretches(encoding.ids):
                stretches.append(stretch)
                owners.append(index)
        sums = np.zeros((len(texts), len(READ_AS)), dtype=np.float64)
        lengths = np.array([len(stretch) - 2 for stretch in stretches], dtype=np.float64)
        np.add.at(sums, owners, self._probabilities(stretches) * lengths[:, None])
        totals = np.bincount(owners, weights=lengths, minlength=len(texts))[:, None]
        silent = np.array([[name == "neutral" for name in READ_AS]], dtype=np.float64)
        means = np.where(totals > 0, sums / np.maximum(totals, 1.0), silent)
        return np.asarray(means, dtype=np.float32)

    def sentiment(self, probabilities: FloatArray) -> list[Valence]:
        """Name the likeliest of negative, neutral and positive.

        Parameters
        ----------
        probabilities : array of float, shape (n, 6)
            From `predict_proba`.

        Returns
        -------
        list of str
            One for each row.
        """
        return [VALENCES[index] for index in (probabilities @ _OF_VALENCE).argmax(axis=1)]

    def distress(self, probabilities: FloatArray) -> FloatArray:
        """Tell how sure it is that most readers would find texts negative.

        Parameters
        ----------
        probabilities : array of float, shape (n, 6)
            From `predict_proba`.

        Returns
        -------
        array of float32, shape (n,)
            0–1; 0.5 means as likely as not.
        """
        scale = {
            "midpoint": self.settings.distress_midpoint, "slope": self.settings.distress_slope,
        }  # fmt: skip
        return np.asarray(distress(probabilities, **scale), dtype=np.float32)

    def word_weights(self, text: str, words: Sequence[str]) -> list[float]:
        """Tell how much each word made a text negative or positive.

        Parameters
        ----------
        text : str
            What was said.
        words : sequence of str
            Its words in their order, each as it stands in the text.

        Returns
        -------
        list of float
            One for each word, −1 to 1: by how much the text's sentiment (of a long text,
            the sentiment of the stretch that the word stands in) is less likely without
            the word. Words below 0 speak against it. All 0 where the text is neutral.
        """
        weights = [0.0] * len(words)
        for start, stop in self._word_stretches(words):
            part = list(words[start:stop])
            # The whole stretch and the stretch without each of its words, in one batch.
            without = [" ".join(part[:index] + part[index + 1 :]) for index in range(len(part))]
            rows = self.predict_proba([text if len(part) == len(words) else " ".join(part)])
            (name,) = self.sentiment(rows)
            if name == "neutral":
                continue
            column = _OF_VALENCE[:, VALENCES.index(name)]
            left = self.predict_proba(without) @ column
            whole = float((rows @ column)[0])
            weights[start:stop] = [float(whole - value) for value in left]
        return weights

    def _word_stretches(self, words: Sequence[str]) -> list[tuple[int, int]]:
        room = self.settings.longest - 2
        stretches: list[tuple[int, int]] = []
        start, used = 0, 0
        for index, word in enumerate(words):
            pieces = len(self._tokenizer.encode(_plain(word), add_special_tokens=False).ids)
            if used + pieces > room and index > start:
                stretches.append((start, index))
                start, used = index, 0
            used += pieces
        return [*stretches, (start, len(words))] if words else []

    def _stretches(self, pieces: list[int]) -> list[list[int]]:
        first, last = pieces[:1], pieces[-1:]
        inner, room = pieces[1:-1], self.settings.longest - 2
        # Evenly cut: a last stretch of two words would say little.
        count = -(-len(inner) // room)
        edges = np.linspace(0, len(inner), count + 1).round().astype(int)
        return [[*first, *inner[start:stop], *last] for start, stop in pairwise(edges)]

    def _probabilities(self, rows: list[list[int]]) -> FloatArray:
        if not rows:
            return np.zeros((0, len(READ_AS)), dtype=np.float32)
        # Those of a length together, so that none is padded.
        by_length: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(place)
        together = [
            places[first : first + _ROWS_AT_ONCE]
            for places in by_length.values()
            for first in range(0, len(places), _ROWS_AT_ONCE)
        ]
        parts = (np.array([rows[place] for place in places], np.int64) for places in together)
        answers = run_in_parts(self._session, [_OUTPUT], parts)[_OUTPUT]
        logits = np.empty_like(answers)
        logits[np.concatenate(together)] = answers
        scaled = logits / self.settings.temperature + np.array(self.settings.bias)
        return np.asarray(softmax(scaled, axis=1), dtype=np.float32)


def _plain(text: str) -> str:
    # Transcripts and keyboards write the apostrophe in two ways. Signs alone are no words.
    return text.replace("’", "'") if any(map(str.isalnum, text)) else ""


@lru_cache(maxsize=2)
def load_text_classifier(artifacts: Path) -> TextEmotionClassifier:
    """Load a model of words, once in a process.

    Parameters
    ----------
    artifacts : Path
        Folder of the shipped files.

    Raises
    ------
    ArtifactError
        If a file is missing or damaged.
    """
    return TextEmotionClassifier(Path(artifacts))
