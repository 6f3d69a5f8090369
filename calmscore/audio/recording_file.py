"""The file of a recording: its name, opening it, its hash."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from calmscore.errors import CallFileError

_HASH_BLOCK_BYTES = 1 << 20


def clean_file_name(name: str) -> str:
    """Return a name without folders and without characters that nobody sees.

    Parameters
    ----------
    name : str
        Path or name from anywhere.

    Returns
    -------
    str
        Never empty.
    """
    # An uploader's name may be a path of another system, and its direction marks
    # or lone surrogates could garble a page or fail to print.
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    clean = "".join(c for c in last if unicodedata.category(c) not in hidden).strip()
    return clean if clean.strip(".") else "recording"


@contextmanager
def open_recording(path: str | os.PathLike[str], *, file_name: str) -> Iterator[BinaryIO]:
    """Open a file for `read_recording`, as a context manager.

    Parameters
    ----------
    file_name : str
        Its name for messages.

    Raises
    ------
    errors.CallFileError
        If it is not a file that can be read.
    """
    name = file_name
    with system_errors(name):
        # Asked before opening: to open a pipe would wait for its writer.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise CallFileError("is_a_folder", f"{name} is a folder; choose a file in it.")
        if not stat.S_ISREG(mode):
            raise CallFileError(
                "not_a_file", f"{name} is a pipe or device, not a file; save the call to a file."
            )
        stream = open(path, "rb")  # noqa: SIM115 - closed below, outside of this guard
    with stream:
        yield stream


@contextmanager
def rewound(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Yield a binary stream that can be read twice, and leave it at its start."""
    with system_errors(name):
        if not stream.seekable():
            raise CallFileError(
                "not_seekable",
                f"{name} comes from a stream that cannot be read twice; save it to a file first.",
            )
        if isinstance(stream.read(0), str):
            raise CallFileError("not_binary", f"{name} was opened as text; open it in binary mode.")
    try:
        yield stream
    finally:
        stream.seek(0)


@contextmanager
def system_errors(name: str) -> Iterator[None]:
    """Tell of a file what the system says, as a `CallFileError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise CallFileError("missing_file", f"There is no file {name}; check the path.") from error
    except PermissionError as error:
        raise CallFileError(
            "no_permission", f"{name} may not be read; ask its owner for permission to read it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CallFileError(
            "unreadable_file", f"{name} cannot be read ({reason}); copy it again and retry."
        ) from error


def hash_recording(source: BinaryIO, *, file_name: str) -> str:
    """Return the SHA-256 of a recording's bytes, hexadecimal: the id of its call.

    Parameters
    ----------
    source : binary file object
        The recording; it is read from its start and left there.
    file_name : str
        Its name for messages.

    Raises
    ------
    errors.CallFileError
        If it cannot be read.
    """
    with rewound(source, file_name) as stream, system_errors(file_name):
        return sha256_of(stream)


def sha256_of(stream: BinaryIO) -> str:
    """Return the hash of a stream's bytes, hexadecimal."""
    digest = hashlib.sha256()
    stream.seek(0)
    while block := stream.read(_HASH_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
