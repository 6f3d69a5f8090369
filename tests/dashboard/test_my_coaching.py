"""What an agent finds when they sign in: their shared sessions, and no other page by any link."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from desk_pages import add, button, drawn, labels, texts
from made_calls import RESCUED, WORSE, made_recording, made_report, with_made_words
from shared_sessions import drafted_session, read_session, remarks, shared_session
from streamlit.testing.v1 import AppTest

from calmscore.audio.playback import Playback
from calmscore.dashboard import stored_call
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.shared_sounds import shared_sounds
from calmscore.store import audit
from calmscore.store.calls import CallDetails
from calmscore.store.coaching import add_note
from calmscore.store.remarks import reply

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "auth": {
        "redirect_uri": "http://localhost:8501/oauth2callback",
        "cookie_secret": "c" * 64,
        "client_id": "calmscore",
        "client_secret": "much secret",
        "server_metadata_url": "http://localhost/.well-known/openid-configuration",
    },
    "roles": {
        "groups": {"phones": "agent", "leads": "supervisor"},
        "agents": {"dana@example.com": "Dana"},
    },
}
PAGES = (
    "home", "score_call", "calls", "agents", "coaching_page", "call", "compare", "export",
    "alerts", "settings",
)  # fmt: skip


@pytest.fixture
def hers(store) -> str:
    return add(store, WORSE, "hers.wav", content=made_recording(1, seconds=30.0), agent="Dana")


@pytest.fixture
def his(store) -> str:
    return add(store, RESCUED, "his.wav", content=made_recording(2, seconds=30.0), agent="Ben")


def opened(name: str | None = None, **query: str | list[str]) -> AppTest:
    """Open the desk, or a page of it, as Dana, the agent, at an address."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    page.secrets.update(SECRETS)
    page.user = {
        "is_logged_in": True, "iat": time.time(), "name": "Dana", "email": "dana@example.com",
        "groups": ["phones"],
    }  # fmt: skip
    if name is not None:
        page.run().switch_page(page_file(name))
    page.query_params.update(query)
    page.run()
    assert not page.exception
    return page


def everything(page: AppTest) -> str:
    links = "".join(str(link.proto) for link in page.get("page_link"))
    shown = "".join(str(element.value) for element in (*page.text, *page.title))
    return texts(page) + links + shown


def test_an_agent_begins_with_what_was_shared_and_opens_it(store, hers, his):
    assert "Nothing is shared with you yet" in texts(opened())
    number = shared_session(store, "Dana", hers)
    drafted_session(store, "Dana", hers)
    shared_session(store, "Ben", his)
    page = opened()
    assert [title.value for title in page.title] == ["My coaching"]
    assert everything(page).count("Shared by Sam") == 1
    assert "waits for your answer" in texts(page)
    page = opened("my_session", session=str(number))
    assert "hers.wav" in everything(page)
    assert "Well asked." in [text.value for text in page.text]


def test_a_call_is_shown_played_and_audited(store, hers):
    number = shared_session(store, "Dana", hers)
    with store.database.writing() as session:
        add_note(session, hers, text="A calm voice.", author="Sam", at_seconds=9.0)
    page = opened("my_call", session=str(number), call=hers, at="4.0")
    assert [title.value.replace("\\", "") for title in page.title] == ["hers.wav"]
    assert page.get("audio")
    assert {"Well asked.", "A calm voice."} <= {text.value for text in page.text}
    assert not page.get("download_button") and not page.get("file_uploader")
    with store.database.reading() as session:
        lines = [one for one in audit.list_events(session) if one.action == "recording opened"]
    assert [line.actor for line in lines] == [f"agent of session {number}"]


def test_a_sound_that_somebody_else_plays_is_heard_by_who_may_hear_it_alone(
    store, hers, his, monkeypatch
):
    number = shared_session(store, "Dana", hers)
    ready = Playback(encoded=b"fLaC, ready", peaks=(b"1",), peaks_per_second=25.0)
    # Another test's sound of the same call may be there still: what is given is held.
    held = [
        shared_sounds.get(call_id, lambda check: ready, waits=lambda: True)
        for call_id in (hers, his)
    ]
    monkeypatch.setattr(stored_call, "prepare_playback", None)  # nothing is made again
    assert opened("my_call", session=str(number), call=hers).get("audio")
    assert not opened("my_call", session=str(number), call=his).get("audio")
    with store.database.reading() as session:
        lines = [one for one in audit.list_events(session) if one.action == "recording opened"]
    assert [line.actor for line in lines] == [f"agent of session {number}"]
    assert len(held) == 2


def test_an_agent_reads_what_was_said_in_their_call(store):
    # Words are kept as long as the recording.
    sound = made_recording(3, seconds=30.0)
    report = with_made_words(made_report(WORSE, file_name="said.wav", recording=sound))
    store.add_call(report, io.BytesIO(sound), actor="t", details=CallDetails(agent="Dana"))
    number = shared_session(store, "Dana", report.call.id)
    page = opened("my_call", session=str(number), call=report.call.id)
    (shown,) = drawn(page, "calmscore_console")
    # What others may do is not promised to them.
    for what in ("bookmark", "link"):
        assert (shown[f"may_{what}"], shown[f"why_no_{what}"]) == (False, "")
    turns = shown["words"]["turns"]
    assert [" ".join(word for word, _, _ in turn["words"]) for turn in turns] == [
        "How can I help you?", "Nobody ever calls back!",
    ]  # fmt: skip
    assert [turn["tone"] for turn in turns] == [None, "negative"]


def test_an_agent_contests_and_reads_the_reply(store, hers):
    number = shared_session(store, "Dana", hers)
    page = opened("my_call", session=str(number), call=hers)
    button(page, "Contest").click().run()
    assert "the text is empty" in texts(page)
    page.text_area[0].set_value("The line was broken.")
    button(page, "Contest").click().run()
    (contest,) = remarks(store, number)
    assert (contest.kind, contest.author) == ("contested", "Dana (dana@example.com)")
    page = opened("my_call", session=str(number), call=hers)
    assert "The reply is still to come" in texts(page)
    assert "Contest" not in labels(page)
    with store.database.writing() as session:
        reply(session, contest.id, text="Agreed.", author="Sam", decision="upheld")
    page = opened("my_call", session=str(number), call=hers)
    assert "nobody uses it" in texts(page)
    assert "Agreed." in [text.value for text in page.text]
    assert "The score is set aside." in texts(page)


def test_an_agent_acknowledges_the_session(store, hers):
    number = shared_session(store, "Dana", hers)
    button(opened("my_session", session=str(number)), "Acknowledge").click().run()
    assert [one.kind for one in remarks(store, number)] == ["acknowledged"]
    assert read_session(store, number).remarks[0].call_id is None
    assert "acknowledged" in texts(opened())


@pytest.mark.parametrize("asked", ["his session", "his call", "draft", "not listed", "nonsense"])
def test_a_link_to_anything_else_shows_nothing_of_it(store, hers, his, asked):
    theirs = shared_session(store, "Dana", hers)
    query: dict[str, str | list[str]] = {
        "his session": {"session": str(shared_session(store, "Ben", his)), "call": his},
        "his call": {"session": str(theirs), "call": his},
        "draft": {"session": str(drafted_session(store, "Dana", hers))},
        "not listed": {"call": hers},
        "nonsense": {"session": "1 OR 1=1", "call": "../../etc"},
    }[asked]
    page = opened("my_call" if "call" in query else "my_session", **query)
    assert "not among what was shared with you" in texts(page)
    assert "his.wav" not in everything(page) and "hers.wav" not in everything(page)
    assert not page.get("audio")


@pytest.mark.parametrize("name", PAGES)
def test_the_navigation_of_an_agent_knows_no_page_of_the_desk(store, hers, name):
    shared_session(store, "Dana", hers)
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        opened().switch_page(page_file(name))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_desk_that_runs_for_an_agent_gets_no_store(store, hers, his, name):
    # As if the navigation had let it through.
    page = AppTest.from_string(
        f"import runpy; runpy.run_path({page_file(name)!r})", default_timeout=180
    )
    page.secrets.update(SECRETS)
    page.user = {
        "is_logged_in": True, "iat": time.time(), "email": "dana@example.com", "groups": ["phones"],
    }  # fmt: skip
    page.query_params.update({"call": [his, hers] if name == "compare" else his})
    page.run()
    assert "his.wav" not in everything(page)
    assert "Ben" not in everything(page)
    assert not page.get("download_button") and not page.get("file_uploader")
