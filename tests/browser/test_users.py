"""Five people at once in real browsers: each sees their own call and nobody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running_dashboard import ROOT, running_dashboard

import inference
from calmscore.analysis.report import CallReport

pytestmark = pytest.mark.browser

PATIENCE = 300_000
RATE_HZ = 8_000


@dataclass(frozen=True)
class MadeCall:
    path: Path
    report: CallReport


@pytest.fixture(scope="module")
def calls(tmp_path_factory) -> dict[str, MadeCall]:
    """Five calls of different length and course, each with the report it has to get."""
    folder = tmp_path_factory.mktemp("calls")
    calm_down, rate = soundfile.read(ROOT / "samples" / "calms_down.wav")
    assert rate == RATE_HZ
    middle = len(calm_down) // 2
    first, second = calm_down[:middle], calm_down[middle:]
    parts = {
        "ada": calm_down,
        "ben": first,
        "cleo": second,
        "dora": np.concatenate([second, first]),
        "emil": np.concatenate([first, first]),
    }
    classifier = inference.load_classifier()
    made = {}
    for name, samples in parts.items():
        path = folder / f"{name}.wav"
        soundfile.write(path, samples, rate, subtype="ULAW")
        made[name] = MadeCall(path, inference.analyze_call(path, classifier=classifier))
    return made


def shown_score(report: CallReport) -> str:
    return "–" if report.score.value is None else f"{report.score.value:.1f}"


def test_five_people_upload_at_once_and_each_sees_only_their_own_call(browser, calls):
    courses = {(shown_score(c.report), c.report.call.duration_seconds) for c in calls.values()}
    assert len(courses) == len(calls)
    with running_dashboard() as address:
        pages = {}
        for name in calls:
            pages[name] = browser.new_context().new_page()
            pages[name].goto(f"{address}/score_call")
            pages[name].wait_for_selector("input[type=file]", state="attached", timeout=PATIENCE)
        for name, page in pages.items():
            page.set_input_files("input[type=file]", calls[name].path)
        for name, page in pages.items():
            page.wait_for_selector(".score .value", timeout=PATIENCE)
            page.wait_for_selector(".stDownloadButton", timeout=PATIENCE)
            text = page.inner_text("body")
            assert set(re.findall(r"\b\w+\.wav\b", text)) == {f"{name}.wav"}
            score = page.inner_text(".score .value").split()[0]
            assert score == shown_score(calls[name].report)
            assert calls[name].report.score.summary in text
            assert "Traceback" not in text
