"""The sound in a recording's file, opened by what reads its form best: libsndfile or FFmpeg."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import BinaryIO, TypeAlias

import soundfile  # type: ignore[import-untyped, unused-ignore]
from av.error import FFmpegError

from calmscore.audio.av_sound import AvSound, raw_format_of
from calmscore.audio.joined_files import au_patches
from calmscore.audio.refusals import not_audio, undecodable, unopened
from calmscore.audio.wave_header import WaveHeader
from calmscore.settings import RawFormat

# What libsndfile reads best, and what FFmpeg does: joined files to their true end, for one.
_SNDFILE_BYTES = re.compile(
    rb"RIFF|RIFX|RF64|BW64|riff|FORM|\.snd|dns\.|fLaC|NIST|Creative Voi|2BIT|PVF1|fap | paf"
    rb"|\x64\xa3[\x01-\x04]\x00|\x00[\x01-\x04]\xa3\x64"
)
_FFMPEG_BYTES = re.compile(
    rb"OggS|ID3|....ftyp|....mdat|....moov|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|#!AMR|caff|FLV\x01"
    rb"|TTA[12]|wvpk|MAC |ADIF|\x0b\x77",
    re.DOTALL,
)
_MP3_BYTES = re.compile(rb"\xff[\xe0-\xff]")
_MP3_SUFFIXES = (".mp3", ".mp2", ".mpga", ".aac")
# What bare samples hardly begin with: long marks, or 32 letters.
_SURELY_OTHER = re.compile(rb"PK\x03\x04|7z\xbc\xaf|Rar!|%PDF|\x89PNG|GIF8|[\t\n\r -~]{32}")
_FIRST_BYTES = 32


class FileView:
    """What libsndfile sees of a file.

    No name, from which soundfile would guess a format; no error or oversized
    read inside of a callback, where nobody could catch it; and the size in an
    unfinished header put right.
    """

    def __init__(self, stream: BinaryIO, size: int, header: WaveHeader | None) -> None:
        self._stream = stream
        # Of two data chunks libsndfile would read the second alone.
        self._size = (header.end if header else None) or size
        self._position = 0
        self._patches = header.patches if header else au_patches(stream)
        self.failure: OSError | None = None

    def tell(self) -> int:
        """Return the position in it."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position within it, and return that."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = min(max(base + offset, 0), self._size)
        return self._position

    def read(self, count: int) -> bytes:
        """Return so many bytes at the most; none after a failure, which is kept."""
        start = self._position
        try:
            self._stream.seek(start)
            data = self._stream.read(max(0, min(count, self._size - start)))
        except OSError as error:
            self.failure = error
            return b""
        self._position += len(data)
        for place, patch in self._patches:
            data = _patched(data, start, place, patch)
        return data


def _patched(data: bytes, start: int, place: int, patch: bytes) -> bytes:
    """Return what was read from some place, with a patch where it belongs."""
    if start >= place + len(patch) or start + len(data) <= place:
        return data
    patched = bytearray(data)
    for position, value in enumerate(patch, place):
        if start <= position < start + len(data):
            patched[position - start] = value
    return bytes(patched)


Sound: TypeAlias = "soundfile.SoundFile | AvSound"


class _ForwardSound(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
    """A sound file that is read once, from start to end.

    soundfile seeks to where it already is after every read, if it may. Some
    decoders lose their state by that, GSM 6.10 among them.
    """

    raw_format: RawFormat | None = None

    def seekable(self) -> bool:
        return False


@contextmanager
def open_sound(
    view: FileView,
    header: WaveHeader | None,
    name: str,
    *,
    usual: RawFormat | None,
    said: RawFormat | None = None,
) -> Iterator[Sound]:
    """Open the sound of a file, and close it.

    Parameters
    ----------
    view : FileView
        The file.
    header : WaveHeader or None
        Where it is WAVE.
    name : str
        The file's name.
    usual, said : RawFormat or None
        What files without a header hold where their names tell nothing else, and what somebody
        said that this one holds.

    Yields
    ------
    SoundFile or AvSound
        With ``raw_format``: what it was taken to hold; None where it has a header.
    """
    first = view.read(_FIRST_BYTES)
    view.seek(0)
    with _opened(view, first, header, name, usual, said) as sound:
        yield sound


def _opened(
    view: FileView,
    first: bytes,
    header: WaveHeader | None,
    name: str,
    usual: RawFormat | None,
    said: RawFormat | None,
) -> Sound:
    if _SNDFILE_BYTES.match(first):
        try:
            return _ForwardSound(view)
        except soundfile.SoundFileError as error:
            refusal = unopened(header, name, error)
            cause: Exception = error
        if refusal.code not in ("unreadable_audio", "unsupported_codec"):
            raise refusal from cause
        raw = None
    else:
        refusal = undecodable(name)
        raw = said or raw_format_of(name, usual=usual)
        if _has_mark(first, name, raw):
            raw = None
        elif raw is None or _SURELY_OTHER.match(first):
            raise not_audio(first, name)
    if raw is not None and raw.coding == "vox":
        sound = _ForwardSound(
            view, samplerate=raw.rate_hz, channels=1, format="RAW", subtype="VOX_ADPCM"
        )
        sound.raw_format = raw
        return sound
    try:
        return AvSound(view, raw_format=raw)
    except (FFmpegError, ValueError) as error:
        raise refusal from error


def _has_mark(first: bytes, name: str, raw: RawFormat | None) -> bool:
    """Tell whether a file begins as one of a form that FFmpeg finds out by itself."""
    if _FFMPEG_BYTES.match(first):
        return True
    # Eleven bits that are set begin an MP3, but silence in mu-law, too.
    return bool(_MP3_BYTES.match(first)) and (
        raw is None or PurePath(name).suffix.lower() in _MP3_SUFFIXES
    )
