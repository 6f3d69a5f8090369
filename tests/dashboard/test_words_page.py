"""Words on the pages: what is drawn of them, and how they follow the score."""

from __future__ import annotations

from dataclasses import replace

import pytest
import streamlit as st
from desk_pages import drawn
from fixed_transcriber import FixedTranscriber
from made_calls import WORSE, made_report
from streamlit.testing.v1 import AppTest
from stub_classifier import stub_classifier
from waiting import until

from calmscore.analysis.report import SpokenWord, Words, WordsTurn
from calmscore.dashboard.console.words import words_view
from calmscore.dashboard.page_files import page_file
from calmscore.intake import words_writer
from calmscore.network import classifier
from dashboard.test_pages import ROOT, speech, texts, upload, wav  # noqa: F401 (a fixture)

WEIGHS, WATCHED = 1, 2


def test_a_turn_is_drawn_with_its_watched_words():
    said = "My third time, I said: third time."
    turn = WordsTurn(
        speaker="customer", start_seconds=65.0, end_seconds=70.0, text=said,
        words=tuple(
            SpokenWord(text=word, start_seconds=65.0 + place, end_seconds=65.5 + place,
                       weight=0.4 if word == "My" else 0.0)
            for place, word in enumerate(said.split())
        ),
        sentiment="negative",
    )  # fmt: skip
    report = replace(made_report(WORSE), words=Words(language="en", model="parrot", turns=(turn,)))
    view = words_view(report, phrases=["Third Time", "cancel"])
    assert view["phrases"] == [{"phrase": "Third Time", "count": 2}]
    (row,) = view["turns"]
    assert (row["start"], row["speaker"], row["tone"]) == (65.0, "customer", "negative")
    assert [text for text, _, marks in row["words"] if marks & WATCHED] == [
        "third", "time,", "third", "time.",
    ]  # fmt: skip
    assert [text for text, _, marks in row["words"] if marks & WEIGHS] == ["My"]
    assert words_view(made_report(WORSE)) is None


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path))
    monkeypatch.setattr(classifier, "load_classifier", stub_classifier)
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
    defaults = words_writer.PassingWords.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(
        words_writer.PassingWords.__init__,
        "__kwdefaults__",
        {**defaults, "load": lambda: FixedTranscriber("supervisor!")},
    )
    st.cache_resource.clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    app.switch_page(page_file("score_call")).run()
    yield app
    st.cache_resource.clear()


def words_shown(page):
    """Return what the console was given of the words."""
    (console,) = drawn(page, "calmscore_console")
    return console["words"]


def test_the_score_is_there_first_and_the_words_follow(page, speech):  # noqa: F811
    upload(page, wav(speech))
    assert not page.exception
    assert "out of 10" in texts(page)
    until(lambda: words_shown(page.run()) is not None)
    assert not page.exception
    shown = words_shown(page)
    assert {"phrase": "supervisor", "count": len(shown["turns"])} in shown["phrases"]
