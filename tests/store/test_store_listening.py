"""The list of calls to listen to, and who listens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import update
from stored_calls import CALM, add, call_id_of, make_report, scored_report, with_moments

from calmscore.analysis.report import Speakers
from calmscore.errors import NotStoredError, ParameterError
from calmscore.store.calls import CallFilter, list_calls, read_call
from calmscore.store.listening import MOST_CALLS, count_open, to_listen_to
from calmscore.store.reviews import assign, list_reviewers, mark_reviewed, reopen, skip
from calmscore.store.schema import Call, Review

TODAY = date(2026, 3, 2)


def listed(store, *, day: date = TODAY, reviewer: str | None = None, now=None) -> dict[str, str]:
    with store.database.reading() as session:
        entries = to_listen_to(session, day=day, reviewer=reviewer, now=now)
    return {entry.row.file_name: entry.reason for entry in entries}


def sure(report):
    return replace(report, speakers=Speakers(how="channels", customer_from="chosen", doubt=0.0))


def test_each_kind_of_call_comes_with_its_reason(store):
    add(store, "worse.wav", sure(scored_report("worse.wav", 1.8, "escalated")))
    add(store, "worst.wav", sure(scored_report("worst.wav", 1.2, "escalated")))
    add(store, "small.wav", sure(with_moments("small.wav", 1.0)))
    add(store, "big.wav", sure(with_moments("big.wav", 1.0, 3.0)))
    doubtful = make_report("doubt.wav", emotions=CALM)
    add(store, "doubt.wav", replace(doubtful, speakers=replace(doubtful.speakers, doubt=0.5)))
    add(store, "calm.wav", sure(make_report("calm.wav", emotions=CALM)), agent="Dana")
    add(store, "nobody.wav", sure(make_report("nobody.wav", emotions=CALM)))
    found = listed(store)
    assert {name: reason for name, reason in found.items() if reason != "lot"} == {
        "worst.wav": "escalated",
        "worse.wav": "escalated",
        "big.wav": "rescue",
        "doubt.wav": "doubt",
    }
    assert found["calm.wav"] == "lot"
    assert next(iter(listed(store))) == "worst.wav"


def test_the_list_is_at_most_ten_and_names_no_call_twice(store):
    for number in range(6):
        name = f"worse{number}.wav"
        add(store, name, scored_report(name, 1.5, "escalated"), agent=f"Agent {number}")
    for number in range(12):
        name = f"calm{number}.wav"
        add(store, name, make_report(name, emotions=CALM), agent=f"Agent {number}")
    with store.database.reading() as session:
        entries = to_listen_to(session, day=TODAY, reviewer=None)
    assert len(entries) == MOST_CALLS
    assert len({entry.row.id for entry in entries}) == MOST_CALLS


def test_the_lot_stays_the_same_all_day_and_changes_with_the_days(store):
    for number in range(12):
        name = f"calm{number:02}.wav"
        add(store, name, sure(make_report(name, emotions=CALM)), agent="Dana")
    days = [TODAY + timedelta(days=place) for place in range(8)]
    drawn = [next(iter(listed(store, day=day))) for day in days]
    assert drawn == [next(iter(listed(store, day=day))) for day in days]
    assert len(set(drawn)) > 2


def test_whoever_was_heard_today_is_not_drawn_again(store):
    for number in range(3):
        name = f"calm{number}.wav"
        add(store, name, sure(make_report(name, emotions=CALM)), agent="Dana")
    (name,) = listed(store)
    with store.database.writing() as session:
        mark_reviewed(session, [call_id_of(name)], actor="Ada")
        session.execute(update(Review).values(changed_at=datetime.combine(TODAY, time(), UTC)))
    assert listed(store) == {}
    tomorrow = listed(store, day=TODAY + timedelta(days=1))
    assert len(tomorrow) == 1 and name not in tomorrow


def test_what_cannot_be_heard_comes_after_what_can(store):
    add(store, "silent.wav", scored_report("silent.wav", 1.1, "escalated"), with_audio=False)
    add(store, "kept.wav", scored_report("kept.wav", 2.0, "escalated"))
    assert list(listed(store)) == ["kept.wav", "silent.wav"]


def test_what_was_reviewed_skipped_or_is_old_is_left_out(store):
    for name in ("reviewed.wav", "skipped.wav", "old.wav", "open.wav"):
        add(store, name, scored_report(name, 1.5, "escalated"))
    month_ago = datetime.now(UTC) - timedelta(days=30)
    with store.database.writing() as session:
        mark_reviewed(session, [call_id_of("reviewed.wav")], actor="Ada")
        skip(session, call_id_of("skipped.wav"), actor="Ada")
        session.execute(
            update(Call).where(Call.id == call_id_of("old.wav")).values(added_at=month_ago)
        )
    assert list(listed(store)) == ["open.wav"]
    with store.database.reading() as session:
        assert count_open(session) == 1
        assert read_call(session, call_id_of("skipped.wav")).status == "new"
    with store.database.writing() as session:
        reopen(session, call_id_of("reviewed.wav"))
    assert set(listed(store)) == {"open.wav", "reviewed.wav"}


def test_an_assigned_call_waits_for_its_reviewer_alone(store):
    for name in ("one.wav", "two.wav"):
        add(store, name, scored_report(name, 1.5, "escalated"))
    ids = [call_id_of("one.wav"), call_id_of("two.wav")]
    with store.database.writing() as session:
        assign(session, ids[:1], reviewer=" Ada  L. ", due_on=TODAY, actor="Ben")
        assign(session, ids[1:], reviewer="Cleo", actor="Ben")
    assert listed(store, reviewer="Ada L.") == {"one.wav": "assigned"}
    assert listed(store) == {"one.wav": "assigned", "two.wav": "assigned"}
    with store.database.reading() as session:
        row = read_call(session, ids[0])
        assert (row.status, row.reviewer, row.due_on) == ("assigned", "Ada L.", TODAY)
        assert list_reviewers(session) == ["Ada L.", "Cleo"]
    with store.database.writing() as session:
        mark_reviewed(session, ids[:1], actor="Ada L.")
    assert listed(store, reviewer="Ada L.") == {}


def test_calls_are_found_by_their_status_and_by_what_can_be_played(store):
    for name in ("new.wav", "assigned.wav", "reviewed.wav"):
        add(store, name, with_audio=name == "new.wav")
    with store.database.writing() as session:
        assign(session, [call_id_of("assigned.wav")], reviewer="Ada", actor="Ada")
        mark_reviewed(session, [call_id_of("reviewed.wav")], actor="Ada")

    def names(**wanted) -> set[str]:
        with store.database.reading() as session:
            return {row.file_name for row in list_calls(session, CallFilter(**wanted))}

    assert names(statuses=["new"]) == {"new.wav"}
    assert names(statuses=["new", "reviewed"]) == {"new.wav", "reviewed.wav"}
    assert names(statuses=["assigned"]) == {"assigned.wav"}
    assert names(has_audio=True) == {"new.wav"}
    assert names(has_audio=False) == {"assigned.wav", "reviewed.wav"}


def test_what_cannot_be_assigned_says_why(store):
    call_id = add(store)
    with store.database.writing() as session:
        with pytest.raises(ParameterError, match="write a name"):
            assign(session, [call_id], reviewer="  ", actor="Ada")
        with pytest.raises(NotStoredError):
            mark_reviewed(session, ["0" * 64], actor="Ada")


def test_a_review_goes_with_its_call(store):
    call_id = add(store)
    with store.database.writing() as session:
        mark_reviewed(session, [call_id], actor="Ada")
    store.delete_call(call_id, actor="Ada")
    with store.database.reading() as session:
        assert list_reviewers(session) == []
