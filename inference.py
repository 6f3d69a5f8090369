"""Analyse a call: load → segment → classify → score → report; the command line.

python inference.py CALL.wav [CALL.wav …] [--customer-channel auto|left|right|mixed]
[--format table|json|csv] [--output FILE]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from audio.recording import ANALYSIS_RATE_HZ, ReadingLimits, Recording, read_recording
from classifier import EmotionClassifier, load_classifier
from emotions import EMOTIONS
from errors import CalmscoreError
from inference_data_preprocessing import (
    CHANNEL_CHOICES,
    SEGMENT_SECONDS,
    ChannelChoice,
    Segment,
    SegmentedCall,
    level_gain,
    segment_call,
)
from notices import Notice
from report import (
    CallInfo,
    CallReport,
    ModelInfo,
    SegmentReport,
    failure,
    segment_rows,
)
from scoring import CallScore, score_probabilities
from smoothing import smooth_probabilities

__all__ = ["EmotionClassifier", "analyze_call", "analyze_recording", "load_classifier", "run"]

Progress = Callable[[int, int], None]
Source = str | os.PathLike[str] | BinaryIO

EXIT_GOOD, EXIT_USAGE, EXIT_SOME_FAILED = 0, 2, 3


def run(path: str | os.PathLike[str]) -> tuple[list[str], float | None]:
    """Analyse one call and return the two things most wanted.

    Parameters
    ----------
    path : path
        The recording.

    Returns
    -------
    predictions : list of str
        One emotion name per scored segment.
    score : float or None
        1.0–10.0; None where the evidence is too thin.

    Raises
    ------
    CallFileError
        If the recording cannot be analysed.
    """
    report = analyze_call(path)
    names = [segment.emotion for segment in report.segments if segment.emotion is not None]
    return names, report.score.value


def analyze_call(
    source: Source,
    *,
    customer_channel: ChannelChoice = "auto",
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse one call.

    Parameters
    ----------
    source : path or binary file object
        The recording. The name of a file object is taken from its ``name``.
    customer_channel : {"auto", "left", "right", "mixed"}
        Where the customer is; see `inference_data_preprocessing.segment_call`.
    classifier : EmotionClassifier, optional
        The shipped one by default.
    progress : callable, optional
        Called as ``progress(completed, total)`` while segments are classified.

    Returns
    -------
    CallReport

    Raises
    ------
    CallFileError
        If the recording cannot be analysed; the message names file, reason and remedy.
    ParameterError
        If ``customer_channel`` is none of the four.
    ArtifactError
        If the shipped model cannot be loaded.
    """
    if classifier is None:
        # Starts in the background: the model loads while the call is read.
        threading.Thread(target=_warm_up, daemon=True).start()
    # Not named here: the analysis lets go of the sound as soon as it is cut up.
    return analyze_recording(
        read_recording(source, limits=ReadingLimits.from_environment()),
        customer_channel=customer_channel,
        classifier=classifier,
        progress=progress,
    )


def _warm_up() -> None:
    try:
        load_classifier()
    except CalmscoreError:
        return  # raised again, to the caller, where the classifier is needed


def analyze_recording(
    recording: Recording,
    *,
    customer_channel: ChannelChoice = "auto",
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse a recording that was read already; see `analyze_call`."""
    call = segment_call(recording, customer_channel=customer_channel)
    # An hour's call takes 230 MB, which the classifier can use better.
    recording = replace(recording, samples=recording.samples[:, :0].copy())
    model = classifier or load_classifier()
    voices = [segment for segment in call.segments if segment.samples is not None]
    probabilities = smooth_probabilities(
        _classify(voices, model, progress),
        indices=np.array([segment.index for segment in voices], dtype=np.int64),
    )
    table = np.zeros((len(call.segments), len(EMOTIONS)))
    speech = np.zeros(len(call.segments))
    for segment, row in zip(voices, probabilities, strict=True):
        table[segment.index] = row
        speech[segment.index] = segment.speech_seconds
    score = score_probabilities(table, speech_seconds=speech, segment_seconds=SEGMENT_SECONDS)
    return CallReport(
        call=CallInfo(
            id=recording.sha256,
            file_name=recording.file_name,
            duration_seconds=recording.duration_seconds,
            sample_rate_hz=recording.sample_rate_hz,
            channels=len(recording.samples),
            customer_channel=call.customer_channel,
        ),
        model=ModelInfo(
            name=model.settings.name, version=model.settings.version, sha256=model.sha256
        ),
        score=score,
        segments=tuple(
            _segment_report(segment, table[segment.index], score) for segment in call.segments
        ),
        talk=call.talk,
        warnings=(*recording.warnings, *call.warnings, *_speech_warnings(call, recording)),
    )


def _classify(
    voices: list[Segment], model: EmotionClassifier, progress: Progress | None
) -> npt.NDArray[np.float32]:
    sounds = [segment.samples for segment in voices if segment.samples is not None]
    gain = level_gain(sounds, wanted_level_db=model.settings.speech_level_db)
    return model.predict_proba(
        [_amplified(sound, gain) for sound in sounds],
        sample_rate_hz=ANALYSIS_RATE_HZ,
        progress=progress,
    )


def _amplified(sound: npt.NDArray[np.float16], gain: np.float32) -> npt.NDArray[np.float16]:
    return np.asarray(np.clip(sound * gain, -1.0, 1.0), dtype=np.float16)


def _segment_report(
    segment: Segment, probabilities: npt.NDArray[np.float64], score: CallScore
) -> SegmentReport:
    scored = segment.status == "scored"
    best = int(probabilities.argmax())
    return SegmentReport(
        index=segment.index,
        start_seconds=segment.start_seconds,
        end_seconds=segment.end_seconds,
        speech_seconds=segment.speech_seconds,
        status=segment.status,
        emotion=EMOTIONS[best] if scored else None,
        confidence=float(probabilities[best]) if scored else None,
        probabilities=tuple(float(value) for value in probabilities) if scored else None,
        distress=score.distress[segment.index],
        smoothed_distress=score.smoothed_distress[segment.index],
    )


def _speech_warnings(call: SegmentedCall, recording: Recording) -> list[Notice]:
    name = recording.file_name
    if not any(segment.speech_seconds for segment in call.segments):
        heard = "" if call.customer_channel == "mixed" else f" on the {call.customer_channel} side"
        return [
            Notice(
                code="no_speech",
                message=f"No speech was found in {name}{heard}. Check that the right recording "
                "was taken and that the customer's channel was recorded.",
            )
        ]
    poor = sum(segment.status == "low_information" for segment in call.segments)
    if not poor:
        return []
    return [
        Notice(
            code="low_information",
            message=f"{poor} segment{'s' if poor > 1 else ''} of {name} could not be scored: "
            "the voice is too quiet or too distorted. Check the recording level.",
        )
    ]


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


_CSV_COLUMNS = (
    "file_name", "score", "outcome", "index", "start_seconds", "end_seconds", "speech_seconds",
    "status", "emotion", "confidence", "distress", "smoothed_distress",
    *(f"probability_{name}" for name in EMOTIONS),
)  # fmt: skip


def _to_table(results: Sequence[_Result]) -> str:
    return "\n".join(_table(result) for result in results)


def _table(result: _Result) -> str:
    name = result.entry["call"]["file_name"]
    if result.report is None:
        return f"{name}\n  not analysed: {result.entry['error']['message']}\n"
    report, score = result.report, result.report.score
    value = "no score" if score.value is None else f"{score.value:.1f} of 10"
    lines = [f"{name}", f"  {value} · {score.outcome}", f"  {score.summary}"]
    lines += [f"  Note: {notice.message}" for notice in report.warnings]
    if score.start_value is not None:
        lines += ["", f"  Start value {score.start_value:14.2f}"]
    lines += [
        f"  {_clock(change.at_seconds):>7}  {change.points:+6.2f}  "
        f"{change.from_emotion} → {change.to_emotion}: {change.reason}"
        for change in score.transitions
    ]
    lines += ["", "     time  emotion   confidence  distress"]
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


if __name__ == "__main__":
    sys.exit(main())
