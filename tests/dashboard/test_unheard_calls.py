"""Calls that cannot be played: their pages say why, and offer what works without a sound."""

from __future__ import annotations

import pytest
from desk_pages import add, drawn, opened
from made_calls import RESCUED, made_recording

from calmscore.dashboard.page_files import page_file

CALL = page_file("call")


def console(page) -> dict:
    (shown,) = drawn(page, "calmscore_console")
    return shown


def test_a_call_whose_recording_is_not_kept_says_so_and_waits_for_none(store):
    page = opened(CALL, call=add(store, RESCUED, "gone.wav"))
    shown = console(page)
    assert "not kept" in shown["unheard"]
    assert (shown["player"], shown["may_bookmark"]) == (None, True)
    assert not page.get("audio")


@pytest.mark.parametrize("content", [None, b"no recording at all"])
def test_a_recording_that_is_lost_or_broken_is_not_waited_for(store, content):
    sound = made_recording(1)
    call_id = add(store, RESCUED, "lost.wav", content=sound)
    file = store.open_audio(call_id, actor="tester")
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    page = opened(CALL, call=call_id)
    assert not page.exception
    shown = console(page)
    assert "cannot be played" in shown["unheard"]
    assert shown["player"] is None


def test_a_call_that_can_be_played_has_its_player(store):
    page = opened(CALL, call=add(store, RESCUED, "kept.wav", content=made_recording(2)))
    shown = console(page)
    assert shown["unheard"] == ""
    assert shown["player"]
