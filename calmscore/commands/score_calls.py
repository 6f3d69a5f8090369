"""The commands that score recordings: one by one, many at once, as they arrive."""

from __future__ import annotations

import contextlib
import csv
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from tqdm import tqdm

from calmscore.commands.choices import (
    ChannelChoice,
    CustomerChannelOption,
    DirectionOption,
    RawFormatOption,
)
from calmscore.commands.process import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    actor,
    clear_errors,
    open_store,
    use_raw_format,
)
from calmscore.errors import ParameterError

if TYPE_CHECKING:
    from calmscore.analysis.call import Progress
    from calmscore.analysis.call_score import ScoreFrom
    from calmscore.analysis.report import CallReport, Direction
    from calmscore.intake.batch import LoadClassifier, RecordingResult, Work
    from calmscore.outputs.terminal import Analyse
    from calmscore.store import Store


def _work(channel: ChannelChoice | None, direction: Direction | None) -> Work:
    from calmscore.intake.batch import StorePlace, Work
    from calmscore.settings import read_environment

    environment = read_environment()
    return Work(
        place=StorePlace(folder=environment.data_folder.absolute(), url=environment.database_url),
        actor=actor(),
        customer_channel=channel,
        direction=direction,
        load=_load_classifier(),
    )


def _load_classifier() -> LoadClassifier:
    from calmscore.network.classifier import load_classifier

    return load_classifier


def analyse(
    calls: Annotated[list[str], typer.Argument(help="Recordings.", metavar="CALL.wav…")],
    customer_channel: Annotated[
        ChannelChoice, typer.Option(help="Where the customer is.")
    ] = "auto",
    direction: DirectionOption = None,
    raw_format: RawFormatOption = None,
    output_format: Annotated[Literal["table", "json", "csv"], typer.Option("--format")] = "table",
    output: Annotated[Path | None, typer.Option(help="Write here, not to stdout.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the calls, too.")] = False,
    transcript: Annotated[
        bool,
        typer.Option(
            "--transcript", help="Write down the words, too; CSV then has a row per turn."
        ),
    ] = False,
    score_from: Annotated[
        Literal["voice", "voice_and_words"] | None,
        typer.Option(
            help="What the score is made of; voice_and_words needs --transcript (default: as "
            "CALMSCORE_SCORE_FROM or the settings say)."
        ),
    ] = None,
) -> None:
    """Score recordings and print the results."""
    from calmscore.analysis.call import analyze_call
    from calmscore.outputs.terminal import score_files

    if score_from == "voice_and_words" and not transcript:
        raise typer.BadParameter("--score-from voice_and_words needs --transcript")
    use_raw_format(raw_format)
    with contextlib.ExitStack() as stack:
        analyse_one: Analyse = partial(analyze_call, direction=direction)
        if store:
            analyse_one = _storing(
                stack.enter_context(open_store()),
                direction=direction,
                transcript=transcript,
                score_from=score_from,
            )
        elif transcript:
            from calmscore.words.transcript import analyze_with_words

            analyse_one = partial(analyze_with_words, direction=direction, score_from=score_from)
        try:
            good = score_files(
                calls,
                customer_channel=customer_channel,
                output_format=output_format,
                output=output,
                analyse=analyse_one,
                turns=transcript,
            )
        except ParameterError as error:
            raise typer.BadParameter(error.in_full) from error
    if not good:
        raise typer.Exit(EXIT_SOME_FAILED)


def _storing(
    store: Store, *, direction: Direction | None, transcript: bool, score_from: ScoreFrom | None
) -> Analyse:
    from calmscore.audio.recording import read_recording
    from calmscore.audio.recording_file import open_recording
    from calmscore.intake.take_in import take_in
    from calmscore.intake.words_writer import keep_words
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
                actor=actor(),
                customer_channel=None if customer_channel == "auto" else customer_channel,
                direction=direction,
                progress=progress,
            ).report
            if not transcript or report.words is not None:
                return report
            recording = read_recording(stream, file_name=name)
        with store.database.reading() as session:
            source = score_from or read_settings(session).score_from
        told = with_words(report, recording, progress=progress, score_from=source)
        keep_words(store, told, before=report)
        return told

    return analyse_and_store


def batch(
    recordings: Annotated[list[str], typer.Argument(help="Folders, globs or files.")],
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler instead, such as tcp://host:8786.")
    ] = None,
    failures: Annotated[Path, typer.Option(help="Gets the calls that failed, and why.")] = Path(
        "calmscore-failures.csv"
    ),
    customer_channel: CustomerChannelOption = None,
    direction: DirectionOption = None,
    raw_format: RawFormatOption = None,
) -> None:
    """Score many recordings into the store. Start it again to go on after a break."""
    from calmscore.intake.batch import Workers, find_recordings, score_on_cluster

    use_raw_format(raw_format)
    with clear_errors():
        work = _work(customer_channel, direction)
        found = find_recordings(recordings)
        paths = found.recordings
        _tell_others(found.others)
        try:
            if scheduler is not None:
                results = score_on_cluster(paths, work, scheduler=scheduler)
                failed = follow(results, total=len(paths), failures=failures)
            else:
                with Workers(work, jobs=jobs) as workers:
                    failed = follow(workers.score(paths), total=len(paths), failures=failures)
        except KeyboardInterrupt:
            print("stopped; start the same command again to go on", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


_MOST_NAMED = 5


def _tell_others(others: Sequence[Path]) -> None:
    if not others:
        return
    names = ", ".join(path.name for path in others[:_MOST_NAMED])
    more = ", …" if len(others) > _MOST_NAMED else ""
    files = "1 file was" if len(others) == 1 else f"{len(others)} files were"
    print(f"{files} not audio by the name and left out: {names}{more}", file=sys.stderr)


def follow(results: Iterable[RecordingResult], *, total: int, failures: Path) -> int:
    """Show how a batch goes on, list what fails in a file, and return how many failed."""
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


def watch(
    folder: Annotated[Path, typer.Argument(help="Where recordings arrive.")],
    done: Annotated[Path | None, typer.Option(help="Default: FOLDER/done.")] = None,
    failed: Annotated[Path | None, typer.Option(help="Default: FOLDER/failed.")] = None,
    jobs: Annotated[int, typer.Option(min=1)] = 1,
    customer_channel: CustomerChannelOption = None,
    direction: DirectionOption = None,
    raw_format: RawFormatOption = None,
) -> None:
    """Score every recording that arrives in a folder, and move it out of the way."""
    from calmscore.intake.batch import Workers
    from calmscore.intake.watching import WatchedFolder, watch

    use_raw_format(raw_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watched = WatchedFolder(
        incoming=folder, done=done or folder / "done", failed=failed or folder / "failed"
    )
    with clear_errors(), Workers(_work(customer_channel, direction), jobs=jobs) as workers:
        print(f"watching {folder}", file=sys.stderr, flush=True)
        watch(watched, workers, stop=stop, report=_tell)


def _tell(result: RecordingResult) -> None:
    from calmscore.store.file_names import readable_name

    reason = f": {result.message}" if result.message else ""
    print(f"{readable_name(result.path)} {result.state}{reason}", file=sys.stderr, flush=True)
