"""How often keys are used: the rate limit, the note of the last use, and unknown keys."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from calmscore.errors import StoreError
from calmscore.store import Store, audit
from calmscore.store.keys import note_use

_NOTED_EVERY_SECONDS = 60.0
_UNKNOWN_KEYS = RateLimitItemPerMinute(20)
_AUDITED = RateLimitItemPerHour(2)
_AUDITED_OF_ALL = RateLimitItemPerHour(60)

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


class UnknownKeys:
    """Slows down who shows keys that open nothing, and notes it in the audit.

    Whoever shows a key that is good never waits for those who do not. The notes are few, so
    that a stranger cannot fill the disk with them.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, store: Store, address: str) -> float:
        """Count an unknown key; return 0, or the seconds for which the address is to wait."""
        if self._limiter.hit(_AUDITED, address) and self._limiter.hit(_AUDITED_OF_ALL, "all"):
            threading.Thread(target=_audit, args=(store, address), daemon=True).start()
        if self._limiter.hit(_UNKNOWN_KEYS, address):
            return 0.0
        return max(
            self._limiter.get_window_stats(_UNKNOWN_KEYS, address).reset_time - time.time(), 0.1
        )


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


def _audit(store: Store, address: str) -> None:
    with suppress(StoreError), store.database.writing() as session:
        audit.record(session, actor=f"stranger at {address}", action="unknown key shown")
