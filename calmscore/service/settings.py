"""What an operator sets for the HTTP service, all of it in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calmscore.audio.recording import ReadingLimits
from calmscore.errors import ParameterError

REQUESTS_VARIABLE = "CALMSCORE_REQUESTS_PER_MINUTE"
ANALYSES_VARIABLE = "CALMSCORE_ANALYSES_AT_ONCE"
TRAINING_VARIABLE = "CALMSCORE_TRAINING_FOLDER"


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Limits and folders of the service.

    Attributes
    ----------
    requests_per_minute : int
        What one key may ask for, above 0; as many may come at once.
    analyses_at_once : int
        Calls analysed at the same time, above 0. An hour's call takes up to 1.5 GB.
    training_folder : Path or None
        Holds the prepared training sets; None switches training off.
    """

    requests_per_minute: int = 600
    analyses_at_once: int = 2
    training_folder: Path | None = None

    @classmethod
    def from_environment(cls) -> ServiceSettings:
        """Read the settings, and check the limits of recordings too.

        Raises
        ------
        ParameterError
            If a variable holds anything but a whole number above 0, or the training
            folder is none.
        """
        ReadingLimits.from_environment()
        folder = os.environ.get(TRAINING_VARIABLE, "").strip()
        if folder and not Path(folder).is_dir():
            raise ParameterError(f"{TRAINING_VARIABLE} is {folder!r}, which is no folder; make it")
        return cls(
            requests_per_minute=_number(REQUESTS_VARIABLE, cls.requests_per_minute),
            analyses_at_once=_number(ANALYSES_VARIABLE, cls.analyses_at_once),
            training_folder=Path(folder).resolve() if folder else None,
        )


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ParameterError(f"{variable} is {text!r}; set it to a whole number above 0")
    return value
