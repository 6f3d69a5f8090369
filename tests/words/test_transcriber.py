"""Models of speech to text: those that cannot be used are named, the shipped one is documented."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from calmscore.errors import TranscriberError
from calmscore.locations import shipped
from calmscore.words.transcriber import load_transcriber
from calmscore.words.transcript import with_words


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
