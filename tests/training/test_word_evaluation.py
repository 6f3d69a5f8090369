"""How words are measured, and how the shipped transcriber was made."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fixed_transcriber import FixedTranscriber

from calmscore.training.corpora import crema_d
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.quantise_transcriber import main, quantised, read_model_file
from calmscore.training.word_evaluation import (
    compose,
    error_rate,
    invented,
    spoken_words,
    word_errors,
)


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a b c", "a b x c", 1),
        ("a b c", "", 3), ("", "a b", 2), ("a b c d", "b c d e", 2),
    ],
)  # fmt: skip
def test_errors_are_the_fewest_changes(said, heard, errors):
    assert word_errors(said.split(), heard.split()) == errors


def test_words_are_compared_without_case_punctuation_and_figures():
    assert spoken_words("It’s 11 o'clock, OKAY?") == ["it's", "eleven", "o'clock", "ok"]


def test_calls_are_composed_of_what_is_known_to_be_said(tmp_path):
    generator = np.random.default_rng(0)
    for speaker in ("1015", "1020"):
        for sentence in ("IEO", "TIE"):
            sound = 0.1 * generator.standard_normal(32_000)
            soundfile.write(tmp_path / f"{speaker}_{sentence}_NEU_XX.wav", sound, 16_000)
    clips = read_corpus(tmp_path, corpus=crema_d.CORPUS)
    calls = compose(clips, calls=3, turns=4)
    assert len(calls) == 3
    sentences = [spoken_words(crema_d.SENTENCES[code]) for code in ("IEO", "TIE")]
    for call in calls:
        assert call.recording.samples.shape[0] == 2
        for said in call.said.values():
            assert said[: len(sentences[0])] == sentences[0] or said[:5] == sentences[1]
    # Noise is no speech, so nothing is heard of it.
    assert error_rate(calls, FixedTranscriber("hello"))["word_error_rate"] == 1.0


def test_nothing_is_listened_to_where_nobody_speaks():
    told = invented(FixedTranscriber("hello there"), seconds=60.0)
    assert told["invented_words_a_minute"] == 0.0 and told["minutes"] > 0.0


def test_int8_says_what_float16_said(tmp_path, whisper_arrays, write_whisper):
    folder = tmp_path / "model"
    folder.mkdir()
    arrays = whisper_arrays()
    write_whisper(folder / "model.bin", arrays)
    (folder / "config.json").write_text("{}")
    assert main(["--model", str(folder), "--output", str(tmp_path / "int8")]) == 0
    assert (tmp_path / "int8" / "config.json").is_file()
    small = read_model_file(tmp_path / "int8" / "model.bin")
    matrices = [name for name in arrays if f"{name}_scale" in small.arrays]
    assert matrices and all("/linear_" in name for name in matrices)
    for name, array in arrays.items():
        if name not in matrices:
            assert np.array_equal(small.arrays[name], array)
            continue
        assert small.arrays[name].dtype == np.int8
        back = small.arrays[name] / small.arrays[f"{name}_scale"][:, None]
        largest = np.abs(array.astype(np.float32)).max(axis=1, keepdims=True)
        assert np.all(np.abs(back - array) <= largest / 127.0 * 0.51)
    # Once more changes nothing.
    assert quantised(small).arrays.keys() == small.arrays.keys()


def test_a_file_that_is_no_model_is_named(tmp_path, capsys):
    (tmp_path / "model.bin").write_bytes(b"nothing")
    assert main(["--model", str(tmp_path), "--output", str(tmp_path / "out")]) == 3
    assert "model.bin" in capsys.readouterr().err
