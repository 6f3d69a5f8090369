"""Calls are sorted by how their conversation went; what was stored before is filled in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from stored_calls import add, make_report
from test_store_database import migrate

from calmscore.analysis.report import CallReport, Turn
from calmscore.store.calls import list_calls


def talking(name: str, *turns: tuple[str, float, float]) -> CallReport:
    report = make_report(name)
    talk = replace(
        report.talk,
        customer_seconds=sum(b - a for who, a, b in turns if who == "customer"),
        agent_seconds=sum(b - a for who, a, b in turns if who == "agent"),
        turns=tuple(Turn(speaker=who, start_seconds=a, end_seconds=b) for who, a, b in turns),
    )
    return replace(report, talk=talk)


def fill(store) -> None:
    add(store, "listens.wav", talking("listens.wav", ("customer", 0, 9), ("agent", 13, 14)))
    interrupting = talking("talks.wav", ("customer", 0, 3), ("agent", 2, 11))
    add(store, "talks.wav", interrupting)
    add(store, "mixed.wav")


@pytest.mark.parametrize(
    ("order", "ascending"),
    [
        ("agent_share", ["listens.wav", "talks.wav"]),
        ("interruptions", ["listens.wav", "talks.wav"]),
        ("pauses", ["talks.wav", "listens.wav"]),
    ],
)
def test_calls_are_sorted_by_their_conversation_those_without_last(store, order, ascending):
    fill(store)
    with store.database.reading() as session:
        for descending in (False, True):
            rows = list_calls(session, order=order, descending=descending)
            wanted = ascending[::-1] if descending else ascending
            assert [row.file_name for row in rows] == [*wanted, "mixed.wav"]


def test_calls_that_were_here_before_are_filled_in(store):
    fill(store)
    with store.database.reading() as session:
        before = list_calls(session)
    damaged = text("UPDATE reports SET document = '{}' WHERE id = (SELECT max(id) FROM reports)")
    with store.database.engine.begin() as connection:
        connection.execute(damaged)
    migrate(store.database, to="0006")
    migrate(store.database, to="head")
    with store.database.reading() as session:
        assert list_calls(session) == before
    assert {row.file_name: (row.interruptions, row.pauses) for row in before} == {
        "listens.wav": (0, 1), "talks.wav": (1, 0), "mixed.wav": (None, None),
    }  # fmt: skip
