"""Words on the page of calls: looked for, shown with their lines, watched for, and masked."""

from __future__ import annotations

import io
from dataclasses import replace

from desk_pages import drawn, opened, texts
from made_calls import CALM, made_recording, made_report

from calmscore.analysis.report import SpokenWord, Turn, Words, WordsTurn
from calmscore.dashboard.page_files import page_file
from calmscore.store.settings import Settings, write_settings

LONG = "so " * 60


def saying(store, name: str, text: str, *, number: int, turns: tuple[Turn, ...] = ()) -> str:
    words = tuple(
        SpokenWord(text=word, start_seconds=0.5 * place, end_seconds=0.5 * place + 0.4)
        for place, word in enumerate(text.split())
    )
    turn = WordsTurn(
        speaker="customer", start_seconds=0.0, end_seconds=20.0, text=text, words=words
    )
    recording = made_recording(number)
    report = made_report(CALM, file_name=name, recording=recording)
    report = replace(
        report,
        words=Words(language="en", model="parrot", turns=(turn,)),
        talk=replace(report.talk, turns=turns),
    )
    store.add_call(report, io.BytesIO(recording), actor="tester")
    return report.call.id


def table(page) -> dict:
    (shown,) = drawn(page, "calmscore_calls")
    return shown


def test_what_is_looked_for_stands_below_its_call_with_the_place_to_play(store):
    call = saying(store, "a.wav", f"{LONG}I will Cancel, now {LONG}", number=1)
    saying(store, "b.wav", "All is well", number=2)
    page = opened(page_file("calls"))
    assert [row["said"] for row in table(page)["rows"]] == [[], []]
    page.text_input(key="calls-words").set_value("cancel").run()
    assert not page.exception
    (row,) = table(page)["rows"]
    (line,) = row["said"]
    assert (line["at"], line["clock"], line["who"]) == (31.0, "0:31", "Customer")
    assert line["href"] == f"call?call={call}&at=31"
    assert line["said"] == "Cancel,"
    assert line["before"].startswith("… so") and line["before"].endswith("I will")
    assert line["after"].startswith("now so") and line["after"].endswith("…")
    assert len(line["before"]) < 80 and len(line["after"]) < 120


def test_watched_phrases_are_counted_and_narrow_the_list(store):
    with store.database.writing() as session:
        write_settings(session, Settings(watched_phrases=("cancel", "third time", "*refund*")))
    saying(store, "a.wav", "cancel! The third time. Cancel", number=1)
    saying(store, "b.wav", "a refund, please", number=2)
    saying(store, "c.wav", "All is well", number=3)
    page = opened(page_file("calls"))
    watched = {row["file"]: row["watched"] for row in table(page)["rows"]}
    assert watched == {
        "a.wav": ["cancel 2×", "third time"], "b.wav": ["*refund*"], "c.wav": [],
    }  # fmt: skip
    chips = page.button_group(key="calls-phrases")
    chips.set_value(["third time", "*refund*"]).run()
    assert not page.exception
    assert {row["file"] for row in table(page)["rows"]} == {"a.wav", "b.wav"}
    # What is no longer watched for narrows nothing.
    with store.database.writing() as session:
        write_settings(session, Settings(watched_phrases=("well",)))
    page.run()
    assert [row["watched"] for row in table(page)["rows"] if row["file"] == "c.wav"] == [["well"]]
    assert len(table(page)["rows"]) == 3


def test_many_watched_phrases_are_a_list_and_none_are_nothing(store):
    saying(store, "a.wav", "All is well", number=1)
    many = tuple(f"phrase {number}" for number in range(13))
    for phrases, lists in ((many, 1), ((), 0)):
        with store.database.writing() as session:
            write_settings(session, Settings(watched_phrases=phrases))
        page = opened(page_file("calls"))
        assert not page.exception
        named = [box for box in page.multiselect if box.label == "Watched phrases"]
        assert len(named) == lists
        assert "watched" not in [column["name"] for column in table(page)["columns"]]


def test_how_conversations_went_is_shown_and_sorted_where_it_is_wanted(store):
    def talk(agent_seconds: float) -> tuple[Turn, ...]:
        return (
            Turn(speaker="customer", start_seconds=0.0, end_seconds=4.0),
            Turn(speaker="agent", start_seconds=3.0, end_seconds=3.0 + agent_seconds),
        )

    saying(store, "a.wav", "All is well", number=1, turns=talk(8.0))
    saying(store, "b.wav", "All is well", number=2)
    page = opened(page_file("calls"))
    names = ["share", "interruptions", "pauses"]
    assert not set(names) & {column["name"] for column in table(page)["columns"]}
    page.button_group(key="calls-columns").set_value(names).run()
    page.selectbox(key="calls-order").set_value("Most interruptions").run()
    assert not page.exception
    sorted_by = {c["name"]: c["direction"] for c in table(page)["columns"] if c["direction"]}
    assert sorted_by == {"interruptions": "descending"}
    told = [[row[name] for name in ("file", *names)] for row in table(page)["rows"]]
    assert told[0][0] == "a.wav" and told[0][2:] == ["1", "0"]
    assert told[1] == ["b.wav", "–", "–", "–"]


def test_words_that_cannot_be_kept_are_told_on_the_call(store, monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)

    class Stuck:
        trouble = "the disk of the data folder is full; make room"

        def progress_of(self, call_id):
            return None

    monkeypatch.setattr("calmscore.dashboard.shared_model.words_writer", Stuck)
    recording = made_recording(1)
    report = made_report(CALM, file_name="a.wav", recording=recording)
    store.add_call(report, io.BytesIO(recording), actor="tester")
    page = opened(page_file("call"), call=report.call.id)
    assert not page.exception
    assert "cannot be kept at present: the disk of the data folder is full" in texts(page)
