"""Every environment variable, in one place.

What a quality lead sets on the page is in `store.settings`; this is what the one who
installs Calmscore sets for a process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from calmscore.errors import ParameterError

PREFIX = "CALMSCORE_"

WORDS_OFF = "off"

Count = Annotated[int, Field(gt=0, description="a whole number above 0")]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]
Folder = Annotated[DirectoryPath | None, Field(description="a folder that exists")]
Direction = Annotated[
    Literal["inbound", "outbound", "unknown"],
    Field(description="a direction: inbound, outbound or unknown"),
]
Raw = Annotated[
    str | None,
    Field(
        description="a form, coding:rate:channels, as ulaw:8000:1; codings are ulaw, alaw, s16le, "
        "s16be, s24le, s32le, f32le, u8, s8, g722, gsm and vox"
    ),
]
Runtime = Annotated[Literal["onnx", "keras"], Field(description="a runtime: onnx or keras")]
ScoreFrom = Annotated[
    Literal["voice", "voice_and_words"],
    Field(description="a source of the score: voice or voice_and_words"),
]
Wait = Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number of seconds")]
Port = Annotated[int, Field(gt=0, lt=65536, description="a port: a whole number up to 65535")]
MailSecurity = Annotated[
    Literal["starttls", "tls", "none"],
    Field(description="a way to secure the connection: starttls, tls or none"),
]
WebAddress = Annotated[
    str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$", description="a web address: https://host")
]


RAW_CODINGS = (
    "ulaw", "alaw", "s8", "u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le",
    "f32be", "g722", "gsm", "vox",
)  # fmt: skip
"""What a `RawFormat` may name: G.711, samples of so many bits (signed, unsigned, float; low or
high byte first), G.722, GSM 6.10, and ADPCM of Dialogic."""
RAW_NAMES = {
    "ulaw": "mu-law",
    "alaw": "A-law",
    "s16le": "samples of 16 bits",
    "s16be": "samples of 16 bits, high byte first,",
    "u8": "samples of 8 bits",
    "s8": "signed samples of 8 bits",
    "gsm": "GSM 6.10",
    "g722": "G.722",
    "g729": "G.729",
    "vox": "ADPCM of Dialogic",
}
"""What people call those that telephone systems write."""
COMPRESSED = ("g722", "g729", "gsm", "vox")
_ONE_CHANNEL = ("g722", "gsm", "vox")
_RATES = r"(?:[4-9]\d{3}|[1-9]\d{4}|1[0-8]\d{4}|19[01]\d{3}|192000)"
RAW_FORMAT_PATTERN = (
    rf"^(?:(?:{'|'.join(name for name in RAW_CODINGS if name not in _ONE_CHANNEL)})"
    rf"(?::{_RATES}(?::[1-8])?)?|(?:{'|'.join(_ONE_CHANNEL)})(?::{_RATES}(?::1)?)?)$"
)
"""What `RawFormat.parse` reads, for those who describe a field."""


@dataclass(frozen=True, kw_only=True)
class RawFormat:
    """What a file without a header holds.

    Attributes
    ----------
    coding : str
        One of ``RAW_CODINGS``.
    rate_hz : int
        Sampling rate.
    channels : int
        How many there are, sample by sample in turn.
    """

    coding: str
    rate_hz: int = 8000
    channels: int = 1

    def __str__(self) -> str:
        """Return what `parse` reads."""
        return f"{self.coding}:{self.rate_hz}:{self.channels}"

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        """Read ``coding:rate:channels``; the last two may be left out where they are 8000 and 1.

        Raises
        ------
        ValueError
            If it is none.
        """
        coding, *numbers = text.strip().lower().split(":")
        rate_hz, channels = [*map(int, numbers), *(8000, 1)[len(numbers) :]]
        highest = 1 if coding in _ONE_CHANNEL else 8
        fits = 4000 <= rate_hz <= 192_000 and 1 <= channels <= highest
        if coding not in RAW_CODINGS or not fits:
            raise ValueError(text)
        return cls(coding=coding, rate_hz=rate_hz, channels=channels)


@dataclass(frozen=True, kw_only=True)
class ReadingRules:
    """What a recording may take at most, and what it holds where no header says so.

    Attributes
    ----------
    duration_seconds : float
        Longest call, above 0.
    file_bytes : int
        Largest file, above 0.
    raw_format : RawFormat or None
        Of files without a header; by None those alone are read whose names tell.
    """

    duration_seconds: float = 7200.0
    file_bytes: int = 2 * 1024**3
    raw_format: RawFormat | None = None


class Environment(BaseSettings):
    """The variables; each is called ``CALMSCORE_`` and the field's name in capitals.

    Attributes
    ----------
    data_folder : Path
        The store: recordings and, without ``database_url``, the SQLite database.
    database_url : str or None
        Another database.
    max_duration_seconds, max_file_bytes : float, int
        Longest and largest recording.
    keep_results_seconds : float
        How long the dashboard remembers the report of a call that nobody keeps; 0 or more.
    dashboard_upload_bytes : int
        Uploads that the dashboard holds in memory at once; one page may hold half of it.
    requests_per_minute : int
        What one key of the HTTP service may ask for; as many may come at once.
    analyses_at_once : int
        Calls that the HTTP service analyses at the same time. An hour's call takes up
        to 1.0 GB.
    most_calls_waiting : int
        Uploads that may wait for their analysis; further ones are refused for a while.
    direction : {"inbound", "outbound", "unknown"}
        Who calls whom where neither an upload nor the file's name says so; inbound is a
        call that the customer makes.
    raw_format : str or None
        What recordings without a header hold, as `RawFormat.parse` reads it.
    runtime : {"onnx", "keras"}
        What runs the network of emotions: its export, or Keras, which starts slowly.
    training_folder : Path or None
        Holds the prepared training sets; None switches training over HTTP off.
    transcriber : str or None
        What writes the words down: the folder of a Whisper model, or the name of one to
        be downloaded; ``off`` for no words; the shipped one where it is None.
    alert_hosts : str
        Who may be told of calls, separated by commas or blanks: hosts that webhooks go to
        (``host`` or ``host:port``) and domains of e-mail addresses. Empty: nobody.
    smtp_host : str or None
        Takes the e-mails of alerts; None for no e-mail.
    smtp_port : int
    smtp_security : {"starttls", "tls", "none"}
        How the connection to it is secured.
    smtp_user, smtp_password : str or None
        How to sign in there, where that is asked for.
    smtp_sender : str
        The address that alerts come from.
    dashboard_url : str
        Where people open the dashboard; links in alerts begin with it.
    score_from : {"voice", "voice_and_words"}
        What scores are made of where the settings of the desk do not say so.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_folder: Path = Path("calmscore-data")
    database_url: str | None = None
    max_duration_seconds: Amount = ReadingRules.duration_seconds
    max_file_bytes: Count = ReadingRules.file_bytes
    keep_results_seconds: Wait = 3600.0
    dashboard_upload_bytes: Count = 4 * 1024**3
    requests_per_minute: Count = 600
    analyses_at_once: Count = 2
    most_calls_waiting: Count = 1000
    direction: Direction = "unknown"
    raw_format: Raw = None
    runtime: Runtime = "onnx"
    training_folder: Folder = None
    transcriber: str | None = None
    score_from: ScoreFrom = "voice"
    alert_hosts: str = ""
    smtp_host: str | None = None
    smtp_port: Port = 587
    smtp_security: MailSecurity = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_sender: str = "calmscore@localhost"
    dashboard_url: WebAddress = "http://localhost:8501"

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Those of ``alert_hosts``, in small letters."""
        return tuple(self.alert_hosts.replace(",", " ").lower().split())

    @field_validator("raw_format")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            RawFormat.parse(value)
        return value

    @property
    def writes_words(self) -> bool:
        """Whether words are written down at all."""
        return self.transcriber != WORDS_OFF

    @property
    def reading_rules(self) -> ReadingRules:
        """What a recording may take at most, and how it is read."""
        return ReadingRules(
            duration_seconds=self.max_duration_seconds,
            file_bytes=self.max_file_bytes,
            raw_format=None if self.raw_format is None else RawFormat.parse(self.raw_format),
        )


def read_environment() -> Environment:
    """Read the variables.

    Returns
    -------
    Environment
        With defaults where a variable is not set, or empty. The same one as long as no
        variable changes: to check them all takes longer than most that is done with one.

    Raises
    ------
    ParameterError
        If a value cannot be used; the message names the variable, the value and what
        would do.
    """
    return _read(frozenset(one for one in os.environ.items() if one[0].upper().startswith(PREFIX)))


@lru_cache(maxsize=1)
def _read(_variables: frozenset[tuple[str, str]]) -> Environment:
    """Read the variables where they are others than the last time."""
    try:
        return Environment()
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]).removeprefix(PREFIX.lower())
        wanted = Environment.model_fields[name].description
        raise ParameterError(
            f"{PREFIX}{name.upper()} is {str(fault['input'])!r}; set it to {wanted}, or unset it"
        ) from error
