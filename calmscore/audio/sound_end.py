"""Where the sound ends that is read of a file, and how much stands behind it.

What concerns WAVE stands in `wave_header`.
"""

from __future__ import annotations

import re
import struct

from calmscore.audio.joined_files import Readable, places
from calmscore.audio.wave_header import UNKNOWN_SIZE, bytes_after

_AU_UNKNOWN = 0xFFFF_FFFF
_HEAD_BYTES, _BLOCK_BYTES, _MOST_CHUNKS = 24, 1 << 20, 1_000
# Whose length libsndfile takes from that of the file: SPHERE, PVF, Paris, Wave64 and IRCAM; and
# what of their beginning any other file of the kind has, too.
_BY_FILE_SIZE = re.compile(
    rb"NIST|PVF1|fap | paf|riff|\x64\xa3[\x01-\x04]\x00|\x00[\x01-\x04]\xa3\x64"
)
_SAME_BYTES = 8
# A FLAC stream begins with its mark and the block that describes it, 34 bytes long.
_FLAC_MARKS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_FLAC_HEAD_BYTES = 26
_OGG_MARK, _OGG_LONGEST_PAGE, _OGG_LAST = b"OggS", 27 + 255 + 255 * 255, 4
# Writers that know no length announce one that no recording has.
_LARGEST_MISSING = 1 << 30


def au_head(stream: Readable) -> bytes:
    """Return how an AU file that was never closed should begin; nothing for any other file."""
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b".snd" and head[8:12] == bytes(4):
        return head[:8] + struct.pack(">I", _AU_UNKNOWN)
    return b""


def sound_end(stream: Readable, size: int) -> tuple[int, float]:
    """Return where the sound ends that is read, and how much follows against what comes before.

    Parameters
    ----------
    stream : binary file object
        Anything but WAVE; left anywhere.
    size : int
        Its bytes.

    Returns
    -------
    end : int
        In bytes; the end of the file where nothing is known to follow.
    share : float
        2.0 where two thirds of the sound would stay unread; 0 where nothing is known to. Below 0
        where sound is missing: -1.0 where as much as is there.
    """
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if head[:4] == b"fLaC":
        return size, _later_flac(stream)
    if head[:4] == b"FORM" and len(head) >= 12:
        of_aiff = head[8:11] == b"AIF"
        rest = _rest_of_aiff(stream, size) if of_aiff else _rest(8 + _number(head[4:8]), size)
        return size, rest
    if head[:4] == b".snd" and len(head) >= 12:
        start, length = struct.unpack(">II", head[4:12])
        return size, 0.0 if length in (0, _AU_UNKNOWN) else _rest(start + length, size)
    if _BY_FILE_SIZE.match(head):
        # These are read up to the end of the file, and the head of another would be noise.
        for place in places(stream, head[:_SAME_BYTES], start=1):
            return place, (size - place) / place
    if head[:4] == b"riff" and len(head) >= 24:
        # A Wave64 says how long the file is.
        return size, min(_rest(int.from_bytes(head[16:24], "little"), size), 0.0)
    return size, 0.0


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _rest_of_aiff(stream: Readable, size: int) -> float:
    """Return what `sound_end` does; the length of the whole is as long as nobody closed it, 0."""
    position = 12
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        box = stream.read(8)
        if len(box) < 8:
            break
        kind, count = struct.unpack(">4sI", box)
        position += 8
        if kind == b"SSND":
            if not 8 < count < UNKNOWN_SIZE:
                break
            after, _ = bytes_after(stream, position + count + count % 2, size, ">")
            return after / (count - 8) if after else min(_rest(position + count, size), 0.0)
        position += count + count % 2
    return 0.0


def _rest(end: int, size: int) -> float:
    if end > size:
        return (size - end) / size if end - size < _LARGEST_MISSING else 0.0
    # One byte fills an odd length up.
    return (size - end) / end if 0 < end < size - 1 else 0.0


def breaks_off(stream: Readable, size: int) -> bool:
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
    last = stream.read(_OGG_LONGEST_PAGE)
    place = last.rfind(_OGG_MARK)
    # The sixth byte of a page holds its flags.
    return 0 <= place < len(last) - 6 and not last[place + 5] & _OGG_LAST


def _later_flac(stream: Readable) -> float:
    seconds: list[float] = []
    stream.seek(0)
    kept = b""
    while block := stream.read(_BLOCK_BYTES):
        part = kept + block
        for mark in _FLAC_MARKS:
            place = part.find(mark)
            while 0 <= place <= len(part) - _FLAC_HEAD_BYTES:
                # 20 bits of the description are the rate, 36 how many samples of each channel.
                rate_hz = _number(part[place + 18 : place + 21]) >> 4
                count = _number(part[place + 21 : place + 26]) & 0xF_FFFF_FFFF
                seconds.append(count / max(rate_hz, 1))
                place = part.find(mark, place + 1)
        kept = part[-(_FLAC_HEAD_BYTES - 1) :]
    return sum(seconds[1:]) / seconds[0] if seconds and seconds[0] else 0.0
