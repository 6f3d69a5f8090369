"""How often a key is used: the rate limit, and the note of its last use."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from calmscore.errors import StoreError
from calmscore.store import Store
from calmscore.store.keys import note_use

_NOTED_EVERY_SECONDS = 60.0

Clock = Callable[[], float]


class RateLimit:
    """A sliding window of a minute for each key, in memory.

    Parameters
    ----------
    requests_per_minute : int
        What a key may ask for in any minute.
    """

    def __init__(self, requests_per_minute: int) -> None:
        self._most = RateLimitItemPerMinute(requests_per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, key_id: int) -> float:
        """Count a request; return 0, or the seconds until one is free."""
        key = str(key_id)
        if self._limiter.hit(self._most, key):
            return 0.0
        return max(self._limiter.get_window_stats(self._most, key).reset_time - time.time(), 0.1)


class UseNotes:
    """Notes when a key was last used, at most once a minute for each key.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[int, float] = {}

    def note(self, store: Store, key_id: int) -> None:
        """Write the present as the key's last use, unless that was done just now.

        Whoever asks does not wait for it: somebody may hold the store's lock.
        """
        now = self._clock()
        with self._lock:
            if now - self._noted.get(key_id, -math.inf) < _NOTED_EVERY_SECONDS:
                return
            self._noted[key_id] = now
        threading.Thread(target=_write, args=(store, key_id), daemon=True).start()


def _write(store: Store, key_id: int) -> None:
    with suppress(StoreError), store.database.writing() as session:
        note_use(session, key_id)
