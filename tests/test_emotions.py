from itertools import combinations

import numpy as np
import pytest
from colour_sight import SIGHTS, lab, linear_rgb

from calmscore.emotions import BY_CODE, BY_NAME, DISTRESS_WEIGHTS, EMOTIONS

# About 2 is just noticeable side by side; bars and legend lie apart.
SMALLEST_DIFFERENCE = 10.0


def test_the_six_classes_stand_in_the_order_of_every_table():
    assert EMOTIONS == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    assert tuple(BY_NAME) == EMOTIONS
    assert tuple(BY_NAME[name].distress for name in EMOTIONS) == DISTRESS_WEIGHTS


def test_people_read_how_somebody_sounds():
    heard = [BY_NAME[name].heard_as for name in EMOTIONS]
    assert heard == ["angry", "disgusted", "fearful", "happy", "calm", "sad"]


def test_codes_are_those_of_crema_d():
    codes = {code: emotion.name for code, emotion in BY_CODE.items()}
    assert codes == {
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happy",
        "NEU": "neutral",
        "SAD": "sad",
    }


def test_anger_fear_and_disgust_weigh_more_than_sad_and_happy_eases():
    weight = dict(zip(EMOTIONS, DISTRESS_WEIGHTS, strict=True))
    assert min(weight[name] for name in ("anger", "fear", "disgust")) > weight["sad"] > 0.0
    assert weight["neutral"] == 0.0
    assert weight["happy"] < 0.0
    assert all(-1.0 <= value <= 1.0 for value in weight.values())


@pytest.mark.parametrize("name", EMOTIONS)
def test_valence_agrees_with_the_weight(name):
    emotion = BY_NAME[name]
    signs = {"negative": 1.0, "neutral": 0.0, "positive": -1.0}
    assert np.sign(emotion.distress) == signs[emotion.valence]


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("one", "other"), combinations(EMOTIONS, 2))
def test_colours_can_be_told_apart(one, other, sight):
    seen = [lab(SIGHTS[sight] @ linear_rgb(BY_NAME[name].colour)) for name in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) >= SMALLEST_DIFFERENCE


def test_the_colour_arithmetic_agrees_with_known_values():
    assert lab(linear_rgb("#FFFFFF")) == pytest.approx([100.0, 0.0, 0.0], abs=0.02)
    assert lab(linear_rgb("#FF0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
