"""The sample calls are what their README says; how they score is tested elsewhere."""

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import read_recording
from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask
from samples import acted_voice, make_samples

FOLDER = Path(__file__).resolve().parent.parent / "samples"
FILE_NAMES = ("calms_down.wav", "gets_worse.wav")
LARGEST_FILE_BYTES = 1_900_000


@lru_cache
def recording(file_name):
    return read_recording(FOLDER / file_name)


@lru_cache
def segmented(file_name):
    return segment_call(recording(file_name))


def speech_seconds(channel):
    return float(speech_mask(channel).sum()) / MASK_RATE_HZ


def test_script_makes_the_calls_that_are_here():
    assert {call.file_name for call in make_samples.CALLS} == set(FILE_NAMES)
    assert {path.name for path in FOLDER.glob("*.wav")} == set(FILE_NAMES)


@pytest.mark.parametrize("file_name", FILE_NAMES)
class TestFiles:
    def test_telephone_recording_in_stereo(self, file_name):
        header = soundfile.info(FOLDER / file_name)
        assert (header.channels, header.samplerate) == (2, 8000)
        assert (header.format, header.subtype) == ("WAV", "ULAW")
        assert 60.0 <= header.duration <= 120.0
        assert (FOLDER / file_name).stat().st_size < LARGEST_FILE_BYTES

    def test_nothing_is_clipped_or_missing(self, file_name):
        samples, _ = soundfile.read(FOLDER / file_name, dtype="float32")
        assert np.abs(samples).max() < 0.95
        assert (np.abs(samples).mean(axis=0) > 0.001).all()

    def test_both_people_speak(self, file_name):
        for channel in recording(file_name).samples:
            assert speech_seconds(channel) > 15.0
        talk = segmented(file_name).talk
        assert talk.customer_seconds > 20.0
        assert talk.agent_seconds > 15.0

    def test_agent_speaks_first_so_that_the_customer_is_found(self, file_name):
        call = segmented(file_name)
        assert call.customer_channel == "left"
        assert any("right channel speaks first" in notice.message for notice in call.warnings)

    def test_ringing_and_hold_music_are_no_speech(self, file_name):
        ringing = slice(0, int(2.5 * MASK_RATE_HZ))
        for channel in recording(file_name).samples:
            assert not speech_mask(channel)[ringing].any()
        assert segmented(file_name).talk.longest_silence_seconds > 5.0

    def test_readme_says_what_it_is(self, file_name):
        text = (FOLDER / "README.md").read_text(encoding="utf-8")
        assert f"`{file_name}`" in text
        assert "synthetic" in text
        assert acted_voice.INSTALL_COMMAND in text


def test_missing_synthesiser_is_named_with_the_remedy(monkeypatch, capsys, tmp_path):
    acted_voice._synthesiser.cache_clear()
    monkeypatch.setitem(sys.modules, "hibari", None)
    assert make_samples.main(["--output", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "not installed" in message
    assert acted_voice.INSTALL_COMMAND in message
    assert not list(tmp_path.iterdir())


def test_every_mood_that_is_spoken_is_in_the_table():
    spoken = {
        turn.mood
        for call in make_samples.CALLS
        for turn in call.turns
        if isinstance(turn, make_samples.Line)
    }
    assert spoken == set(acted_voice.MOODS)
