"""How much sound stands behind the end that a file announces, where it is not WAVE."""

from __future__ import annotations

import struct
from typing import BinaryIO

_AU_UNKNOWN = 0xFFFF_FFFF
_MOST_BOXES = 10_000
_BLOCK_BYTES = 1 << 20
# A FLAC stream begins with its mark and the block that describes it, 34 bytes long.
_FLAC_MARKS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_FLAC_HEAD_BYTES = 26


def share_after_end(stream: BinaryIO, size: int) -> float:
    """Return how much sound follows the announced end, against what comes before it.

    Parameters
    ----------
    stream : binary file object
        AIFF, AU, CAF, FLAC, MP4 or anything else; left anywhere.
    size : int
        Its bytes.

    Returns
    -------
    float
        2.0 where two thirds of the sound would stay unread; 0 where nothing is known to.
    """
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b"fLaC":
        return _later_flac(stream)
    if len(head) == 12:
        if head[:4] == b"FORM":
            return _rest(8 + struct.unpack(">I", head[4:8])[0], size)
        if head[:4] == b".snd":
            start, length = struct.unpack(">II", head[4:12])
            return 0.0 if length == _AU_UNKNOWN else _rest(start + length, size)
        if head[4:8] == b"ftyp":
            return _rest(_second_box(stream, b"ftyp", start=0, head=">I4s"), size)
        if head[:4] == b"caff":
            return _rest(_second_box(stream, b"caff", start=8, head=">4sQ"), size)
    return 0.0


def _rest(end: int, size: int) -> float:
    # One byte fills an odd length up.
    return (size - end) / end if 0 < end < size - 1 else 0.0


def _second_box(stream: BinaryIO, mark: bytes, *, start: int, head: str) -> int:
    """Return where a second file begins behind the boxes of the first, 0 where none does."""
    sizes_count_heads = head == ">I4s"
    length = struct.calcsize(head)
    position = start
    for _ in range(_MOST_BOXES):
        stream.seek(position)
        box = stream.read(length)
        if position > start and mark in (box[:4], box[4:8]):
            return position
        if len(box) < length:
            break
        first, second = struct.unpack(head, box)
        count = int(first) if sizes_count_heads else int(second) + length
        if sizes_count_heads and count == 1:
            count = int.from_bytes(stream.read(8), "big")
        if not length <= count < 1 << 62:
            break
        position += count
    return 0


def _later_flac(stream: BinaryIO) -> float:
    counts: list[int] = []
    stream.seek(0)
    kept = b""
    while block := stream.read(_BLOCK_BYTES):
        part = kept + block
        for mark in _FLAC_MARKS:
            place = part.find(mark)
            while 0 <= place <= len(part) - _FLAC_HEAD_BYTES:
                # 36 bits of the description: how many samples of each channel there are.
                counts.append(int.from_bytes(part[place + 21 : place + 26], "big") & 0xF_FFFF_FFFF)
                place = part.find(mark, place + 1)
        kept = part[-(_FLAC_HEAD_BYTES - 1) :]
    return sum(counts[1:]) / counts[0] if counts and counts[0] else 0.0
