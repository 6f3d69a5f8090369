"""The sound in a recording's file, opened by what reads its form best: libsndfile or FFmpeg."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath
from typing import TypeAlias

import soundfile  # type: ignore[import-untyped, unused-ignore]
from av.error import FFmpegError

from calmscore.audio.av_sound import AvSound, raw_format_of
from calmscore.audio.bare_samples import probable_coding
from calmscore.audio.file_start import SNDFILE_MARKS, first_bytes, is_known
from calmscore.audio.joined_files import Readable
from calmscore.audio.refusals import CUT_UP_IN_WAVE, not_audio, undecodable, unopened
from calmscore.audio.sound_end import au_head, sound_end
from calmscore.audio.wave_header import WaveHeader
from calmscore.settings import COMPRESSED, RawFormat

_MP3_BYTES = re.compile(rb"\xff[\xe0-\xff]")
_MP3_SUFFIXES = (".mp3", ".mp2", ".mpga", ".aac")
# What bare samples hardly begin with: long marks, or 32 letters.
_SURELY_OTHER = re.compile(rb"PK\x03\x04|7z\xbc\xaf|Rar!|%PDF|\x89PNG|GIF8|[\t\n\r -~]{32}")


class FileView:
    """What a decoder sees of a file.

    No name, from which soundfile would guess a format; no error or oversized
    read inside of a callback, where nobody could catch it; and, in place of what
    stands before the sound, what should stand there.

    Parameters
    ----------
    stream : binary file object
        The file.
    head : bytes
        What it should begin with.
    start, end : int
        The part of it that stands behind that.
    """

    def __init__(self, stream: Readable, *, head: bytes, start: int, end: int) -> None:
        self._stream, self._head, self._start = stream, head, start
        self.size = len(head) + end - start
        self._position = 0
        self.failure: OSError | None = None

    def tell(self) -> int:
        """Return the position in it."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position within it, and return that."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = min(max(base + offset, 0), self.size)
        return self._position

    def read(self, count: int) -> bytes:
        """Return so many bytes at the most; none after a failure, which is kept."""
        count = max(0, min(count, self.size - self._position))
        data = self._head[self._position : self._position + count]
        if len(data) < count:
            behind = self._position + len(data) - len(self._head)
            try:
                self._stream.seek(self._start + behind)
                data += self._stream.read(count - len(data))
            except OSError as error:
                self.failure = error
                return b""
        self._position += len(data)
        return data


def view_of(stream: Readable, size: int, header: WaveHeader | None) -> tuple[FileView, float]:
    """Return what a decoder shall see of a file, and how much sound stands behind that.

    Parameters
    ----------
    stream : binary file object
        The file.
    size : int
        Its bytes.
    header : WaveHeader or None
        Where it is WAVE.

    Returns
    -------
    view : FileView
        One whose header is right, and that ends where other sound begins.
    share_after_end : float
        As in `sound_end`.
    """
    if header is not None and header.data_start is not None and header.head:
        start, end = header.data_start, header.data_start + header.sound_bytes
        return FileView(stream, head=header.head, start=start, end=end), header.share_after_end
    end, share = (size, 0.0) if header is not None else sound_end(stream, size)
    head = au_head(stream)
    return FileView(stream, head=head, start=len(head), end=end), share


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
    with _opened(view, header, name, usual, said) as sound:
        yield sound


def _opened(
    view: FileView,
    header: WaveHeader | None,
    name: str,
    usual: RawFormat | None,
    said: RawFormat | None,
) -> Sound:
    first = first_bytes(view)
    raw = None
    if SNDFILE_MARKS.match(first):
        view.seek(0)
        try:
            return _ForwardSound(view)
        except soundfile.SoundFileError as error:
            refusal = unopened(header, name, error)
            cause: Exception = error
        cut_up = header is not None and header.codec in CUT_UP_IN_WAVE
        if cut_up or refusal.code not in ("unreadable_audio", "unsupported_codec"):
            raise refusal from cause
    elif is_known(first):
        refusal = undecodable(name)
    else:
        raw = said or raw_format_of(name, usual=usual)
        # A damaged MP3 may be read all the same.
        damaged = _MP3_BYTES.match(first) and PurePath(name).suffix.lower() in _MP3_SUFFIXES
        if raw is None or _SURELY_OTHER.match(first):
            refusal = not_audio(first, name, coding=probable_coding(view, view.size))
            if not damaged:
                raise refusal
        else:
            refusal = undecodable(name)
            raw = _as_it_sounds(raw, view)
    if raw is not None and raw.coding == "vox":
        view.seek(0)
        sound = _ForwardSound(
            view, samplerate=raw.rate_hz, channels=1, format="RAW", subtype="VOX_ADPCM"
        )
        sound.raw_format = raw
        return sound
    try:
        return AvSound(view, raw_format=raw)
    except (FFmpegError, ValueError) as error:
        raise refusal from error


def _as_it_sounds(raw: RawFormat, view: FileView) -> RawFormat:
    """Return what a file holds of which somebody, or its name, says something else."""
    held = probable_coding(view, view.size, channels=raw.channels, told=raw.coding)
    if held is None or held == raw.coding:
        return raw
    return RawFormat(coding=held) if raw.coding in COMPRESSED else replace(raw, coding=held)
