"""What stands against a score, over HTTP: calls are found by it."""

from __future__ import annotations

from shared_sessions import shared_session
from stored_calls import add

from calmscore.store.remarks import answer


def test_calls_are_filtered_by_what_stands_against_their_score(store, keys, client):
    contested = add(store, "a.wav", agent="Dana Okafor")
    add(store, "b.wav", agent="Dana Okafor")
    number = shared_session(store, "Dana Okafor", contested)
    with store.database.writing() as session:
        answer(session, number, kind="contested", author="Dana", call_id=contested, text="No.")

    def found(*standings: str) -> list[tuple[str, str | None]]:
        page = client.get("/v1/calls", params={"standing": standings}, headers=keys.viewer).json()
        return [(call["file_name"], call["standing"]) for call in page["calls"]]

    assert found("contested") == [("a.wav", "contested")]
    assert found("set aside") == []
    assert found("contested", "set aside") == [("a.wav", "contested")]
    assert len(found()) == 2
    unknown = client.get("/v1/calls", params={"standing": "quarrel"}, headers=keys.viewer)
    assert unknown.status_code == 422
