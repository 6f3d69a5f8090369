"""Colours of outcomes: told apart by everybody, and seen on every ground of the page."""

from __future__ import annotations

import tomllib
from itertools import combinations

import numpy as np
import pytest
from colour_sight import SIGHTS, contrast, lab, linear_rgb
from desk_pages import ROOT

from calmscore.analysis.call_score import OUTCOMES
from calmscore.dashboard.outcomes import OUTCOME_COLOURS

SMALLEST_DIFFERENCE = 15.0
# A chip is its outcome's colour, so strong, on the ground.
CHIP_SHARE = 0.18
THEMES = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=float)


def mixed(one: str, other: str, share: float) -> str:
    values = (1.0 - share) * rgb(one) + share * rgb(other)
    return "#" + "".join(f"{round(value):02X}" for value in values)


def test_every_outcome_has_a_colour():
    assert set(OUTCOME_COLOURS) == set(OUTCOMES)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("one", "other"), combinations(OUTCOME_COLOURS, 2))
def test_outcomes_can_be_told_apart(one, other, sight):
    seen = [lab(SIGHTS[sight] @ linear_rgb(OUTCOME_COLOURS[name])) for name in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) >= SMALLEST_DIFFERENCE


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("outcome", OUTCOME_COLOURS)
def test_marks_and_words_of_an_outcome_stand_out(outcome, theme, ground):
    page, ink = THEMES[theme][ground], THEMES[theme]["textColor"]
    colour = OUTCOME_COLOURS[outcome]
    assert contrast(linear_rgb(colour), linear_rgb(page)) >= 3.0
    chip = mixed(page, colour, CHIP_SHARE)
    assert contrast(linear_rgb(ink), linear_rgb(chip)) >= 4.5
