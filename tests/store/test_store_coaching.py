"""What listeners add to a call: notes, tags, corrected emotions."""

from __future__ import annotations

import pytest
from stored_calls import add, call_id_of, make_report

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import coaching
from calmscore.store.calls import read_call
from calmscore.store.reports import read_report

OTHER = call_id_of("other.wav")


@pytest.fixture
def call_id(store) -> str:
    return add(store)


@pytest.fixture
def session(store, call_id):
    with store.database.writing() as session:
        yield session


def test_notes_come_with_those_on_the_whole_call_first_then_by_time(session, call_id):
    for at_seconds, text in ((9.0, "late"), (None, "  on all of it "), (3.0, "early")):
        coaching.add_note(session, call_id, text=text, author="Sam", at_seconds=at_seconds)
    notes = coaching.list_notes(session, call_id)
    assert [(note.at_seconds, note.text) for note in notes] == [
        (None, "on all of it"), (3.0, "early"), (9.0, "late"),
    ]  # fmt: skip
    assert {note.author for note in notes} == {"Sam"}


def test_a_deleted_note_is_gone_and_cannot_be_deleted_again(session, call_id):
    note = coaching.add_note(session, call_id, text="well done", author="Sam")
    coaching.delete_note(session, note.id)
    assert coaching.list_notes(session, call_id) == []
    with pytest.raises(NotStoredError, match=str(note.id)):
        coaching.delete_note(session, note.id)


@pytest.mark.parametrize(
    ("text", "at_seconds", "reason"),
    [
        (" \n", None, "1 to 4000"),
        ("x" * 4001, None, "4001"),
        ("late", 36.5, "36.5"),
        ("early", -0.1, "-0.1"),
        ("never", float("nan"), "nan"),
    ],
)
def test_a_note_that_cannot_be_is_refused(session, call_id, text, at_seconds, reason):
    with pytest.raises(ParameterError, match=reason):
        coaching.add_note(session, call_id, text=text, author="Sam", at_seconds=at_seconds)
    assert coaching.list_notes(session, call_id) == []


def test_tags_replace_the_earlier_ones_and_are_tidied(session, call_id):
    coaching.set_tags(session, call_id, ["old"])
    kept = coaching.set_tags(session, call_id, ["Billing", " billing ", "two  words", "", " "])
    assert kept == ("billing", "two words")
    assert read_call(session, call_id).tags == kept
    assert coaching.set_tags(session, call_id, []) == ()
    assert read_call(session, call_id).tags == ()


def test_a_tag_that_is_too_long_is_refused_and_the_earlier_ones_stay(session, call_id):
    coaching.set_tags(session, call_id, ["old"])
    with pytest.raises(ParameterError, match="longer than 60"):
        coaching.set_tags(session, call_id, ["new", "t" * 61])
    assert read_call(session, call_id).tags == ("old",)


def test_a_later_correction_takes_the_earlier_ones_place(session, call_id):
    for emotion, author in (("sad", "Sam"), ("fear", "Kim")):
        coaching.correct_emotion(
            session, call_id, start_seconds=3.0, end_seconds=6.0, emotion=emotion, author=author
        )
    (row,) = coaching.list_corrections(session, call_id)
    assert (row.call_id, row.start_seconds, row.end_seconds) == (call_id, 3.0, 6.0)
    assert (row.emotion, row.author) == ("fear", "Kim")


def test_a_correction_leaves_report_and_score_as_the_model_made_them(session, call_id):
    coaching.correct_emotion(
        session, call_id, start_seconds=3.0, end_seconds=6.0, emotion="happy", author="Sam"
    )
    assert read_report(session, call_id) == make_report().to_dict()
    assert read_call(session, call_id).score == make_report().score.value


@pytest.mark.parametrize(
    ("start_seconds", "end_seconds", "emotion", "reason"),
    [
        (0.0, 3.0, "bored", "'bored'; choose one of anger"),
        (3.0, 3.0, "sad", "from 3.0 to 3.0"),
        (-3.0, 3.0, "sad", "from -3.0"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    session, call_id, start_seconds, end_seconds, emotion, reason
):
    with pytest.raises(ParameterError, match=reason):
        coaching.correct_emotion(
            session, call_id, start_seconds=start_seconds, end_seconds=end_seconds,
            emotion=emotion, author="Sam",
        )  # fmt: skip
    assert coaching.list_corrections(session) == []


def test_a_correction_can_be_taken_back(session, call_id):
    for start in (0.0, 3.0):
        coaching.correct_emotion(
            session, call_id, start_seconds=start, end_seconds=start + 3, emotion="sad",
            author="Sam",
        )  # fmt: skip
    coaching.remove_correction(session, call_id, start_seconds=0.0)
    coaching.remove_correction(session, call_id, start_seconds=99.0)
    assert [row.start_seconds for row in coaching.list_corrections(session)] == [3.0]


def test_corrections_of_all_calls_come_by_call_and_time(store, call_id):
    second = add(store, "second.wav")
    with store.database.writing() as session:
        for where, start in ((second, 0.0), (call_id, 6.0), (call_id, 0.0)):
            coaching.correct_emotion(
                session, where, start_seconds=start, end_seconds=start + 3, emotion="sad",
                author="Sam",
            )  # fmt: skip
    with store.database.reading() as session:
        rows = coaching.list_corrections(session)
        assert len(coaching.list_corrections(session, second)) == 1
    assert [(row.call_id, row.start_seconds) for row in rows] == [
        (call_id, 0.0), (call_id, 6.0), (second, 0.0),
    ]  # fmt: skip


def test_notes_and_corrections_of_all_calls_are_found_by_author_and_tag(store, call_id):
    other = add(store, "b.wav")
    with store.database.writing() as session:
        for where, author, tag in ((call_id, "Sam", "refund"), (other, "Kim", "praise")):
            coaching.add_note(session, where, text=f"by {author}", author=author)
            coaching.correct_emotion(
                session, where, start_seconds=0.0, end_seconds=3.0, emotion="sad", author=author
            )
            coaching.set_tags(session, where, ["all", tag])
    with store.database.reading() as session:
        for find, what in (
            (coaching.find_notes, lambda row: row.note),
            (coaching.find_corrections, lambda row: row.correction),
        ):

            def authors(find=find, what=what, **wanted):
                return [what(row).author for row in find(session, **wanted)]

            assert authors() == ["Kim", "Sam"]
            assert authors(authors=["Sam", "nobody"]) == authors(tags=["refund"]) == ["Sam"]
            assert authors(tags=["praise"], authors=["Sam"]) == []
            assert authors(limit=1, offset=1) == ["Sam"]
            assert [row.file_name for row in find(session, authors=["Kim"])] == ["b.wav"]
        assert coaching.count_tags(session) == {"all": 2, "praise": 1, "refund": 1}
        assert list(coaching.count_tags(session)) == ["all", "praise", "refund"]
        assert coaching.list_authors(session) == ["Kim", "Sam"]


def test_nothing_can_be_added_to_a_call_that_is_not_stored(session):
    with pytest.raises(NotStoredError):
        coaching.add_note(session, OTHER, text="hello", author="Sam")
    with pytest.raises(NotStoredError):
        coaching.set_tags(session, OTHER, ["tag"])
    with pytest.raises(NotStoredError):
        coaching.correct_emotion(
            session, OTHER, start_seconds=0.0, end_seconds=3.0, emotion="sad", author="Sam"
        )
    with pytest.raises(NotStoredError):
        coaching.remove_correction(session, OTHER, start_seconds=0.0)
