"""Words over HTTP: they follow the score, are searched, and go with their call."""

from __future__ import annotations

import pytest
from service_store import UNHURRIED, tone
from starlette.testclient import TestClient
from stored_calls import add, call_id_of, make_report
from stub_classifier import stub_classifier

from calmscore.analysis.report import CallReport, SpokenWord, Words, WordsTurn
from calmscore.service.application import create_app
from calmscore.store.words import claim_waiting

UNKNOWN_ID = "0" * 64


def saying(name: str, text: str) -> CallReport:
    turn = WordsTurn(
        speaker="customer",
        start_seconds=1.0,
        end_seconds=2.0,
        text=text,
        words=(SpokenWord(text=text, start_seconds=1.0, end_seconds=2.0),),
    )
    words = Words(language="en", model="parrot", turns=(turn,))
    return CallReport(**{**vars(make_report(name)), "words": words})


def test_words_are_read_counted_and_found(client, store, keys):
    add(store, "a.wav", saying("a.wav", "I will cancel, a third time!"))
    add(store, "b.wav", saying("b.wav", "All is well"))
    words = client.get(f"/v1/calls/{call_id_of('a.wav')}/words", headers=keys.viewer).json()
    assert words["state"] == "done" and words["notices"] == []
    assert words["words"]["turns"][0]["text"] == "I will cancel, a third time!"
    assert words["watched"] == {"cancel": 1, "third time": 1}
    report = client.get(f"/v1/calls/{call_id_of('a.wav')}", headers=keys.viewer).json()
    assert report["words"] == words["words"]
    for wanted, names in (("third time", ["a.wav"]), ('"time third"', []), ("well", ["b.wav"])):
        page = client.get("/v1/calls", params={"words": wanted}, headers=keys.viewer).json()
        assert [call["file_name"] for call in page["calls"]] == names
        assert page["total"] == len(names)


def listed(client, keys, **parameters) -> dict[str, dict]:
    page = client.get("/v1/calls", params=parameters, headers=keys.viewer).json()
    assert page["total"] == len(page["calls"])
    return {call["file_name"]: call for call in page["calls"]}


def test_a_list_counts_watched_phrases_and_shows_the_lines_that_were_looked_for(
    client, store, keys
):
    add(store, "a.wav", saying("a.wav", "I will cancel, a third time!"))
    add(store, "b.wav", saying("b.wav", "All is well"))
    add(store, "c.wav")
    calls = listed(client, keys)
    assert {name: call["watched"] for name, call in calls.items()} == {
        "a.wav": {"cancel": 1, "third time": 1}, "b.wav": {}, "c.wav": {},
    }  # fmt: skip
    assert [call["said"] for call in calls.values()] == [[], [], []]
    found = listed(client, keys, words="well")
    assert found["b.wav"]["said"] == [
        {"at_seconds": 1.0, "speaker": "customer", "before": "", "said": "All is well", "after": ""}
    ]
    assert list(listed(client, keys, phrase="third time")) == ["a.wav"]
    assert set(listed(client, keys, phrase=["third time", "well"])) == {"a.wav", "b.wav"}


def test_calls_are_sorted_by_how_their_conversation_went(client, store, keys):
    add(store, "a.wav")
    for order in ("agent_share", "interruptions", "pauses"):
        assert listed(client, keys, order=order)["a.wav"][order] is None


def test_without_words_it_is_said(client, store, keys):
    add(store, "a.wav")
    found = client.get(f"/v1/calls/{call_id_of('a.wav')}/words", headers=keys.viewer).json()
    assert found == {"state": "none", "words": None, "notices": [], "watched": {}}
    gone = client.get(f"/v1/calls/{UNKNOWN_ID}/words", headers=keys.viewer)
    assert gone.status_code == 404
    assert client.get(f"/v1/calls/{UNKNOWN_ID}/words").status_code == 401


@pytest.mark.parametrize(("field", "waits"), [({}, True), ({"words": "false"}, False)])
def test_an_upload_says_whether_words_are_wanted(store, keys, monkeypatch, field, waits):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
    # Nobody writes here, so what waits is seen.
    monkeypatch.setattr("calmscore.intake.words_writer.WordsWriter.start", lambda self: None)
    with TestClient(create_app(store, stub_classifier(), settings=UNHURRIED)) as client:
        answer = client.post(
            "/v1/calls", params={"wait": True}, headers=keys.supervisor,
            files={"file": ("call.wav", tone())}, data=field,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        call_id = answer.json()["call"]["id"]
        found = client.get(f"/v1/calls/{call_id}/words", headers=keys.viewer).json()
    assert found["state"] == ("waiting" if waits else "none")
    with store.database.writing() as session:
        assert claim_waiting(session) == (call_id if waits else None)
