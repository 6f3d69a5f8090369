"""Over HTTP, calls are found by what became of them on the desk, as on the page."""

from __future__ import annotations

from stored_calls import add

from calmscore.store.reviews import assign, mark_reviewed


def test_calls_are_filtered_by_review_status(store, keys, client):
    waiting, heard = add(store, "waiting.wav"), add(store, "heard.wav")
    add(store, "new.wav")
    with store.database.writing() as session:
        assign(session, [waiting], reviewer="Ada", actor="Ben")
        mark_reviewed(session, [heard], actor="Ada")

    def found(*statuses: str) -> dict[str, str]:
        page = client.get("/v1/calls", params={"status": statuses}, headers=keys.viewer).json()
        assert page["total"] == len(page["calls"])
        return {call["file_name"]: call["status"] for call in page["calls"]}

    assert found("new") == {"new.wav": "new"}
    assert found("assigned") == {"waiting.wav": "assigned"}
    assert found("new", "reviewed") == {"new.wav": "new", "heard.wav": "reviewed"}
    assert len(found()) == 3
    unknown = client.get("/v1/calls", params={"status": "lost"}, headers=keys.viewer)
    assert unknown.status_code == 422


def test_calls_are_filtered_by_whether_they_can_still_be_played(store, keys, client):
    add(store, "kept.wav")
    add(store, "report_alone.wav", with_audio=False)

    def found(**wanted: str) -> set[str]:
        page = client.get("/v1/calls", params=wanted, headers=keys.viewer).json()
        return {call["file_name"] for call in page["calls"]}

    assert found(has_audio="true") == {"kept.wav"}
    assert found(has_audio="false") == {"report_alone.wav"}
    assert found() == {"kept.wav", "report_alone.wav"}
    assert found(has_audio="true", status="reviewed") == set()
