"""Calls whose words a test knows: one that hears the same word everywhere, and its sides."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import soundfile
from stub_classifier import stub_classifier

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport
from calmscore.audio.recording import Recording, read_recording
from calmscore.locations import shipped
from calmscore.words.speech_to_text import Side, sides_of
from calmscore.words.transcriber import HeardWord, Language
from calmscore.words.windows import Window

RATE_HZ = 8_000
SAMPLE = shipped("samples") / "calms_down.wav"


class Parrot:
    """Hears one word in the middle of every piece of speech."""

    name = "parrot"

    def __init__(self, language: Language) -> None:
        self.language = language

    def language_of(self, windows: Sequence[Window]) -> Language:
        assert windows
        return self.language

    def listen(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        return [
            [
                HeardWord(
                    text="word",
                    start_seconds=piece.in_window_seconds + piece.seconds / 2 - 0.1,
                    end_seconds=piece.in_window_seconds + piece.seconds / 2 + 0.1,
                )
                for piece in window.pieces
            ]
            for window in windows
        ]


ENGLISH = Parrot(Language(code="en", probability=0.99))


def recorded(sound: np.ndarray, name: str = "call.wav") -> Recording:
    file = io.BytesIO()
    soundfile.write(file, sound, RATE_HZ, format="WAV")
    return read_recording(file, file_name=name)


def call_sides(report: CallReport, recording: Recording) -> list[Side]:
    return sides_of(
        recording,
        report.talk,
        how=report.speakers.how,
        customer_channel=report.call.customer_channel,
    )


def scored(recording: Recording) -> CallReport:
    return analyze_recording(recording, classifier=stub_classifier())


@lru_cache
def sample_call() -> tuple[CallReport, Recording]:
    recording = read_recording(SAMPLE)
    return scored(recording), recording
