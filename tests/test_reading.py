"""The help page's ranges are those of made-up calls."""

from __future__ import annotations

import re

import pytest
from running_dashboard import ROOT

from calmscore.analysis.scoring import score_emotions

TEXT = (ROOT / "docs" / "reading-the-score.md").read_text(encoding="utf-8")
RANGES = {
    meaning: (float(low), float(high))
    for low, high, meaning in re.findall(r"^\| ([\d.]+)–([\d.]+) \| (.*) \|$", TEXT, re.MULTILINE)
}


@pytest.mark.parametrize(
    ("emotions", "meaning"),
    [
        (["anger"] * 10 + ["neutral"] * 10, "distressed and became calm"),
        (["anger"] * 10 + ["happy"] * 10, "distressed and became calm"),
        (["anger"] * 10 + ["neutral"] * 2, "distressed and became calm"),
        (["neutral"] * 20, "calm from beginning to end"),
        (["happy"] * 20, "calm from beginning to end"),
        ((["anger"] * 5 + ["neutral"] * 5) * 2, "came back"),
        (["anger"] * 20, "distressed from beginning to end"),
        (["sad"] * 20, "distressed from beginning to end"),
        (["neutral"] * 10 + ["anger"] * 10, "calm at first"),
        (["neutral"] * 10 + ["anger"] * 4, "calm at first"),
    ],
)
def test_a_made_up_call_lies_in_the_range_of_its_meaning(emotions, meaning):
    ((low, high),) = (bounds for words, bounds in RANGES.items() if meaning in words)
    value = score_emotions(emotions).value
    assert value is not None
    assert low <= round(value, 1) <= high
