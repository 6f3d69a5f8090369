"""Composed calls with crosstalk, and what is counted of them."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.training.corpora.composed import as_recording
from calmscore.training.crosstalk_evaluation import CrosstalkCall, crosstalk_figures, with_crosstalk


@pytest.mark.parametrize("separation_db", [3.0, 8.0, 15.0])
@pytest.mark.parametrize("delay_seconds", [0.0, 0.04])
def test_each_side_is_heard_on_the_other_softer_and_later(separation_db, delay_seconds):
    time = np.arange(ANALYSIS_RATE_HZ) / ANALYSIS_RATE_HZ
    burst = np.where((time > 0.4) & (time < 0.6), 0.4 * np.sin(2 * np.pi * 1000 * time), 0.0)
    call = as_recording("call.wav", np.stack([burst, 0.0 * burst]))
    dimmed = with_crosstalk(
        call, separation_db=separation_db, delay_seconds=delay_seconds,
        generator=np.random.default_rng(0),
    ).samples.astype(np.float64)  # fmt: skip
    leak = dimmed[1]
    middle = slice(int(0.47 * ANALYSIS_RATE_HZ), int(0.58 * ANALYSIS_RATE_HZ))
    ratio_db = 10 * np.log10(np.mean(dimmed[0][middle] ** 2) / np.mean(leak[middle] ** 2))
    assert ratio_db == pytest.approx(separation_db, abs=1.0)
    begins = np.argmax(np.abs(leak) > 0.5 * np.abs(leak).max()) / ANALYSIS_RATE_HZ
    assert begins == pytest.approx(0.4 + delay_seconds, abs=0.01)


def test_figures_count_whom_the_score_is_of():
    def call(separation_db: float, attributed: float | None, **changes) -> CrosstalkCall:
        given_away = None if attributed is None else 1.0 - attributed
        facts = {
            "delay_seconds": 0.0, "how": "channels" if attributed else "mixed", "exchanged": False,
            "agents_segments": 0, "scores": (5.0, 6.0), "outcomes": ("calm", "calm"), **changes,
        }  # fmt: skip
        return CrosstalkCall(
            separation_db=separation_db, attributed=attributed, given_away=given_away, **facts
        )

    found = crosstalk_figures(
        [
            call(3.0, 0.9),
            call(3.0, None, agents_segments=4),
            call(3.0, None, scores=(None, 6.0), outcomes=("unknown", "calm")),
            call(8.0, 0.1, exchanged=True),
        ]
    )
    assert list(found) == ["all", "3 dB", "8 dB"]
    row = found["3 dB"]
    assert (row["calls"], row["told_apart"], row["scored"]) == (3, 1, 2)
    assert row["attributed"] == pytest.approx(0.9)
    assert row["given_away"] == pytest.approx(0.1)
    assert (row["agents_segments"], row["both_scored_as_one"]) == (4, 1)
    assert row["score_difference"] == pytest.approx(1.0)
    assert row["same_outcome"] == 2
    assert found["8 dB"]["exchanged"] == 1 and found["8 dB"]["attributed"] is None
