"""Calls scored one after another, and printed as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from calmscore.analysis.call import Progress, analyze_call
from calmscore.analysis.call_channels import ChannelChoice, speaker_names
from calmscore.analysis.formats import format_change, format_clock, format_points
from calmscore.analysis.report import (
    SEGMENT_COLUMNS,
    TURN_COLUMNS,
    CallReport,
    Speaker,
    WordsBesideVoice,
    WordsTurn,
    failure,
    segment_rows,
    turn_rows,
    words_beside_voice,
)
from calmscore.analysis.voice_and_words import (
    WHAT_DISAGREES,
    disagreement_of_moments,
    of_voice_alone,
)
from calmscore.emotions import BY_NAME
from calmscore.errors import ParameterError, fault_of
from calmscore.outputs.spreadsheet import safe_row
from calmscore.settings import read_environment
from calmscore.store.file_names import readable_name

_TEXT_WIDTH = 96

OutputFormat = Literal["table", "json", "csv"]


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
    name = readable_name(path.rstrip("/\\")) or path
    try:
        report = analyse(path, customer_channel=channel, progress=progress)
        return _Result(report=report, entry=report.to_dict())
    except Exception as error:  # one bad call never stops a batch
        return _Result(
            report=None, entry=failure(name, fault_of(error, file_name=name, detailed=True))
        )


def _heard_as(emotion: str | None) -> str:
    return "" if emotion is None else BY_NAME[emotion].heard_as


def _to_json(results: Sequence[_Result]) -> str:
    entries = [result.entry for result in results]
    content = entries[0] if len(entries) == 1 else entries
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _segments_csv(results: Sequence[_Result]) -> str:
    return _to_csv(results, segment_rows, SEGMENT_COLUMNS)


def _turns_csv(results: Sequence[_Result]) -> str:
    return _to_csv(results, turn_rows, TURN_COLUMNS)


def _to_csv(
    results: Sequence[_Result],
    rows_of: Callable[[CallReport], list[dict[str, Any]]],
    own_columns: Sequence[str],
) -> str:
    rows: list[dict[str, Any]] = []
    for result in results:
        if result.report is not None:
            rows.extend(rows_of(result.report))
        else:
            error = result.entry["error"]
            rows.append(
                {
                    "file_name": result.entry["call"]["file_name"],
                    "error_code": error["code"],
                    "error_message": error["message"],
                }
            )
    columns = ["file_name", "score", "outcome", *own_columns, "error_code", "error_message"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(safe_row, rows))
    return text.getvalue()


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
    if score.voice_alone is not None:
        lines.append(f"  Made of voice and words; {of_voice_alone(score.voice_alone)}")
    lines += [f"  Note: {notice.message}" for notice in report.warnings]
    if score.start_value is not None:
        lines += ["", f"  Start value {score.start_value:14.2f}"]
    lines += [
        f"  {format_clock(change.at_seconds):>7}  {format_points(change.points, decimals=2):>6}  "
        f"{format_change(change.from_emotion, change.to_emotion)}: {change.reason} "
        f"{disagreement}".rstrip()
        for change, disagreement in zip(
            score.transitions, disagreement_of_moments(report), strict=True
        )
    ]
    beside = words_beside_voice(report)
    lines += ["", "     time  heard as   confidence  distress" + ("  words" if beside else "")]
    for segment in report.segments:
        clock = format_clock(segment.start_seconds)
        if segment.status != "scored":
            lines.append(f"  {clock:>7}  {segment.status.replace('_', ' ')}")
        else:
            lines.append(
                f"  {clock:>7}  {_heard_as(segment.emotion):<9}  {segment.confidence:>9.0%}"
                f"  {segment.distress:>8.2f}{_words_cell(beside.get(segment.index))}"
            )
    if report.words is not None:
        names = speaker_names(report)
        lines += ["", f"  Words ({report.words.language})"]
        lines += [line for turn in report.words.turns for line in _turn_lines(turn, names)]
    return "\n".join(lines) + "\n"


def _words_cell(row: WordsBesideVoice | None) -> str:
    if row is None:
        return ""
    what = "" if row.disagreement is None else f"  {WHAT_DISAGREES[row.disagreement]}"
    return f"  {row.distress:>5.2f}{what}"


def _turn_lines(turn: WordsTurn, names: Mapping[Speaker | None, str]) -> list[str]:
    who = names[turn.speaker].lower()
    head = f"  {format_clock(turn.start_seconds):>7}  {who:<8}  "
    return textwrap.wrap(
        turn.text, _TEXT_WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )


_FORMATS: dict[OutputFormat, Callable[[Sequence[_Result]], str]] = {
    "table": _to_table,
    "json": _to_json,
    "csv": _segments_csv,
}


def score_files(
    calls: Sequence[str],
    *,
    customer_channel: ChannelChoice = "auto",
    output_format: OutputFormat = "table",
    output: Path | None = None,
    analyse: Analyse = analyze_call,
    turns: bool = False,
) -> bool:
    """Analyse recordings and print what was found.

    Parameters
    ----------
    calls : sequence of str
        Paths.
    customer_channel : {"auto", "left", "right", "mixed"}
        Where the customer is in a stereo call.
    output_format : {"table", "json", "csv"}
        How results are printed.
    output : Path, optional
        A file to write, in place of the standard output.
    analyse : callable
        What analyses a call.
    turns : bool
        Whether CSV has a row per turn of words instead of one per segment.

    Returns
    -------
    bool
        Whether all calls were analysed.

    Raises
    ------
    ParameterError
        If ``output`` cannot be written, or a setting of the environment cannot be used.
    """
    if output is not None:
        _check_output(output, calls)
    read_environment()
    results = [_analyse_with_messages(path, customer_channel, analyse) for path in calls]
    write = _turns_csv if turns and output_format == "csv" else _FORMATS[output_format]
    text = write(results)
    if output is None:
        sys.stdout.write(text)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ParameterError(
                f"--output {output}: cannot be written ({error.strerror})"
            ) from error
    return all(result.report is not None for result in results)


def _check_output(output: Path, calls: Sequence[str]) -> None:
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ParameterError(f"--output {output}: give a file in a folder that exists")
    if any(output.resolve() == Path(call).resolve() for call in calls):
        raise ParameterError(f"--output {output}: is one of the calls; give another file")


def _analyse_with_messages(path: str, channel: ChannelChoice, analyse: Analyse) -> _Result:
    name = readable_name(path)
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
        sys.stderr.write(f"\r{name}: {completed} of {total} parts\033[K")
        sys.stderr.flush()

    return show
