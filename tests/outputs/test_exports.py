"""Exports: tables, JSON and training clips of stored calls."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from shared_sessions import shared_session
from stored_calls import CALM, CALMED_DOWN, TOO_SHORT, add, call_id_of, make_report, recording_of

from calmscore.analysis.report import CallReport, Turn, Words, WordsTurn
from calmscore.emotions import EMOTIONS
from calmscore.errors import StoreError
from calmscore.outputs import exports
from calmscore.outputs.exports import (
    CALL_COLUMNS,
    CORRECTION_COLUMNS,
    SEGMENT_TABLE_COLUMNS,
    calls_json,
    calls_table,
    corrections_table,
    record_export,
    segment_pages,
    write_csv,
)
from calmscore.outputs.spreadsheet import safe_cells
from calmscore.outputs.training_clips import (
    CLIP_COLUMNS,
    CORRECTIONS_FILE,
    write_training_corrections,
)
from calmscore.store import Store
from calmscore.store.audit import list_events
from calmscore.store.calls import CallFilter
from calmscore.store.coaching import correct_emotion, set_tags
from calmscore.store.remarks import answer

RATE_HZ = 8_000


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def segments_table(session, wanted=None) -> pd.DataFrame:
    return pd.concat(list(segment_pages(session, wanted)), ignore_index=True)


def three_calls(store: Store) -> None:
    add(store, "first.wav", agent="Ada")
    add(store, "second.wav", make_report("second.wav", emotions=CALM), agent="Bea", customer="C 7")
    add(store, "third.wav", make_report("third.wav", emotions=TOO_SHORT))


def correct(store: Store, call_id: str, start: float = 3.0, emotion: str = "sad") -> None:
    with store.database.writing() as session:
        correct_emotion(
            session, call_id, start_seconds=start, end_seconds=start + 3.0, emotion=emotion,
            author="Lea",
        )  # fmt: skip


def exported_lines(store: Store) -> list[int | None]:
    with store.database.reading() as session:
        return [line.call_number for line in list_events(session) if line.action == "exported"]


def csv_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    file = io.StringIO(newline="")
    write_csv([table], file)
    return list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))


def test_the_calls_come_with_their_figures_agents_and_tags(store):
    three_calls(store)
    with store.database.writing() as session:
        set_tags(session, call_id_of("first.wav"), ["Refund", "coaching"])
    with store.database.reading() as session:
        table = calls_table(session)
    assert tuple(table.columns) == CALL_COLUMNS
    assert table["file_name"].tolist() == ["first.wav", "second.wav", "third.wav"]
    assert table["agent"].tolist()[:2] == ["Ada", "Bea"]
    assert table["customer"][1] == "C 7"
    assert table["tags"][0] == "coaching, refund"
    assert table["outcome"].tolist() == ["de-escalated", "calm throughout", "insufficient evidence"]
    assert np.isnan(table["score"][2])
    assert table["start_distress"][0] == pytest.approx(1.0)
    assert table["customer_seconds"][0] == 30.0
    assert table["warnings"][0] == "customer_channel_guessed"


def test_watched_phrases_are_counted_and_how_calls_went_is_told(store):
    text = "Cancel! A third time: cancel."
    turn = WordsTurn(speaker="customer", start_seconds=0.0, end_seconds=4.0, text=text, words=())
    report = make_report("a.wav")
    turns = (
        Turn(speaker="customer", start_seconds=0.0, end_seconds=4.0),
        Turn(speaker="agent", start_seconds=8.0, end_seconds=9.0),
    )
    report = replace(
        report,
        words=Words(language="en", model="parrot", turns=(turn,)),
        talk=replace(report.talk, customer_seconds=4.0, agent_seconds=1.0, turns=turns),
    )
    add(store, "a.wav", report)
    add(store, "b.wav")
    with store.database.reading() as session:
        first, second = csv_rows(calls_table(session))
    assert first["watched"] == "cancel 2, third time 1"
    told = [float(first[name]) for name in ("agent_share", "interruptions", "pauses")]
    assert told == [pytest.approx(0.2), 0, 1]
    assert [second[name] for name in ("watched", "agent_share", "pauses")] == ["", "", ""]


def test_what_stands_against_a_score_is_beside_it_in_every_export(store):
    call_id = add(store, "first.wav", agent="Ada")
    number = shared_session(store, "Ada", call_id)
    with store.database.writing() as session:
        answer(session, number, kind="contested", author="Ada", call_id=call_id, text="No.")
    with store.database.reading() as session:
        assert calls_table(session)["standing"].tolist() == ["contested"]
        assert set(segments_table(session)["standing"]) == {"contested"}
        (entry,) = json.loads(calls_json(session))
    assert entry["stored"]["standing"] == "contested"


def test_the_filter_is_heeded(store):
    three_calls(store)
    with store.database.reading() as session:
        wanted = CallFilter(agents=("Bea",))
        assert calls_table(session, wanted)["file_name"].tolist() == ["second.wav"]
        assert set(segments_table(session, wanted)["file_name"]) == {"second.wav"}
        assert len(json.loads(calls_json(session, wanted))) == 1


def test_each_segment_is_a_row(store):
    three_calls(store)
    with store.database.reading() as session:
        table = segments_table(session)
    assert tuple(table.columns) == SEGMENT_TABLE_COLUMNS
    assert len(table) == len(CALMED_DOWN) + len(CALM) + len(TOO_SHORT)
    assert table["emotion"].tolist()[:12] == list(CALMED_DOWN)
    assert table["agent"][0] == "Ada"
    shares = table[[f"probability_{name}" for name in EMOTIONS]]
    assert shares.sum(axis=1).tolist() == pytest.approx([1.0] * len(table))


def test_many_calls_come_in_pages_and_none_twice(store, monkeypatch):
    monkeypatch.setattr(exports, "_PAGE_CALLS", 2)
    for number in range(5):
        add(store, f"{number}.wav")
    with store.database.reading() as session:
        pages = list(segment_pages(session))
        assert [len(page) for page in pages] == [24, 24, 12]
        names = pd.concat(pages)["file_name"].drop_duplicates().tolist()
        assert names == [f"{number}.wav" for number in range(5)]
        assert len(json.loads(calls_json(session))) == 5
        assert len(calls_table(session)) == 5


def test_an_empty_store_gives_empty_tables_with_their_columns(store):
    with store.database.reading() as session:
        assert tuple(calls_table(session).columns) == CALL_COLUMNS
        assert tuple(segments_table(session).columns) == SEGMENT_TABLE_COLUMNS
        assert tuple(corrections_table(session).columns) == CORRECTION_COLUMNS
        assert json.loads(calls_json(session)) == []
        assert csv_rows(next(segment_pages(session))) == []


def test_the_json_holds_the_reports_as_they_are(store):
    three_calls(store)
    with store.database.reading() as session:
        entries = json.loads(calls_json(session))
    stored = entries[0].pop("stored")
    assert stored["agent"] == "Ada"
    assert CallReport.from_dict(entries[0]) == make_report("first.wav")


def test_corrections_stand_beside_what_the_model_heard(store):
    call_id = add(store, "first.wav", agent="Ada")
    correct(store, call_id, 3.0, "sad")
    correct(store, call_id, 1.5, "fear")
    with store.database.reading() as session:
        table = corrections_table(session)
    assert tuple(table.columns) == CORRECTION_COLUMNS
    assert table["emotion"].tolist() == ["fear", "sad"]
    assert table["model_emotion"].tolist()[1] == "anger"
    assert pd.isna(table["model_emotion"][0])
    assert table["author"].tolist() == ["Lea", "Lea"]


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x.example")',
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "＝1",
        "＋1",
        "－1",
        "＠SUM(A1)",
        "﹦1",
        "\u3000=1",
        "\u00a0＝1",
        "\ufeff=1",
        "\u200b+1",
    ],
)
def test_no_cell_is_taken_for_a_formula(store, text):
    add(store, "call.wav", agent=f"Ada {text}", customer=text)
    table = pd.DataFrame({"text": [text], "number": [-1.5]})
    (row,) = csv_rows(table)
    assert row == {"text": f"'{text}", "number": "-1.5"}


def test_a_file_name_that_is_a_formula_is_made_harmless_on_its_way_out(store):
    add(store, "call.wav", make_report("call.wav", file_name="=cmd|' /C calc'!A0.wav"))
    with store.database.reading() as session:
        for table in (calls_table(session), segments_table(session)):
            assert {row["file_name"] for row in csv_rows(table)} == {"'=cmd|' /C calc'!A0.wav"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1))
def test_any_text_comes_back_from_a_csv_file_and_none_is_a_formula(texts):
    table = pd.DataFrame({"text": pd.Series(texts, dtype=object), "other": ["x"] * len(texts)})
    read = [row["text"] for row in csv_rows(table)]
    assert [text[1:] if text != given else text for text, given in zip(read, texts, strict=True)] \
        == texts  # fmt: skip
    assert not any(text.strip(" ")[:1] in ("=", "+", "-", "@") for text in read if text.strip(" "))


def test_numbers_stay_numbers():
    table = pd.DataFrame({"value": [-1.0, 2.0], "count": [-1, 2]})
    assert safe_cells(table).equals(table)


def test_an_export_leaves_an_audit_line(store):
    add(store)
    record_export(store, actor="Lea")
    record_export(store, actor="Lea", call_numbers=[1])
    assert exported_lines(store) == [1, None]


def kept_call(store: Store, *, channel: str = "left") -> str:
    """Store a call of 12 s whose left channel is a 500 Hz tone and whose right one is 1500 Hz."""
    clock = np.arange(12 * RATE_HZ) / RATE_HZ
    sides = [0.5 * np.sin(2 * np.pi * hertz * clock) for hertz in (500, 1500)]
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), RATE_HZ, format="WAV")
    content = file.getvalue()
    report = make_report("tones.wav", customer_channel=channel)
    call = replace(report.call, id=hashlib.sha256(content).hexdigest())
    store.add_call(replace(report, call=call), io.BytesIO(content), actor="tester")
    return call.id


def loudest_hertz(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


@pytest.mark.parametrize(("channel", "hertz"), [("left", 500), ("right", 1500)])
def test_a_clip_is_the_customers_side_of_the_segment(store, tmp_path, channel, hertz):
    call_id = kept_call(store, channel=channel)
    correct(store, call_id, 3.0, "sad")
    table = write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert tuple(table.columns) == CLIP_COLUMNS
    samples, rate = soundfile.read(tmp_path / "clips" / table["file"][0])
    assert (rate, samples.shape) == (16_000, (48_000,))
    assert loudest_hertz(samples, rate) == pytest.approx(hertz, abs=1.0)
    assert pd.isna(table["missing_because"][0])


def test_voices_that_were_mixed_stay_mixed(store, tmp_path):
    call_id = kept_call(store, channel="mixed")
    correct(store, call_id)
    table = write_training_corrections(store, tmp_path / "clips", actor="Lea")
    samples, _ = soundfile.read(tmp_path / "clips" / table["file"][0])
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum[3 * 500] == pytest.approx(spectrum[3 * 1500], rel=0.05)


def test_the_csv_file_lists_the_clips_and_names_nobody_in_file_names(store, tmp_path):
    call_id = kept_call(store)
    correct(store, call_id, 3.0, "sad")
    correct(store, call_id, 6.0, "fear")
    folder = tmp_path / "clips"
    write_training_corrections(store, folder, actor="Lea")
    with (folder / CORRECTIONS_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["emotion"] for row in rows] == ["sad", "fear"]
    assert [row["model_emotion"] for row in rows] == ["anger", "anger"]
    assert sorted(row["file"] for row in rows) == sorted(p.name for p in folder.glob("*.wav"))
    assert all(row["file"].startswith(call_id[:16]) for row in rows)


def test_a_recording_that_is_gone_is_said_in_its_row(store, tmp_path):
    gone = add(store, "gone.wav", with_audio=False)
    damaged = add(store, "letter.wav")
    for call_id in (gone, damaged):
        correct(store, call_id)
    table = write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert table["file"].isna().all()
    assert table["missing_because"][0] == "the recording is no longer kept"
    assert "letter.wav" in table["missing_because"][1]
    assert list((tmp_path / "clips").glob("*.wav")) == []


def test_a_segment_after_the_end_of_the_recording_is_said_too(store, tmp_path):
    call_id = kept_call(store)
    correct(store, call_id, 30.0)
    table = write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert table["missing_because"].tolist() == ["the segment lies after the end of the recording"]


def test_training_clips_leave_an_audit_line_for_every_call(store, tmp_path):
    add(store, "untouched.wav")
    call_id = kept_call(store)
    correct(store, call_id)
    write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert exported_lines(store) == [2]


def test_clips_do_not_mix_with_what_is_in_the_folder_already(store, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "old.wav").write_bytes(b"old")
    with pytest.raises(StoreError, match="not empty"):
        write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert exported_lines(store) == []


def test_a_folder_that_cannot_be_made_is_named(store, tmp_path):
    (tmp_path / "file").write_bytes(recording_of("x"))
    with pytest.raises(StoreError, match="file/clips"):
        write_training_corrections(store, tmp_path / "file" / "clips", actor="Lea")


def test_without_corrections_the_table_is_empty(store, tmp_path):
    table = write_training_corrections(store, tmp_path / "clips", actor="Lea")
    assert tuple(table.columns) == CLIP_COLUMNS
    assert exported_lines(store) == [None]
