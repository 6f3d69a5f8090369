"""What a reader must know of how a file was read: the wording."""

from __future__ import annotations

from collections.abc import Sequence

from calmscore.errors import Notice
from calmscore.settings import RAW_NAMES, RawFormat

_LEAST_UNREAD_SECONDS = 0.5
# Of joined files the length is estimated from the size.
_LENGTH_TOLERANCE = 1.002


def reading_notices(
    *,
    seconds: float,
    announced_seconds: float | None,
    broke_off: bool,
    gap_seconds: float,
    damaged_pieces: int,
    unread_seconds: float,
    peak: float,
    divisor: float,
) -> tuple[Notice, ...]:
    """Say what was left out of a file, and what was done to its level.

    Parameters
    ----------
    seconds : float
        How much was read.
    announced_seconds : float or None
        How much the file claims, None where it claims nothing.
    broke_off : bool
        Whether the sound ends where it should go on.
    gap_seconds : float
        How much less than announced is no truncation.
    damaged_pieces : int
        How many could not be decoded.
    unread_seconds : float
        How much stands after the announced end.
    peak, divisor : float
        The loudest sample, and by what all were divided.
    """
    notices = []
    # Estimates of joined files take in what is told of below.
    announced = (announced_seconds or 0.0) - unread_seconds
    if broke_off or announced > seconds * _LENGTH_TOLERANCE + gap_seconds:
        total = f"{announced:.1f} s" if announced > seconds else "an unknown length"
        notices.append(
            Notice(
                "truncated_data",
                f"The file breaks off: {seconds:.1f} s of {total} are there, "
                "and the score covers only this part.",
            )
        )
    if unread_seconds >= _LEAST_UNREAD_SECONDS:
        notices.append(
            Notice(
                "sound_after_end",
                f"About {unread_seconds:.1f} s after the announced end of the file were not read; "
                "if two recordings were joined, add each on its own.",
                at_seconds=seconds,
            )
        )
    if damaged_pieces:
        several = damaged_pieces > 1
        notices.append(
            Notice(
                "damaged_data",
                f"{damaged_pieces} piece{'s' if several else ''} of the file could not be decoded "
                f"and {'were' if several else 'was'} left out; times after them may be early.",
            )
        )
    if divisor > 1:
        notices.append(
            Notice(
                "level_scaled",
                f"Samples go up to {peak:g} where 1 is full scale; all were divided by "
                f"{divisor:g}, which changes the loudness and nothing else.",
            )
        )
    return tuple(notices)


def coding_notices(told: RawFormat | None, held: RawFormat | None) -> tuple[Notice, ...]:
    """Say that a file without a header holds something else than its name, or somebody, says."""
    if told is None or held is None or told.coding == held.coding:
        return ()
    return (
        Notice(
            "other_raw_format",
            f"The file has no header and was taken for {RAW_NAMES[held.coding]}: read as "
            f"{RAW_NAMES.get(told.coding, told.coding)}, as its name or somebody says, it is "
            "noise. If it sounds wrong, say what it holds.",
        ),
    )


def joined_notices(joints_seconds: Sequence[float]) -> tuple[Notice, ...]:
    """Say that a file holds several recordings, where there are joints between them."""
    if not joints_seconds:
        return ()
    return (
        Notice(
            "recordings_joined",
            f"The file holds {len(joints_seconds) + 1} recordings, one after the other, which are "
            "taken as one call. If they are different calls, add each on its own.",
            at_seconds=joints_seconds[0],
        ),
    )
