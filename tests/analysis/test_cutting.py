import numpy as np
import pytest

from calmscore.analysis.cutting import level_gain


@pytest.mark.parametrize(
    ("levels_db", "wanted_db", "gain_db"),
    [
        ([-20.0], -26.0, -6.0),
        ([-40.0, -30.0, -20.0], -20.0, 10.0),
        ([-70.0], -20.0, 50.0),
        ([0.0], -60.0, -60.0),
        ([-300.0], -20.0, 60.0),
    ],
)
def test_the_median_speech_is_brought_to_the_wanted_level(levels_db, wanted_db, gain_db):
    sounds = [np.full(1000, 10 ** (level / 20), dtype=np.float32) for level in levels_db]
    gain = level_gain(sounds, wanted_level_db=wanted_db)
    assert 20 * np.log10(gain) == pytest.approx(gain_db, abs=1e-3)


def test_no_speech_needs_no_gain():
    assert level_gain([], wanted_level_db=-20.0) == 1.0
