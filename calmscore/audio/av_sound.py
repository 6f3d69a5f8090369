"""Sound that libsndfile does not know, decoded by FFmpeg's libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from calmscore.audio.joined_files import FilePart, Readable, joined_parts
from calmscore.settings import RawFormat

# Without a header nothing but the name tells what these hold.
_HEADERLESS: dict[str, RawFormat] = {
    **dict.fromkeys((".ulaw", ".ul", ".mulaw", ".mu", ".pcmu"), RawFormat(coding="ulaw")),
    **dict.fromkeys((".alaw", ".al", ".alw", ".pcma"), RawFormat(coding="alaw")),
    **dict.fromkeys((".sln", ".sln8", ".slin", ".sw"), RawFormat(coding="s16le")),
    # Asterisk's, by thousands of samples a second.
    **{
        f".sln{rate_hz // 1000}": RawFormat(coding="s16le", rate_hz=rate_hz)
        for rate_hz in (12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)
    },
    ".gsm": RawFormat(coding="gsm"),
    ".g722": RawFormat(coding="g722", rate_hz=16_000),
    ".g729": RawFormat(coding="g729"),
    ".vox": RawFormat(coding="vox"),
}
# What FFmpeg calls them, where it does otherwise.
_FFMPEG_NAMES = {"ulaw": "mulaw"}
_NO_OPTIONS = ("g722", "g729")
UNKNOWN_FRAMES = 1 << 62
# Of these the length is guessed from the first frames, or that of the first of joined files.
_GUESSED_LENGTH = ("aac", "ogg", "amr", "gsm")
_MP3_HEAD_BYTES = 1 << 16
_TAG_MARKS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")
# Of these each piece says its rate and channels: where they change, other recordings follow. What
# begins an MP3 says so, within so many bytes.
_JOINED_UNSEEN = ("mp3", "aac")
_FIRST_FRAME = re.compile(rb"\xff[\xe2-\xff].{2,44}(?:Xing|Info)", re.DOTALL)
# Coders overshoot full scale a little; what goes so far beyond it is damage.
_LARGEST_OVERSHOOT = 4.0
RECORDING_SUFFIXES = (
    ".wav", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".mp4", ".aac", ".3gp",
    ".amr", ".awb", ".webm", ".mka", ".wma", ".caf", ".au", ".snd", ".aif", ".aiff", ".aifc",
    ".mp2", ".spx", ".mkv", ".mov", ".avi", ".flv", ".tta", ".wv", ".ac3", ".mpga", ".wave",
    ".bwf", ".rf64", ".3gpp", ".3g2", ".m4b", ".asf", ".ra", ".rm", ".ts", ".mpg", ".qcp", ".dss",
    ".ape", ".sf", ".sph", ".voc", ".raw", ".pcm", *_HEADERLESS,
)  # fmt: skip
"""How the names of recordings end, for those who look into folders or offer a choice."""


def raw_format_of(file_name: str, *, usual: RawFormat | None = None) -> RawFormat | None:
    """Return what a file without a header holds.

    Parameters
    ----------
    file_name : str
        Its ending tells the coding.
    usual : RawFormat, optional
        What such files hold where nothing else is known; also tells the rate and the channels
        of its coding.

    Returns
    -------
    RawFormat or None
        None where nothing tells.
    """
    named = _HEADERLESS.get(PurePath(file_name).suffix.lower())
    if named is None or (usual is not None and usual.coding == named.coding):
        return usual
    return named


def _demuxer(raw: RawFormat | None) -> tuple[str | None, dict[str, str]]:
    """Return the name of FFmpeg's reader, None where it shall find out, and its options."""
    if raw is None:
        return None, {}
    options = {}
    if raw.coding not in _NO_OPTIONS:
        options["sample_rate"] = str(raw.rate_hz)
    if raw.channels > 1:
        options["ch_layout"] = f"{raw.channels}c"
    return _FFMPEG_NAMES.get(raw.coding, raw.coding), options


def _opened(
    part: FilePart, known: str | None, options: dict[str, str]
) -> tuple[InputContainer, AudioStream]:
    container = av.open(part, "r", format=known, options=options)
    audio = container.streams.audio
    if not audio or audio[0].codec_context is None:
        container.close()
        raise ValueError("it holds no sound that can be decoded")
    return container, audio[0]


class AvSound:
    """A recording that is read once from start to end; a context manager.

    Of what `soundfile.SoundFile` offers it has ``samplerate``, ``channels``, ``frames``,
    ``subtype``, ``format`` and ``read``. Beside these: ``packets``, how many pieces there are;
    ``damaged_packets``, how many of them were left out; and ``joints``, after how many samples
    another recording follows.

    Parameters
    ----------
    stream : binary file object
        The recording; seekable.
    raw_format : RawFormat, optional
        What it holds, where it has no header.

    Raises
    ------
    av.error.FFmpegError
        If no decoder knows it.
    ValueError
        If it holds no sound that can be decoded.
    """

    def __init__(self, stream: Readable, *, raw_format: RawFormat | None = None) -> None:
        self.raw_format = raw_format
        known, options = _demuxer(raw_format)
        stream.seek(0)
        head = stream.read(_MP3_HEAD_BYTES)
        first, *self._later = joined_parts(stream)
        self._container, self._stream = _opened(first, known, options)
        self.format = self._container.format.name
        self.samplerate = int(self._stream.rate or 0)
        # Kept: the stream follows whatever comes on the way.
        self._layout = self._stream.layout
        self.channels = int(self._stream.channels)
        # An MP3 says how long it is in its first frame, if it does at all.
        self._guessed_length = (
            bool(self._later)
            or self.format in _GUESSED_LENGTH
            or (self.format == "mp3" and not (b"Xing" in head or b"Info" in head))
        )
        # Matroska says it of the whole alone, in microseconds.
        told = self.format.startswith("matroska") and self._container.duration
        self._whole_frames = round(told * self.samplerate / 1e6) if told else UNKNOWN_FRAMES
        self.subtype = "FLOAT" if self._stream.codec_context.name.startswith("pcm_f") else ""
        self.packets, self.damaged_packets = 0, 0
        self.joints: list[int] = []
        self._given, self._begins_anew = 0, False
        self._rest = np.zeros((0, self.channels), dtype=np.float32)
        self._blocks = self._decoded()

    @property
    def frames(self) -> int:
        """How many samples of each channel the file claims; more than it has where it is silent."""
        stream = self._stream
        if self._guessed_length:
            return UNKNOWN_FRAMES
        if stream.duration is None or stream.time_base is None:
            return self._whole_frames
        return round(float(stream.duration * stream.time_base) * self.samplerate)

    def __enter__(self) -> AvSound:
        """Return the sound."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the decoder."""
        self._container.close()

    def read(self, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Read the next samples.

        Parameters
        ----------
        out : array of float32, shape (n, channels)
            Filled from its start.

        Returns
        -------
        array of float32, shape (m, channels)
            The part of ``out`` that was filled; empty at the end.

        Raises
        ------
        av.error.FFmpegError
            If the decoder stumbles.
        """
        filled = 0
        while filled < len(out):
            if not len(self._rest):
                block = next(self._blocks, None)
                if block is None:
                    break
                self._rest = block
            taken = self._rest[: len(out) - filled]
            out[filled : filled + len(taken)] = taken
            filled += len(taken)
            self._rest = self._rest[len(taken) :]
        return out[:filled]

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        for block in self._decoded_parts():
            # What begins a file may change its form after the first pieces.
            if self._begins_anew and self._given - sum(self.joints[-1:]) >= self.samplerate:
                self.joints.append(self._given)
            self._begins_anew = False
            self._given += len(block)
            yield block

    def _decoded_parts(self) -> Iterator[NDArray[np.float32]]:
        yield from self._decoded_part()
        for part in self._later:
            self._container.close()
            try:
                self._container, self._stream = _opened(part, None, {})
            except ValueError:
                continue  # pictures alone
            self._begins_anew = True
            yield from self._decoded_part()

    def _decoded_part(self) -> Iterator[NDArray[np.float32]]:
        known: object = None
        for packet in self._container.demux(self._stream):
            self.packets += 1
            unseen = self.format in _JOINED_UNSEEN
            self._begins_anew |= unseen and bool(_FIRST_FRAME.match(bytes(packet)))
            try:
                frames = packet.decode()
            except FFmpegError:
                # Between joined files stands what the next is called; else it is damage, and
                # what follows may be whole.
                if bytes(packet).startswith(_TAG_MARKS):
                    self._begins_anew = True
                else:
                    self.damaged_packets += 1
                continue
            for frame in frames:
                # Joined or damaged files change their form on the way.
                form = (frame.format.name, frame.layout.name, frame.sample_rate)
                if form != known:
                    self._begins_anew |= unseen and known is not None
                    known, resampler = form, self._resampler()
                try:
                    blocks = [
                        np.asarray(whole.to_ndarray().T, dtype=np.float32)
                        for whole in resampler.resample(frame)
                    ]
                except (FFmpegError, ValueError):
                    known, self.damaged_packets = None, self.damaged_packets + 1
                    continue
                for block in blocks:
                    if self._is_damage(block):
                        self.damaged_packets += 1
                    else:
                        yield block

    def _is_damage(self, block: NDArray[np.float32]) -> bool:
        """Tell whether a decoder made noise of what it could not read; floats may be anything."""
        return self.subtype != "FLOAT" and not np.all(np.abs(block) <= _LARGEST_OVERSHOOT)

    def _resampler(self) -> av.AudioResampler:
        return av.AudioResampler(format="fltp", layout=self._layout, rate=self.samplerate)
