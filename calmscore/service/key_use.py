"""How often a key is used: the rate limit, and the note of its last use."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from calmscore.store import Store
from calmscore.store.keys import note_use

_NOTED_EVERY_SECONDS = 60.0

Clock = Callable[[], float]


class RateLimit:
    """A token bucket for each key, in memory.

    Parameters
    ----------
    requests_per_minute : int
        Tokens that a bucket gets back in a minute, and holds at most.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(self, requests_per_minute: int, *, clock: Clock = time.monotonic) -> None:
        self._most = float(requests_per_minute)
        self._per_second = requests_per_minute / 60.0
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, key_id: int) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        now = self._clock()
        with self._lock:
            tokens, since = self._buckets.get(key_id, (self._most, now))
            tokens = min(self._most, tokens + (now - since) * self._per_second)
            granted = tokens >= 1.0
            self._buckets[key_id] = (tokens - 1.0 if granted else tokens, now)
        return 0.0 if granted else (1.0 - tokens) / self._per_second


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
        """Write the present as the key's last use, unless that was done just now."""
        now = self._clock()
        with self._lock:
            if now - self._noted.get(key_id, -math.inf) < _NOTED_EVERY_SECONDS:
                return
            self._noted[key_id] = now
        with store.database.writing() as session:
            note_use(session, key_id)
