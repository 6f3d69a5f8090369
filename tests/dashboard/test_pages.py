"""The pages, as scripts: what a supervisor reads in each state."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import streamlit as st
from made_calls import made_report
from streamlit.testing.v1 import AppTest
from stub_classifier import stub_classifier

from calmscore.audio.recording import read_recording
from calmscore.dashboard.page_files import page_file
from calmscore.network import classifier

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 8_000
WAV = "audio/wav"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    samples, _ = soundfile.read(ROOT / "samples" / "calms_down.wav")
    return samples[: 40 * RATE_HZ]


@pytest.fixture
def page(monkeypatch, tmp_path) -> Iterator[AppTest]:
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path))
    monkeypatch.setattr(classifier, "load_classifier", stub_classifier)
    st.cache_resource.clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    app.switch_page(page_file("score_call")).run()
    yield app
    st.cache_resource.clear()


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV")
    return file.getvalue()


def upload(page: AppTest, content: bytes, name: str = "call.wav") -> AppTest:
    page.file_uploader[0].set_value((name, content, WAV))
    return page.run()


def texts(page: AppTest) -> str:
    parts = (*page.markdown, *page.caption, *page.warning, *page.error)
    return "\n".join(part.value for part in parts) + "\n".join(part.body for part in page.html)


def test_the_empty_page_says_what_it_does_and_offers_the_sample(page):
    assert not page.exception
    assert "customer's" in texts(page)
    assert "agent's voice is never scored" in texts(page)
    assert [button.label for button in page.button] == ["Try the sample call"]


def test_an_upload_becomes_a_score_with_timeline_evidence_and_downloads(page, speech):
    upload(page, wav(speech))
    assert not page.exception
    assert "call.wav" in texts(page)
    assert "out of 10" in texts(page)
    assert "not a verdict" in texts(page)
    assert "calmscore_console" in [
        component.proto.component_name for component in page.get("bidi_component")
    ]
    assert [header.value for header in page.subheader] == ["Who spoke"]
    assert [metric.label for metric in page.metric][:4] == [
        "Customer speaks", "Agent speaks", "Both at once", "Longest silence",
    ]  # fmt: skip
    assert [button.label for button in page.download_button] == ["Report (JSON)", "Segments (CSV)"]


def test_the_sample_call_is_one_click_away(page):
    page.button[0].click()
    page.run()
    assert not page.exception
    assert "calms_down.wav" in texts(page)
    assert "synthetic" in texts(page)


def test_a_call_is_there_again_after_a_look_at_another_page(page, speech, monkeypatch):
    from calmscore.intake import analysis_throttle

    upload(page, wav(speech))
    monkeypatch.setattr(analysis_throttle, "analyze_recording", None)
    page.switch_page(page_file("calls")).run()
    page.switch_page(page_file("score_call")).run()
    assert not page.exception
    assert not page.error
    assert "call.wav" in texts(page)
    next(button for button in page.button if button.label == "Close this call").click().run()
    assert "call.wav" not in texts(page)
    assert "agent's voice is never scored" in texts(page)


def bare(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="RAW", subtype="ULAW")
    return file.getvalue()


def held(page: AppTest):
    """Return the fields that ask what a file without a header holds."""
    return [box for box in page.selectbox if box.label == "A file without a header holds"]


@pytest.mark.parametrize("name", ["call.raw", "call.wav"])
def test_bare_samples_are_read_as_is_said_beside_the_refusal(page, speech, name):
    upload(page, bare(speech), name)
    assert "is not audio" in page.error[0].value
    held(page)[0].set_value("ulaw:8000:2").run()
    assert not page.error and "out of 10" in texts(page)
    assert page.metric[0].label == "Customer speaks"
    # Of a file with a header nothing is asked, and nothing that was said of the other one holds.
    upload(page, wav(speech[: 20 * RATE_HZ]))
    assert "out of 10" in texts(page) and not held(page)


def test_what_bare_samples_hold_may_be_mended_after_their_name_told_it(page, speech):
    upload(page, bare(speech), "call.ulaw")
    assert not page.error and page.metric[0].label == "Customer speaks"
    first = strip(page)
    held(page)[0].set_value("ulaw:8000:2").run()
    assert not page.error and strip(page) != first
    page.switch_page(page_file("calls")).run()
    page.switch_page(page_file("score_call")).run()
    assert held(page)[0].value == "ulaw:8000:2"


def test_a_kept_call_of_bare_samples_stays_readable(page, speech, monkeypatch, tmp_path):
    from calmscore.dashboard import desk
    from calmscore.store import Store
    from calmscore.store.calls import list_calls

    store = Store(tmp_path)
    monkeypatch.setattr(desk, "open_store", lambda: store)
    upload(page, bare(speech), "call.raw")
    held(page)[0].set_value("ulaw:8000:2").run()
    next(button for button in page.button if button.label == "Keep this call").click().run()
    with store.database.reading() as session:
        (row,) = list_calls(session)
    assert row.raw_format == "ulaw:8000:2"
    recording = read_recording(
        store.audio.path(row.id), file_name=row.file_name, raw_format=row.raw_format
    )
    assert recording.duration_seconds == len(speech) / RATE_HZ
    # Taken for something else, it is another analysis, which is not kept yet.
    held(page)[0].set_value("ulaw:8000:1").run()
    assert "Keep this call" in [button.label for button in page.button]


def strip(page: AppTest) -> list[str]:
    return [html.body for html in page.html if 'class="score"' in html.body]


def test_keeping_a_call_neither_analyses_it_again_nor_drops_what_was_said_of_it(
    page, speech, monkeypatch, tmp_path
):
    from calmscore.dashboard import desk
    from calmscore.intake import analysis_throttle
    from calmscore.store import Store

    store = Store(tmp_path)
    monkeypatch.setattr(desk, "open_store", lambda: store)
    upload(page, wav(speech))
    said = strip(page)
    monkeypatch.setattr(analysis_throttle, "analyze_recording", None)
    next(button for button in page.button if button.label == "Keep this call").click().run()
    assert not page.exception
    assert "This call is kept" in texts(page)
    assert strip(page) == said
    store.close()


@pytest.mark.parametrize(("doubt", "told"), [(0.0003, "99% sure"), (0.2, "80% sure")])
def test_a_guess_is_never_told_as_certain(doubt, told):
    def show(report):
        from calmscore.dashboard.call_view import score_card

        score_card(report)

    report = made_report(["anger"] * 5 + ["neutral"] * 5)
    speakers = replace(report.speakers, how="channels", customer_from="words", doubt=doubt)
    shown = AppTest.from_function(show, kwargs={"report": replace(report, speakers=speakers)}).run()
    assert not shown.exception and told in texts(shown)


def swap(page, side: str):
    return next(b for b in page.button if b.label == f"Yes, the customer is on the {side} channel")


def test_the_guess_of_the_channel_is_said_and_a_swap_scores_the_other(page, speech):
    upload(page, wav(speech))
    assert "The customer is on the left channel (guessed from who greets" in texts(page)
    before = [metric.value for metric in page.metric]
    assert "only the customer's voice may be scored" in texts(page)
    swap(page, "right").click().run()
    assert not page.exception
    after = [metric.value for metric in page.metric]
    assert (after[0], after[1]) == (before[1], before[0])
    assert "guessed" not in texts(page)


def test_mono_is_warned_of_and_offers_no_swap(page, speech):
    upload(page, wav(speech.mean(axis=1)))
    assert "customer and agent are mixed" in page.warning[0].value
    assert not [button for button in page.button if "the customer is on" in button.label]
    assert [metric.label for metric in page.metric] == ["Customer speaks", "Longest silence"]


def test_two_on_one_channel_are_exchanged_by_one_click(page, speech, monkeypatch):
    from calmscore.analysis import segments
    from calmscore.analysis.voices import TwoVoices

    def halves(_, mask):
        early = np.arange(mask.size) < 2000
        return TwoVoices(masks=(mask & early, mask & ~early), evidence=0.5)

    monkeypatch.setattr(segments, "two_voices", halves)
    upload(page, wav(speech.mean(axis=1)))
    assert "The customer is who speaks second" in texts(page)
    before = [metric.value for metric in page.metric]
    next(b for b in page.button if b.label == "Yes, the customer is who speaks first").click().run()
    assert not page.exception
    assert "The customer is who speaks first (as chosen)" in texts(page)
    after = [metric.value for metric in page.metric]
    assert (after[0], after[1]) == (before[1], before[0])


def test_a_bad_file_gets_a_notice_and_no_traceback(page):
    upload(page, b"Dear customer", name="letter.wav")
    assert not page.exception
    assert len(page.error) == 1
    assert page.error[0].value.startswith("letter\\.wav is text, not a recording")
    assert not page.metric


def test_a_fault_is_told_without_its_details(page, speech, monkeypatch):
    from calmscore.intake import analysis_throttle

    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(analysis_throttle, "read_recording", broken)
    upload(page, wav(speech))
    assert not page.exception
    assert "fault in Calmscore" in page.error[0].value
    assert "secret" not in texts(page)


def test_a_call_that_is_too_short_has_no_score_and_says_why(page, speech):
    upload(page, wav(speech[9 * RATE_HZ : 13 * RATE_HZ]))
    assert not page.exception
    assert "Insufficient evidence" in texts(page)
    assert "at least 4 are needed" in texts(page)


def test_a_bad_file_can_be_followed_by_a_good_one(page, speech):
    upload(page, b"", name="empty.wav")
    upload(page, wav(speech))
    assert not page.error
    assert "out of 10" in texts(page)


def test_a_file_name_is_text_and_never_markup(page, speech):
    upload(page, wav(speech), name="<b>bold</b>.wav")
    assert "<b>bold" not in texts(page)


def test_the_report_to_download_is_the_one_on_the_page(page, speech):
    upload(page, wav(speech))
    _, analysed = page.session_state["analysis"]
    assert json.loads(json.dumps(analysed.report.to_dict()))["call"]["file_name"] == "call.wav"


@pytest.mark.parametrize("view", [page_file("reading"), page_file("model_card")])
def test_the_other_pages_have_something_to_read(page, view):
    page.switch_page(view).run()
    assert not page.exception
    assert len(texts(page)) > 500
