"""The command line and the Python functions, on real speech and on bad files."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stub_classifier import stub_classifier

import inference
from calmscore.analysis import call as analysis_call
from calmscore.emotions import EMOTIONS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
RATE_HZ = 8_000


@pytest.fixture(autouse=True)
def _stub(monkeypatch):
    monkeypatch.setattr(inference, "load_classifier", stub_classifier)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Forty seconds of the first sample call, shape (n, 2)."""
    samples, rate = soundfile.read(SAMPLES / "calms_down.wav")
    assert rate == RATE_HZ
    return samples[: 40 * RATE_HZ]


@pytest.fixture
def call(tmp_path, speech) -> Path:
    path = tmp_path / "call.wav"
    soundfile.write(path, speech, RATE_HZ, subtype="ULAW")
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        inference.main([str(argument) for argument in arguments])
    code = int(stop.value.code or 0)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def test_one_call_is_an_object_of_the_documented_form(capsys, call):
    code, out, _ = run(capsys, call, "--format", "json")
    report = json.loads(out)
    assert code == 0
    assert set(report) == {
        "schema_version", "call", "speakers", "model", "score", "segments", "talk", "words",
        "warnings",
    }  # fmt: skip
    assert report["schema_version"] == "2" and report["words"] is None
    assert set(report["speakers"]) == {"how", "customer_from", "doubt"}
    assert set(report["call"]) == {
        "id", "file_name", "duration_seconds", "sample_rate_hz", "channels", "customer_channel",
        "direction",
    }  # fmt: skip
    assert report["call"]["file_name"] == "call.wav"
    assert report["call"]["duration_seconds"] == pytest.approx(40.0)
    assert set(report["score"]) == {
        "value", "outcome", "summary", "low", "high", "coverage", "start_value", "start_distress",
        "end_distress", "peak_distress", "peak_at_seconds", "seconds_to_calm", "relapses",
        "moments", "transitions",
    }  # fmt: skip
    assert report["score"]["low"] <= report["score"]["value"] <= report["score"]["high"]
    assert report["score"]["transitions"] == report["score"]["moments"]
    for change in report["score"]["moments"]:
        assert set(change) == {
            "at_seconds", "plays_from_seconds", "from", "to", "points", "reason",
        }  # fmt: skip
        assert 0.0 <= change["plays_from_seconds"] <= change["at_seconds"]
    for turn in report["talk"]["turns"]:
        assert turn["speaker"] in ("customer", "agent")
        assert 0.0 <= turn["start_seconds"] < turn["end_seconds"] <= 40.0
    for segment in report["segments"]:
        assert set(segment) == {
            "index", "start_seconds", "end_seconds", "speech_seconds", "status", "emotion",
            "confidence", "heard", "probabilities", "distress", "smoothed_distress",
        }  # fmt: skip
        if segment["status"] == "scored":
            for shares in (segment["heard"], segment["probabilities"]):
                assert list(shares) == list(EMOTIONS)
                assert sum(shares.values()) == pytest.approx(1.0, abs=1e-4)
            assert segment["confidence"] == segment["probabilities"][segment["emotion"]]
        else:
            assert segment["emotion"] is segment["probabilities"] is None


def test_start_value_and_points_add_up_to_the_score(capsys, call):
    score = json.loads(run(capsys, call, "--format", "json")[1])["score"]
    total = score["start_value"] + sum(change["points"] for change in score["transitions"])
    assert score["value"] == pytest.approx(min(max(total, 1.0), 10.0))


def test_segments_cover_the_call_without_gaps(capsys, call):
    segments = json.loads(run(capsys, call, "--format", "json")[1])["segments"]
    assert segments[0]["start_seconds"] == 0.0
    assert segments[-1]["end_seconds"] == pytest.approx(40.0)
    for index, (before, after) in enumerate(itertools.pairwise(segments)):
        assert before["index"] == index
        assert before["end_seconds"] == after["start_seconds"] == 3.0 * (index + 1)


def test_a_failed_call_keeps_its_place_and_stops_nobody(capsys, call, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    code, out, err = run(capsys, call, bad, call, "--format", "json")
    entries = json.loads(out)
    assert code == 3
    assert [entry["call"]["file_name"] for entry in entries] == ["call.wav", "bad.wav", "call.wav"]
    assert set(entries[1]) == {"call", "error"}
    assert entries[1]["error"]["code"] == "empty_file"
    assert entries[0] == entries[2]
    assert "bad.wav" in err


def test_csv_has_a_row_per_segment_and_one_per_failure(capsys, call, tmp_path):
    code, out, _ = run(capsys, call, tmp_path / "gone.wav", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 3
    assert len(rows) == 14 + 1
    assert rows[0]["file_name"] == "call.wav"
    assert rows[-1]["error_code"] == "missing_file"
    scored = [row for row in rows if row["status"] == "scored"]
    assert all(row["emotion"] in EMOTIONS for row in scored)


def test_the_table_is_for_people(capsys, call):
    _, out, err = run(capsys, call)
    assert "of 10" in out
    assert "call.wav" in out
    assert "left channel was taken for the customer" in err


def test_results_go_to_the_file_that_was_asked_for(capsys, call, tmp_path):
    target = tmp_path / "report.json"
    code, out, _ = run(capsys, call, "--format", "json", "--output", target)
    assert (code, out) == (0, "")
    assert json.loads(target.read_text())["call"]["file_name"] == "call.wav"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["{call}", "--format", "xml"],
        ["{call}", "--customer-channel", "middle"],
        ["{call}", "--output", "{folder}"],
        ["{call}", "--output", "{folder}/missing/report.json"],
        ["{call}", "--output", "{call}"],
        ["{call}", "--volume", "11"],
    ],
    ids=[
        "no call",
        "format",
        "channel",
        "output folder",
        "output nowhere",
        "output is call",
        "flag",
    ],
)
def test_wrong_usage_leaves_with_2_and_touches_nothing(capsys, call, tmp_path, arguments):
    before = call.read_bytes()
    filled = [part.format(call=call, folder=tmp_path) for part in arguments]
    code, out, err = run(capsys, *filled)
    assert (code, out) == (2, "")
    assert "Usage:" in err
    assert call.read_bytes() == before


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CALMSCORE_MAX_DURATION_SECONDS", "long"), ("CALMSCORE_MAX_FILE_BYTES", "-1")],
)
def test_a_wrong_setting_is_wrong_usage(capsys, call, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    code, _, err = run(capsys, call)
    assert code == 2
    assert variable in err
    assert value in err


def wav(samples: np.ndarray, *, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype=subtype)
    return file.getvalue()


def with_field(data: bytes, position: int, value: int, size: int) -> bytes:
    return data[:position] + value.to_bytes(size, "little") + data[position + size :]


TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ * 4) / RATE_HZ)
NOT_A_NUMBER, INFINITE = TONE.copy(), TONE.copy()
NOT_A_NUMBER[100], INFINITE[100] = np.nan, np.inf

BAD_FILES = {
    "empty": (b"", "empty_file"),
    "text": (b"Dear customer, this is no sound.\n" * 20, "not_audio"),
    "header cut off": (wav(TONE)[:20], "damaged_header"),
    "header alone": (with_field(with_field(wav(TONE)[:44], 40, 0, 4), 4, 36, 4), "no_samples"),
    "no channels": (with_field(wav(TONE), 22, 0, 2), "no_channels"),
    "nine channels": (wav(np.stack([TONE] * 9, axis=1)), "too_many_channels"),
    "0 Hz": (with_field(wav(TONE), 24, 0, 4), "sample_rate_out_of_range"),
    "NaN": (wav(NOT_A_NUMBER, subtype="FLOAT"), "invalid_samples"),
    "infinite": (wav(INFINITE, subtype="FLOAT"), "invalid_samples"),
}


@pytest.mark.parametrize(("content", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_gets_one_clear_sentence(capsys, tmp_path, content, expected):
    path = tmp_path / "visit 7.wav"
    path.write_bytes(content)
    assert_refused(run(capsys, path, "--format", "json"), "visit 7.wav", expected)


def assert_refused(result: tuple[int, str, str], name: str, expected: str) -> None:
    code, out, err = result
    entry = json.loads(out)
    assert code == 3
    assert entry["call"] == {"file_name": name}
    assert entry["error"]["code"] == expected
    message = entry["error"]["message"]
    assert name in message
    assert "\n" not in message
    assert message in err
    # A reason and a remedy: two parts of one sentence.
    assert len(message.split(";")) == 2 or ", " in message


def test_a_folder_is_refused(capsys, tmp_path):
    (tmp_path / "calls").mkdir()
    assert_refused(run(capsys, tmp_path / "calls", "--format", "json"), "calls", "is_a_folder")


def test_a_missing_path_is_refused(capsys, tmp_path):
    result = run(capsys, tmp_path / "gone.wav", "--format", "json")
    assert_refused(result, "gone.wav", "missing_file")


def test_a_file_that_may_not_be_read_is_refused(capsys, call, monkeypatch):
    import builtins

    really_open = builtins.open

    def refuse(file, *arguments, **options):
        if str(file) == str(call):
            raise PermissionError(13, "Permission denied")
        return really_open(file, *arguments, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    assert_refused(run(capsys, call, "--format", "json"), "call.wav", "no_permission")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("CALMSCORE_MAX_DURATION_SECONDS", "39", "too_long"),
        ("CALMSCORE_MAX_FILE_BYTES", "1000", "file_too_large"),
    ],
)
def test_a_call_above_a_limit_is_refused(capsys, call, monkeypatch, variable, value, expected):
    monkeypatch.setenv(variable, value)
    assert_refused(run(capsys, call, "--format", "json"), "call.wav", expected)


@pytest.mark.parametrize("seconds", [2.0, 30.0], ids=["shorter than a segment", "silence"])
def test_a_call_with_nothing_to_hear_is_reported_without_a_score(capsys, tmp_path, seconds):
    path = tmp_path / "quiet.wav"
    path.write_bytes(wav(np.zeros((int(seconds * RATE_HZ), 2))))
    code, out, err = run(capsys, path, "--format", "json")
    report = json.loads(out)
    assert code == 0
    assert report["score"]["value"] is None
    assert report["score"]["outcome"] == "insufficient evidence"
    assert "no_speech" in [warning["code"] for warning in report["warnings"]]
    assert "quiet.wav" in err


def test_a_call_that_ends_early_is_scored_as_far_as_it_goes(capsys, tmp_path, speech):
    path = tmp_path / "cut.wav"
    whole = wav(speech)
    path.write_bytes(whole[: len(whole) // 2])
    code, out, _ = run(capsys, path, "--format", "json")
    report = json.loads(out)
    warning = next(w for w in report["warnings"] if w["code"] == "truncated_data")
    assert code == 0
    assert report["call"]["duration_seconds"] == pytest.approx(20.0, abs=0.1)
    assert "20.0 s of 40.0 s" in warning["message"]


def test_a_fault_in_one_call_is_reported_and_the_others_go_on(capsys, call, monkeypatch):
    read = analysis_call.read_recording
    faults = iter([RuntimeError("a fault"), None])

    def faulty(*arguments, **options):
        fault = next(faults)
        if fault is not None:
            raise fault
        return read(*arguments, **options)

    monkeypatch.setattr(analysis_call, "read_recording", faulty)
    code, out, err = run(capsys, call, call, "--format", "json")
    entries = json.loads(out)
    assert code == 3
    assert entries[0]["error"]["code"] == "internal_error"
    assert "RuntimeError: a fault" in err
    assert entries[1]["call"]["file_name"] == "call.wav"


def test_run_returns_the_names_and_the_score(call):
    predictions, score = inference.run(call)
    report = inference.analyze_call(call)
    scored = [segment for segment in report.segments if segment.status == "scored"]
    assert predictions == [segment.emotion for segment in scored]
    assert score == report.score.value


def test_a_path_and_a_file_object_give_the_same_report(call):
    from_path = inference.analyze_call(call, classifier=stub_classifier())
    with call.open("rb") as file:
        from_file = inference.analyze_call(file, classifier=stub_classifier())
    assert from_path == from_file


def test_progress_grows_to_the_end(call):
    seen: list[tuple[int, int]] = []
    report = inference.analyze_call(call, progress=lambda *step: seen.append(step))
    scored = sum(segment.status == "scored" for segment in report.segments)
    assert seen == sorted(seen)
    assert seen[-1] == (scored, scored)


def test_the_agents_words_change_nothing_for_the_customer(tmp_path, speech):
    alone = speech.copy()
    alone[:, 1] = 0.0
    reports = []
    for name, sound in (("both", speech), ("alone", alone)):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE_HZ)
        reports.append(inference.analyze_call(tmp_path / f"{name}.wav", customer_channel="left"))
    heard = [[(s.index, s.emotion) for s in r.segments if s.emotion] for r in reports]
    # Without the agent, his echo on the line is not told from the customer at once.
    assert set(heard[0]) <= set(heard[1])


def test_swapping_the_channels_swaps_who_is_heard(call):
    left = inference.analyze_call(call, customer_channel="left")
    right = inference.analyze_call(call, customer_channel="right")
    assert left.call.customer_channel == "left"
    assert right.call.customer_channel == "right"
    assert left.talk.customer_seconds == right.talk.agent_seconds
    assert [s.speech_seconds for s in left.segments] != [s.speech_seconds for s in right.segments]


def test_a_mono_call_is_scored_with_a_plain_warning(capsys, tmp_path, speech):
    path = tmp_path / "mono.wav"
    soundfile.write(path, speech.mean(axis=1), RATE_HZ)
    report = json.loads(run(capsys, path, "--format", "json")[1])
    assert report["call"]["customer_channel"] == "mixed"
    assert report["talk"]["agent_seconds"] is report["talk"]["overtalk_seconds"] is None
    assert "voices_mixed" in [warning["code"] for warning in report["warnings"]]


@pytest.mark.parametrize(
    ("sample", "outcome", "lowest", "highest"),
    [("calms_down", "de-escalated", 7.0, 10.0), ("gets_worse", "escalated", 1.0, 4.5)],
)
def test_the_shipped_model_scores_the_samples_as_they_sound(sample, outcome, lowest, highest):
    from calmscore.network.classifier import load_classifier

    report = inference.analyze_call(SAMPLES / f"{sample}.wav", classifier=load_classifier())
    assert report.score.outcome == outcome
    assert lowest <= report.score.value <= highest


def test_the_program_keeps_results_and_messages_apart(tmp_path):
    (tmp_path / "notes.wav").write_text("no sound")
    done = subprocess.run(
        [sys.executable, "inference.py", str(SAMPLES / "calms_down.wav"),
         str(tmp_path / "notes.wav"), "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    entries = json.loads(done.stdout)
    assert done.returncode == 3
    assert entries[0]["score"]["value"] is not None
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["warning", "error"]
