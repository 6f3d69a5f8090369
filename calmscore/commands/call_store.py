"""The commands for what the store holds: export, delete, end of retention."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from calmscore.commands.process import actor, open_store
from calmscore.errors import ParameterError

if TYPE_CHECKING:
    from calmscore.store import Store
    from calmscore.store.calls import CallFilter
    from calmscore.store.deletion import Expired


Table = Literal["calls", "segments", "turns", "corrections", "clips"]
TableFormat = Literal["csv", "json"]


def export(
    table: Table,
    output: Annotated[Path, typer.Option(help="File to write; a folder for clips.")],
    table_format: Annotated[TableFormat, typer.Option("--format")] = "csv",
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent's; repeatable.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Calls from this time on.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Calls before this time.")] = None,
) -> None:
    """Write calls, segments, turns or corrections to a file, or corrected clips to a folder."""
    from calmscore.outputs import exports
    from calmscore.outputs.training_clips import write_training_corrections
    from calmscore.store.calls import CallFilter

    wanted = CallFilter(agents=agent or (), since=_zoned(since), until=_zoned(until))
    with open_store() as store:
        if table == "clips":
            rows = len(write_training_corrections(store, output, actor=actor()))
        else:
            rows = _write_table(store, table, wanted, output, table_format)
            exports.record_export(store, actor=actor())
    print(f"{rows} rows in {output}", file=sys.stderr)


def _write_table(
    store: Store, table: Table, wanted: CallFilter, output: Path, table_format: TableFormat
) -> int:
    from calmscore.outputs import exports

    with store.database.reading() as session:
        if table == "segments":
            pages = list(exports.segment_pages(session, wanted))
        elif table == "turns":
            pages = list(exports.turn_pages(session, wanted))
        elif table == "calls":
            pages = [exports.calls_table(session, wanted)]
        else:
            pages = [exports.corrections_table(session)]
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            if table_format == "csv":
                exports.write_csv(pages, file)
            else:
                texts = (page.to_json(orient="records", date_format="iso") for page in pages)
                records = [row for text in texts for row in json.loads(text)]
                json.dump(records, file, indent=2, ensure_ascii=False)
    except OSError as error:
        raise ParameterError(f"--output {output}: cannot be written ({error.strerror})") from error
    return sum(len(page) for page in pages)


def _zoned(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def delete(
    calls: Annotated[list[str] | None, typer.Argument(help="Ids of calls.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="All calls of this agent, and their coaching.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="All calls of this customer.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete calls with everything that hangs on them."""
    from calmscore.store.calls import CallFilter, read_call
    from calmscore.store.deletion import uploads_of
    from calmscore.store.sessions import count_sessions

    if not (calls or agent or customer):
        raise typer.BadParameter("say which: ids of calls, --agent or --customer")
    with open_store() as store:
        with store.database.reading() as session:
            rows = [read_call(session, call_id) for call_id in calls or ()]
            uploads = uploads_of(session, agent=agent, customer=customer)
            coached = count_sessions(session, agent=agent) if agent is not None else 0
        if agent is not None:
            rows += _all_calls(store, CallFilter(agents=[agent]))
        if customer is not None:
            found = _all_calls(store, CallFilter(text=customer))
            rows += [row for row in found if row.customer == customer]
        unique = {row.id: row for row in rows}
        if not (unique or uploads or coached):
            print("no call matches", file=sys.stderr)
            return
        for row in unique.values():
            when = f"{row.called_at:%Y-%m-%d %H:%M}"
            print(f"{row.id[:12]}  {when}  {row.agent or '–'}  {row.file_name}")
        for file_name in uploads.values():
            print(f"an upload that is no call: {file_name}")
        if coached:
            print(f"coaching sessions with {agent}: {coached}")
        count = len(unique) + len(uploads)
        if not yes:
            sessions = f" and {coached} coaching session{'s' * (coached > 1)}" if coached else ""
            typer.confirm(
                f"Delete {count} call{'' if count == 1 else 's'}{sessions}: recording, reports, "
                "notes and all?",
                abort=True,
            )
        for call_id in unique:
            store.delete_call(call_id, actor=actor())
        if uploads:
            store.delete_uploads(list(uploads), actor=actor())
        if agent is not None and coached:
            store.delete_sessions_of(agent, actor=actor())
    print(f"{count} deleted", file=sys.stderr)


def _all_calls(store: Store, wanted: CallFilter) -> Sequence[Any]:
    from calmscore.store.calls import count_calls, list_calls

    with store.database.reading() as session:
        return list_calls(session, wanted, limit=max(count_calls(session, wanted), 1))


def retention(
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder that watch moves recordings to: those go after as many days, too. "
            "Give it once for each folder."
        ),
    ] = None,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right",
            help="Delete although the clock is more than 30 days ahead of the last run.",
        ),
    ] = False,
) -> None:
    """Delete recordings and calls whose days are over; run it once a day."""
    with open_store() as store:
        expired = _expire(store, clock_is_right=clock_is_right)
        print(f"{expired.recordings} recordings and {expired.calls} calls deleted", file=sys.stderr)
        if folder:
            from calmscore.intake.watching import delete_put_away
            from calmscore.store.settings import read_settings

            with store.database.reading() as session:
                days = read_settings(session).audio_days
            count = delete_put_away(folder, days=days)
            print(f"{count} of the moved recordings deleted", file=sys.stderr)


def _expire(store: Store, *, clock_is_right: bool) -> Expired:
    from calmscore.errors import ClockJumpedError

    try:
        return store.apply_retention(clock_is_right=clock_is_right)
    except ClockJumpedError as error:
        if not _is_asked():
            raise
        typer.confirm(f"{error}\nDelete by this clock?", abort=True)
        return store.apply_retention(clock_is_right=True)


def _is_asked() -> bool:
    """Tell whether somebody is there to answer."""
    return sys.stdin.isatty()
