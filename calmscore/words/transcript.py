"""The words of a call, beside its report: each side on its own, on the call's clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call import Progress, Source, analyze_recording
from calmscore.analysis.call_channels import ChannelChoice, customer_samples
from calmscore.analysis.report import (
    CallReport,
    CustomerChannel,
    Direction,
    Speaker,
    Speakers,
    SpeakersHow,
    SpokenWord,
    Talk,
    Turn,
    Words,
    WordsTurn,
)
from calmscore.analysis.scoring import VOICE_AND_WORDS, ScoreFrom
from calmscore.analysis.second_look import Analyse, look_again, places, speaks_like_an_agent
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.voice_and_words import (
    DISAGREEMENT_CODE,
    beside_the_voice,
    joined_score,
    voice_alone,
)
from calmscore.audio.recording import Recording, read_recording
from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask, stretches
from calmscore.errors import ArtifactError, CalmscoreError, Notice
from calmscore.locations import shipped
from calmscore.settings import read_environment
from calmscore.words.masking import masked
from calmscore.words.text_emotion import load_text_classifier
from calmscore.words.transcriber import HeardWord, Language, batches, load_transcriber
from calmscore.words.windows import Window, pack

_log = logging.getLogger(__name__)
# Below it the language is a guess, and so would every word be.
_LEAST_LANGUAGE_PROBABILITY = 0.5
# A pause within what one person says that is longer starts a new turn of words.
_LONGEST_BREATH_SECONDS = 0.6
# Fewer seconds of speech tell no language.
_LEAST_SPEECH_SECONDS = 0.3


class Listener(Protocol):
    """What writes words down; `transcriber.Transcriber` by default."""

    @property
    def name(self) -> str:
        """For reports."""

    def language_of(self, windows: Sequence[Window]) -> Language:
        """Tell the language of some speech."""

    def listen(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        """Return the words of each window."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One person's turns, packed.

    Attributes
    ----------
    speaker : {"customer", "agent"} or None
        None where nobody knows who it is.
    turns : tuple of tuple of float
        Start and end of each, in seconds.
    windows : tuple of Window
        What the transcriber listens to.
    """

    speaker: Speaker | None
    turns: tuple[tuple[float, float], ...]
    windows: tuple[Window, ...]


def with_words(
    report: CallReport,
    recording: Recording,
    *,
    load: Callable[[], Listener | None] = load_transcriber,
    progress: Progress | None = None,
    analyse: Analyse = analyze_recording,
    score_from: ScoreFrom | None = None,
) -> CallReport:
    """Return a report with the words of its call; whatever goes wrong, the rest stays.

    Where the words tell who is the customer, and nothing else did or all else told the
    opposite, the report is another one; see `analysis.second_look`. The score stays the
    voice's, unless it is to be made of both.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    recording : Recording
        The call that it is of.
    load : callable
        Returns what writes the words down; None where none are wanted.
    progress : callable, optional
        Called as ``progress(completed, total)``.
    analyse : callable, optional
        Analyses a call again.
    score_from : {"voice", "voice_and_words"}, optional
        What the score is made of; as CALMSCORE_SCORE_FROM says by default.

    Returns
    -------
    CallReport
        Without words, and with a notice that says why, where there are none.
    """
    # What an earlier reading of the words gave is given anew.
    report = voice_alone(report)
    try:
        transcriber = load()
        if transcriber is None:
            return report
        sides = sides_of(
            recording,
            report.talk,
            how=report.speakers.how,
            customer_channel=report.call.customer_channel,
        )
        words, notices = write_down(sides, transcriber=transcriber, progress=progress)
        if words is not None:
            report, words, doubts = _heeded(report, recording, words, analyse)
            words, unread = _read(words, report.speakers)
            notices = (*notices, *doubts, *unread)
        told = _told(report, words, notices)
        return _with_voice(told, score_from or read_environment().score_from)
    except CalmscoreError as error:
        _log.error("%s: the words: %s", report.call.file_name, error.in_full)
        return no_words(report, str(error))
    except Exception as error:  # the score is there, and stays
        _log.error("%s: the words", report.call.file_name, exc_info=error)
        return no_words(report, f"a fault in Calmscore ({type(error).__name__})")


def _with_voice(report: CallReport, score_from: ScoreFrom) -> CallReport:
    """Put the words beside the voice, and into the score where that is wanted."""
    beside = beside_the_voice(report)
    if score_from != VOICE_AND_WORDS or beside.words is None or not beside.words.segments:
        return beside
    settings = load_text_classifier(shipped("artifacts")).settings
    return joined_score(beside, matter_of_fact=settings.matter_of_fact)


def _heeded(
    report: CallReport, recording: Recording, words: Words, analyse: Analyse
) -> tuple[CallReport, Words, tuple[Notice, ...]]:
    """Return the report as the words leave it, and the words under the names it gives."""
    said = _said(report, words)
    try:
        heeded = look_again(report, recording, said, analyse=analyse)
    except CalmscoreError as error:
        _log.error("%s: cannot be analysed again", report.call.file_name, exc_info=error)
        return report, words, (_OTHER_SIDE,)
    if places(heeded) != places(report):
        words = _exchanged(words)
    return heeded, words, (_OTHER_SIDE,) if speaks_like_an_agent(report, said) else ()


def _said(report: CallReport, words: Words) -> list[Said]:
    found = places(report)
    if found is None or words.language != _READ_LANGUAGE:
        return []
    by_name: dict[Speaker | None, int] = dict(zip(("customer", "agent"), found, strict=True))
    return [
        Said(place=by_name[turn.speaker], text=turn.text)
        for turn in words.turns
        if turn.speaker is not None
    ]


def _exchanged(words: Words) -> Words:
    other: dict[Speaker, Speaker] = {"customer": "agent", "agent": "customer"}
    return replace(
        words,
        turns=tuple(
            turn if turn.speaker is None else replace(turn, speaker=other[turn.speaker])
            for turn in words.turns
        ),
    )


def _read(words: Words, speakers: Speakers) -> tuple[Words, tuple[Notice, ...]]:
    if speakers.customer_from is None:
        return words, ()  # they may be the agent's
    try:
        return with_emotions(words), ()
    except ArtifactError as error:
        return words, (
            Notice(
                code="words_not_read",
                message=f"What the words express could not be read: {error}.",
            ),
        )


def with_emotions(words: Words) -> Words:
    """Return words with what those of the customer express, and which of them weigh.

    Nothing is read from the agent's words, nor from words of nobody in particular: they
    may be the agent's. The model reads English alone.

    Raises
    ------
    ArtifactError
        If the shipped model of words cannot be loaded.
    """
    places = [place for place, turn in enumerate(words.turns) if turn.speaker == "customer"]
    if words.language != _READ_LANGUAGE or not places:
        return words
    classifier = load_text_classifier(shipped("artifacts"))
    turns = list(words.turns)
    shares = classifier.predict_proba([turns[place].text for place in places])
    levels = classifier.distress(shares)
    for place, share, sentiment, distress in zip(
        places, shares, classifier.sentiment(shares), levels, strict=True
    ):
        turn = turns[place]
        weights = classifier.word_weights(turn.text, [word.text for word in turn.words])
        turns[place] = replace(
            turn,
            emotions=tuple(float(value) for value in share),
            sentiment=sentiment,
            distress=round(float(distress), 4),
            words=tuple(
                replace(word, weight=round(float(weight), 4))
                for word, weight in zip(turn.words, weights, strict=True)
            ),
        )
    return replace(words, turns=tuple(turns))


_READ_LANGUAGE = "en"


_OTHER_SIDE = Notice(
    code="words_other_side",
    message="Who is taken for the customer speaks like an agent (greets for a company, offers "
    "help), so the sides may be exchanged and the score may be of the wrong person. Listen, and "
    "choose the other side if it is the customer.",
)


def no_words(report: CallReport, reason: str) -> CallReport:
    """Return a report without words, with a notice that says why."""
    notice = Notice(
        code="words_missing",
        message=f"The words could not be written down: {reason}. The score does not need them.",
    )
    return _told(report, None, (notice,))


def _told(report: CallReport, words: Words | None, notices: Sequence[Notice]) -> CallReport:
    others = [notice for notice in report.warnings if notice.code not in _NOTICE_CODES]
    return replace(report, words=words, warnings=(*others, *notices))


_NOTICE_CODES = (
    "words_missing", "words_language", "words_no_speech", "words_other_side", "words_not_read",
    DISAGREEMENT_CODE,
)  # fmt: skip


def words_notices(report: CallReport) -> list[Notice]:
    """Return what a report says of its words, or of why there are none."""
    return [notice for notice in report.warnings if notice.code in _NOTICE_CODES]


def analyze_with_words(
    source: Source,
    /,
    *,
    customer_channel: ChannelChoice = "auto",
    direction: Direction | None = None,
    progress: Progress | None = None,
    score_from: ScoreFrom | None = None,
) -> CallReport:
    """Analyse a call and write down its words; see `analysis.call.analyze_call`, `with_words`."""
    recording = read_recording(source)
    report = analyze_recording(
        recording, customer_channel=customer_channel, direction=direction, progress=progress
    )
    return with_words(report, recording, progress=progress, score_from=score_from)


def write_down(
    sides: Sequence[Side], *, transcriber: Listener, progress: Progress | None = None
) -> tuple[Words | None, tuple[Notice, ...]]:
    """Write down what the people of a call say.

    Numbers that identify people are masked; see `masking.masked`.

    Parameters
    ----------
    sides : sequence of Side
        As `sides_of` gives them: what the analysis took for speech. Over music, ringing
        and noise nothing is written.
    transcriber : Listener
        What listens.
    progress : callable, optional
        Called as ``progress(completed, total)``.

    Returns
    -------
    words : Words or None
        None where nobody speaks, or the language cannot be told.
    notices : tuple of Notice
        What a reader must know of the words.
    """
    sides = [side for side in sides if side.windows]
    windows = [window for side in sides for window in side.windows]
    if sum(window.speech_seconds for window in windows) < _LEAST_SPEECH_SECONDS:
        return None, (_NO_SPEECH,)
    language = transcriber.language_of(_telling(sides))
    if language.probability < _LEAST_LANGUAGE_PROBABILITY:
        return None, (_unknown_language(language),)
    heard: list[list[HeardWord]] = []
    for batch in batches(windows):
        heard += transcriber.listen(batch, language=language.code)
        if progress is not None:
            progress(len(heard), len(windows))
    turns: list[WordsTurn] = []
    for side in sides:
        count = len(side.windows)
        turns += _turns(side, heard[:count])
        heard = heard[count:]
    if not turns:
        return None, (_NO_SPEECH,)
    turns.sort(key=lambda turn: (turn.start_seconds, turn.speaker or ""))
    return (
        Words(language=language.code, model=transcriber.name, turns=masked(turns)),
        (),
    )


_NO_SPEECH = Notice(
    code="words_no_speech", message="No words were heard in this call, so none are written down."
)


def _unknown_language(language: Language) -> Notice:
    return Notice(
        code="words_language",
        message="The language of this call could not be told, so no words are written down "
        f"(nearest: {language.code}, {language.probability:.0%} sure).",
    )


def _telling(sides: Sequence[Side]) -> list[Window]:
    """Return the window of each side that holds most speech."""
    return [max(side.windows, key=lambda window: window.speech_seconds) for side in sides]


def sides_of(
    recording: Recording,
    talk: Talk,
    *,
    how: SpeakersHow,
    customer_channel: CustomerChannel,
) -> list[Side]:
    """Return what each person says, packed for the transcriber.

    Parameters
    ----------
    recording : Recording
        The call.
    talk : Talk
        Who speaks when; without turns, all speech is nobody's in particular.
    how : {"channels", "separated", "mixed"}
        How the two were told apart.
    customer_channel : {"left", "right", "mixed", "1", …, "8"}
        Where the customer is.
    """
    if how == "mixed":
        sound = customer_samples(recording, customer_channel)
        return [_side(None, sound, _spoken(sound))]
    places: dict[Speaker, CustomerChannel] = {"agent": "mixed", "customer": "mixed"}
    if how == "channels":
        # Of a conference, everybody else.
        other = _OTHER.get(customer_channel, "mixed")
        places = {"agent": other, "customer": customer_channel}
    return [
        _side(speaker, customer_samples(recording, place), _turns_of(talk.turns, speaker))
        for speaker, place in places.items()
    ]


_OTHER: dict[CustomerChannel, CustomerChannel] = {
    "left": "right", "right": "left",
}  # fmt: skip


def _turns_of(turns: Sequence[Turn], speaker: Speaker) -> list[tuple[float, float]]:
    return [(turn.start_seconds, turn.end_seconds) for turn in turns if turn.speaker == speaker]


def _spoken(sound: npt.NDArray[np.float16]) -> list[tuple[float, float]]:
    breath = int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ)
    return [
        (first / MASK_RATE_HZ, last / MASK_RATE_HZ)
        for first, last in stretches(speech_mask(sound), breath=breath)
    ]


def _side(
    speaker: Speaker | None,
    sound: npt.NDArray[np.float16],
    turns: Sequence[tuple[float, float]],
) -> Side:
    return Side(speaker=speaker, turns=tuple(turns), windows=tuple(pack(sound, turns)))


def _turns(side: Side, heard: Sequence[Sequence[HeardWord]]) -> Iterator[WordsTurn]:
    by_turn: dict[int, list[SpokenWord]] = {}
    for window, words in zip(side.windows, heard, strict=True):
        for word in words:
            piece = window.piece_at((word.start_seconds + word.end_seconds) / 2.0)
            by_turn.setdefault(piece.turn, []).append(
                SpokenWord(
                    text=word.text,
                    start_seconds=round(piece.in_call(word.start_seconds), 2),
                    end_seconds=round(piece.in_call(word.end_seconds), 2),
                )
            )
    for turn, spoken in sorted(by_turn.items()):
        start, end = side.turns[turn]
        yield WordsTurn(
            speaker=side.speaker,
            start_seconds=start,
            end_seconds=end,
            text=" ".join(word.text for word in spoken),
            words=tuple(spoken),
        )
