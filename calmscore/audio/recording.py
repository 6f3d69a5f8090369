"""A call recording, from a file of any common kind to samples at one rate."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import soundfile  # type: ignore[import-untyped, unused-ignore]
import soxr  # type: ignore[import-untyped, unused-ignore]
from av.error import FFmpegError
from numpy.typing import NDArray

from calmscore.audio.av_sound import UNKNOWN_FRAMES, AvSound, raw_format_of
from calmscore.audio.file_start import sound_start
from calmscore.audio.joined_files import FilePart
from calmscore.audio.overflow import overflows
from calmscore.audio.reading_notices import coding_notices, joined_notices, reading_notices
from calmscore.audio.recording_file import (
    clean_file_name,
    open_recording,
    rewound,
    sha256_of,
    system_errors,
)
from calmscore.audio.refusals import (
    HIGHEST_RATE_HZ,
    LOWEST_RATE_HZ,
    MOST_CHANNELS,
    check_size,
    no_samples,
    too_long,
    unsupported,
    wrong_channels,
    wrong_rate,
)
from calmscore.audio.sound_end import breaks_off
from calmscore.audio.sound_file import Sound, open_sound, view_of
from calmscore.audio.wave_header import WaveHeader, read_wave_header
from calmscore.errors import CallFileError, Notice
from calmscore.settings import RawFormat, ReadingRules, read_environment

ANALYSIS_RATE_HZ = 16_000

# One second: libsndfile drops the block in which a decoder stumbles, so that a
# short block loses little, and blocks from 1 s to 30 s take the same time.
_BLOCK_SECONDS = 1
# Every browser plays what has at least this rate.
_LOWEST_PLAYED_HZ = 8_000
# Where so many samples of a second stand at its highest or lowest value, that is where the sound
# was cut off; of a soft sound with few steps, many stand there by themselves.
_CLIPPED_SHARE, _LEAST_STEPS = 0.02, 64
# Scaled 32-bit integers stay below this; what is above it is no sound.
_LARGEST_SAMPLE = 2.0**40
_SOFTEST_PEAK, _HIGHEST_POWER = 2.0**-6, 15
# Decoders may hold back a frame at the end; that is no truncation.
_SMALLEST_GAP_SECONDS = 0.04
# FFmpeg estimates the length of joined files from their bytes.
_ESTIMATED_GAP_SECONDS = 0.5
# Where so much of it cannot be decoded, what is left is noise, or says nothing of the call.
_MOST_DAMAGED = 0.5


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
        Sound at ``samples_rate_hz``, full scale 1. Half precision keeps 11
        significant bits at every level, and an hour of stereo takes 230 MB.
    warnings : tuple of Notice
        What a reader of the result should know about the file.
    samples_rate_hz : int
        ``ANALYSIS_RATE_HZ``, unless it was read to be played.
    raw_format : RawFormat or None
        What it was taken to hold, where it has no header.
    clipped_shares : array of float32, shape (channels, seconds of the file)
        Which share of each second was cut off at one level, whatever that is: a sound that
        was clipped may have been made softer. 0 where hardly any was. Empty if nobody knows.
    overflowed_seconds : tuple of int
        In how many seconds of each channel samples overflowed. Empty if nobody knows.
    """

    file_name: str
    sha256: str
    sample_rate_hz: int
    duration_seconds: float
    samples: NDArray[np.float16]
    warnings: tuple[Notice, ...]
    samples_rate_hz: int = ANALYSIS_RATE_HZ
    raw_format: RawFormat | None = None
    clipped_shares: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 0), dtype=np.float32)
    )
    overflowed_seconds: tuple[int, ...] = ()


def read_recording(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    file_name: str | None = None,
    rules: ReadingRules | None = None,
    sha256: str | None = None,
    to_play: bool = False,
    raw_format: str | None = None,
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
        What it may take at most, and what it holds where it has no header; by default as
        the environment says.
    sha256 : str, optional
        The hash of its bytes, where it is known.
    to_play : bool
        Leaves a rate as it is that is below the analysis rate and that a browser plays: a
        call by telephone is ready in half of the time.
    raw_format : str, optional
        What somebody said that it holds, if it has no header, as `RawFormat.parse` reads it;
        goes before its name and the rules.

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
    rules = rules or read_environment().reading_rules
    said = None if raw_format is None else RawFormat.parse(raw_format)
    if isinstance(source, (str, os.PathLike)):
        name = clean_file_name(file_name or os.fsdecode(source))
        with open_recording(source, file_name=name) as stream:
            return _read_stream(stream, name, rules, sha256, said, to_play=to_play)
    own_name = getattr(source, "name", None)
    name = clean_file_name(file_name or (own_name if isinstance(own_name, str) else ""))
    with rewound(source, name) as stream:
        return _read_stream(stream, name, rules, sha256, said, to_play=to_play)


def _read_stream(
    stream: BinaryIO,
    name: str,
    rules: ReadingRules,
    sha256: str | None,
    said: RawFormat | None,
    *,
    to_play: bool,
) -> Recording:
    with system_errors(name):
        size = stream.seek(0, os.SEEK_END)
        check_size(size, name, rules)
        sha256 = sha256 or sha256_of(stream)
        start = sound_start(stream)
        part = FilePart(stream, start=start, end=size)
        size -= start
        header = read_wave_header(part, size)
        cut_off = breaks_off(part, size)
        view, after_end = view_of(part, size, header)
    with open_sound(view, header, name, usual=rules.raw_format, said=said) as sound:
        _check_sound(sound, header, name)
        known_seconds = _known_seconds(sound)
        if known_seconds is not None and known_seconds > rules.duration_seconds:
            raise too_long(known_seconds, name, rules)
        kept_rate = to_play and _LOWEST_PLAYED_HZ <= sound.samplerate < ANALYSIS_RATE_HZ
        decoded = _decode(
            sound, name, rules, rate_hz=sound.samplerate if kept_rate else ANALYSIS_RATE_HZ
        )
        decoded.broke_off |= cut_off
        announced = _announced_seconds(header, decoded, known_seconds, sound.samplerate)
        rate = sound.samplerate
        damaged, gap = 0, _SMALLEST_GAP_SECONDS
        joints: list[int] = []
        if isinstance(sound, AvSound):
            damaged, gap, joints = sound.damaged_packets, _ESTIMATED_GAP_SECONDS, sound.joints
            if damaged > _MOST_DAMAGED * sound.packets:
                raise unsupported(header, name)
        if joints:
            # What the first of joined files says of its length is true of that one alone.
            announced = None
        if after_end < 0.0:
            announced = (1.0 - after_end) * decoded.frames / rate
    if view.failure:
        with system_errors(name):
            raise view.failure
    if not decoded.frames:
        raise no_samples(name)
    return Recording(
        file_name=name,
        sha256=sha256,
        sample_rate_hz=rate,
        duration_seconds=decoded.frames / rate,
        samples=decoded.store.finished(frames=decoded.frames, rate_hz=rate),
        warnings=(
            *reading_notices(
                seconds=decoded.frames / rate,
                announced_seconds=announced,
                broke_off=decoded.broke_off,
                gap_seconds=gap,
                damaged_pieces=damaged,
                unread_seconds=max(after_end, 0.0) * decoded.frames / rate,
                peak=decoded.peak,
                divisor=decoded.store.divisor,
            ),
            *joined_notices([joint / rate for joint in joints]),
            *coding_notices(said or raw_format_of(name, usual=rules.raw_format), sound.raw_format),
        ),
        samples_rate_hz=decoded.store.rate_hz,
        raw_format=sound.raw_format,
        clipped_shares=np.array(decoded.clipped_shares, dtype=np.float32).T,
        overflowed_seconds=tuple(map(sum, zip(*decoded.overflowed, strict=True))),
    )


def _check_sound(sound: Sound, header: WaveHeader | None, name: str) -> None:
    # libsndfile reads a rate as signed; the header walk does not.
    rate_hz = header.rate_hz if header and header.rate_hz is not None else sound.samplerate
    if not 1 <= sound.channels <= MOST_CHANNELS:
        # A decoder that cannot say how many there are is none for it.
        told = header is not None and header.channels and not sound.channels
        raise unsupported(header, name) if told else wrong_channels(sound.channels, name)
    if not LOWEST_RATE_HZ <= sound.samplerate <= HIGHEST_RATE_HZ:
        raise wrong_rate(rate_hz, name)
    if sound.frames <= 0:
        raise no_samples(name)


def _known_seconds(sound: Sound) -> float | None:
    """Return the length that the file states, None where it states none."""
    # libsndfile's word for "as many as come" is the largest signed number of 64 bits.
    return None if sound.frames >= UNKNOWN_FRAMES else float(sound.frames / sound.samplerate)


class _Store:
    """Samples at one rate, in half precision, filled block by block.

    The whole is reserved at once, never beyond the duration limit; the system
    hands out the memory only where samples are written, so that neither a header
    that announces too much nor one that announces nothing costs any. Where more comes
    than was announced, the rest up to the limit is reserved.
    """

    def __init__(self, *, channels: int, seconds: float, most_seconds: float, rate_hz: int) -> None:
        self._most = math.ceil(most_seconds * rate_hz) + 1
        capacity = min(math.ceil(seconds * rate_hz) + 1, self._most)
        self._samples = np.empty((channels, capacity), dtype=np.float16)
        self._end = 0
        self.rate_hz = rate_hz
        self.divisor = 1.0

    def append(self, block: NDArray[np.float32]) -> None:
        """Add samples of shape (n, channels), as they are in the file."""
        block = block[: self._most - self._end]
        if self._end + len(block) > self._samples.shape[1]:
            whole = np.empty((len(self._samples), self._most), dtype=np.float16)
            whole[:, : self._end] = self._samples[:, : self._end]
            self._samples = whole
        end = self._end + len(block)
        self._samples[:, self._end : end] = block.T / np.float32(self.divisor)
        self._end = end

    def make_room(self, peak: float) -> None:
        """Divide by a power of two, which costs no precision, to bring the peak to 1."""
        divisor = 2.0 ** math.ceil(math.log2(peak))
        if divisor > self.divisor:
            self._samples[:, : self._end] *= np.float16(self.divisor / divisor)
            self.divisor = divisor

    def make_louder(self, peak: float) -> None:
        """Multiply by a power of two, where the peak is so soft that limits would be above it."""
        if 0.0 < peak < _SOFTEST_PEAK:
            power = min(math.floor(-math.log2(peak)) - 1, _HIGHEST_POWER)
            self._samples[:, : self._end] *= np.float16(2.0**power)

    def finished(self, *, frames: int, rate_hz: int) -> NDArray[np.float16]:
        """Return exactly the samples that ``frames`` of the file amount to."""
        # The resampler may be one sample off, and gives none for the shortest sounds.
        length = max(1, round(frames * self.rate_hz / rate_hz))
        self._samples[:, self._end : length] = 0
        return self._samples[:, :length]


@dataclass
class _Decoded:
    """What came out of the decoder."""

    store: _Store
    frames: int = 0
    peak: float = 0.0
    broke_off: bool = False
    clipped_shares: list[list[float]] = field(default_factory=list)
    overflowed: list[list[bool]] = field(default_factory=list)


def _reserve(sound: Sound, name: str, rules: ReadingRules, *, rate_hz: int) -> _Store:
    # A second more than announced: coders fill their last block.
    seconds, most = sound.frames / sound.samplerate + 1.0, rules.duration_seconds
    try:
        return _Store(channels=sound.channels, seconds=seconds, most_seconds=most, rate_hz=rate_hz)
    except MemoryError as error:
        raise CallFileError(
            "not_enough_memory",
            f"{name} may last {min(seconds, most):.0f} s, too long for this machine's memory; "
            "split the call.",
            technical="or lower CALMSCORE_MAX_DURATION_SECONDS",
        ) from error


def _decode(sound: Sound, name: str, rules: ReadingRules, *, rate_hz: int) -> _Decoded:
    """Read all of a sound, and store it at another rate, or at the one that it has."""
    rate = sound.samplerate
    decoded = _Decoded(_reserve(sound, name, rules, rate_hz=rate_hz))
    # Decoders of lossy formats overshoot a little; float files say what they mean.
    full_scale = 1.0 if sound.subtype in ("FLOAT", "DOUBLE") else 2.0
    resampler = soxr.ResampleStream(rate, rate_hz, sound.channels, dtype="float32")
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
            decoded.clipped_shares.append([_clipped_share(side) for side in block.T])
            decoded.overflowed.append([overflows(side) for side in block.T])
            if decoded.frames > rules.duration_seconds * rate:
                raise too_long(decoded.frames / rate, name, rules)
            if peak > full_scale:
                decoded.store.make_room(peak)
        decoded.store.append(resampler.resample_chunk(block, last=not len(block)))
        if not len(block):
            if full_scale == 1.0:
                # Only floats hold a voice that is so soft.
                decoded.store.make_louder(decoded.peak)
            return decoded


def _clipped_share(side: NDArray[np.float32]) -> float:
    """Return which share of a second of one channel was cut off; 0 where hardly any was."""
    count = np.count_nonzero(side == side.max()) + np.count_nonzero(side == side.min())
    share = count / side.size
    if share < _CLIPPED_SHARE or np.unique(side).size < _LEAST_STEPS:
        return 0.0
    return float(share)


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
