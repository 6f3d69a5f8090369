"""Files that were joined: where each of them begins."""

from __future__ import annotations

import itertools
import os
import re
import struct
from collections.abc import Iterator
from typing import Protocol

_MOST_BOXES, _HEAD_BYTES = 10_000, 64
_BLOCK_BYTES = 1 << 20
_OGG_MARK, _OGG_FIRST_PAGE = b"OggS", b"OggS\x00\x02"
# A page of OGG: its head, the number of its segments, and the length of each.
_OGG_HEAD_BYTES, _OGG_MOST_BYTES = 27, 27 + 255
_WITH_FOURTH_BIT = b"".join(rb"\x%02x" % byte for byte in range(256) if byte & 8)
# What a file of some kinds begins with, by which it is looked for, and what follows.
_MARKS = [
    (mark, re.compile(re.escape(mark) + rest, re.DOTALL))
    for mark, rest in (
        (b"\x1a\x45\xdf\xa3", rb".{,40}(?:webm|matroska)"),
        (b"Creative Voice File\x1a", b""),
        (b"#!AMR", rb"(?:-WB)?\n"),
        (b"FLV\x01", rb".\0\0\0\x09"),
        (b"RIFF", rb"....AVI LIST"),
        (b"TTA1", rb"[\x01\x02]\0[\x01-\x08]\0"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), b""),  # of Windows Media
        # The first block of WavPack counts no samples before it, and begins what is heard at once.
        (b"wvpk", rb".{12}\0{4}.{5}[" + _WITH_FOURTH_BIT + b"]"),
    )
]


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

    def read(self, count: int = 1 << 62, /) -> bytes:
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
    """Return the files that were joined to one that FFmpeg reads.

    A decoder takes them for one and goes on with what the first says of itself, so that
    another coding or rate is heard as noise, or it stops where the first ends.

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
    head = stream.read(_HEAD_BYTES)
    starts = [0, *_later_starts(stream, head)]
    return [
        FilePart(stream, start=start, end=end) for start, end in itertools.pairwise([*starts, size])
    ]


def _later_starts(stream: Readable, head: bytes) -> Iterator[int]:
    if head[4:8] == b"ftyp":
        yield from _later_boxes(stream, b"ftyp", start=0, head=">I4s")
    elif head[:4] == b"caff":
        yield from _later_boxes(stream, b"caff", start=8, head=">4sQ")
    elif head[:4] == _OGG_MARK:
        begun = 0
        for place in places(stream, _OGG_FIRST_PAGE):
            # Several streams at once begin with a first page each, one after the other.
            if place > begun:
                yield place
            begun = _ogg_page_end(stream, place)
    for mark, whole in _MARKS:
        if whole.match(head):
            for place in places(stream, mark, start=1):
                stream.seek(place)
                if whole.match(stream.read(_HEAD_BYTES)):
                    yield place


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


def _later_boxes(stream: Readable, mark: bytes, *, start: int, head: str) -> Iterator[int]:
    """Yield where later files begin behind the boxes of the first."""
    sizes_count_heads = head == ">I4s"
    length = struct.calcsize(head)
    position = start
    for _ in range(_MOST_BOXES):
        stream.seek(position)
        box = stream.read(length)
        if len(box) < length:
            break
        if position > start and mark in (box[:4], box[4:8]):
            yield position
            if not sizes_count_heads:
                # The head of the whole is no box.
                position += start
                continue
        first, second = struct.unpack(head, box)
        count = int(first) if sizes_count_heads else int(second) + length
        if sizes_count_heads and count == 1:
            stream.seek(position + length)
            count = int.from_bytes(stream.read(8), "big")
        if not length <= count < 1 << 62:
            break
        position += count
