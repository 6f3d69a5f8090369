"""Models of speech to text: those that cannot be used are named, the shipped one is documented."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from calmscore.errors import TranscriberError
from calmscore.locations import shipped
from calmscore.words.transcriber import HeardWord, Transcriber, load_transcriber
from calmscore.words.transcript import with_words
from calmscore.words.windows import Piece, Window, pack


@pytest.mark.parametrize("content", [b"", b"no model at all", None])
def test_a_model_that_cannot_be_used_is_named(sample, monkeypatch, tmp_path, caplog, content):
    folder = tmp_path / "model"
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", str(folder))
    if content is not None:
        shutil.copytree(shipped("artifacts") / "transcriber", folder)
        (folder / "model.bin").write_bytes(content)
    told = with_words(*sample)
    assert told.words is None and told.warnings[-1].code == "words_missing"
    assert str(folder) in told.warnings[-1].message
    # What to set is for whoever runs the program.
    assert "CALMSCORE_" not in told.warnings[-1].message
    assert "CALMSCORE_TRANSCRIBER" in caplog.text


def test_a_truncated_model_is_named(monkeypatch, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(shipped("artifacts") / "transcriber", folder)
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", str(folder))
    with pytest.raises(TranscriberError, match="cannot be loaded"):
        load_transcriber()


def test_a_folder_without_tokenizer_asks_no_network(monkeypatch, tmp_path):
    source = shipped("artifacts") / "transcriber"
    for name in ("model.bin", "config.json"):
        (tmp_path / name).symlink_to((source / name).resolve())
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", str(tmp_path))
    with pytest.raises(TranscriberError, match=r"tokenizer\.json is not in it"):
        load_transcriber()


def test_files_of_the_shipped_transcriber_are_those_that_are_documented():
    table = (shipped("artifacts") / "TRANSCRIBER.md").read_text(encoding="utf-8")
    for path in (shipped("artifacts") / "transcriber").iterdir():
        assert f"| `{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in table


class PassesOver(Transcriber):
    """Hears one word in each piece of speech; on first hearing, not in some of the call."""

    def __init__(self, *, passed_over: Callable[[Piece], bool]) -> None:
        super().__init__(None, name="passes over")
        self._passed_over = passed_over
        self.listened: list[list[Window]] = []
        self.again: list[Window] = []

    def _transcribed(self, windows, language, **options):
        first = not options
        if first:
            self.listened.append(list(windows))
        else:
            self.again += windows
        return [
            [
                HeardWord(
                    text=f"word{piece.turn}",
                    start_seconds=piece.in_window_seconds + 0.2,
                    end_seconds=piece.in_window_seconds + 0.4,
                )
                for piece in window.pieces
                if not (first and self._passed_over(piece))
            ]
            for window in windows
        ]


def spoken_windows(*turns: tuple[float, float]) -> list[Window]:
    return pack(np.ones(round(turns[-1][1] * 16_000), dtype=np.float32), turns)


@pytest.mark.parametrize("missed", [{0}, {2}, {1, 3}, {0, 1, 2, 3}])
def test_what_is_passed_over_is_listened_to_once_more(missed):
    windows = spoken_windows((1.0, 3.0), (5.0, 7.0), (9.0, 24.0), (30.0, 44.0))
    transcriber = PassesOver(passed_over=lambda piece: piece.turn in missed)
    listened = list(transcriber.listen(windows, language="en"))
    assert {piece.turn for window in transcriber.again for piece in window.pieces} == missed
    for window, words in zip(windows, listened, strict=True):
        assert [word.text for word in words] == [f"word{piece.turn}" for piece in window.pieces]
        for piece, word in zip(window.pieces, words, strict=True):
            assert word.start_seconds == pytest.approx(piece.in_window_seconds + 0.2)
            assert word.end_seconds == pytest.approx(piece.in_window_seconds + 0.4)


def test_a_cough_is_not_listened_to_once_more():
    windows = spoken_windows((1.0, 3.0), (5.0, 5.3))
    transcriber = PassesOver(passed_over=lambda piece: piece.turn == 1)
    assert len(list(transcriber.listen(windows, language="en"))) == len(windows)
    assert transcriber.listened and not transcriber.again


@pytest.mark.parametrize("count", [0, 1, 2, 5, 9, 16])
def test_windows_are_heard_in_their_order_however_many_are_listened_to_at_once(count):
    turns = [(30.0 * place, 30.0 * place + 28.0) for place in range(count)]
    windows = spoken_windows(*turns) if turns else []
    transcriber = PassesOver(passed_over=lambda piece: False)
    heard = list(transcriber.listen(windows, language="en"))
    assert [[word.text for word in words] for words in heard] == [
        [f"word{place}"] for place in range(count)
    ]
    sizes = [len(batch) for batch in transcriber.listened]
    assert sum(sizes) == count and max(sizes, default=0) <= 2
    # Two listen at once, and neither long after the other.
    assert len(sizes) % 2 == 0 or count == 1
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
