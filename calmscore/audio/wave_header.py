"""What a RIFF/WAVE header says of a file, also one that was never finished."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

# Sizes from here on are what streaming writers put where they know no size
# (0xFFFFFFFF by FFmpeg, 0x7FFFF000 by SoX, 0x80000000 by others).
UNKNOWN_SIZE = 0x7FFF_0000
_MOST_CHUNKS = 1_000
_WIDE_KINDS = (b"RF64", b"BW64")
_WAVE_KINDS = (b"RIFF", b"RIFX", *_WIDE_KINDS)
_CHUNK_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_ -]{3}")


@dataclass
class WaveHeader:
    """What the header says, before libsndfile judges it."""

    codec: int | None = None
    channels: int | None = None
    rate_hz: int | None = None
    data_start: int | None = None
    data_bytes: int | None = None
    """Announced size of the sound; None where the writer did not know it."""
    present_bytes: int = 0
    after_bytes: int = 0
    """What stands after the announced end of the sound and is no chunk beside it."""
    size_patch: bytes = b""
    """The right size, for a header that was never finished, and where it belongs."""
    patch_start: int = 0

    @property
    def end(self) -> int | None:
        """Where the sound ends that is read, if other sound follows it."""
        if self.data_start is None or not self.after_bytes or not self.data_bytes:
            return None
        return self.data_start + self.data_bytes

    @property
    def share_after_end(self) -> float:
        """How much stands behind the end, against what comes before it."""
        return self.after_bytes / self.data_bytes if self.data_bytes else 0.0


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
    stream.seek(0)
    start = stream.read(12)
    if start[:4] not in _WAVE_KINDS or start[8:] != b"WAVE":
        return None
    order = ">" if start[:4] == b"RIFX" else "<"
    (riff_bytes,) = struct.unpack(order + "I", start[4:8])
    header = WaveHeader()
    wide_data_bytes, wide_place = 0, 0
    position = 12
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
        elif kind == b"fmt " and len(body) >= 8:
            header.codec, header.channels, header.rate_hz = struct.unpack(order + "HHI", body[:8])
        elif kind == b"data":
            # Sound right behind the chunk's head is no other chunk: the writer broke off.
            closed = riff_bytes + 8 == size and not (body and not _CHUNK_NAME.match(body))
            _note_data(header, position, chunk_bytes, size, order, closed=closed)
            if start[:4] in _WIDE_KINDS:
                known = 0 < wide_data_bytes < 1 << 62
                header.data_bytes = wide_data_bytes if known else None
                header.size_patch = b"" if known else struct.pack("<Q", header.present_bytes)
                header.patch_start = wide_place
            break
        position += chunk_bytes + chunk_bytes % 2
    if header.data_start is not None and header.data_bytes is not None:
        end = header.data_start + header.data_bytes
        header.after_bytes = _bytes_after(stream, end + end % 2, size, order)
    return header


def _bytes_after(stream: BinaryIO, position: int, size: int, order: str) -> int:
    """Return how many bytes after the sound are sound again, or nothing that can be named."""
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            return 0
        kind, chunk_bytes = struct.unpack(order + "4sI", chunk)
        if kind == b"data" or kind in _WAVE_KINDS or not _CHUNK_NAME.fullmatch(kind):
            return size - position
        position += 8 + chunk_bytes + chunk_bytes % 2
    return 0


def _note_data(
    header: WaveHeader, start: int, announced: int, size: int, order: str, *, closed: bool
) -> None:
    header.data_start, header.patch_start = start, start - 4
    header.present_bytes = size - start
    header.data_bytes = announced if 0 < announced < UNKNOWN_SIZE else None
    # A recorder that was cut off leaves 0 and libsndfile would believe it. In a
    # file that was closed properly 0 means 0, and other chunks may follow.
    if announced == 0 and not closed:
        header.size_patch = struct.pack(order + "I", min(header.present_bytes, 0xFFFF_FFFF))
