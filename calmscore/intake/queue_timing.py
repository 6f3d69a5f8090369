"""How often the queue looks, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass

from calmscore.store.jobs import LONGEST_PAUSE


@dataclass(frozen=True, kw_only=True)
class QueueTiming:
    """The pauses and patience of one queue.

    Attributes
    ----------
    look_every_seconds : float
        How often an idle worker looks for what others put in.
    first_pause_seconds : float
        How long a job waits after its first setback; every further one doubles it.
    retry_seconds : float
        How long a worker waits when the store does not answer.
    beat_seconds : float
        How often leases are renewed and the disk is tried.
    late_seconds : float
        After how long without a beat the store counts as held up.
    tidy_every_seconds : float
        What a killed service left of a call that is done goes within the minute that is
        promised.
    stop_seconds : float
        How long a queue that stops waits for its workers.
    """

    look_every_seconds: float = 2.0
    first_pause_seconds: float = 1.0
    retry_seconds: float = 2.0
    beat_seconds: float = 5.0
    late_seconds: float = 15.0
    tidy_every_seconds: float = 30.0
    stop_seconds: float = 20.0

    def pause_seconds(self, setbacks: int) -> float:
        """Return how long a job waits that was put back this often before."""
        return min(
            self.first_pause_seconds * 2.0 ** min(setbacks, 20), LONGEST_PAUSE.total_seconds()
        )
