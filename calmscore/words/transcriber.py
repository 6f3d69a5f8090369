"""Speech to text by Whisper, on this machine.

References
----------
Radford et al. (2023), "Robust speech recognition via large-scale weak supervision".
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

# Imported first: it tells ONNX Runtime, which faster-whisper brings, to report nothing.
import calmscore.audio.voice_activity  # noqa: F401
from calmscore.errors import TranscriberError
from calmscore.locations import shipped
from calmscore.settings import read_environment
from calmscore.words.windows import Excerpt, Piece, Window, excerpts

_Heard = TypeVar("_Heard", Window, Excerpt)

SHIPPED_NAME = "whisper-base"

_NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
_MOST_OF_A_BATCH = 2
# Two batches at once, each on a processor of its own, take a sixth less of both than one on two.
_BATCHES_AT_ONCE = 2
# Whisper's own limits for what is no text: it goes round in circles, or is guessed.
_MOST_COMPRESSION = 2.4
_LEAST_LOG_PROBABILITY = -1.0
# It hears no speech, and is not sure of the words either.
_NO_SPEECH, _NO_SPEECH_LOG_PROBABILITY = 0.6, -0.5
# Nobody says more; what does is a loop too short for the compression to show.
_MOST_WORDS_PER_SECOND = 8.0
# A word that was not heard has no probability.
_LEAST_WORD_PROBABILITY = 0.02
# With the margins of a turn: what is shorter may well hold no word.
_LEAST_MISSED_SECONDS = 0.8


@dataclass(frozen=True, kw_only=True)
class HeardWord:
    """A word and its place in a window.

    Attributes
    ----------
    text : str
        With its punctuation, without the space before it.
    start_seconds, end_seconds : float
        From the start of the window.
    """

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language as Whisper names it, and how sure that is, 0–1."""

    code: str
    probability: float


class Transcriber:
    """A loaded Whisper model; it may be used by many threads at once.

    Parameters
    ----------
    model : faster_whisper.WhisperModel
        What listens.
    name : str
        For reports.
    """

    def __init__(self, model: Any, *, name: str) -> None:
        self._model = model
        self.name = name

    def language_of(self, windows: Sequence[Window]) -> Language:
        """Tell the language of a call.

        Parameters
        ----------
        windows : sequence of Window
            What to listen to; not empty.

        Returns
        -------
        Language
            English, surely, where the model knows nothing else.
        """
        if not self._model.model.is_multilingual:
            return Language(code="en", probability=1.0)
        shares: dict[str, float] = {}
        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as pool:
            told = list(pool.map(self._model.detect_language, [each.sound for each in windows]))
        for _, _, ranked in told:
            for code, share in ranked:
                shares[code] = shares.get(code, 0.0) + float(share) / len(windows)
        best = max(shares, key=lambda code: shares[code])
        return Language(code=best, probability=shares[best])

    def listen(self, windows: Sequence[Window], *, language: str) -> Iterator[list[HeardWord]]:
        """Write down what is said in some windows.

        Parameters
        ----------
        windows : sequence of Window
            Of one call.
        language : str
            Whisper's code of it.

        Yields
        ------
        list of HeardWord
            Of each window in turn, as soon as there is one; empty where nothing is said that can
            be made out.
        """
        listen = partial(self._heard, language=language)
        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as pool:
            for heard in pool.map(listen, _batches(windows, at_once=_BATCHES_AT_ONCE)):
                yield from heard

    def _heard(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        heard = [list(words) for words in self._transcribed(windows, language)]
        # Whisper passes over the first or the last that is said in a window, or goes round in
        # circles. What is missed then is listened to once more: with little beside it, where
        # neither happens often, and with more candidates.
        missed = [_missed(window, words) for window, words in zip(windows, heard, strict=True)]
        for batch in _batches(excerpts(windows, missed)):
            again = self._transcribed([each.window for each in batch], language, beam_size=5)
            for excerpt, words in zip(batch, again, strict=True):
                for word in words:
                    place, shift = excerpt.source_at(_middle(word))
                    heard[place].append(_moved(word, shift))
        return [sorted(words, key=lambda word: word.start_seconds) for words in heard]

    def _transcribed(
        self, windows: Sequence[Window], language: str, **options: Any
    ) -> list[Sequence[HeardWord]]:
        """Return the words of each window, none where they are not to be believed."""
        from calmscore.words.whisper_batches import WhisperBatches

        rate = self._model.feature_extractor.sampling_rate
        sizes = [window.sound.size for window in windows]
        starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        segments, _ = WhisperBatches(self._model).transcribe(
            np.concatenate([window.sound for window in windows]),
            language=language,
            clip_timestamps=[
                # A little more than exact: it is rounded down to a sample.
                {"start": (first + 0.1) / rate, "end": (last + 0.1) / rate}
                for first, last in itertools.pairwise(starts)
            ],
            vad_filter=False,
            word_timestamps=True,
            batch_size=len(windows),
            temperature=0.0,
            **{"beam_size": 1, **options},
        )
        found: list[list[HeardWord] | None] = [[] for _ in windows]
        for segment in segments:
            middle = segment.seek / self._model.frames_per_second + 0.1
            place = int(np.searchsorted(np.array(starts[1:]) / rate, middle))
            words = _words(segment, offset=starts[place] / rate)
            before = found[place]
            believed = before is not None and _believable(segment, words, windows[place])
            found[place] = [*(before or []), *words] if believed else None
        return [words or [] for words in found]


def _missed(window: Window, words: Sequence[HeardWord]) -> list[Piece]:
    """Return the pieces in which there is no word, though they are long enough for some."""
    heard = [window.piece_at(_middle(word)) for word in words]
    return [
        piece
        for piece in window.pieces
        if piece.seconds >= _LEAST_MISSED_SECONDS and piece not in heard
    ]


def _middle(word: HeardWord) -> float:
    return (word.start_seconds + word.end_seconds) / 2.0


def _moved(word: HeardWord, seconds: float) -> HeardWord:
    return replace(
        word, start_seconds=word.start_seconds + seconds, end_seconds=word.end_seconds + seconds
    )


def _words(segment: Any, *, offset: float) -> list[HeardWord]:
    words: list[HeardWord] = []
    for word in segment.words or ():
        text = word.word.strip()
        if not text or float(word.probability) < _LEAST_WORD_PROBABILITY:
            continue
        # Numbers of NumPy come back, which JSON does not know.
        start, end = float(word.start) - offset, float(word.end) - offset
        if words and not word.word.startswith(" "):  # the rest of a word: Uh -huh
            words[-1] = replace(words[-1], text=words[-1].text + text, end_seconds=end)
        else:
            words.append(HeardWord(text=text, start_seconds=start, end_seconds=end))
    return words


def _believable(segment: Any, words: Sequence[HeardWord], window: Window) -> bool:
    sure = float(segment.avg_logprob)
    if segment.compression_ratio > _MOST_COMPRESSION or sure < _LEAST_LOG_PROBABILITY:
        return False
    if segment.no_speech_prob > _NO_SPEECH and sure < _NO_SPEECH_LOG_PROBABILITY:
        return False
    return len(words) <= _MOST_WORDS_PER_SECOND * window.speech_seconds + 2


def _batches(heard_together: Sequence[_Heard], *, at_once: int = 1) -> list[Sequence[_Heard]]:
    """Cut windows, or excerpts of them, into batches of much the same size for so many at once."""
    count = -(-len(heard_together) // _MOST_OF_A_BATCH)
    count = min(-(-count // at_once) * at_once, len(heard_together))
    bounds = [len(heard_together) * place // max(count, 1) for place in range(count + 1)]
    return [heard_together[first:last] for first, last in itertools.pairwise(bounds)]


def load_transcriber() -> Transcriber | None:
    """Load the transcriber that the environment names, once per process.

    Returns
    -------
    Transcriber or None
        None where ``CALMSCORE_TRANSCRIBER`` is ``off``.

    Raises
    ------
    TranscriberError
        If it cannot be loaded; the message says what to do.
    """
    environment = read_environment()
    return _loaded(environment.transcriber) if environment.writes_words else None


@lru_cache(maxsize=2)
def _loaded(wanted: str | None) -> Transcriber:
    if wanted is None:
        return Transcriber(_model(shipped("artifacts") / "transcriber"), name=SHIPPED_NAME)
    path = Path(wanted)
    if path.is_dir():
        return Transcriber(_model(path), name=path.name)
    if os.sep in wanted or path.exists():
        raise _unusable(wanted, "it is no folder")
    return Transcriber(_model(_downloaded(wanted)), name=wanted)


def _model(folder: Path) -> Any:
    # Without its tokenizer, the library would ask the network for one.
    missing = [name for name in _NEEDED_FILES if not (folder / name).is_file()]
    if missing:
        raise _unusable(str(folder), f"{missing[0]} is not in it")
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=1,
            num_workers=min(_BATCHES_AT_ONCE, os.cpu_count() or 1),
            local_files_only=True,
        )
    except Exception as error:  # the library raises many kinds
        raise _unusable(str(folder), str(error) or type(error).__name__) from error


def _downloaded(name: str) -> Path:
    from faster_whisper import download_model

    try:
        return Path(download_model(name))
    except Exception as error:  # the hub's client raises many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unusable(
            name, f"it is neither a folder here nor a model that can be downloaded: {reason}"
        ) from error


def _unusable(wanted: str, reason: str) -> TranscriberError:
    return TranscriberError(
        f"the transcriber {wanted} cannot be loaded ({reason}); ask whoever looks after Calmscore",
        technical="set CALMSCORE_TRANSCRIBER to the folder of a Whisper model for faster-whisper, "
        "to “off”, or unset it",
    )
