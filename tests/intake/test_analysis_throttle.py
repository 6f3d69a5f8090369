"""Reports are remembered by content, never shared between names."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest
import soundfile
from stub_classifier import stub_classifier

from calmscore.errors import CallFileError
from calmscore.intake import analysis_throttle
from calmscore.intake.analysis_throttle import AnalysisThrottle


def call(seconds: float = 6.0) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal((int(seconds * 8000), 2)) * 0.1
    soundfile.write(file, noise, 8000, format="WAV")
    return file.getvalue()


@pytest.fixture
def analyses(monkeypatch) -> list[str]:
    """List the names of the calls that were really analysed."""
    seen: list[str] = []
    really = analysis_throttle.analyze_recording

    def counted(recording, **options):
        seen.append(recording.file_name)
        return really(recording, **options)

    monkeypatch.setattr(analysis_throttle, "analyze_recording", counted)
    return seen


def analyse(
    cache: AnalysisThrottle, content: bytes, name: str = "a.wav", channel="auto", **options
):
    return cache.analyse(io.BytesIO(content), file_name=name, customer_channel=channel, **options)


def test_the_same_call_is_analysed_once(analyses):
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    first, again = analyse(cache, call()), analyse(cache, call())
    assert first == again
    assert first.raw_format is None
    assert analyses == ["a.wav"]
    assert first.playback.encoded[:4] == b"fLaC"


def test_another_channel_is_another_analysis(analyses):
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    left, right = (analyse(cache, call(), channel=side).report for side in ("left", "right"))
    assert (left.call.customer_channel, right.call.customer_channel) == ("left", "right")
    assert len(analyses) == 2


def test_nobody_learns_another_name_of_the_same_call():
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    analyse(cache, call(), name="complaint of Mr Smith.wav")
    report = analyse(cache, call(), name="b.wav").report
    assert "Smith" not in str(report.to_dict())


def test_bare_samples_are_analysed_anew_as_something_else(analyses):
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    bare = call()[44:]
    forms = ("s16le:8000:2", "s16le:8000:1", "s16le")
    first, other, again = (analyse(cache, bare, name="a.raw", raw_format=form) for form in forms)
    assert [each.raw_format for each in (first, other, again)] == [*forms[:2], forms[1]]
    assert other.report.call.duration_seconds == 2 * first.report.call.duration_seconds
    assert other.report == again.report
    assert len(analyses) == 2


def test_nothing_is_kept_where_the_setting_says_so(analyses, monkeypatch):
    monkeypatch.setenv("CALMSCORE_KEEP_RESULTS_SECONDS", "0")
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    analyse(cache, call())
    analyse(cache, call())
    assert len(analyses) == 2


def test_calls_at_the_same_time_keep_apart():
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    lengths = {f"{seconds}.wav": float(seconds) for seconds in range(3, 13)}
    with ThreadPoolExecutor(5) as pool:
        results = pool.map(
            lambda item: analyse(cache, call(item[1]), name=item[0]).report, lengths.items()
        )
    for report in results:
        assert report.call.duration_seconds == pytest.approx(lengths[report.call.file_name])


def test_a_failure_is_not_remembered():
    cache = AnalysisThrottle(stub_classifier(), turn=nullcontext())
    for _ in range(2):
        with pytest.raises(CallFileError, match=r"a\.wav"):
            analyse(cache, b"no sound at all")
