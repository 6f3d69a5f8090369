"""A call recording, from a file of any common kind to samples at one rate."""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, TypeAlias

import numpy as np
import soundfile  # type: ignore[import-untyped, unused-ignore]
import soxr  # type: ignore[import-untyped, unused-ignore]
from av.error import FFmpegError
from numpy.typing import NDArray

from calmscore.audio.av_sound import UNKNOWN_FRAMES, AvSound, raw_format_of
from calmscore.audio.joined_files import share_after_end
from calmscore.audio.wave_header import WaveHeader, read_wave_header
from calmscore.errors import CallFileError, Notice
from calmscore.settings import DEFAULT_RULES, RawFormat, ReadingRules

ANALYSIS_RATE_HZ = 16_000
LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 192_000
MOST_CHANNELS = 8

# One second: libsndfile drops the block in which a decoder stumbles, so that a
# short block loses little, and blocks from 1 s to 30 s take the same time.
_BLOCK_SECONDS = 1
_HASH_BLOCK_BYTES = 1 << 20
_LEAST_UNREAD_SECONDS = 0.5
# Scaled 32-bit integers stay below this; what is above it is no sound.
_LARGEST_SAMPLE = 2.0**40
# Decoders may hold back a frame at the end; that is no truncation.
_SMALLEST_GAP_SECONDS = 0.04
# FFmpeg estimates the length of joined files from their bytes.
_ESTIMATED_GAP_SECONDS = 0.5
# Of joined files the length is estimated from the size.
_LENGTH_TOLERANCE = 1.002
_FORMATS = "WAV, FLAC, OGG or MP3"
# What is sent in a recording's place, by its first bytes, and what to do.
_OTHER_FILES = (
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|BZh", "an archive", "unpack it first"),
    (rb"\s*<", "a web page or XML", "download the recording again: this may be a page of errors"),
    (rb"\s*[{\[]", "JSON", "look for the recording beside it"),
    (rb"%PDF", "a PDF document", "look for the recording beside it"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture", "look for the recording beside it"),
    (rb"MThd", "notes for an instrument (MIDI)", "look for the recording beside it"),
    (rb"[\t\n\r -~]{8,}\Z", "text", "look for the recording beside it"),
    (
        rb"\.RMF|\.ra\xfd|#!SILK|\x02#!SILK|#!EVRC|#!QCEL",
        "sound in a form that is not read here",
        "convert it where it was made, or with 'ffmpeg -i FILE call.wav'",
    ),
)
_CODECS = {
    0x0111: ", perhaps G.723.1 of Vivo", 0x0123: ", G.723.1", 0x0042: ", G.723.1 of Microsoft",
    0x0083: ", G.729A", 0x0133: ", G.729", 0x0022: ", TrueSpeech", 0x0130: ", ACELP of Sipro",
    0x0161: ", Windows Media Audio", 0x0064: ", G.726", 0x0014: ", G.723", 0x0003: ", float",
}  # fmt: skip
# What libsndfile reads best, and what FFmpeg does: joined files to their true end, for one.
_SNDFILE_BYTES = re.compile(rb"RIFF|RIFX|RF64|BW64|riff|FORM|\.snd|dns\.|fLaC|NIST|Creative Voi")
_FFMPEG_BYTES = re.compile(
    rb"OggS|ID3|....ftyp|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|#!AMR|caff", re.DOTALL
)
_MP3_BYTES = re.compile(rb"\xff[\xe0-\xff]")
_MP3_SUFFIXES = (".mp3", ".mp2", ".mpga", ".aac")
# What bare samples hardly begin with: long marks, or 32 letters.
_SURELY_OTHER = re.compile(rb"PK\x03\x04|7z\xbc\xaf|Rar!|%PDF|\x89PNG|GIF8|[\t\n\r -~]{32}")
_FIRST_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A call as the analysis reads it.

    Attributes
    ----------
    file_name : str
        Name without folders or control characters.
    sha256 : str
        Hash of the file's bytes, hexadecimal.
    sample_rate_hz : int
        Rate of the file, not of ``samples``.
    duration_seconds : float
        Length of what could be read.
    samples : array of float16, shape (channels, n)
        Sound at ``ANALYSIS_RATE_HZ``, full scale 1. Half precision keeps 11
        significant bits at every level, and an hour of stereo takes 230 MB.
    warnings : tuple of Notice
        What a reader of the result should know about the file.
    """

    file_name: str
    sha256: str
    sample_rate_hz: int
    duration_seconds: float
    samples: NDArray[np.float16]
    warnings: tuple[Notice, ...]


def read_recording(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    file_name: str | None = None,
    rules: ReadingRules = DEFAULT_RULES,
    sha256: str | None = None,
) -> Recording:
    """Read a call recording, whatever its format, at the analysis rate.

    Parameters
    ----------
    source : path or binary file object
        WAV (with PCM, float, A-law, mu-law, GSM 6.10 or ADPCM), RF64, BW64, W64, AIFF,
        AU, FLAC, OGG, MP3 and what else FFmpeg reads; without a header where the name tells
        what it is; one to eight channels; 4 kHz to 192 kHz. A file object must be seekable;
        it is read from its start and left there.
    file_name : str, optional
        Name for reports and messages; otherwise that of ``source``.
    rules : ReadingRules
        What it may take at most, and what it holds where it has no header.
    sha256 : str, optional
        The hash of its bytes, where it is known.

    Returns
    -------
    Recording
        Sound of full scale 1 at ``ANALYSIS_RATE_HZ``. Float samples that go above
        full scale are all divided by one power of two, with a notice.

    Raises
    ------
    errors.CallFileError
        If the file cannot be read or is outside of the limits; ``code`` says why.
    """
    if isinstance(source, (str, os.PathLike)):
        name = clean_file_name(file_name or os.fsdecode(source))
        with open_recording(source, file_name=name) as stream:
            return _read_stream(stream, name, rules, sha256)
    own_name = getattr(source, "name", None)
    name = clean_file_name(file_name or (own_name if isinstance(own_name, str) else ""))
    with _rewound(source, name) as stream:
        return _read_stream(stream, name, rules, sha256)


def clean_file_name(name: str) -> str:
    """Return a name without folders and without characters that nobody sees.

    Parameters
    ----------
    name : str
        Path or name from anywhere.

    Returns
    -------
    str
        Never empty.
    """
    # An uploader's name may be a path of another system, and its direction marks
    # or lone surrogates could garble a page or fail to print.
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    clean = "".join(c for c in last if unicodedata.category(c) not in hidden).strip()
    return clean if clean.strip(".") else "recording"


@contextmanager
def open_recording(path: str | os.PathLike[str], *, file_name: str) -> Iterator[BinaryIO]:
    """Open a file for `read_recording`, as a context manager.

    Parameters
    ----------
    path : path
        The file.
    file_name : str
        Its name for messages.

    Raises
    ------
    errors.CallFileError
        If it is not a file that can be read.
    """
    name = file_name
    with _system_errors(name):
        # Asked before opening: to open a pipe would wait for its writer.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise CallFileError("is_a_folder", f"{name} is a folder; choose a file in it.")
        if not stat.S_ISREG(mode):
            raise CallFileError(
                "not_a_file", f"{name} is a pipe or device, not a file; save the call to a file."
            )
        stream = open(path, "rb")  # noqa: SIM115 - closed below, outside of this guard
    with stream:
        yield stream


@contextmanager
def _rewound(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    with _system_errors(name):
        if not stream.seekable():
            raise CallFileError(
                "not_seekable",
                f"{name} comes from a stream that cannot be read twice; save it to a file first.",
            )
        if isinstance(stream.read(0), str):
            raise CallFileError("not_binary", f"{name} was opened as text; open it in binary mode.")
    try:
        yield stream
    finally:
        stream.seek(0)


@contextmanager
def _system_errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CallFileError("missing_file", f"There is no file {name}; check the path.") from error
    except PermissionError as error:
        raise CallFileError(
            "no_permission", f"{name} may not be read; ask its owner for permission to read it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CallFileError(
            "unreadable_file", f"{name} cannot be read ({reason}); copy it again and retry."
        ) from error


def _read_stream(stream: BinaryIO, name: str, rules: ReadingRules, sha256: str | None) -> Recording:
    with _system_errors(name):
        size = stream.seek(0, os.SEEK_END)
        _check_size(size, name, rules)
        sha256 = sha256 or _sha256(stream)
        header = read_wave_header(stream, size)
        after_end = share_after_end(stream, size) if header is None else header.share_after_end
        view = _View(stream, size, header)
    with _open_sound(view, header, name, rules.raw_format) as sound:
        _check_sound(sound, header, name)
        known_seconds = _known_seconds(sound)
        if known_seconds is not None and known_seconds > rules.duration_seconds:
            raise _too_long(known_seconds, name, rules)
        decoded = _decode(sound, name, rules)
        announced = _announced_seconds(header, decoded, known_seconds, sound.samplerate)
        rate = sound.samplerate
        damaged, gap = 0, _SMALLEST_GAP_SECONDS
        if isinstance(sound, AvSound):
            damaged, gap = sound.damaged_packets, _ESTIMATED_GAP_SECONDS
        unread = after_end * decoded.frames / rate
    if view.failure:
        with _system_errors(name):
            raise view.failure
    if not decoded.frames:
        raise _no_samples(name)
    return Recording(
        file_name=name,
        sha256=sha256,
        sample_rate_hz=rate,
        duration_seconds=decoded.frames / rate,
        samples=decoded.store.finished(frames=decoded.frames, rate_hz=rate),
        warnings=_notices(
            decoded, announced, decoded.frames / rate, gap=gap, damaged=damaged, unread=unread
        ),
    )


def _check_size(size: int, name: str, rules: ReadingRules) -> None:
    if size == 0:
        raise CallFileError("empty_file", f"{name} is empty (0 bytes); export the call again.")
    if size > rules.file_bytes:
        raise CallFileError(
            "file_too_large",
            f"{name} has {size} bytes, above the limit of {rules.file_bytes}; split the call.",
            technical="or raise CALMSCORE_MAX_FILE_BYTES",
        )


def hash_recording(source: BinaryIO, *, file_name: str) -> str:
    """Return the SHA-256 of a recording's bytes, hexadecimal: the id of its call.

    Parameters
    ----------
    source : binary file object
        The recording; it is read from its start and left there.
    file_name : str
        Its name for messages.

    Raises
    ------
    errors.CallFileError
        If it cannot be read.
    """
    with _rewound(source, file_name) as stream, _system_errors(file_name):
        return _sha256(stream)


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while block := stream.read(_HASH_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


class _View:
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
        self._patch = header.size_patch if header else b""
        self._patch_start = header.patch_start if header else 0
        self.failure: OSError | None = None

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = min(max(base + offset, 0), self._size)
        return self._position

    def read(self, count: int) -> bytes:
        start = self._position
        try:
            self._stream.seek(start)
            data = self._stream.read(max(0, min(count, self._size - start)))
        except OSError as error:
            self.failure = error
            return b""
        self._position += len(data)
        return self._patched(data, start) if self._patch else data

    def _patched(self, data: bytes, start: int) -> bytes:
        end = self._patch_start + len(self._patch)
        if start >= end or start + len(data) <= self._patch_start:
            return data
        patched = bytearray(data)
        for position, value in enumerate(self._patch, self._patch_start):
            if start <= position < start + len(data):
                patched[position - start] = value
        return bytes(patched)


Sound: TypeAlias = "soundfile.SoundFile | AvSound"


class _ForwardSound(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
    """A sound file that is read once, from start to end.

    soundfile seeks to where it already is after every read, if it may. Some
    decoders lose their state by that, GSM 6.10 among them.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def _open_sound(
    view: _View, header: WaveHeader | None, name: str, raw: RawFormat | None
) -> Iterator[Sound]:
    first = view.read(_FIRST_BYTES)
    view.seek(0)
    with _opened(view, first, header, name, raw) as sound:
        yield sound


def _opened(
    view: _View, first: bytes, header: WaveHeader | None, name: str, usual: RawFormat | None
) -> Sound:
    if _SNDFILE_BYTES.match(first):
        try:
            return _ForwardSound(view)
        except soundfile.SoundFileError as error:
            refusal = _unopened(header, name, error)
            cause: Exception = error
        if refusal.code not in ("unreadable_audio", "unsupported_codec"):
            raise refusal from cause
        raw = None
    else:
        refusal = CallFileError(
            "unreadable_audio", f"{name} cannot be decoded; export the call again as {_FORMATS}."
        )
        raw = raw_format_of(name, usual=usual)
        if _has_mark(first, name, raw):
            raw = None
        elif raw is None or _SURELY_OTHER.match(first):
            raise _not_audio(first, name)
    if raw is not None and raw.coding == "vox":
        return _ForwardSound(
            view, samplerate=raw.rate_hz, channels=1, format="RAW", subtype="VOX_ADPCM"
        )
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


def _not_audio(first: bytes, name: str) -> CallFileError:
    """Return the refusal of what is no sound in a known form, with what it probably is."""
    for pattern, what, remedy in _OTHER_FILES:
        if re.match(pattern, first, re.DOTALL):
            return CallFileError("not_audio", f"{name} is {what}, not a recording; {remedy}.")
    return CallFileError(
        "not_audio",
        f"{name} is not audio in a form that is known here; export the call again as {_FORMATS}.",
        technical=f"it begins with {first[:4].decode('ascii', 'replace')!r}; if it is sound "
        f"without a header, convert it with 'ffmpeg -f mulaw -ar 8000 -i {name} call.wav' "
        "(alaw, s16le or g722 in place of mulaw), give it the ending .ulaw, .alaw, .sln or .vox, "
        "or say what such files hold, as CALMSCORE_RAW_FORMAT=ulaw:8000:1",
    )


def _unopened(
    header: WaveHeader | None, name: str, error: soundfile.SoundFileError
) -> CallFileError:
    if header is None:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        return CallFileError(
            "unreadable_audio",
            f"{name} cannot be decoded; export the call again as {_FORMATS}.",
            technical=reason,
        )
    if header.codec is None or header.channels is None or header.rate_hz is None:
        return _damaged_header(name, "the description of the format is missing")
    if not 1 <= header.channels <= MOST_CHANNELS:
        return _wrong_channels(header.channels, name)
    if not LOWEST_RATE_HZ <= header.rate_hz <= HIGHEST_RATE_HZ:
        return _wrong_rate(header.rate_hz, name)
    if header.data_start is None:
        return _damaged_header(name, "the sound itself is missing")
    return CallFileError(
        "unsupported_codec",
        f"{name} holds sound in a form that cannot be decoded; export the call as PCM WAV, FLAC, "
        "OGG or MP3, or convert it with the telephone system's own player.",
        technical=f"WAV format {header.codec:#06x}{_CODECS.get(header.codec, '')}",
    )


def _damaged_header(name: str, reason: str) -> CallFileError:
    return CallFileError(
        "damaged_header", f"{name} has a damaged header ({reason}); export the call again."
    )


def _no_samples(name: str) -> CallFileError:
    return CallFileError(
        "no_samples", f"{name} has a header but no sound in it (0 samples); export the call again."
    )


def _wrong_channels(channels: int, name: str) -> CallFileError:
    code = "too_many_channels" if channels else "no_channels"
    return CallFileError(
        code,
        f"{name} has {channels} channels; export the call with 1 to {MOST_CHANNELS}, best with "
        "one person on each.",
    )


def _wrong_rate(rate_hz: int, name: str) -> CallFileError:
    return CallFileError(
        "sample_rate_out_of_range",
        f"{name} has a sample rate of {rate_hz} Hz, outside of {LOWEST_RATE_HZ} to "
        f"{HIGHEST_RATE_HZ} Hz; export the call at 8000 or 16000 Hz.",
    )


def _too_long(seconds: float, name: str, rules: ReadingRules) -> CallFileError:
    return CallFileError(
        "too_long",
        f"{name} lasts {seconds:.1f} s or more, above the limit of {rules.duration_seconds:g} s; "
        "split the call.",
        technical="or raise CALMSCORE_MAX_DURATION_SECONDS",
    )


def _check_sound(sound: Sound, header: WaveHeader | None, name: str) -> None:
    # libsndfile reads a rate as signed; the header walk does not.
    rate_hz = header.rate_hz if header and header.rate_hz is not None else sound.samplerate
    if not 1 <= sound.channels <= MOST_CHANNELS:
        raise _wrong_channels(sound.channels, name)
    if not LOWEST_RATE_HZ <= sound.samplerate <= HIGHEST_RATE_HZ:
        raise _wrong_rate(rate_hz, name)
    if sound.frames <= 0:
        raise _no_samples(name)


def _known_seconds(sound: Sound) -> float | None:
    """Return the length that the file states, None where it states none."""
    # libsndfile's word for "as many as come" is the largest signed number of 64 bits.
    return None if sound.frames >= UNKNOWN_FRAMES else float(sound.frames / sound.samplerate)


class _Store:
    """Samples at the analysis rate, in half precision, filled block by block.

    The whole is reserved at once, never beyond the duration limit; the system
    hands out the memory only where samples are written, so that neither a header
    that announces too much nor one that announces nothing costs any.
    """

    def __init__(self, *, channels: int, capacity: int) -> None:
        self._samples = np.empty((channels, capacity), dtype=np.float16)
        self._end = 0
        self.divisor = 1.0

    def append(self, block: NDArray[np.float32]) -> None:
        """Add samples of shape (n, channels), as they are in the file."""
        block = block[: self._samples.shape[1] - self._end]
        end = self._end + len(block)
        self._samples[:, self._end : end] = block.T / np.float32(self.divisor)
        self._end = end

    def make_room(self, peak: float) -> None:
        """Divide by a power of two, which costs no precision, to bring the peak to 1."""
        divisor = 2.0 ** math.ceil(math.log2(peak))
        if divisor > self.divisor:
            self._samples[:, : self._end] *= np.float16(self.divisor / divisor)
            self.divisor = divisor

    def finished(self, *, frames: int, rate_hz: int) -> NDArray[np.float16]:
        """Return exactly the samples that ``frames`` of the file amount to."""
        # The resampler may be one sample off, and gives none for the shortest sounds.
        length = max(1, round(frames * ANALYSIS_RATE_HZ / rate_hz))
        self._samples[:, self._end : length] = 0
        return self._samples[:, :length]


@dataclass
class _Decoded:
    """What came out of the decoder."""

    store: _Store
    frames: int = 0
    peak: float = 0.0
    broke_off: bool = False


def _reserve(sound: Sound, name: str, rules: ReadingRules) -> _Store:
    # A second more than announced: coders fill their last block.
    seconds = min(sound.frames / sound.samplerate + 1.0, rules.duration_seconds)
    try:
        return _Store(channels=sound.channels, capacity=math.ceil(seconds * ANALYSIS_RATE_HZ) + 1)
    except MemoryError as error:
        raise CallFileError(
            "not_enough_memory",
            f"{name} may last {seconds:.0f} s, too long for this machine's memory; split the call.",
            technical="or lower CALMSCORE_MAX_DURATION_SECONDS",
        ) from error


def _decode(sound: Sound, name: str, rules: ReadingRules) -> _Decoded:
    rate = sound.samplerate
    decoded = _Decoded(_reserve(sound, name, rules))
    # Decoders of lossy formats overshoot a little; float files say what they mean.
    full_scale = 1.0 if sound.subtype in ("FLOAT", "DOUBLE") else 2.0
    resampler = soxr.ResampleStream(rate, ANALYSIS_RATE_HZ, sound.channels, dtype="float32")
    buffer = np.empty((_BLOCK_SECONDS * rate, sound.channels), dtype=np.float32)
    while True:
        try:
            block = sound.read(out=buffer)
        except (soundfile.SoundFileError, FFmpegError):
            # What came before is sound all the same; a notice says where it ends.
            decoded.broke_off = True
            block = buffer[:0]
        if len(block):
            peak = _peak(block, decoded.frames / rate, name)
            decoded.frames += len(block)
            decoded.peak = max(decoded.peak, peak)
            if decoded.frames > rules.duration_seconds * rate:
                raise _too_long(decoded.frames / rate, name, rules)
            if peak > full_scale:
                decoded.store.make_room(peak)
        decoded.store.append(resampler.resample_chunk(block, last=not len(block)))
        if not len(block):
            return decoded


def _peak(block: NDArray[np.float32], start_seconds: float, name: str) -> float:
    peak = max(float(block.max()), -float(block.min()))
    if peak <= _LARGEST_SAMPLE:
        return peak
    wrong = block[~(np.abs(block) <= _LARGEST_SAMPLE)]
    raise CallFileError(
        "invalid_samples",
        f"{name} holds a sample that is no sound level ({wrong[0]:g}, in the second after "
        f"{start_seconds:.0f} s); export the call again, best as 16-bit PCM.",
    )


def _announced_seconds(
    header: WaveHeader | None, decoded: _Decoded, known_seconds: float | None, rate_hz: int
) -> float | None:
    """Return the length that the file claims, None where it claims none."""
    if header is None:
        return known_seconds
    if header.data_bytes is None or header.present_bytes <= 0:
        return None
    # A ratio of bytes holds for every codec.
    ratio = max(1.0, header.data_bytes / header.present_bytes)
    return ratio * decoded.frames / rate_hz


def _notices(
    decoded: _Decoded,
    announced_seconds: float | None,
    seconds: float,
    *,
    gap: float,
    damaged: int,
    unread: float,
) -> tuple[Notice, ...]:
    notices = []
    # Estimates of joined files take in what is told of below.
    announced = (announced_seconds or 0.0) - unread
    if decoded.broke_off or announced > seconds * _LENGTH_TOLERANCE + gap:
        total = f"{announced:.1f} s" if announced > seconds else "an unknown length"
        notices.append(
            Notice(
                "truncated_data",
                f"The file breaks off: {seconds:.1f} s of {total} are there, "
                "and the score covers only this part.",
            )
        )
    if unread >= _LEAST_UNREAD_SECONDS:
        notices.append(
            Notice(
                "sound_after_end",
                f"About {unread:.1f} s after the announced end of the file were not read; if two "
                "recordings were joined, add each on its own.",
                at_seconds=seconds,
            )
        )
    if damaged:
        notices.append(
            Notice(
                "damaged_data",
                f"{damaged} piece{'s' if damaged > 1 else ''} of the file could not be decoded and "
                "were left out; times after them may be early.",
            )
        )
    if decoded.store.divisor > 1:
        notices.append(
            Notice(
                "level_scaled",
                f"Samples go up to {decoded.peak:g} where 1 is full scale; all were divided by "
                f"{decoded.store.divisor:g}, which changes the loudness and nothing else.",
            )
        )
    return tuple(notices)
