"""The words of a call, beside its report: written down, read, and heeded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from calmscore.analysis.call import Progress, Source, analyze_recording
from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.call_score import VOICE_AND_WORDS, ScoreFrom
from calmscore.analysis.report import CallReport, Direction, Speaker, Words
from calmscore.analysis.second_look import Analyse, look_again, places, speaks_like_an_agent
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.voice_and_words import (
    DISAGREEMENT_CODE,
    beside_the_voice,
    joined_score,
    voice_alone,
)
from calmscore.audio.recording import Recording, read_recording
from calmscore.errors import CalmscoreError, Notice
from calmscore.locations import shipped
from calmscore.settings import read_environment
from calmscore.words.expressed import READ_LANGUAGE, read_emotions
from calmscore.words.speech_to_text import Listener, sides_of, write_down
from calmscore.words.text_emotion import load_text_classifier
from calmscore.words.transcriber import load_transcriber

_log = logging.getLogger(__name__)


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
            words, unread = read_emotions(words, report.speakers)
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
    if found is None or words.language != READ_LANGUAGE:
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
