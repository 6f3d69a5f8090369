"""The timeline of two calls compared, from reports made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.analysis.report import CallInfo, CallReport, ModelInfo, SegmentReport, Speakers, Talk
from calmscore.analysis.scoring import score_emotions
from calmscore.dashboard.charts import clock, timeline
from calmscore.emotions import BY_NAME, EMOTIONS

SEQUENCE = ["anger"] * 4 + [None] * 2 + ["neutral"] * 4 + ["happy"]


def report(emotions: list[str | None]) -> CallReport:
    score = score_emotions(emotions)
    segments = []
    for index, emotion in enumerate(emotions):
        shares = None
        if emotion is not None:
            shares = tuple(0.75 if name == emotion else 0.05 for name in EMOTIONS)
        segments.append(
            SegmentReport(
                index=index,
                start_seconds=3.0 * index,
                end_seconds=3.0 * index + 3.0,
                speech_seconds=3.0 if emotion else 0.0,
                status="scored" if emotion else "no_speech",
                emotion=emotion,
                confidence=0.75 if emotion else None,
                probabilities=shares,
                distress=score.distress[index],
                smoothed_distress=score.smoothed_distress[index],
            )
        )
    seconds = 3.0 * len(emotions)
    return CallReport(
        call=CallInfo(
            id="0", file_name="call.wav", duration_seconds=seconds, sample_rate_hz=8000,
            channels=2, customer_channel="left",
        ),
        speakers=Speakers(how="channels", customer_from="greeting", doubt=0.2),
        model=ModelInfo(name="stub", version="0", sha256="0"),
        score=score,
        segments=tuple(segments),
        talk=Talk(
            customer_seconds=1.0, agent_seconds=1.0, silence_seconds=0.0, overtalk_seconds=0.0,
            longest_silence_seconds=0.0,
        ),
        warnings=(),
    )  # fmt: skip


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def test_every_scored_segment_is_a_bar_of_its_emotions_colour():
    figure = timeline(report(SEQUENCE))
    assert [trace.name for trace in bars(figure)] == ["Anger", "Happy", "Neutral"]
    for trace in bars(figure):
        assert trace.marker.color == BY_NAME[trace.name.lower()].colour
        np.testing.assert_allclose(trace.y, 0.75)
    starts = sorted(row[0] for trace in bars(figure) for row in trace.customdata)
    assert starts == [3.0 * i for i, emotion in enumerate(SEQUENCE) if emotion]


def test_hovering_tells_all_six_probabilities():
    trace = bars(timeline(report(SEQUENCE)))[0]
    text = trace.customdata[0][1]
    for name in EMOTIONS:
        assert name.capitalize() in text
    assert "75%" in text


def test_silence_is_a_gap_in_the_distress_line():
    line = next(trace for trace in timeline(report(SEQUENCE)).data if trace.name == "Distress")
    assert [value is None for value in line.y] == [emotion is None for emotion in SEQUENCE]
    assert not line.connectgaps


def test_calm_is_tinted_green_and_distress_red():
    shapes = timeline(report(SEQUENCE)).layout.shapes
    spans = [(shape.x0, shape.x1) for shape in shapes]
    assert spans[0] == (0.0, 12.0)
    assert spans[1][0] >= 18.0
    assert shapes[0].fillcolor != shapes[1].fillcolor


def test_what_earned_and_what_cost_points_is_marked():
    figure = timeline(report(["neutral"] * 4 + ["anger"] * 4 + ["neutral"] * 4))
    marks = {trace.name: trace for trace in figure.data if trace.type == "scatter"}
    assert [row[0] for row in marks["Cost points"].customdata] == [12.0]
    assert [row[0] for row in marks["Earned points"].customdata] == [24.0]


@pytest.mark.parametrize("segments", [5, 20, 200, 1200, 2400])
def test_the_clock_has_few_ticks_at_any_length(segments):
    ticks = timeline(report(["neutral"] * segments)).layout.xaxis.tickvals
    assert 2 <= len(ticks) <= 10
    assert ticks[0] == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (599, "9:59"), (3725, "1:02:05")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
