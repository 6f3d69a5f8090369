"""The command ``calmscore``: calls, batches, folders, the services, keys."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Annotated

import typer

from calmscore.commands.call_store import delete, export, retention
from calmscore.commands.keys import keys
from calmscore.commands.score_calls import analyse, batch, watch
from calmscore.commands.services import alerts, dashboard, serve, words
from calmscore.errors import leave_tracebacks_out

app = typer.Typer(
    name="calmscore",
    help="De-escalation scores with evidence for customer-service calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    analyse, batch, words, alerts, watch, serve, dashboard, export, delete, retention,
):  # fmt: skip
    app.command()(command)
app.add_typer(keys, name="keys")

_inference = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
_inference.command()(analyse)


def inference(arguments: Sequence[str] | None = None) -> None:
    """Run `analyse` alone, as ``python inference.py`` does, and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    """
    leave_tracebacks_out()
    _inference(arguments, prog_name="inference.py")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("calmscore"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    leave_tracebacks_out()
    app()


if __name__ == "__main__":
    main()
