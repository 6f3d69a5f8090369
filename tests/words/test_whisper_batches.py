"""Whisper listens to the end of what is said, not to the end of half a minute."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from faster_whisper import BatchedInferencePipeline

from calmscore.words.whisper_batches import WhisperBatches


@pytest.mark.parametrize(
    ("durations", "seconds"), [([0.4], 10), ([12.2], 13), ([3.0, 17.9, 9.0], 18), ([29.0], 29)]
)
def test_a_batch_is_as_long_as_its_longest_sound(monkeypatch, durations, seconds):
    listened = []
    monkeypatch.setattr(
        BatchedInferencePipeline, "forward", lambda self, features, *rest: listened.append(features)
    )
    halves = np.arange(3000, dtype=np.float32) * np.ones((len(durations), 80, 1), np.float32)
    batches = WhisperBatches(SimpleNamespace(frames_per_second=100))
    batches.forward(halves, None, [{"duration": duration} for duration in durations], None)
    assert listened[0].shape == (len(durations), 80, seconds * 100)
    np.testing.assert_array_equal(listened[0], halves[..., : seconds * 100])
