"""What commands share: who acts, the store, the exit codes, and how an error is told."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from calmscore.errors import CalmscoreError, ParameterError

if TYPE_CHECKING:
    from calmscore.store import Store


EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 3, 2, 130


def use_raw_format(raw_format: str | None) -> None:
    """Read files without a header as somebody said, in this process and those it starts."""
    from calmscore.settings import PREFIX, read_environment

    if raw_format is not None:
        # Set, not handed on: processes that this one starts read it, too.
        os.environ[f"{PREFIX}RAW_FORMAT"] = raw_format
    with clear_errors():
        read_environment()


def actor() -> str:
    """Return who acts, for the audit."""
    return f"command line ({os.environ.get('USER') or 'unknown user'})"


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Tell an error in one line and leave with its exit code."""
    try:
        yield
    except CalmscoreError as error:
        print(f"error: {error.in_full}", file=sys.stderr)
        code = EXIT_USAGE if isinstance(error, ParameterError) else EXIT_SOME_FAILED
        raise typer.Exit(code) from error


@contextlib.contextmanager
def open_store() -> Iterator[Store]:
    """Open the store that the environment names, and close it."""
    from calmscore.store import Store

    with clear_errors():
        store = Store.from_environment()
        try:
            yield store
        finally:
            store.close()
