"""Results of calls as a table, JSON or CSV, and the command line that prints them."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from calmscore.analysis.call import Progress, analyze_call
from calmscore.analysis.report import SEGMENT_COLUMNS, CallReport, failure, segment_rows
from calmscore.analysis.segments import CHANNEL_CHOICES, ChannelChoice
from calmscore.audio.recording import ReadingLimits
from calmscore.errors import CalmscoreError

EXIT_GOOD, EXIT_USAGE, EXIT_SOME_FAILED = 0, 2, 3


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What became of one call: a report, or the entry of its failure."""

    report: CallReport | None
    entry: dict[str, Any]


class Analyse(Protocol):
    """How the command line turns a path into a report; `analyze_call` by default."""

    def __call__(
        self, path: str, /, *, customer_channel: ChannelChoice, progress: Progress | None
    ) -> CallReport:
        """Return the report of a call."""


def _analyse_one(
    path: str, channel: ChannelChoice, progress: Progress | None, analyse: Analyse
) -> _Result:
    name = os.path.basename(path.rstrip("/\\")) or path
    try:
        report = analyse(path, customer_channel=channel, progress=progress)
        return _Result(report=report, entry=report.to_dict())
    except CalmscoreError as error:
        return _Result(report=None, entry=failure(name, code=error.code, message=str(error)))
    except Exception as error:  # one bad call never stops a batch
        message = (
            f"{name} could not be analysed because of a fault in Calmscore "
            f"({type(error).__name__}: {error}); please report it with the file"
        )
        return _Result(report=None, entry=failure(name, code="internal_error", message=message))


def _to_json(results: Sequence[_Result]) -> str:
    entries = [result.entry for result in results]
    content = entries[0] if len(entries) == 1 else entries
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _to_csv(results: Sequence[_Result]) -> str:
    rows: list[dict[str, Any]] = []
    for result in results:
        if result.report is not None:
            rows.extend(segment_rows(result.report))
        else:
            error = result.entry["error"]
            rows.append(
                {
                    "file_name": result.entry["call"]["file_name"],
                    "error_code": error["code"],
                    "error_message": error["message"],
                }
            )
    columns = list(dict.fromkeys([*_CSV_COLUMNS, "error_code", "error_message"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


_CSV_COLUMNS = ("file_name", "score", "outcome", *SEGMENT_COLUMNS)


def _to_table(results: Sequence[_Result]) -> str:
    return "\n".join(_table(result) for result in results)


def _table(result: _Result) -> str:
    name = result.entry["call"]["file_name"]
    if result.report is None:
        return f"{name}\n  not analysed: {result.entry['error']['message']}\n"
    report, score = result.report, result.report.score
    value = "no score" if score.value is None else f"{score.value:.1f} of 10"
    if score.low is not None and score.high is not None:
        value += f" ({score.low:.1f}–{score.high:.1f} in 80 % of calls)"
    lines = [f"{name}", f"  {value} · {score.outcome}", f"  {score.summary}"]
    lines += [f"  Note: {notice.message}" for notice in report.warnings]
    if score.start_value is not None:
        lines += ["", f"  Start value {score.start_value:14.2f}"]
    lines += [
        f"  {_clock(change.at_seconds):>7}  {change.points:+6.2f}  "
        f"{change.from_emotion} → {change.to_emotion}: {change.reason}"
        for change in score.transitions
    ]
    lines += ["", "     time  heard as  confidence  distress"]
    for segment in report.segments:
        clock = _clock(segment.start_seconds)
        if segment.status != "scored":
            lines.append(f"  {clock:>7}  {segment.status.replace('_', ' ')}")
        else:
            lines.append(
                f"  {clock:>7}  {segment.emotion:<8}  {segment.confidence:>9.0%}"
                f"  {segment.distress:>8.2f}"
            )
    return "\n".join(lines) + "\n"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


_FORMATS: dict[str, Callable[[Sequence[_Result]], str]] = {
    "table": _to_table,
    "json": _to_json,
    "csv": _to_csv,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inference.py",
        description="Score how a customer's distress moved while an agent handled the call.",
    )
    parser.add_argument("calls", nargs="+", metavar="CALL.wav", help="recordings to analyse")
    parser.add_argument(
        "--customer-channel",
        choices=CHANNEL_CHOICES,
        default="auto",
        help="where the customer is in a stereo call (default: auto, the side that speaks second)",
    )
    parser.add_argument("--format", choices=sorted(_FORMATS), default="table")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write here, not to stdout")
    return parser


def _checked_output(parser: argparse.ArgumentParser, output: Path, calls: Sequence[str]) -> None:
    if output.is_dir() or not output.absolute().parent.is_dir():
        parser.error(f"--output {output}: give a file in a folder that exists")
    if any(output.resolve() == Path(call).resolve() for call in calls):
        parser.error(f"--output {output}: is one of the calls; give another file")


def main(arguments: Sequence[str] | None = None, *, analyse: Analyse = analyze_call) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    analyse : callable
        What analyses a call.

    Returns
    -------
    int
        0 if all calls were analysed, 3 if some failed. Wrong usage leaves with 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.output is not None:
        _checked_output(parser, options.output, options.calls)
    try:
        ReadingLimits.from_environment()
    except CalmscoreError as error:
        parser.error(str(error))
    results = [
        _analyse_with_messages(path, options.customer_channel, analyse) for path in options.calls
    ]
    text = _FORMATS[options.format](results)
    if options.output is None:
        sys.stdout.write(text)
    else:
        try:
            options.output.write_text(text, encoding="utf-8")
        except OSError as error:
            parser.error(f"--output {options.output}: cannot be written ({error.strerror})")
    failed = any(result.report is None for result in results)
    return EXIT_SOME_FAILED if failed else EXIT_GOOD


def _analyse_with_messages(path: str, channel: ChannelChoice, analyse: Analyse) -> _Result:
    name = os.path.basename(path)
    bar = _progress_line(name) if sys.stderr.isatty() else None
    result = _analyse_one(path, channel, bar, analyse)
    if bar is not None:
        sys.stderr.write("\r\033[K")
    if result.report is None:
        print(f"error: {result.entry['error']['message']}", file=sys.stderr)
    else:
        for notice in result.report.warnings:
            print(f"warning: {name}: {notice.message}", file=sys.stderr)
    return result


def _progress_line(name: str) -> Progress:
    def show(completed: int, total: int) -> None:
        sys.stderr.write(f"\r{name}: {completed} of {total} segments")
        sys.stderr.flush()

    return show
