"""Files that were joined: where each begins, or how much stands behind the announced end.

Those of WAVE stand in `wave_header`.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Protocol

_AU_UNKNOWN = 0xFFFF_FFFF
_MOST_BOXES = 10_000
_BLOCK_BYTES = 1 << 20
# A FLAC stream begins with its mark and the block that describes it, 34 bytes long.
_FLAC_MARKS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_FLAC_HEAD_BYTES = 26
_EBML_MARK, _OGG_MARK, _OGG_FIRST_PAGE = b"\x1a\x45\xdf\xa3", b"OggS", b"OggS\x00\x02"
_EBML_KINDS = (b"webm", b"matroska")
_EBML_HEAD_BYTES = 64
# A page of OGG: its head, the number of its segments, and the length of each.
_OGG_HEAD_BYTES, _OGG_MOST_BYTES = 27, 27 + 255
_OGG_LONGEST_PAGE, _OGG_LAST = _OGG_MOST_BYTES + 255 * 255, 4
# Writers that know no length announce one that no recording has.
_LARGEST_MISSING = 1 << 30


class Readable(Protocol):
    """What is asked of a file."""

    def read(self, count: int, /) -> bytes:
        """Return the next bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def tell(self) -> int:
        """Return the place."""


class FilePart:
    """One of several files that were joined, read as if it stood alone."""

    def __init__(self, stream: Readable, *, start: int, end: int) -> None:
        self._stream, self._start, self._end = stream, start, end
        self._position = start

    def read(self, count: int, /) -> bytes:
        """Return the next bytes."""
        self._stream.seek(self._position)
        data = self._stream.read(max(0, min(count, self._end - self._position)))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._position, os.SEEK_END: self._end}
        self._position = min(max(base[whence] + offset, self._start), self._end)
        return self.tell()

    def tell(self) -> int:
        """Return the place."""
        return self._position - self._start


def joined_parts(stream: Readable) -> list[FilePart]:
    """Return the files that were joined to one of WebM, Matroska or OGG.

    A decoder takes them for one and goes on with what the first says of itself, so that
    another coding or rate is heard as noise.

    Parameters
    ----------
    stream : binary file object
        Anything; left anywhere.

    Returns
    -------
    list of FilePart
        The whole alone where nothing was joined, or it is of another kind.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(4)
    starts = [0]
    if head == _EBML_MARK:
        for place in places(stream, _EBML_MARK):
            stream.seek(place)
            if place and any(kind in stream.read(_EBML_HEAD_BYTES) for kind in _EBML_KINDS):
                starts.append(place)
    elif head == _OGG_MARK:
        begun = 0
        for place in places(stream, _OGG_FIRST_PAGE):
            # Several streams at once begin with a first page each, one after the other.
            if place > begun:
                starts.append(place)
            begun = _ogg_page_end(stream, place)
    return [
        FilePart(stream, start=start, end=end) for start, end in itertools.pairwise([*starts, size])
    ]


def places(stream: Readable, mark: bytes, *, start: int = 0) -> Iterator[int]:
    """Yield where a mark stands, from some place on."""
    position, kept = start, b""
    while True:
        stream.seek(position)
        block = stream.read(_BLOCK_BYTES)
        if not block:
            return
        part, first = kept + block, position - len(kept)
        found = part.find(mark)
        while found >= 0:
            yield first + found
            found = part.find(mark, found + 1)
        position += len(block)
        kept = part[-(len(mark) - 1) :]


def _ogg_page_end(stream: Readable, place: int) -> int:
    stream.seek(place)
    page = stream.read(_OGG_MOST_BYTES)
    if len(page) < _OGG_HEAD_BYTES:
        return place
    lengths = page[_OGG_HEAD_BYTES : _OGG_HEAD_BYTES + page[_OGG_HEAD_BYTES - 1]]
    return place + _OGG_HEAD_BYTES + len(lengths) + sum(lengths)


def au_patches(stream: BinaryIO) -> tuple[tuple[int, bytes], ...]:
    """Return what the header of an AU file that was never closed should hold: where, and what."""
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b".snd" and head[8:12] == bytes(4):
        return ((8, struct.pack(">I", _AU_UNKNOWN)),)
    return ()


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
        2.0 where two thirds of the sound would stay unread; 0 where nothing is known to. Below 0
        where sound is missing: -1.0 where as much as is there.
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
            return 0.0 if length in (0, _AU_UNKNOWN) else _rest(start + length, size)
        if head[4:8] == b"ftyp":
            return _rest(_second_box(stream, b"ftyp", start=0, head=">I4s"), size)
        if head[:4] == b"riff":
            # Bytes 16 to 24 of a Wave64: how long the file is.
            stream.seek(16)
            return min(_rest(int.from_bytes(stream.read(8), "little"), size), 0.0)
        if head[:4] == b"caff":
            return _rest(_second_box(stream, b"caff", start=8, head=">4sQ"), size)
    return 0.0


def _rest(end: int, size: int) -> float:
    if end > size:
        return (size - end) / size if end - size < _LARGEST_MISSING else 0.0
    # One byte fills an odd length up.
    return (size - end) / end if 0 < end < size - 1 else 0.0


def breaks_off(stream: BinaryIO, size: int) -> bool:
    """Tell whether the last page of an OGG is not marked as the last, as if cut off.

    Parameters
    ----------
    stream : binary file object
        Anything; left anywhere.
    size : int
        Its bytes.
    """
    stream.seek(0)
    if stream.read(4) != _OGG_MARK:
        return False
    first = max(size - _OGG_LONGEST_PAGE, 0)
    stream.seek(first)
    last = stream.read()
    place = last.rfind(_OGG_MARK)
    # The sixth byte of a page holds its flags.
    return 0 <= place < len(last) - 6 and not last[place + 5] & _OGG_LAST


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
