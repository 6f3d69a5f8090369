"""Every environment variable, in one place.

What a quality lead sets on the page is in `store.settings`; this is what the one who
installs Calmscore sets for a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field, ValidationError
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
Wait = Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number of seconds")]


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """What a recording may take at most.

    Attributes
    ----------
    duration_seconds : float
        Longest call, above 0.
    file_bytes : int
        Largest file, above 0.
    """

    duration_seconds: float = 7200.0
    file_bytes: int = 2 * 1024**3


DEFAULT_LIMITS = ReadingLimits()


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
        to 1.5 GB.
    most_calls_waiting : int
        Uploads that may wait for their analysis; further ones are refused for a while.
    direction : {"inbound", "outbound", "unknown"}
        Who calls whom where neither an upload nor the file's name says so; inbound is a
        call that the customer makes.
    training_folder : Path or None
        Holds the prepared training sets; None switches training over HTTP off.
    transcriber : str or None
        What writes the words down: the folder of a Whisper model, or the name of one to
        be downloaded; ``off`` for no words; the shipped one where it is None.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_folder: Path = Path("calmscore-data")
    database_url: str | None = None
    max_duration_seconds: Amount = ReadingLimits.duration_seconds
    max_file_bytes: Count = ReadingLimits.file_bytes
    keep_results_seconds: Wait = 3600.0
    dashboard_upload_bytes: Count = 4 * 1024**3
    requests_per_minute: Count = 600
    analyses_at_once: Count = 2
    most_calls_waiting: Count = 1000
    direction: Direction = "unknown"
    training_folder: Folder = None
    transcriber: str | None = None

    @property
    def writes_words(self) -> bool:
        """Whether words are written down at all."""
        return self.transcriber != WORDS_OFF

    @property
    def reading_limits(self) -> ReadingLimits:
        """What a recording may take at most."""
        return ReadingLimits(
            duration_seconds=self.max_duration_seconds, file_bytes=self.max_file_bytes
        )


def read_environment() -> Environment:
    """Read the variables.

    Returns
    -------
    Environment
        With defaults where a variable is not set, or empty.

    Raises
    ------
    ParameterError
        If a value cannot be used; the message names the variable, the value and what
        would do.
    """
    try:
        return Environment()
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]).removeprefix(PREFIX.lower())
        wanted = Environment.model_fields[name].description
        raise ParameterError(
            f"{PREFIX}{name.upper()} is {str(fault['input'])!r}; set it to {wanted}, or unset it"
        ) from error
