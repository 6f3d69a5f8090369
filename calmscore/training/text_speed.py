"""Time that the model of words takes for a turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from calmscore.words.text_emotion import TextEmotionClassifier

TURN = "i am upset that my parcel has not come in two weeks and nobody has called back"
"""What somebody may say in one turn, and not neutrally: 17 words, 20 word pieces."""

_TURNS = 40


def measure_speed(classifier: TextEmotionClassifier, *, repeats: int = 9) -> dict[str, Any]:
    """Measure how long a turn of words takes.

    Parameters
    ----------
    classifier : TextEmotionClassifier
        A loaded artifact.
    repeats : int
        Of which the median is taken.

    Returns
    -------
    dict
        Milliseconds, by the clock and of all processors together: of a turn, read in a
        call of 40 (``turn_milliseconds``, ``turn_processor_milliseconds``), and of the weights
        of its words (``weights_milliseconds``, ``weights_processor_milliseconds``), which are
        told only where a turn is not neutral.
    """
    turns, words = [TURN] * _TURNS, TURN.split()
    return {
        "words": len(words),
        **_took("turn", lambda: classifier.predict_proba(turns), repeats, share=_TURNS),
        **_took("weights", lambda: classifier.word_weights(TURN, words), repeats),
    }


def _took(name: str, work: Callable[[], Any], repeats: int, *, share: int = 1) -> dict[str, float]:
    work()
    clock, processor = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    return {
        f"{name}_milliseconds": round(1e3 * median(clock) / share, 2),
        f"{name}_processor_milliseconds": round(1e3 * median(processor) / share, 2),
    }
