"""What a quality lead can set: retention, channel rule, file names, score bands."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from calmscore.analysis.call_channels import CHANNEL_CHOICES, ChannelChoice
from calmscore.analysis.call_score import VOICE, VOICE_AND_WORDS, ScoreFrom
from calmscore.errors import ParameterError
from calmscore.settings import read_environment
from calmscore.store.name_pattern import compiled, try_out
from calmscore.store.schema import Call, Setting
from calmscore.store.words import said_words

_log = logging.getLogger(__name__)
_MOST_DAYS = 3650
_MOST_PHRASES, _LONGEST_PHRASE = 100, 100
NAME_GROUPS = ("agent", "customer", "time")


Band = Literal["good", "middle", "poor"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one installation.

    Attributes
    ----------
    audio_days : int
        Days for which recordings are kept for playback, 0–3650; 0 keeps none.
    report_days : int
        Days for which calls and reports are kept, 1–3650.
    customer_channel : {"auto", "left", "right", "mixed"}
        Where the customer is, unless an upload says otherwise.
    file_name_pattern : str
        Regular expression with the named groups ``agent``, ``customer`` and ``time``
        (each optional), searched in file names (`name_pattern`); empty reads nothing from them.
    time_format : str
        Of the group ``time``, as in `datetime.strptime`.
    watched_phrases : tuple of str
        What is watched for in the words of calls; each of 1–100 characters, at most 100.
    score_from : {"voice", "voice_and_words"}
        What the scores of calls are made of whose words are written down from now on; as
        CALMSCORE_SCORE_FROM says by default.
    good_score, poor_score : float
        A score at or above the first is shown as good, one at or below the second as
        poor; 1–10.
    """

    audio_days: int = 30
    report_days: int = 365
    customer_channel: ChannelChoice = "auto"
    file_name_pattern: str = ""
    time_format: str = "%Y%m%d-%H%M%S"
    watched_phrases: tuple[str, ...] = ("cancel", "supervisor", "third time")
    score_from: ScoreFrom = field(default_factory=lambda: read_environment().score_from)
    good_score: float = 7.5
    poor_score: float = 4.5

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        ParameterError
            If a field is outside of what it accepts.
        """
        for name, least in (("audio_days", 0), ("report_days", 1)):
            days = getattr(self, name)
            if not (isinstance(days, int) and least <= days <= _MOST_DAYS):
                raise ParameterError(f"{name} is {days!r}; choose {least} to {_MOST_DAYS} days")
        if self.audio_days > self.report_days:
            raise ParameterError(
                f"audio_days is {self.audio_days} and report_days {self.report_days}; a recording "
                "cannot be kept longer than its report"
            )
        if self.customer_channel not in CHANNEL_CHOICES:
            raise ParameterError(
                f"customer_channel is {self.customer_channel!r}; "
                f"choose one of {', '.join(CHANNEL_CHOICES)}"
            )
        if self.score_from not in (VOICE, VOICE_AND_WORDS):
            raise ParameterError(
                f"score_from is {self.score_from!r}; choose {VOICE} or {VOICE_AND_WORDS}"
            )
        if not 1.0 <= self.poor_score < self.good_score <= 10.0:
            raise ParameterError(
                f"poor_score is {self.poor_score} and good_score {self.good_score}; choose "
                "1 ≤ poor_score < good_score ≤ 10"
            )
        _check_phrases(self.watched_phrases)
        _check_pattern(self.file_name_pattern)
        _check_time_format(self.time_format)


def _check_phrases(phrases: tuple[str, ...]) -> None:
    if len(phrases) > _MOST_PHRASES:
        raise ParameterError(
            f"watched_phrases holds {len(phrases)} phrases; choose at most {_MOST_PHRASES}"
        )
    for phrase in phrases:
        if len(phrase) > _LONGEST_PHRASE or not said_words(phrase):
            raise ParameterError(
                f"the watched phrase {phrase[:_LONGEST_PHRASE]!r} cannot be found; write words of "
                f"1 to {_LONGEST_PHRASE} characters"
            )


def _check_pattern(pattern: str) -> None:
    groups = set(compiled(pattern).groupindex)
    unknown = groups - set(NAME_GROUPS)
    if unknown or (pattern and not groups):
        raise ParameterError(
            f"file_name_pattern {pattern!r} has the named groups {sorted(groups)}; "
            f"use {', '.join(f'(?P<{name}>…)' for name in NAME_GROUPS)}"
        )


def _check_time_format(time_format: str) -> None:
    try:
        datetime.strptime(datetime.now(UTC).strftime(time_format), time_format)
    except (ValueError, re.error) as error:
        raise ParameterError(
            f"time_format {time_format!r} cannot be read: {error}; write it like %Y%m%d-%H%M%S"
        ) from error


def band(score: float, settings: Settings) -> Band:
    """Return how a score is shown.

    Parameters
    ----------
    score : float
        1–10.
    settings : Settings
        ``good_score`` and ``poor_score``; both bounds belong to the outer bands.
    """
    # As people read it: 7.46 is shown as 7.5.
    shown = round(score, 1)
    if shown >= settings.good_score:
        return "good"
    return "poor" if shown <= settings.poor_score else "middle"


def read_settings(session: Session) -> Settings:
    """Return the settings of this installation."""
    known = {each.name for each in fields(Settings)}
    stored = {row.name: row.value for row in session.scalars(select(Setting))}
    try:
        _check_pattern(str(stored.get("file_name_pattern", "")))
    except ParameterError as error:
        # One that an earlier version took: calls come in all the same, without what names tell.
        _log.warning("%s; nothing is read from file names until it is changed", error)
        del stored["file_name_pattern"]
    # JSON knows lists alone.
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in known
    }
    return Settings(**values)


def write_settings(session: Session, settings: Settings) -> None:
    """Keep settings; only what differs from the defaults is stored.

    If recordings are to be kept for fewer days, those that are here are kept no longer
    than that from now on.

    Raises
    ------
    ParameterError
        If the pattern of file names takes too long on a hard name; see `name_pattern.try_out`.
    """
    try_out(settings.file_name_pattern)
    latest = datetime.now(UTC) + timedelta(days=settings.audio_days)
    session.execute(update(Call).where(Call.audio_until > latest).values(audio_until=latest))
    default: dict[str, Any] = asdict(Settings())
    session.execute(delete(Setting))
    session.add_all(
        Setting(name=name, value=value)
        for name, value in asdict(settings).items()
        if value != default[name]
    )
