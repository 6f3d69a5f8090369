"""Composed calls with somebody else on the customer's side, and what is counted of them."""

from __future__ import annotations

import numpy as np
import pytest
from test_voice_evaluation import clips, tone

from calmscore.training.corpora.composed_strangers import (
    STRANGERS,
    StrangerCall,
    compose_stranger_calls,
)
from calmscore.training.stranger_evaluation import JudgedStranger, stranger_figures

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def calls() -> list[StrangerCall]:
    composed = compose_stranger_calls(clips(), read_clip=tone, strange=6, plain=2)
    return list(composed)


def seconds(sound: np.ndarray) -> np.ndarray:
    """Return in which seconds there is sound."""
    whole = sound[: sound.size // RATE_HZ * RATE_HZ].astype(np.float32).reshape(-1, RATE_HZ)
    return np.flatnonzero(np.abs(whole).max(axis=1) > 0.01)


def test_every_kind_is_composed_and_calls_without_anybody_else(calls):
    assert [call.kind for call in calls] == [*STRANGERS, None, None]
    for call in calls:
        assert len({call.customer, call.stranger}) == 2
        assert call.recording.samples.shape == (2, call.sounds.shape[1])
        assert (seconds(call.sounds[1]).size > 0) == (call.kind is not None)


def test_each_does_what_its_kind_says(calls):
    by_kind = {call.kind: [seconds(sound) for sound in call.sounds] for call in calls}
    for kind in ("takes over", "takes over on another line"):
        customer, stranger = by_kind[kind]
        assert customer.max() <= stranger.min()
    customer, stranger = by_kind["announcement before"]
    assert stranger.max() <= customer.min()
    for kind in ("speaks for a while", "joins in now and then", "announcement midway"):
        customer, stranger = by_kind[kind]
        assert customer.min() < stranger.min() and stranger.max() <= customer.max() + 12


def test_figures_tell_what_was_found_from_what_was_invented():
    def call(kind: str | None, told: str, lost: float = 0.0) -> JudgedStranger:
        return JudgedStranger(
            trajectory="t", customer="a", stranger="b", kind=kind, same_sex=kind == STRANGERS[0],
            told=told, lost=lost,
        )  # fmt: skip

    found = stranger_figures(
        [call(STRANGERS[0], "excluded", 0.1), call(STRANGERS[0], "nothing"),
         call(STRANGERS[1], "perhaps"), call(None, "nothing"), call(None, "perhaps")]
    )  # fmt: skip
    assert found["somebody else"]["excluded"] == pytest.approx(1 / 3)
    assert found["somebody else"]["told"] == pytest.approx(2 / 3)
    assert found[STRANGERS[0]]["customer_lost"] == pytest.approx(0.05)
    assert found["of the same sex"]["calls"] == 2
    assert found["nobody else"] == {"calls": 2, "excluded": 0.0, "told": 0.5, "customer_lost": 0.0}
