"""The commands that start the services, or do what these do in the background."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from calmscore.commands.process import EXIT_USAGE, open_store
from calmscore.locations import PACKAGE, install_command

_DASHBOARD = PACKAGE / "dashboard"


def words() -> None:
    """Write down the words of the stored calls that wait for it, and end."""
    from calmscore.intake.words_writer import WordsWriter

    with open_store() as store:
        count = WordsWriter(store).write_waiting()
    print(f"words of {count} call{'' if count == 1 else 's'} written down", file=sys.stderr)


def alerts() -> None:
    """Send the alerts that wait for it, and end; the dashboard and the HTTP service do so, too."""
    from calmscore.outputs.alert_sender import AlertSender

    with open_store() as store:
        count = AlertSender(store).send_waiting()
    print(f"{count} alert{'' if count == 1 else 's'} sent", file=sys.stderr)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Start the HTTP service."""
    try:
        import uvicorn

        from calmscore.connections import BoundedProtocol
        from calmscore.service import application  # noqa: F401
    except ImportError as error:
        print(
            "error: the HTTP service needs more packages; install them with: "
            f"{install_command('server')}",
            file=sys.stderr,
        )
        raise typer.Exit(EXIT_USAGE) from error
    uvicorn.run(
        "calmscore.service.application:create_app",
        factory=True, host=host, port=port, timeout_graceful_shutdown=30,
        http=BoundedProtocol, ws="none",
    )  # fmt: skip


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "localhost",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
) -> None:
    """Start the dashboard."""
    command = [sys.executable, "-m", "streamlit", "run", str(_DASHBOARD / "app.py"),
               *_streamlit_options(_DASHBOARD / "streamlit.toml"),
               "--server.address", host, "--server.port", str(port)]  # fmt: skip
    # In this process's place, so that signals reach the dashboard.
    os.execv(sys.executable, command)  # nosec B606


def _streamlit_options(file: Path) -> list[str]:
    """Return the dashboard's own settings as options: an installed one has no folder for them."""
    settings = _flat(tomllib.loads(file.read_text(encoding="utf-8")))
    return [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in settings.items()
    ]


def _flat(sections: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in sections.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat
