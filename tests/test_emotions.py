from itertools import combinations

import numpy as np
import pytest

from calmscore.emotions import BY_CODE, BY_NAME, DISTRESS_WEIGHTS, EMOTIONS

# Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation
# of Color Vision Deficiency", severity 1.0; for linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
XYZ_OF_RGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip
# About 2 is just noticeable side by side; bars and legend lie apart.
SMALLEST_DIFFERENCE = 10.0


def linear_rgb(colour: str) -> np.ndarray:
    encoded = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB under D65 of a linear RGB colour."""
    xyz = XYZ_OF_RGB @ np.clip(rgb, 0.0, 1.0) / XYZ_OF_RGB.sum(axis=1)
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_six_classes_stand_in_the_order_of_every_table():
    assert EMOTIONS == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    assert tuple(BY_NAME) == EMOTIONS
    assert tuple(BY_NAME[name].distress for name in EMOTIONS) == DISTRESS_WEIGHTS


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
