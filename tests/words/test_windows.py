"""Speech packed into windows leads back to its place in the call."""

import numpy as np
import pytest

from calmscore.words.windows import EXCERPT_SECONDS, WINDOW_SECONDS, excerpts, pack

RATE_HZ = 16_000


def ramp(seconds: float) -> np.ndarray:
    """Return sound in which every sample tells its place in the call."""
    return np.arange(int(seconds * RATE_HZ), dtype=np.float64) / RATE_HZ


def test_every_sample_of_speech_is_in_one_window_once_and_leads_back():
    turns = [(0.0, 4.0), (5.0, 6.0), (10.0, 75.0), (76.0, 76.4), (80.0, 99.0)]
    sound = ramp(100.0)
    windows = pack(sound, turns)
    covered = np.zeros(sound.size, dtype=int)
    for window in windows:
        assert window.sound.size <= WINDOW_SECONDS * RATE_HZ + 1
        for piece in window.pieces:
            for at in (0.0, piece.seconds / 2, piece.seconds - 0.01):
                place = piece.in_window_seconds + at
                assert window.piece_at(place) is piece
                told = window.sound[int(place * RATE_HZ)]
                assert piece.in_call(place) == pytest.approx(told, abs=2e-3)
                start, end = turns[piece.turn]
                assert start - 0.2 <= told <= end + 0.2
            first = int(piece.in_call_seconds * RATE_HZ)
            covered[first : first + int(piece.seconds * RATE_HZ)] += 1
    assert covered.max() == 1
    for start, end in turns:
        assert covered[int(start * RATE_HZ) + 2 : int(end * RATE_HZ) - 2].mean() > 0.999
    # Full enough: five windows hold what would fit into four.
    assert len(windows) <= 5


def test_a_long_turn_is_cut_where_it_is_softest():
    sound = np.full(60 * RATE_HZ, 0.5)
    sound[int(27.0 * RATE_HZ) : int(27.3 * RATE_HZ)] = 0.0
    first, *_ = pack(sound, [(0.0, 60.0)])
    assert 27.0 < first.pieces[-1].in_call_seconds + first.pieces[-1].seconds < 27.3


def test_nothing_said_is_no_window():
    assert pack(np.zeros(RATE_HZ), []) == []


def test_an_excerpt_leads_back_to_where_each_piece_was_taken_from():
    samples = np.random.default_rng(0).normal(size=int(100 * RATE_HZ)).astype(np.float32)
    turns = [(start, start + 2.0) for start in np.arange(1.0, 95.0, 3.0).tolist()]
    windows = pack(samples, turns)
    assert len(windows) > 1
    wanted = [window.pieces[1::2] for window in windows]
    found = excerpts(windows, wanted)
    assert [piece for each in found for _, piece in each.sources] == [
        piece for pieces in wanted for piece in pieces
    ]
    for each in found:
        assert each.window.sound.size <= EXCERPT_SECONDS * RATE_HZ
        for piece in each.window.pieces:
            middle = piece.in_window_seconds + piece.seconds / 2
            place, shift = each.source_at(middle)
            there = windows[place].piece_at(middle + shift)
            assert there.in_call(middle + shift) == pytest.approx(piece.in_call(middle))
            heard, told = (
                sound[round(at * RATE_HZ) : round((at + 0.1) * RATE_HZ)]
                for sound, at in (
                    (each.window.sound, middle), (windows[place].sound, middle + shift),
                )
            )  # fmt: skip
            assert heard == pytest.approx(told)


def test_a_long_piece_is_an_excerpt_of_its_own():
    samples = np.ones(int(30 * RATE_HZ), dtype=np.float32)
    windows = pack(samples, [(1.0, 3.0), (4.0, 24.0), (25.0, 26.0)])
    found = excerpts(windows, [window.pieces for window in windows])
    assert [len(each.sources) for each in found] == [1, 1, 1]
    assert excerpts(windows, [() for _ in windows]) == []
