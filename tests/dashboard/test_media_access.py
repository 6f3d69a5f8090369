"""Whose sound a media address is: the sign-in whose page plays it."""

from __future__ import annotations

import asyncio

import pytest
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from calmscore.dashboard import media_access
from calmscore.dashboard.door import _MEDIA
from calmscore.dashboard.media_access import MediaAccess, sign_in_of

ADA = {"_streamlit_user": "ada, signed", "_streamlit_xsrf": "1"}
BEN = {"_streamlit_user": "ben, signed", "_streamlit_xsrf": "1"}


@pytest.fixture
def shown(monkeypatch) -> dict[str, set[str]]:
    """Give the files that sessions show, to be filled."""
    held: dict[str, set[str]] = {}
    monkeypatch.setattr(media_access, "_held_files", lambda: held)
    monkeypatch.setattr(media_access, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(media_access, "_LOOK_EVERY_SECONDS", 0.01)
    return held


def allowed(access: MediaAccess, file_id: str, cookies: dict[str, str]) -> bool:
    return asyncio.run(access.allows(file_id, cookies))


def test_sound_is_the_sign_ins_whose_page_plays_it(shown):
    access = MediaAccess()
    shown["s1"] = {"abc"}
    access.note("s1", ADA)
    access.note("s2", BEN)
    assert allowed(access, "abc", ADA | {"_streamlit_xsrf": "2"})
    for cookies in (BEN, {}, {"_streamlit_user": "forged"}):
        assert not allowed(access, "abc", cookies)
    assert not allowed(access, "other", ADA)


def test_what_a_page_played_it_may_play_on_while_it_is_drawn_again(shown):
    access = MediaAccess()
    shown["s1"] = {"abc"}
    access.note("s1", ADA)
    assert allowed(access, "abc", ADA)
    shown["s1"] = set()
    assert allowed(access, "abc", ADA)
    assert not allowed(access, "abc", BEN)


def test_a_half_drawn_page_is_not_forgotten_because_somebody_else_opens_one(shown):
    access = MediaAccess()
    access.note("s1", ADA)
    access.note("s2", BEN)
    access.note("s3", {})
    shown["s1"], shown["s2"], shown["s3"] = {"abc"}, {"def"}, {"ghi"}
    for file_id, cookies in (("abc", ADA), ("def", BEN), ("ghi", {})):
        assert allowed(access, file_id, cookies)
    assert not allowed(access, "abc", BEN)


def test_without_sign_in_pages_of_this_machine_play(shown):
    access = MediaAccess()
    shown["s1"] = {"abc"}
    access.note("s1", {"_streamlit_xsrf": "1"})
    assert allowed(access, "abc", {})


def test_what_is_made_on_the_click_is_for_those_whose_pages_offer_such_files(monkeypatch):
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(media_access, "_manager", lambda: manager)
    monkeypatch.setattr(media_access, "_PATIENCE_SECONDS", 0.2)
    access = MediaAccess()

    def offered(session: str, content: str) -> str:
        monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: session)
        return manager.add_deferred(lambda: content, "text/csv", "1.2", "calls.csv")

    def file_of(address: str) -> str:
        found = _MEDIA.search(address)
        assert found is not None
        return found["file"]

    made = file_of(manager.execute_deferred(offered("s1", "a,b")))
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: "s2")
    sound = file_of(manager.add(b"RIFF", "audio/wav", "1.3"))
    access.note("s1", ADA)
    access.note("s2", BEN)
    assert allowed(access, made, ADA) and allowed(access, sound, BEN)
    assert not allowed(access, made, BEN) and not allowed(access, made, {})
    assert not allowed(access, sound, ADA)


def test_the_signed_cookies_alone_tell_sign_ins_apart():
    assert sign_in_of(ADA) == (("_streamlit_user", "ada, signed"),)
    assert sign_in_of({"theme": "dark"}) == ()


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        ("/media/0a1b.wav", "0a1b"),
        ("/below/media/0a1b.wav", "0a1b"),
        ("/static/media/MaterialSymbols.woff2", None),
        ("/calls", None),
    ],
)
def test_streamlits_own_fonts_are_everybodys(path, guarded):
    found = _MEDIA.search(path)
    assert (found and found["file"]) == guarded
