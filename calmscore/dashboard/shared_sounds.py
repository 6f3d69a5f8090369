"""The sound of calls, made ready once for everybody whose page plays it at the time.

Nobody is let in or kept out here: the store has given the recording to whoever asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from calmscore.audio.playback import Playback


class AbandonedError(Exception):
    """Everybody who waited for a sound has closed their page."""


@dataclass
class _Preparing:
    """A sound under way, and for each who waits whether they still do."""

    sound: Future[Playback] = field(default_factory=Future)
    waiting: list[Callable[[], bool]] = field(default_factory=list)

    def check(self) -> None:
        if not any(waits() for waits in tuple(self.waiting)):
            raise AbandonedError


class SharedSounds:
    """Sounds that a page plays, by their call, and those that are being made ready.

    A session holds the sound of one call at most; what no session holds any more is gone
    from here too, so that nothing of a deleted call stays.
    """

    def __init__(self) -> None:
        self._ready: WeakValueDictionary[str, Playback] = WeakValueDictionary()
        self._under_way: dict[str, _Preparing] = {}
        self._lock = threading.Lock()

    def get(
        self,
        call_id: str,
        prepare: Callable[[Callable[[], None]], Playback],
        *,
        waits: Callable[[], bool],
    ) -> Playback:
        """Return the sound of a call: one that is here, or being made ready, or is made now.

        Parameters
        ----------
        call_id : str
            SHA-256 of the recording, so that the same id always sounds the same.
        prepare : callable
            Makes the sound; now and then calls what it is given, which raises once nobody
            waits any more.
        waits : callable
            Tells whether whoever asks still waits.

        Raises
        ------
        AbandonedError
            If nobody waits any more.
        """
        while True:
            with self._lock:
                sound = self._ready.get(call_id)
                if sound is not None:
                    return sound
                under_way = self._under_way.get(call_id)
                mine = under_way is None
                if under_way is None:
                    under_way = self._under_way[call_id] = _Preparing()
                under_way.waiting.append(waits)
            if mine:
                return self._prepare(call_id, under_way, prepare)
            try:
                return under_way.sound.result()
            except AbandonedError:
                # It ended just when they came.
                if not waits():
                    raise

    def _prepare(
        self,
        call_id: str,
        under_way: _Preparing,
        prepare: Callable[[Callable[[], None]], Playback],
    ) -> Playback:
        try:
            sound = prepare(under_way.check)
        except BaseException as error:
            with self._lock:
                del self._under_way[call_id]
            under_way.sound.set_exception(error)
            raise
        with self._lock:
            del self._under_way[call_id]
            self._ready[call_id] = sound
        under_way.sound.set_result(sound)
        return sound


shared_sounds = SharedSounds()
