"""What goes wrong and what people should know: one root of errors, one kind of notice."""

from __future__ import annotations

import logging
from dataclasses import dataclass

_log = logging.getLogger(__name__)


class CalmscoreError(Exception):
    """Root of all errors that Calmscore raises on purpose.

    The message is meant for people: it names the file or value, the reason and
    what to do. ``code`` is the same for every error of one kind, for programs.

    Parameters
    ----------
    message : str
        For anybody, in plain words.
    technical : str, optional
        What only helps whoever runs the program: an environment variable to set, a
        command, what a library says. The command line and logs print it; no page does.
    """

    code = "error"

    def __init__(self, message: str = "", *, technical: str = "") -> None:
        super().__init__(message)
        self.technical = technical
        if technical:
            self.add_note(technical)  # a traceback tells it, too

    @property
    def in_full(self) -> str:
        """The message with what is technical."""
        message = str(self)
        if not self.technical:
            return message
        end = "." if message.endswith(".") else ""
        return f"{message.removesuffix('.')} ({self.technical}){end}"


class CallFileError(CalmscoreError):
    """A call recording cannot be analysed.

    Parameters
    ----------
    code : str
        Short name of the reason, for example ``empty_file``.
    message : str
        One sentence with the file's name, the reason and what to do.
    technical : str, optional
        See `CalmscoreError`.
    """

    def __init__(self, code: str, message: str, *, technical: str = "") -> None:
        super().__init__(message, technical=technical)
        self.code = code


class ParameterError(CalmscoreError, ValueError):
    """A value handed to a function is outside of what it accepts."""

    code = "invalid_parameter"


class ArtifactError(CalmscoreError):
    """The trained model is missing, damaged or of another version."""

    code = "artifact_unusable"


class TranscriberError(CalmscoreError):
    """The model that writes words down is missing or damaged."""

    code = "transcriber_unusable"


class PretrainedWeightsError(CalmscoreError):
    """Pretrained weights for training cannot be found or read."""

    code = "pretrained_weights_unusable"


class CorpusError(CalmscoreError):
    """A training or evaluation corpus is missing, empty or misnamed."""

    code = "corpus_unusable"


class StoreError(CalmscoreError):
    """The store of calls cannot be opened, read or written."""

    code = "store_unusable"


class RecordingNotKeptError(StoreError):
    """The recording of a stored call is no longer kept; its report is."""

    code = "recording_not_kept"


class DeletedMeanwhileError(CalmscoreError):
    """A call was deleted while it was being analysed."""

    code = "deleted_meanwhile"


class LeaseLostError(CalmscoreError):
    """Another service took over what this one was analysing."""

    code = "lease_lost"


class ClockJumpedError(CalmscoreError):
    """The clock is so far ahead that deleting by it would be rash."""

    code = "clock_jumped"


class QueueFullError(CalmscoreError):
    """So many calls wait that no further one is taken."""

    code = "queue_full"


class NotStoredError(CalmscoreError, LookupError):
    """What was asked for is not in the store."""

    code = "not_found"


def leave_tracebacks_out() -> None:
    """Keep faults off the terminal: results tell what went wrong, and a traceback helps nobody."""
    logging.getLogger("calmscore").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Fault:
    """Why a recording has no report.

    Attributes
    ----------
    code : str
        Short name of the reason, for programs.
    message : str
        For people: the file's name, the reason and what to do.
    """

    code: str
    message: str


def fault_of(error: Exception, *, file_name: str, detailed: bool = False) -> Fault:
    """Return what to tell of an error that ended the analysis of a recording.

    An error that nobody foresaw goes to the log with its traceback. What is technical
    goes there, too, unless it is told.

    Parameters
    ----------
    detailed : bool
        Whether whoever reads it runs the program: what is technical is told, too.
    """
    if isinstance(error, CalmscoreError):
        message = error.in_full if detailed else str(error)
        if error.technical and not detailed:
            _log.info("%s", error.in_full)
        return Fault(error.code, message if file_name in message else f"{file_name}: {message}")
    _log.error("%s: fault while analysing", file_name, exc_info=error)
    what = f"{type(error).__name__}: {error}" if detailed else type(error).__name__
    return Fault(
        "internal_error",
        f"{file_name} could not be analysed because of a fault in Calmscore ({what}); please tell "
        "whoever looks after it, and keep the file",
    )


@dataclass(frozen=True)
class Notice:
    """A warning for the reader of a report: nothing failed, but people should know.

    Attributes
    ----------
    code : str
        Short name of the circumstance, for example ``truncated_data``; stable.
    message : str
        One plain sentence.
    at_seconds : float, optional
        Where in the call, from its start.
    """

    code: str
    message: str
    at_seconds: float | None = None
