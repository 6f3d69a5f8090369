"""The printed coaching session: one page with all that was said, and what it leaves out."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pypdf
import pytest
from shared_sessions import SUPERVISOR, drafted_session, read_session, shared_session
from stored_calls import CALM, TOO_SHORT, add, make_report

from calmscore.outputs.session_pdf import session_pdf
from calmscore.store import Store
from calmscore.store.remarks import answer, reply
from calmscore.store.sessions import add_item, write_down

DANA = "Dana Łukasik"
PERSON = f"{DANA} (dana@example.com)"


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def call_id(store) -> str:
    at = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    return add(store, "first.wav", agent=DANA, called_at=at)


def text_of(store: Store, number: int, *, zone=UTC) -> str:
    (page,) = pypdf.PdfReader(io.BytesIO(session_pdf(read_session(store, number), zone=zone))).pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
    return " ".join(page.extract_text().split())


def test_the_page_says_what_was_heard_noted_answered_and_agreed(store, call_id):
    other = add(store, "second.wav", make_report("second.wav", emotions=CALM), agent=DANA)
    number = shared_session(store, DANA, call_id, other, note="Well asked.")
    with store.database.writing() as session:
        write_down(session, number, held_on=date(2026, 3, 9), agreed="Name the next step.")
        contest = answer(
            session, number, kind="contested", author=PERSON, call_id=call_id, text="A bad line."
        )
        reply(session, contest, text="I heard it too.", author=SUPERVISOR, decision="upheld")
    row = read_session(store, number)
    text = text_of(store, number)
    low, high = row.calls[0].interval or (0.0, 0.0)
    for part in (
        DANA, "Talked about on 9 Mar 2026", SUPERVISOR, "shared on",
        f"{row.calls[0].score:.1f} De-escalated · 80 % sure: {low:.1f} to {high:.1f}",
        "score set aside", "2 Mar 2026, 23:30", "first.wav", "At 0:04 Well asked.",
        "Calm throughout", "Name the next step.", f"{PERSON} contests first.wav", "A bad line.",
        f"{SUPERVISOR} replied: the score is set aside", "I heard it too.",
        f"Date, {DANA}", f"Date, {SUPERVISOR}", "not a verdict",
    ):  # fmt: skip
        assert part in text, part
    assert "more" not in text


def test_a_draft_and_a_call_without_a_score_are_printed(store):
    short = add(store, "short.wav", make_report("short.wav", emotions=TOO_SHORT), agent=DANA)
    text = text_of(store, drafted_session(store, DANA, short))
    assert "– Insufficient evidence" in text and "Not talked about yet" in text
    assert "What was answered" not in text


def test_times_are_those_of_the_reader(store, call_id):
    number = shared_session(store, DANA, call_id)
    assert "3 Mar 2026, 00:30" in text_of(store, number, zone=ZoneInfo("Europe/Berlin"))


def test_a_long_session_stays_on_one_page_and_says_how_much_is_left_out(store, call_id):
    number = shared_session(store, DANA, call_id)
    with store.database.writing() as session:
        for place in range(60):
            add_item(session, number, call_id, at_seconds=float(place), note="word " * 500)
        write_down(session, number, held_on=None, agreed="agreed " * 500)
        for _ in range(30):
            answer(session, number, kind="acknowledged", author=PERSON, text="fine " * 500)
    text = text_of(store, number)
    moments = text.count("At 0:")
    assert f"and {61 - moments} more moments" in text and moments >= 5
    remarks = text.count("acknowledged the session")
    assert f"and {30 - remarks} more remarks" in text and remarks >= 1
    assert f"Date, {DANA}" in text


@pytest.mark.parametrize("name", ["\u0301" * 190, "電話 📞", "{nb}", "مرحبا"])
def test_any_name_can_be_printed(store, name):
    call_id = add(store, "odd.wav", agent=name, called_at=datetime.now(UTC) - timedelta(days=1))
    assert "not a verdict" in text_of(store, shared_session(store, name, call_id, note=name))
