"""What a RIFF/WAVE header says of a file, also one that was never finished."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from calmscore.audio.joined_files import places

# Sizes from here on are what streaming writers put where they know no size
# (0xFFFFFFFF by FFmpeg, 0x7FFFF000 by SoX, 0x80000000 by others).
UNKNOWN_SIZE = 0x7FFF_0000
_MOST_CHUNKS = 1_000
_WIDE_KINDS = (b"RF64", b"BW64")
_WAVE_KINDS = (b"RIFF", b"RIFX", *_WIDE_KINDS)
_CHUNK_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_ -]{3}")
# What is so much less than what stands there was written before the sound was.
_SMALLEST_SHARE = 0.01
_LARGEST_EMPTY_BYTES = 64
# What recorders write behind sound of unknown length, and how far from the end it is looked for.
_LATER_CHUNKS = re.compile(rb"LIST|id3 |ID3 |bext|cue |smpl|iXML|axml|_PMX|JUNK|PAD ")
_LATER_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_TEXT = re.compile(rb"[\t\n\r -~\x80-\xff]*")


@dataclass
class WaveHeader:
    """What the header says, before libsndfile judges it."""

    codec: int | None = None
    channels: int | None = None
    rate_hz: int | None = None
    byte_rate: int = 0
    """Bytes of sound in a second; 0 where nothing tells."""
    data_start: int | None = None
    data_bytes: int | None = None
    """Announced size of the sound; None where the writer did not know it."""
    present_bytes: int = 0
    after_bytes: int = 0
    """What stands after the announced end of the sound and is no chunk beside it."""
    after_seconds: float | None = None
    """How long that is, by headers of its own."""
    patches: tuple[tuple[int, bytes], ...] = ()
    """What a header that was never finished should hold: where, and what."""

    @property
    def end(self) -> int | None:
        """Where the sound ends that is read, if other sound follows it."""
        if self.data_start is None or not self.after_bytes or not self.data_bytes:
            return None
        return self.data_start + self.data_bytes

    @property
    def share_after_end(self) -> float:
        """How much sound stands behind the end, against what comes before it."""
        if not self.data_bytes:
            return 0.0
        if self.after_seconds is not None and self.byte_rate:
            return self.after_seconds * self.byte_rate / self.data_bytes
        return self.after_bytes / self.data_bytes


def read_wave_header(stream: BinaryIO, size: int) -> WaveHeader | None:
    """Walk over the chunks of a WAVE file.

    Parameters
    ----------
    stream : binary file object
        The file; left anywhere.
    size : int
        Its bytes.

    Returns
    -------
    WaveHeader or None
        None of a file that is no WAVE.
    """
    header = _read_header(stream, 0, size)
    if header is None or header.data_start is None:
        return header
    if header.data_bytes is None or header.data_bytes > header.present_bytes:
        _look_for_end(stream, header, header.data_start, size)
    if header.data_bytes is not None:
        end = header.data_start + header.data_bytes
        order = _order(stream)
        header.after_bytes, position = _bytes_after(stream, end + end % 2, size, order)
        if header.after_bytes:
            header.after_seconds = _seconds_of_later(stream, position, size, header.byte_rate)
    return header


def _order(stream: BinaryIO) -> str:
    stream.seek(0)
    return ">" if stream.read(4) == b"RIFX" else "<"


def _read_header(stream: BinaryIO, offset: int, size: int) -> WaveHeader | None:
    """Walk over the chunks of a WAVE file that begins somewhere, up to its sound."""
    stream.seek(offset)
    start = stream.read(12)
    if start[:4] not in _WAVE_KINDS or start[8:] != b"WAVE":
        return None
    order = ">" if start[:4] == b"RIFX" else "<"
    (riff_bytes,) = struct.unpack(order + "I", start[4:8])
    header = WaveHeader()
    wide_data_bytes, wide_place = 0, 0
    position = offset + 12
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            break
        kind, chunk_bytes = struct.unpack(order + "4sI", chunk)
        position += 8
        body = stream.read(16)
        if kind == b"ds64" and len(body) == 16:
            (wide_data_bytes,) = struct.unpack(order + "8xQ", body)
            wide_place = position + 8
        elif kind == b"fmt " and len(body) >= 12:
            header.codec, header.channels, header.rate_hz, header.byte_rate = struct.unpack(
                order + "HHII", body[:12]
            )
        elif kind == b"data" and not _is_empty_before_another(stream, position, chunk_bytes):
            # Sound right behind the chunk's head is no other chunk: the writer broke off.
            closed = riff_bytes + 8 == size and not (body and not _CHUNK_NAME.match(body))
            _note_data(stream, header, position, chunk_bytes, size, order, closed=closed)
            if start[:4] in _WIDE_KINDS:
                _note_wide_data(header, offset, wide_place, wide_data_bytes)
            break
        elif kind == b"data":
            # libsndfile would take the first, and the head of the second for sound.
            header.patches += ((position - 8, b"JUNK"),)
        position += chunk_bytes + chunk_bytes % 2
    return header


def _is_empty_before_another(stream: BinaryIO, position: int, chunk_bytes: int) -> bool:
    if chunk_bytes > _LARGEST_EMPTY_BYTES:
        return False
    stream.seek(position + chunk_bytes + chunk_bytes % 2)
    return stream.read(4) == b"data"


def _note_wide_data(header: WaveHeader, offset: int, wide_place: int, wide_data_bytes: int) -> None:
    """Take the size from the chunk of 64-bit sizes, if there is one."""
    if not wide_place:
        # Without it, a decoder refuses the file; what is left is a plain one of unknown length.
        header.patches += ((offset, b"RIFF"),)
        return
    known = 0 < wide_data_bytes < 1 << 62
    header.data_bytes = wide_data_bytes if known else None
    header.patches = () if known else ((wide_place, struct.pack("<Q", header.present_bytes)),)


def _look_for_end(stream: BinaryIO, header: WaveHeader, start: int, size: int) -> None:
    """Find where sound of unknown length ends: before another file, or chunks at the end."""
    order = _order(stream)
    for place in places(stream, b"WAVE", start=start):
        stream.seek(place - 8)
        if stream.read(4) in _WAVE_KINDS:
            header.data_bytes = place - 8 - start
            header.patches += ((start - 4, struct.pack(order + "I", header.data_bytes)),)
            return
    first = max(size - _LATER_BYTES, start)
    stream.seek(first)
    last = stream.read()
    for found in _LATER_CHUNKS.finditer(last):
        place = first + found.start()
        if (place - start) % 2 == 0 and _reaches_end(stream, place, size, order):
            header.present_bytes = place - start
            # What was announced and is not there is told of.
            header.data_bytes = header.data_bytes or header.present_bytes
            known = struct.pack(order + "I", min(header.present_bytes, 0xFFFF_FFFF))
            header.patches += ((start - 4, known),)
            return


def _reaches_end(stream: BinaryIO, position: int, size: int, order: str) -> bool:
    """Tell whether chunks follow each other from here to the end of the file."""
    for _ in range(_MOST_CHUNKS):
        if position in (size, size + 1):
            return True
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8 or not _CHUNK_NAME.fullmatch(chunk[:4]):
            return False
        (count,) = struct.unpack(order + "I", chunk[4:])
        position += 8 + count + count % 2
    return False


def _bytes_after(stream: BinaryIO, position: int, size: int, order: str) -> tuple[int, int]:
    """Return how many bytes after the sound are sound, or nothing that can be named; and where."""
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            return 0, position
        kind, chunk_bytes = struct.unpack(order + "4sI", chunk)
        if kind == b"data" or kind in _WAVE_KINDS:
            return size - position, position
        if not _CHUNK_NAME.fullmatch(kind):
            return (0 if _is_no_sound(stream, position) else size - position), position
        position += 8 + chunk_bytes + chunk_bytes % 2
    return 0, position


def _is_no_sound(stream: BinaryIO, position: int) -> bool:
    """Tell whether nothing but one byte, over and over, or text follows."""
    stream.seek(position)
    block = stream.read(_BLOCK_BYTES)
    if len(block) < _BLOCK_BYTES and _TEXT.fullmatch(block) and block[:1] in b"<{[":
        return True
    first = block[:1]
    while block:
        if block.strip(first):
            return False
        block = stream.read(_BLOCK_BYTES)
    return True


def _seconds_of_later(stream: BinaryIO, position: int, size: int, byte_rate: int) -> float | None:
    """Return how long all later chunks of sound, and later files, are; None if nobody knows."""
    seconds = 0.0
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            break
        kind, count = struct.unpack("<4sI", chunk)
        if kind == b"data" and byte_rate:
            seconds += min(count, size - position - 8) / byte_rate
        elif kind in _WAVE_KINDS:
            later = _read_header(stream, position, size)
            if later is None or later.data_start is None or not later.byte_rate:
                return None
            byte_rate = later.byte_rate
            present = size - later.data_start
            count = min(later.data_bytes or present, present)
            seconds += count / byte_rate
            position = later.data_start - 8
        elif not _CHUNK_NAME.fullmatch(kind):
            break
        position += 8 + count + count % 2
    return seconds or None


def _note_data(
    stream: BinaryIO,
    header: WaveHeader,
    start: int,
    announced: int,
    size: int,
    order: str,
    *,
    closed: bool,
) -> None:
    header.data_start = start
    header.present_bytes = size - start
    header.data_bytes = announced if 0 < announced < UNKNOWN_SIZE else None
    if 0 < announced < _SMALLEST_SHARE * header.present_bytes:
        stream.seek(start + announced + announced % 2)
        if not _CHUNK_NAME.fullmatch(stream.read(4)):
            closed, announced, header.data_bytes = False, 0, None
    # A recorder that was cut off leaves 0 and libsndfile would believe it. In a
    # file that was closed properly 0 means 0, and other chunks may follow.
    if announced == 0 and not closed:
        patch = struct.pack(order + "I", min(header.present_bytes, 0xFFFF_FFFF))
        header.patches += ((start - 4, patch),)
