"""What stands against a score, over HTTP: calls are found by it."""

from __future__ import annotations

import pytest
from service_store import UNHURRIED, make_keys
from shared_sessions import shared_session
from starlette.testclient import TestClient
from stored_calls import add
from stub_classifier import stub_classifier

from calmscore.service.application import create_app
from calmscore.store import Store
from calmscore.store.remarks import answer


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def test_calls_are_filtered_by_what_stands_against_their_score(store):
    contested = add(store, "a.wav", agent="Dana Okafor")
    add(store, "b.wav", agent="Dana Okafor")
    number = shared_session(store, "Dana Okafor", contested)
    with store.database.writing() as session:
        answer(session, number, kind="contested", author="Dana", call_id=contested, text="No.")
    viewer = make_keys(store).viewer
    with TestClient(create_app(store, stub_classifier(), settings=UNHURRIED)) as client:

        def found(*standings: str) -> list[tuple[str, str | None]]:
            page = client.get("/v1/calls", params={"standing": standings}, headers=viewer).json()
            return [(call["file_name"], call["standing"]) for call in page["calls"]]

        assert found("contested") == [("a.wav", "contested")]
        assert found("set aside") == []
        assert found("contested", "set aside") == [("a.wav", "contested")]
        assert len(found()) == 2
        unknown = client.get("/v1/calls", params={"standing": "quarrel"}, headers=viewer)
        assert unknown.status_code == 422
