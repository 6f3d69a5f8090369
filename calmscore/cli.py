"""The command ``calmscore``: calls, batches, folders, the services, keys."""

from __future__ import annotations

import contextlib
import csv
import importlib.metadata
import json
import os
import signal
import sys
import threading
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from calmscore.errors import CalmscoreError, ParameterError, leave_tracebacks_out
from calmscore.locations import PACKAGE, install_command

# What needs the model or the database is imported where it is used: help is quick.
if TYPE_CHECKING:
    from calmscore.analysis.call import Progress
    from calmscore.analysis.call_channels import ChannelChoice
    from calmscore.analysis.report import CallReport, Direction
    from calmscore.analysis.scoring import ScoreFrom
    from calmscore.intake.batch import LoadClassifier, RecordingResult, Work
    from calmscore.outputs.terminal import Analyse
    from calmscore.store import Store
    from calmscore.store.calls import CallFilter
    from calmscore.store.deletion import Expired
    from calmscore.store.keys import KeyRow

EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 3, 2, 130
_DASHBOARD = PACKAGE / "dashboard"

app = typer.Typer(
    name="calmscore",
    help="De-escalation scores with evidence for customer-service calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
keys = typer.Typer(help="Keys of the HTTP service.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")


class Channel(StrEnum):
    """Where the customer is in a call of two channels or more."""

    auto = "auto"
    left = "left"
    right = "right"
    mixed = "mixed"
    channel_1 = "1"
    channel_2 = "2"
    channel_3 = "3"
    channel_4 = "4"
    channel_5 = "5"
    channel_6 = "6"
    channel_7 = "7"
    channel_8 = "8"


class CallDirection(StrEnum):
    """Who called whom."""

    inbound = "inbound"
    outbound = "outbound"
    unknown = "unknown"


class ScoreSource(StrEnum):
    """What the score is made of."""

    voice = "voice"
    voice_and_words = "voice_and_words"


class OutputFormat(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"


class TableFormat(StrEnum):
    """How tables are exported."""

    csv = "csv"
    json = "json"


class Table(StrEnum):
    """What is exported."""

    calls = "calls"
    segments = "segments"
    turns = "turns"
    corrections = "corrections"
    clips = "clips"


class KeyRole(StrEnum):
    """What a key may do."""

    viewer = "viewer"
    supervisor = "supervisor"
    admin = "admin"


_Channel = Annotated[
    Channel | None, typer.Option(help="Where the customer is (default: as in the settings).")
]
_Direction = Annotated[
    CallDirection | None,
    typer.Option(
        help="Who called whom; inbound: the customer did (default: as the file's name or "
        "CALMSCORE_DIRECTION tells)."
    ),
]
_RawFormat = Annotated[
    str | None,
    typer.Option(
        help="What recordings without a header hold: coding:rate:channels, as ulaw:8000:1 "
        "(default: CALMSCORE_RAW_FORMAT, or as the file's name tells)."
    ),
]


def _use_raw_format(raw_format: str | None) -> None:
    from calmscore.settings import PREFIX, read_environment

    if raw_format is not None:
        # Set, not handed on: processes that this one starts read it, too.
        os.environ[f"{PREFIX}RAW_FORMAT"] = raw_format
    with _clear_errors():
        read_environment()


def _actor() -> str:
    return f"command line ({os.environ.get('USER') or 'unknown user'})"


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except CalmscoreError as error:
        print(f"error: {error.in_full}", file=sys.stderr)
        code = EXIT_USAGE if isinstance(error, ParameterError) else EXIT_SOME_FAILED
        raise typer.Exit(code) from error


@contextlib.contextmanager
def _open_store() -> Iterator[Store]:
    from calmscore.store import Store

    with _clear_errors():
        store = Store.from_environment()
        try:
            yield store
        finally:
            store.close()


def _work(channel: Channel | None, direction: CallDirection | None) -> Work:
    from calmscore.intake.batch import StorePlace, Work
    from calmscore.settings import read_environment

    environment = read_environment()
    return Work(
        place=StorePlace(folder=environment.data_folder.absolute(), url=environment.database_url),
        actor=_actor(),
        customer_channel=None if channel is None else channel.value,
        direction=None if direction is None else direction.value,
        load=_load_classifier(),
    )


def _load_classifier() -> LoadClassifier:
    from calmscore.network.classifier import load_classifier

    return load_classifier


@app.command()
def analyse(
    calls: Annotated[list[str], typer.Argument(help="Recordings.", metavar="CALL.wav…")],
    customer_channel: Annotated[
        Channel, typer.Option(help="Where the customer is.")
    ] = Channel.auto,
    direction: _Direction = None,
    raw_format: _RawFormat = None,
    output_format: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
    output: Annotated[Path | None, typer.Option(help="Write here, not to stdout.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the calls, too.")] = False,
    transcript: Annotated[
        bool,
        typer.Option(
            "--transcript", help="Write down the words, too; CSV then has a row per turn."
        ),
    ] = False,
    score_from: Annotated[
        ScoreSource | None,
        typer.Option(
            help="What the score is made of; voice_and_words needs --transcript (default: as "
            "CALMSCORE_SCORE_FROM or the settings say)."
        ),
    ] = None,
) -> None:
    """Score recordings and print the results."""
    from calmscore.analysis.call import analyze_call
    from calmscore.outputs.terminal import score_files

    if score_from == ScoreSource.voice_and_words and not transcript:
        raise typer.BadParameter("--score-from voice_and_words needs --transcript")
    _use_raw_format(raw_format)
    source: ScoreFrom | None = None if score_from is None else score_from.value
    with contextlib.ExitStack() as stack:
        way: Direction | None = None if direction is None else direction.value
        analyse_one: Analyse = partial(analyze_call, direction=way)
        if store:
            analyse_one = _storing(
                stack.enter_context(_open_store()),
                direction=way,
                transcript=transcript,
                score_from=source,
            )
        elif transcript:
            from calmscore.words.transcript import analyze_with_words

            analyse_one = partial(analyze_with_words, direction=way, score_from=source)
        try:
            good = score_files(
                calls,
                customer_channel=customer_channel.value,
                output_format=output_format.value,
                output=output,
                analyse=analyse_one,
                turns=transcript,
            )
        except ParameterError as error:
            raise typer.BadParameter(error.in_full) from error
    if not good:
        raise typer.Exit(EXIT_SOME_FAILED)


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


def _storing(
    store: Store, *, direction: Direction | None, transcript: bool, score_from: ScoreFrom | None
) -> Analyse:
    from calmscore.audio.recording import open_recording, read_recording
    from calmscore.intake.take_in import take_in
    from calmscore.intake.words_writer import keep_words
    from calmscore.settings import read_environment
    from calmscore.store.file_names import readable_name
    from calmscore.store.settings import read_settings
    from calmscore.words.transcript import with_words

    load = _load_classifier()

    def analyse_and_store(
        path: str, /, *, customer_channel: ChannelChoice, progress: Progress | None
    ) -> CallReport:
        name = readable_name(path)
        with open_recording(path, file_name=name) as stream:
            report = take_in(
                stream,
                file_name=name,
                store=store,
                classifier=load(),
                actor=_actor(),
                customer_channel=None if customer_channel == "auto" else customer_channel,
                direction=direction,
                progress=progress,
            ).report
            if not transcript or report.words is not None:
                return report
            rules = read_environment().reading_rules
            recording = read_recording(stream, file_name=name, rules=rules)
        with store.database.reading() as session:
            source = score_from or read_settings(session).score_from
        told = with_words(report, recording, progress=progress, score_from=source)
        keep_words(store, told, before=report)
        return told

    return analyse_and_store


@app.command()
def batch(
    recordings: Annotated[list[str], typer.Argument(help="Folders, globs or files.")],
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler instead, such as tcp://host:8786.")
    ] = None,
    failures: Annotated[Path, typer.Option(help="Gets the calls that failed, and why.")] = Path(
        "calmscore-failures.csv"
    ),
    customer_channel: _Channel = None,
    direction: _Direction = None,
    raw_format: _RawFormat = None,
) -> None:
    """Score many recordings into the store. Start it again to go on after a break."""
    from calmscore.intake.batch import Workers, find_recordings, score_on_cluster

    _use_raw_format(raw_format)
    with _clear_errors():
        work = _work(customer_channel, direction)
        found = find_recordings(recordings)
        paths = found.recordings
        _tell_others(found.others)
        try:
            if scheduler is not None:
                results = score_on_cluster(paths, work, scheduler=scheduler)
                failed = _follow(results, total=len(paths), failures=failures)
            else:
                with Workers(work, jobs=jobs) as workers:
                    failed = _follow(workers.score(paths), total=len(paths), failures=failures)
        except KeyboardInterrupt:
            print("stopped; start the same command again to go on", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


@app.command()
def words() -> None:
    """Write down the words of the stored calls that wait for it, and end."""
    from calmscore.intake.words_writer import WordsWriter

    with _open_store() as store:
        count = WordsWriter(store).write_waiting()
    print(f"words of {count} call{'' if count == 1 else 's'} written down", file=sys.stderr)


@app.command()
def alerts() -> None:
    """Send the alerts that wait for it, and end; the dashboard and the HTTP service do so, too."""
    from calmscore.outputs.alert_sender import AlertSender

    with _open_store() as store:
        count = AlertSender(store).send_waiting()
    print(f"{count} alert{'' if count == 1 else 's'} sent", file=sys.stderr)


_MOST_NAMED = 5


def _tell_others(others: Sequence[Path]) -> None:
    if not others:
        return
    names = ", ".join(path.name for path in others[:_MOST_NAMED])
    more = ", …" if len(others) > _MOST_NAMED else ""
    files = "1 file was" if len(others) == 1 else f"{len(others)} files were"
    print(f"{files} not audio by the name and left out: {names}{more}", file=sys.stderr)


def _follow(results: Iterable[RecordingResult], *, total: int, failures: Path) -> int:
    from calmscore.outputs.spreadsheet import safe_cell

    counts = {"scored": 0, "known": 0, "failed": 0}
    try:
        # A name that is not UTF-8 is written with its bytes as \\xNN.
        file = failures.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ParameterError(
            f"--failures {failures}: cannot be written ({error.strerror})"
        ) from error
    with file, tqdm(total=total, unit="call", disable=None) as bar:
        table = csv.writer(file)
        table.writerow(["path", "code", "message"])
        for result in results:
            counts[result.state] += 1
            if result.state == "failed":
                cells = (str(result.path), result.code, result.message)
                table.writerow([safe_cell(cell) for cell in cells])
                file.flush()
            bar.set_postfix(counts)
            bar.update()
    print(
        f"{counts['scored']} scored, {counts['known']} known already, {counts['failed']} failed"
        + (f" (see {failures})" if counts["failed"] else ""),
        file=sys.stderr,
    )
    return counts["failed"]


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="Where recordings arrive.")],
    done: Annotated[Path | None, typer.Option(help="Default: FOLDER/done.")] = None,
    failed: Annotated[Path | None, typer.Option(help="Default: FOLDER/failed.")] = None,
    jobs: Annotated[int, typer.Option(min=1)] = 1,
    customer_channel: _Channel = None,
    direction: _Direction = None,
    raw_format: _RawFormat = None,
) -> None:
    """Score every recording that arrives in a folder, and move it out of the way."""
    from calmscore.intake.batch import Workers
    from calmscore.intake.watching import WatchedFolder, watch

    _use_raw_format(raw_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watched = WatchedFolder(
        incoming=folder, done=done or folder / "done", failed=failed or folder / "failed"
    )
    with _clear_errors(), Workers(_work(customer_channel, direction), jobs=jobs) as workers:
        print(f"watching {folder}", file=sys.stderr, flush=True)
        watch(watched, workers, stop=stop, report=_tell)


def _tell(result: RecordingResult) -> None:
    from calmscore.store.file_names import readable_name

    reason = f": {result.message}" if result.message else ""
    print(f"{readable_name(result.path)} {result.state}{reason}", file=sys.stderr, flush=True)


@app.command()
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


@app.command()
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


@app.command()
def export(
    table: Table,
    output: Annotated[Path, typer.Option(help="File to write; a folder for clips.")],
    table_format: Annotated[TableFormat, typer.Option("--format")] = TableFormat.csv,
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent's; repeatable.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Calls from this time on.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Calls before this time.")] = None,
) -> None:
    """Write calls, segments, turns or corrections to a file, or corrected clips to a folder."""
    from calmscore.outputs import exports
    from calmscore.store.calls import CallFilter

    wanted = CallFilter(agents=agent or (), since=_zoned(since), until=_zoned(until))
    with _open_store() as store:
        if table is Table.clips:
            rows = len(exports.write_training_corrections(store, output, actor=_actor()))
        else:
            rows = _write_table(store, table, wanted, output, table_format)
            exports.record_export(store, actor=_actor())
    print(f"{rows} rows in {output}", file=sys.stderr)


def _write_table(
    store: Store, table: Table, wanted: CallFilter, output: Path, table_format: TableFormat
) -> int:
    from calmscore.outputs import exports

    with store.database.reading() as session:
        if table is Table.segments:
            pages = list(exports.segment_pages(session, wanted))
        elif table is Table.turns:
            pages = list(exports.turn_pages(session, wanted))
        elif table is Table.calls:
            pages = [exports.calls_table(session, wanted)]
        else:
            pages = [exports.corrections_table(session)]
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            if table_format is TableFormat.csv:
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


@app.command()
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
    with _open_store() as store:
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
            store.delete_call(call_id, actor=_actor())
        if uploads:
            store.delete_uploads(list(uploads), actor=_actor())
        if agent is not None and coached:
            store.delete_sessions_of(agent, actor=_actor())
    print(f"{count} deleted", file=sys.stderr)


def _all_calls(store: Store, wanted: CallFilter) -> Sequence[Any]:
    from calmscore.store.calls import count_calls, list_calls

    with store.database.reading() as session:
        return list_calls(session, wanted, limit=max(count_calls(session, wanted), 1))


@app.command()
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
    with _open_store() as store:
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


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[KeyRole, typer.Option(help="What it may do.")] = KeyRole.viewer,
    days: Annotated[
        int, typer.Option(min=0, max=3650, help="How long it opens anything; 0 is without end.")
    ] = 365,
) -> None:
    """Make a key and print it, this once."""
    from calmscore.store import audit
    from calmscore.store.keys import create_key

    with _open_store() as store, store.database.writing() as session:
        key = create_key(session, name=name, role=role.value, days=days or None)
        audit.record(session, actor=_actor(), action="key created")
    print(key)


@keys.command("list")
def list_keys() -> None:
    """List all keys, without the keys themselves."""
    from calmscore.store.keys import list_keys

    with _open_store() as store, store.database.reading() as session:
        for key in list_keys(session):
            cells = [f"{key.id:>4}", f"{key.role:<10}", f"{key.created_at:%Y-%m-%d}"]
            print("  ".join([*cells, f"{_key_state(key):<36}", key.name]))


def _key_state(key: KeyRow) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    used = f"used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
    if key.expires_at is None:
        return f"{used}, no end"
    return f"{used}, {'ended' if key.is_over() else 'ends'} {key.expires_at:%Y-%m-%d}"


@keys.command("revoke")
def revoke_key(key_id: Annotated[int, typer.Argument(help="As in keys list.")]) -> None:
    """Make a key useless."""
    from calmscore.store import audit
    from calmscore.store.keys import revoke_key

    with _open_store() as store, store.database.writing() as session:
        revoke_key(session, key_id)
        audit.record(session, actor=_actor(), action="key revoked")


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
