"""The sound of a call is made ready once for all who wait, and for nobody it is not."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from calmscore.audio.playback import Playback
from calmscore.dashboard.shared_sounds import AbandonedError, SharedSounds

PATIENCE_SECONDS = 60.0


class Maker:
    """Makes sounds, counts them, and goes on only when it is let."""

    def __init__(self) -> None:
        self.made = 0
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, check: Callable[[], None]) -> Playback:
        self.made += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE_SECONDS)
        check()
        return Playback(encoded=b"fLaC", peaks=(b"1",), peaks_per_second=25.0)


def waits() -> bool:
    return True


def left() -> bool:
    return False


@pytest.fixture
def maker() -> Maker:
    return Maker()


def waiting_for(sounds: SharedSounds, call_id: str) -> int:
    under_way = sounds._under_way.get(call_id)
    return 0 if under_way is None else len(under_way.waiting)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_SECONDS / 0.01)):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to that")


def test_all_who_wait_for_a_call_get_one_sound(maker):
    sounds = SharedSounds()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(sounds.get, "a", maker, waits=waits) for _ in range(3)]
        until(lambda: waiting_for(sounds, "a") == 3)
        maker.may_end.set()
        heard = [one.result(PATIENCE_SECONDS) for one in asked]
    assert maker.made == 1
    assert heard[0] is heard[1] is heard[2]
    # Whoever comes later finds it, too.
    assert sounds.get("a", maker, waits=waits) is heard[0]
    assert maker.made == 1


def test_each_call_has_a_sound_of_its_own(maker):
    maker.may_end.set()
    sounds = SharedSounds()
    first = sounds.get("a", maker, waits=waits)
    assert sounds.get("b", maker, waits=waits) is not first
    assert maker.made == 2


def test_what_no_page_holds_any_more_is_gone(maker):
    maker.may_end.set()
    sounds = SharedSounds()
    held = sounds.get("a", maker, waits=waits)
    del held
    gc.collect()
    sounds.get("a", maker, waits=waits)
    assert maker.made == 2


def test_nothing_is_made_to_the_end_once_nobody_waits(maker):
    maker.may_end.set()
    sounds = SharedSounds()
    with pytest.raises(AbandonedError):
        sounds.get("a", maker, waits=left)
    assert waiting_for(sounds, "a") == 0
    assert sounds.get("a", maker, waits=waits).encoded == b"fLaC"


def test_it_goes_on_for_who_still_waits(maker):
    sounds = SharedSounds()
    with ThreadPoolExecutor(2) as pool:
        closed = pool.submit(sounds.get, "a", maker, waits=left)
        assert maker.begun.wait(PATIENCE_SECONDS)
        still = pool.submit(sounds.get, "a", maker, waits=waits)
        until(lambda: waiting_for(sounds, "a") == 2)
        maker.may_end.set()
        assert still.result(PATIENCE_SECONDS) is closed.result(PATIENCE_SECONDS)
    assert maker.made == 1


def test_a_fault_is_everybodys_and_the_next_one_tries_again(maker):
    sounds = SharedSounds()

    def broken(check: Callable[[], None]) -> Playback:
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="gone"):
        sounds.get("a", broken, waits=waits)
    maker.may_end.set()
    assert sounds.get("a", maker, waits=waits).peaks_per_second == 25.0
