"""What a RIFF/WAVE header says of a file, also one that was never finished."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from calmscore.audio.joined_files import Readable, places

# Sizes from here on are what streaming writers put where they know no size
# (0xFFFFFFFF by FFmpeg, 0x7FFFF000 by SoX, 0x80000000 by others).
UNKNOWN_SIZE = 0x7FFF_0000
_MOST_CHUNKS = 1_000
_WIDE_KINDS = (b"RF64", b"BW64")
_WAVE_KINDS = (b"RIFF", b"RIFX", *_WIDE_KINDS)
_CHUNK_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_ -]{3}")
# A description of PCM is 16 bytes long, 14 in old files.
_LEAST_FORM_BYTES, _MOST_FORM_BYTES = 14, 1 << 16
# Longer sound needs sizes of 64 bits.
_LONGEST_BYTES = 0xFFFF_0000
# Of these the size of a sample follows from that of all channels, or from the bytes of a second:
# PCM, float and G.711; G.726.
_MOST_BITS = 64
_BY_BLOCK, _BY_RATE = (1, 3, 6, 7), (0x45, 0x64)
# IBM's G.711.
_SAME_CODECS = {0x0101: 7, 0x0102: 6}
# What is so much less than what stands there was written before the sound was.
_SMALLEST_SHARE = 0.01
_LARGEST_EMPTY_BYTES = 64
# What recorders write behind sound of unknown length, and how far from the end it is looked for.
_LATER_CHUNKS = re.compile(rb"LIST|id3 |ID3 |bext|cue |smpl|iXML|axml|_PMX|JUNK|PAD ")
_LATER_BYTES = 1 << 16
_KNOWN_CHUNKS = re.compile(rb"data|fmt |fact|" + _LATER_CHUNKS.pattern)
_BLOCK_BYTES = 1 << 20
_TEXT = re.compile(rb"[\t\n\r -~\x80-\xff]*")


@dataclass
class WaveHeader:
    """What the header says, before libsndfile judges it."""

    order: str = "<"
    """Which byte of a number comes first, as `struct` calls it."""
    form: bytes = b""
    """The chunk that describes the sound."""
    fact: bytes = b""
    data_start: int | None = None
    data_bytes: int | None = None
    """Announced size of the sound; None where the writer did not know it."""
    present_bytes: int = 0
    after_bytes: int = 0
    """What stands after the announced end of the sound and is no chunk beside it."""
    after_seconds: float | None = None
    """How long that is, by headers of its own."""

    @property
    def codec(self) -> int | None:
        """What the sound is coded with; None where nothing tells."""
        return self._told("H", 0)

    @property
    def channels(self) -> int | None:
        """How many there are; None where nothing tells."""
        return self._told("H", 2)

    @property
    def rate_hz(self) -> int | None:
        """The sampling rate; None where nothing tells."""
        return self._told("I", 4)

    @property
    def byte_rate(self) -> int:
        """Bytes of sound in a second; 0 where nothing tells."""
        return self._told("I", 8) or 0

    def _told(self, kind: str, place: int) -> int | None:
        if len(self.form) < _LEAST_FORM_BYTES:
            return None
        return int(struct.unpack_from(self.order + kind, self.form, place)[0])

    @property
    def sound_bytes(self) -> int:
        """How many bytes of sound there are to read."""
        if self.data_bytes is None:
            return self.present_bytes
        return min(self.data_bytes, self.present_bytes)

    @property
    def share_after_end(self) -> float:
        """How much sound stands behind the end, against what comes before it."""
        if not self.data_bytes:
            return 0.0
        if self.after_seconds is not None and self.byte_rate:
            return self.after_seconds * self.byte_rate / self.data_bytes
        return self.after_bytes / self.data_bytes

    @property
    def head(self) -> bytes:
        """What stands before the sound in a file that was written well; empty if it is none."""
        if self.data_start is None or self.codec is None:
            return b""
        long = self.sound_bytes > _LONGEST_BYTES
        sizes = struct.pack("<QQQI", self.sound_bytes, self.sound_bytes, 0, 0)
        chunks = b"WAVE" + (self._chunk(b"ds64", sizes) if long else b"")
        chunks += self._chunk(b"fmt ", _whole_form(self.form, self.order))
        # Of sound that was never closed it counts nothing.
        if self.data_bytes is not None and self.fact.strip(b"\0"):
            chunks += self._chunk(b"fact", self.fact)
        shown = 0xFFFF_FFFF if long else self.sound_bytes
        kind = b"RF64" if long else {"<": b"RIFF", ">": b"RIFX"}[self.order]
        data = struct.pack(self.order + "4sI", b"data", shown)
        whole = min(len(chunks) + len(data) + shown, 0xFFFF_FFFF)
        return struct.pack(self.order + "4sI", kind, whole) + chunks + data

    def _chunk(self, kind: bytes, body: bytes) -> bytes:
        filled = body + bytes(len(body) % 2)
        return struct.pack(self.order + "4sI", kind, len(body)) + filled


def read_wave_header(stream: Readable, size: int) -> WaveHeader | None:
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
        end = _after(stream, header.data_start + header.data_bytes, header.data_bytes)
        header.after_bytes, position = bytes_after(stream, end, size, header.order)
        if header.after_bytes:
            header.after_seconds = _seconds_of_later(stream, position, size, header.byte_rate)
    return header


def _read_header(stream: Readable, offset: int, size: int) -> WaveHeader | None:
    """Walk over the chunks of a WAVE file that begins somewhere, up to its sound."""
    stream.seek(offset)
    start = stream.read(12)
    if start[:4] not in _WAVE_KINDS or start[8:] != b"WAVE":
        return None
    header = WaveHeader(order=">" if start[:4] == b"RIFX" else "<")
    (riff_bytes,) = struct.unpack(header.order + "I", start[4:8])
    wide_data_bytes: int | None = None
    for kind, position, chunk_bytes in _chunks(stream, offset + 12, header.order):
        stream.seek(position)
        if kind == b"ds64":
            wide_data_bytes = int.from_bytes(stream.read(16)[8:], "little")
        elif kind == b"fmt ":
            header.form = stream.read(min(chunk_bytes, _MOST_FORM_BYTES))
        elif kind == b"fact":
            header.fact = stream.read(min(chunk_bytes, _MOST_FORM_BYTES))
        elif kind == b"data" and not _is_empty_before_another(stream, position, chunk_bytes):
            stream.seek(position)
            # Sound right behind the chunk's head is no other chunk: the writer broke off.
            body = stream.read(4)
            closed = riff_bytes + 8 == size and not (body and not _CHUNK_NAME.match(body))
            _note_data(stream, header, position, chunk_bytes, size, closed=closed)
            if start[:4] in _WIDE_KINDS:
                # Without the chunk of 64-bit sizes, what is left is of unknown length.
                known = wide_data_bytes is not None and 0 < wide_data_bytes < 1 << 62
                header.data_bytes = wide_data_bytes if known else None
        if header.form and header.data_start is not None:
            break
    return header


def _chunks(stream: Readable, position: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, where it begins behind its head, and how long it says it is."""
    before = position
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8 or not _CHUNK_NAME.fullmatch(head[:4]):
            # One of a wrong size: those that every file has are looked for behind its head.
            stream.seek(before)
            found = re.search(rb"fmt |data", stream.read(_LATER_BYTES))
            if found is None:
                return
            position = before + found.start()
            stream.seek(position)
            head = stream.read(8)
            if len(head) < 8:
                return
        kind, count = struct.unpack(order + "4sI", head)
        before = position + 8
        yield kind, before, count
        position = _after(stream, before + count, count)


def _after(stream: Readable, end: int, count: int) -> int:
    """Return where the next chunk begins: one byte fills an odd one up, where it was written."""
    if count % 2 == 0:
        return end
    stream.seek(end)
    return end if _KNOWN_CHUNKS.fullmatch(stream.read(4)) else end + 1


def _is_empty_before_another(stream: Readable, position: int, chunk_bytes: int) -> bool:
    if chunk_bytes > _LARGEST_EMPTY_BYTES:
        return False
    stream.seek(position + chunk_bytes + chunk_bytes % 2)
    return stream.read(4) == b"data"


def _look_for_end(stream: Readable, header: WaveHeader, start: int, size: int) -> None:
    """Find where sound of unknown length ends: before another file, or chunks at the end."""
    for place in places(stream, b"WAVE", start=start + 8):
        stream.seek(place - 8)
        if stream.read(4) in _WAVE_KINDS:
            header.data_bytes = place - 8 - start
            return
    first = max(size - _LATER_BYTES, start)
    stream.seek(first)
    last = stream.read(_LATER_BYTES)
    for found in _LATER_CHUNKS.finditer(last):
        place = first + found.start()
        if (place - start) % 2 == 0 and _reaches_end(stream, place, size, header.order):
            header.present_bytes = place - start
            # What was announced and is not there is told of.
            header.data_bytes = header.data_bytes or header.present_bytes
            return


def _reaches_end(stream: Readable, position: int, size: int, order: str) -> bool:
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


def bytes_after(stream: Readable, position: int, size: int, order: str) -> tuple[int, int]:
    """Return how many bytes after the sound are sound, or nothing that can be named; and where.

    Parameters
    ----------
    stream : binary file object
        WAVE or AIFF; left anywhere.
    position, size : int
        Where the chunk of sound ends, and the file.
    order : {"<", ">"}
        Which byte of a number comes first.
    """
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            return 0, position
        kind, chunk_bytes = struct.unpack(order + "4sI", chunk)
        if kind in (b"data", b"SSND", b"FORM", *_WAVE_KINDS):
            return size - position, position
        if not _CHUNK_NAME.fullmatch(kind):
            return (0 if _is_no_sound(stream, position) else size - position), position
        position = _after(stream, position + 8 + chunk_bytes, chunk_bytes)
    return 0, position


def _is_no_sound(stream: Readable, position: int) -> bool:
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


def _seconds_of_later(stream: Readable, position: int, size: int, byte_rate: int) -> float | None:
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
    stream: Readable, header: WaveHeader, start: int, announced: int, size: int, *, closed: bool
) -> None:
    header.data_start = start
    header.present_bytes = size - start
    header.data_bytes = announced if 0 < announced < UNKNOWN_SIZE else None
    if 0 < announced < _SMALLEST_SHARE * header.present_bytes:
        stream.seek(start + announced + announced % 2)
        if not _CHUNK_NAME.fullmatch(stream.read(4)):
            header.data_bytes = None
    elif announced == 0 and closed:
        # A recorder that was cut off leaves 0, too. In a file that was closed properly 0 means
        # 0, and other chunks may follow.
        header.data_bytes = 0


def _whole_form(form: bytes, order: str) -> bytes:
    """Return the description of the sound with what some writers leave out, or call otherwise."""
    codec, channels, rate_hz, byte_rate, block = struct.unpack_from(order + "HHIIH", form)
    bits = struct.unpack_from(order + "H", form, 14)[0] if len(form) >= 16 else 0
    if not bits and channels and rate_hz:
        per_sample = block / channels if codec in _BY_BLOCK else byte_rate / rate_hz / channels
        told = codec in (*_BY_BLOCK, *_BY_RATE) and 8 * per_sample <= _MOST_BITS
        bits = round(8 * per_sample) if told else 0
    whole = struct.pack(
        order + "HHIIHH", _SAME_CODECS.get(codec, codec), channels, rate_hz, byte_rate, block, bits
    )
    return whole + form[16:]
