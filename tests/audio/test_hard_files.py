"""Files as recorders write them: all of the sound is read, or the rest is named."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from av_files import av_file

from calmscore.audio.recording import read_recording
from calmscore.errors import CallFileError
from calmscore.settings import RawFormat, ReadingRules

Sound = np.ndarray
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def plain(seconds: float, *, channels: int = 2, rate_hz: int = 8_000) -> Sound:
    """Return noise, shape (n, channels): what a file's form cannot mistake for another."""
    generator = np.random.default_rng(round(1000 * seconds))
    return 0.1 * generator.standard_normal((round(seconds * rate_hz), channels))


def pcm(seconds: float) -> bytes:
    return np.asarray(plain(seconds) * 32767).astype("<i2").tobytes()


def chunk(kind: bytes, data: bytes, *, announced: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(data) if announced is None else announced) + data


TITLE = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"a call\0\0"))
STEREO = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 8_000, 32_000, 4, 16))


def riff(*chunks: bytes, announced: int | None = None) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks), announced=announced)


def wide(kind: bytes, *, announced: int, sound: bytes) -> bytes:
    """Return a file of 64-bit sizes."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", announced + 72, announced, announced // 4, 0))
    return chunk(kind, b"WAVE" + sizes + STEREO, announced=0xFFFF_FFFF) + (
        chunk(b"data", sound, announced=0xFFFF_FFFF)
    )


def written(sound: Sound, *, form: str = "WAV", coding: str = "PCM_16", rate_hz: int = 8_000):
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=form, subtype=coding)
    return file.getvalue()


def opus(seconds: float) -> bytes:
    return written(plain(seconds, rate_hz=48_000), form="OGG", coding="OPUS", rate_hz=48_000)


def patched(file: bytes, place: int, patch: bytes) -> bytes:
    return file[:place] + patch + file[place + len(patch) :]


def at_rate(rate_hz: int) -> bytes:
    return written(plain(3, rate_hz=rate_hz), rate_hz=rate_hz)


def announcing(file: bytes, kind: bytes, count: int) -> bytes:
    """Return an AIFF in which a chunk says that it has so many bytes."""
    return patched(file, file.index(kind) + 4, struct.pack(">I", count))


def mp3(seconds: float, *, channels: int = 2, rate_hz: int = 8_000) -> bytes:
    """Return frames alone: nothing that tells how many there are."""
    sound = plain(seconds, channels=channels, rate_hz=rate_hz)
    file = written(sound, form="MP3", coding="MPEG_LAYER_III", rate_hz=rate_hz)
    return file[file.index(file[:2], 2) :]


# A frame of noise, at the lowest rate.
AMR_FRAME = b"\x04" + bytes.fromhex("1a7c3b96e25d80f4b1c6d98f")
# What stands before a file that was sent: a tag, the heads of an answer and of a form, blanks.
BEFORE = {
    "a tag of MP3": b"ID3\x03\0\0\0\0\0\x0a" + bytes(10),
    "the head of an answer": b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n",
    "a byte order mark": b"\xef\xbb\xbf",
    "an empty line": b"\r\n",
    "zeros": bytes(512),
}
BEHIND: dict[str, Callable[[], bytes]] = {
    "WAV": lambda: written(plain(3)),
    "AIFF": lambda: written(plain(3), form="AIFF"),
    "FLAC": lambda: written(plain(3), form="FLAC"),
    "OGG": lambda: opus(3),
    "M4A": lambda: av_file("m4a", plain(3, rate_hz=16_000)),
    "MP3": lambda: mp3(3),
    "AAC": lambda: av_file("aac", plain(3, rate_hz=16_000)),
}


def behind(before: bytes, make: Callable[[], bytes]) -> bytes:
    return before + make()


# What a recorder writes: the file, how long its sound is, and how much is left unread.
FILES: dict[str, tuple[Callable[[], bytes], str, float, float]] = {
    "joined WAV": (lambda: written(plain(3)) + written(plain(2)), "a.wav", 3, 2),
    "joined Opus": (lambda: opus(3) + opus(2), "a.opus", 5, 0),
    "joined MP3": (
        lambda: written(plain(3), form="MP3", coding="MPEG_LAYER_III")
        + written(plain(2), form="MP3", coding="MPEG_LAYER_III"), "a.mp3", 5, 0,
    ),
    "joined MP3, each with its title": (
        lambda: av_file("mp3", plain(3)) + av_file("mp3", plain(2)) + b"TAG" + bytes(125),
        "a.mp3", 5, 0,
    ),
    "joined AIFF": (
        lambda: written(plain(3), form="AIFF") + written(plain(2), form="AIFF"), "a.aiff", 3, 2
    ),
    "joined AU": (
        lambda: written(plain(3), form="AU") + written(plain(2), form="AU"), "a.au", 3, 2
    ),
    "joined AU, mu-law": (
        lambda: written(plain(3), form="AU", coding="ULAW")
        + written(plain(2), form="AU", coding="ULAW"), "a.au", 3, 2,
    ),
    "joined FLAC": (
        lambda: written(plain(3), form="FLAC") + written(plain(2), form="FLAC"), "a.flac", 3, 2
    ),
    "joined FLAC of two rates": (
        lambda: written(plain(3), form="FLAC")
        + written(plain(2, rate_hz=16_000), form="FLAC", rate_hz=16_000), "a.flac", 3, 2,
    ),
    "three joined FLAC": (
        lambda: b"".join(written(plain(s), form="FLAC") for s in (3, 2, 1)), "a.flac", 3, 3
    ),
    "joined CAF": (lambda: av_file("caf", plain(3)) + av_file("caf", plain(2)), "a.caf", 5, 0),
    "joined M4A": (
        lambda: av_file("m4a", plain(3, rate_hz=16_000)) + av_file("m4a", plain(2, rate_hz=16_000)),
        "a.m4a", 5, 0,
    ),
    "joined MP3 without tags, of two rates": (
        lambda: mp3(3, rate_hz=16_000) + mp3(2), "a.mp3", 5, 0
    ),
    "joined MP3 without tags, of one channel": (
        lambda: mp3(3) + mp3(2, channels=1), "a.mp3", 5, 0
    ),
    "joined AAC of two rates": (
        lambda: av_file("aac", plain(3, rate_hz=16_000))
        + av_file("aac", plain(2), rate_hz=8_000), "a.aac", 5, 0,
    ),
    "joined Wave64": (lambda: written(plain(3), form="W64") * 2, "a.w64", 3, 3),
    "joined Wave64 of one channel": (
        lambda: written(plain(3), form="W64") + written(plain(3, channels=1), form="W64"),
        "a.w64", 3, 1.5,
    ),
    "joined SPHERE": (lambda: written(plain(3), form="NIST") * 2, "a.sph", 3, 3),
    "joined IRCAM": (lambda: written(plain(3), form="IRCAM") * 2, "a.sf", 3, 3),
    "joined Portable Voice Format": (lambda: written(plain(3), form="PVF") * 2, "a.pvf", 3, 3),
    "joined Creative": (lambda: written(plain(3), form="VOC") * 2, "a.voc", 6, 0),
    "joined True Audio": (lambda: av_file("tta", plain(3)) * 2, "a.tta", 6, 0),
    "joined WavPack": (lambda: av_file("wv", plain(3)) * 2, "a.wv", 6, 0),
    "joined AMR": (lambda: 2 * (b"#!AMR\n" + AMR_FRAME * 150), "a.amr", 6, 0),
    "AIFF that announces too little": (
        lambda: announcing(written(plain(3), form="AIFF"), b"SSND", 8 + 2 * 32_000),
        "a.aiff", 2, 1,
    ),
    "AIFF that was never closed": (
        lambda: announcing(announcing(written(plain(3), form="AIFF"), b"FORM", 0), b"SSND", 0),
        "a.aiff", 3, 0,
    ),
    "AIFF closed too early": (
        lambda: announcing(written(plain(3), form="AIFF"), b"FORM", 9_999), "a.aiff", 3, 0
    ),
    **{
        f"{name} before a {kind}": (
            partial(behind, before, make), f"a.{kind.lower()}", 3, 0
        )
        for name, before in BEFORE.items()
        for kind, make in BEHIND.items()
    },
    "an odd chunk that was not filled up": (
        lambda: riff(chunk(b"bext", b"x" * 603), STEREO, chunk(b"LIST", b"INFO123"),
                     chunk(b"data", pcm(3)), TITLE), "a.wav", 3, 0,
    ),
    "an odd chunk behind the sound that was not filled up": (
        lambda: riff(STEREO, chunk(b"data", pcm(3)), chunk(b"JUNK", b"123"), TITLE), "a.wav", 3, 0
    ),
    "a chunk that says it is longer than the file": (
        lambda: riff(STEREO, chunk(b"LIST", b"INFO", announced=0xFFFF_FFF0),
                     chunk(b"data", pcm(3))), "a.wav", 3, 0,
    ),
    "sound before what describes it": (
        lambda: riff(chunk(b"data", pcm(3)), STEREO), "a.wav", 3, 0
    ),
    "PCM that does not say of how many bits": (
        lambda: riff(chunk(b"fmt ", STEREO[8:22]), chunk(b"data", pcm(3))), "a.wav", 3, 0
    ),
    "mu-law of IBM": (
        lambda: riff(chunk(b"fmt ", struct.pack("<HHIIHH", 0x101, 2, 8_000, 16_000, 2, 8)),
                     chunk(b"data", bare(plain(3), "ULAW"))), "a.wav", 3, 0,
    ),
    "joined AAC": (
        lambda: av_file("aac", plain(3, rate_hz=16_000)) + av_file("aac", plain(2, rate_hz=16_000)),
        "a.aac", 5, 0,
    ),
    "joined WebM of one channel and of two": (
        lambda: av_file("webm", plain(3, channels=1, rate_hz=48_000))
        + av_file("webm", plain(2, rate_hz=48_000)), "a.webm", 5, 0,
    ),
    "joined Matroska of bare samples and Opus": (
        lambda: av_file("mka", plain(3)) + av_file("webm", plain(2, rate_hz=48_000)),
        "a.mka", 5, 0,
    ),
    "three joined OGG of two codings": (
        lambda: opus(3)
        + written(plain(2, rate_hz=16_000), form="OGG", coding="VORBIS", rate_hz=16_000)
        + opus(1), "a.ogg", 6, 0,
    ),
    "joined MP3 of two rates": (
        lambda: av_file("mp3", plain(3))
        + b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
        + written(plain(2, rate_hz=44_100), form="MP3", coding="MPEG_LAYER_III", rate_hz=44_100),
        "a.mp3", 5, 0,
    ),
    "AU that was never closed": (
        lambda: patched(written(plain(3), form="AU"), 8, bytes(4)), "a.au", 3, 0
    ),
    "AU of unknown length": (
        lambda: patched(written(plain(3), form="AU"), 8, b"\xff" * 4), "a.au", 3, 0
    ),
    "IRCAM": (lambda: written(plain(3), form="IRCAM"), "a.sf", 3, 0),
    "Portable Voice Format": (lambda: written(plain(3), form="PVF"), "a.pvf", 3, 0),
    "bare samples of 12 kHz": (
        lambda: bare(plain(3, channels=1, rate_hz=12_000), "PCM_16"), "a.sln12", 3, 0
    ),
    "bare samples of 44.1 kHz": (
        lambda: bare(plain(3, channels=1, rate_hz=44_100), "PCM_16"), "a.sln44", 3, 0
    ),
    "bare mu-law by another name": (
        lambda: bare(plain(3, channels=1), "ULAW"), "a.mulaw", 3, 0
    ),
    "SPHERE": (lambda: written(plain(3), form="NIST"), "a.sph", 3, 0),
    "Creative": (lambda: written(plain(3), form="VOC"), "a.voc", 3, 0),
    "two data chunks": (
        lambda: riff(STEREO, chunk(b"data", pcm(3)), chunk(b"data", pcm(2))), "a.wav", 3, 2
    ),
    "two data chunks with another between": (
        lambda: riff(
            STEREO, chunk(b"data", pcm(3)), chunk(b"LIST", b"INFO"), chunk(b"data", pcm(2))
        ), "a.wav", 3, 2,
    ),
    "RIFF closed too early": (
        lambda: riff(STEREO, chunk(b"data", pcm(3)), announced=5_000), "a.wav", 3, 0
    ),
    "RIFF never closed": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0), announced=0), "a.wav", 3, 0
    ),
    "RIFF closed, its data chunk not": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0)), "a.wav", 3, 0
    ),
    "data chunk shorter than the file": (
        lambda: riff(STEREO, chunk(b"data", pcm(4), announced=len(pcm(3)))), "a.wav", 3, 1
    ),
    "BW64": (lambda: wide(b"BW64", announced=96_000, sound=pcm(3)), "a.wav", 3, 0),
    "RF64": (lambda: wide(b"RF64", announced=96_000, sound=pcm(3)), "a.wav", 3, 0),
    "BW64 that was never closed": (lambda: wide(b"BW64", announced=0, sound=pcm(3)), "a.wav", 3, 0),
    "RF64 that was never closed": (lambda: wide(b"RF64", announced=0, sound=pcm(3)), "a.wav", 3, 0),
    "RF64 that announces too little": (
        lambda: wide(b"RF64", announced=64_000, sound=pcm(3)), "a.wav", 2, 1
    ),
    "joined WAV of another rate": (
        lambda: written(plain(3)) + written(plain(2, rate_hz=16_000), rate_hz=16_000),
        "a.wav", 3, 2,
    ),
    "joined WAV of one channel": (
        lambda: written(plain(3)) + written(plain(2, channels=1)), "a.wav", 3, 2
    ),
    "joined WAV of another coding, and a third": (
        lambda: written(plain(3)) + written(plain(2), coding="ULAW") + written(plain(1)),
        "a.wav", 3, 3,
    ),
    "joined to a WAV that was never closed": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0), announced=0) + written(plain(2)),
        "a.wav", 3, 2,
    ),
    "joined to a WAV of unknown length": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0xFFFF_FFFF), announced=0xFFFF_FFFF)
        + written(plain(2)), "a.wav", 3, 2,
    ),
    "a title behind a WAV that was never closed": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0), TITLE), "a.wav", 3, 0
    ),
    "a title behind a WAV of unknown length": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=0xFFFF_FFFF), TITLE), "a.wav", 3, 0
    ),
    "a header that was written before the sound": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=100)), "a.wav", 3, 0
    ),
    "a header that counts one byte": (
        lambda: riff(STEREO, chunk(b"data", pcm(3), announced=1)), "a.wav", 3, 0
    ),
    "an empty data chunk before the right one": (
        lambda: riff(STEREO, chunk(b"data", b""), chunk(b"data", pcm(3))), "a.wav", 3, 0
    ),
    "silence behind the end": (lambda: written(plain(3)) + bytes(1 << 17), "a.wav", 3, 0),
    "letters behind the end": (
        lambda: written(plain(3)) + b"<call>" + b"<agent>Smith</agent>" * 9_999, "a.wav", 3, 0
    ),
    "RF64 without its sizes": (
        lambda: chunk(b"RF64", b"WAVE" + STEREO, announced=0xFFFF_FFFF)
        + chunk(b"data", pcm(3), announced=0xFFFF_FFFF), "a.wav", 3, 0,
    ),
    "Dialogic": (
        lambda: written(plain(3, channels=1), form="RAW", coding="VOX_ADPCM"), "a.vox", 3, 0
    ),
    "bare mu-law": (lambda: av_file("ulaw", plain(3, channels=1)), "a.ulaw", 3, 0),
    "bare A-law": (lambda: av_file("alaw", plain(3, channels=1)), "a.alaw", 3, 0),
    "bare samples": (lambda: av_file("sln", plain(3, channels=1)), "a.sln", 3, 0),
    "bare GSM": (
        lambda: written(plain(3, channels=1), form="RAW", coding="GSM610"), "a.gsm", 3, 0
    ),
    "G.722": (lambda: av_file("g722", plain(3, channels=1, rate_hz=16_000)), "a.g722", 3, 0),
    "G.726 in WAV": (lambda: av_file("g726.wav", plain(3, channels=1)), "a.wav", 3, 0),
    **{f"{rate_hz} Hz": (partial(at_rate, rate_hz), "a.wav", 3, 0)
       for rate_hz in (6_000, 11_025, 22_050, 96_000, 192_000)},
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_all_of_the_sound_is_read_or_the_rest_is_named(name):
    make, file_name, seconds, unread = FILES[name]
    recording = read_recording(io.BytesIO(make()), file_name=file_name)
    assert recording.duration_seconds == pytest.approx(seconds, abs=0.35)
    told = [n.message for n in recording.warnings if n.code == "sound_after_end"]
    assert len(told) == (unread > 0)
    assert all(f"About {unread:.1f} s" in message for message in told)
    assert not {n.code for n in recording.warnings} & {
        "damaged_data", "truncated_data", "level_scaled",
    }  # fmt: skip
    assert 0.02 < float(recording.samples.std()) < 0.2
    # A header, or a title, that was read as sound would be a click.
    assert float(np.abs(recording.samples).max()) < 0.75
    # Where joined recordings were read as one, that is told.
    joints = [n.at_seconds for n in recording.warnings if n.code == "recordings_joined"]
    read_as_one = ("joined" in name) and not unread
    assert joints == ([pytest.approx(3, abs=0.2)] if read_as_one and name not in UNMARKED else [])


CUT_SHORT: dict[str, tuple[Callable[[], bytes], str]] = {
    "WAV": (lambda: written(plain(4)), "a.wav"),
    "WAV with a title behind sound that is not all there": (
        lambda: riff(STEREO, chunk(b"data", pcm(4), announced=2 * len(pcm(4))), TITLE) * 2,
        "a.wav",
    ),
    "AU": (lambda: written(plain(4), form="AU"), "a.au"),
    "AIFF": (lambda: written(plain(4), form="AIFF"), "a.aiff"),
    "Wave64": (lambda: written(plain(4), form="W64"), "a.w64"),
    "FLAC": (lambda: written(plain(4), form="FLAC"), "a.flac"),
    "Opus": (lambda: opus(4), "a.opus"),
    "Vorbis": (
        lambda: written(plain(4, rate_hz=16_000), form="OGG", coding="VORBIS", rate_hz=16_000),
        "a.ogg",
    ),
    "WebM": (lambda: av_file("webm", plain(4, rate_hz=48_000)), "a.webm"),
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_file_that_was_cut_short_is_read_and_the_rest_is_told_of(name):
    make, file_name = CUT_SHORT[name]
    whole = make()
    recording = read_recording(io.BytesIO(whole[: len(whole) // 2]), file_name=file_name)
    assert 0.9 < recording.duration_seconds < 4.1
    assert "truncated_data" in {notice.code for notice in recording.warnings}


# Nothing stands between these.
UNMARKED = ("joined AAC",)
RAW: dict[str, tuple[Callable[[], bytes], str, str, float, int]] = {
    "mu-law": (lambda: bare(plain(3, channels=1), "ULAW"), "a.raw", "ulaw", 3, 1),
    "mu-law that begins with silence": (
        lambda: b"\xff" * 8_000 + bare(plain(3, channels=1), "ULAW"), "a.raw", "ulaw:8000:1", 4, 1
    ),
    "A-law of two channels": (lambda: bare(plain(3), "ALAW"), "call", "alaw:8000:2", 3, 2),
    "samples of four channels": (
        lambda: bare(plain(3, channels=4), "PCM_16"), "a.bin", "s16le:16000:4", 1.5, 4
    ),
    "floats": (lambda: bare(plain(3), "FLOAT"), "a.pcm", "f32le:8000:2", 3, 2),
    "Dialogic at 6 kHz": (
        lambda: bare(plain(3, channels=1), "VOX_ADPCM"), "a.vox", "vox:6000", 4, 1
    ),
    "two channels where the name tells the coding": (
        lambda: bare(plain(3), "ULAW"), "a.ulaw", "ulaw:8000:2", 3, 2
    ),
    "another coding by the name": (
        lambda: bare(plain(3, channels=1), "ALAW"), "a.alaw", "ulaw:8000:2", 3, 1
    ),
    "a header all the same": (lambda: written(plain(3)), "a.raw", "ulaw:16000:1", 3, 2),
}  # fmt: skip


def bare(sound: Sound, coding: str) -> bytes:
    return written(sound, form="RAW", coding=coding)


@pytest.mark.parametrize("name", RAW)
def test_sound_without_a_header_is_what_somebody_says_it_is(name):
    make, file_name, raw, seconds, channels = RAW[name]
    rules = ReadingRules(raw_format=RawFormat.parse(raw))
    recording = read_recording(io.BytesIO(make()), file_name=file_name, rules=rules)
    assert recording.duration_seconds == pytest.approx(seconds, abs=0.05)
    assert len(recording.samples) == channels
    assert 0.05 < float(recording.samples.std()) < 0.2


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(999), b'{"error": 404}' * 99])
def test_what_is_no_sound_is_no_sound_without_a_header_either(content):
    rules = ReadingRules(raw_format=RawFormat.parse("ulaw"))
    with pytest.raises(CallFileError) as caught:
        read_recording(io.BytesIO(content), file_name="a.raw", rules=rules)
    assert caught.value.code == "not_audio"


NO_RECORDINGS = {
    "an archive": b"PK\x03\x04" + bytes(99),
    "a page of errors": b"<!DOCTYPE html><html>Session expired</html>",
    "a PDF": b"%PDF-1.7" + bytes(99),
    "JSON": b'{"error": "not found"}',
    "SILK": b"#!SILK_V3" + bytes(99),
    "notes": b"hello, dear customer",
    "a longer letter": b"Call notes: the customer rang at nine.\n" * 20,
}


@pytest.mark.parametrize("name", NO_RECORDINGS)
def test_what_is_no_recording_is_named_with_what_to_do(name):
    with pytest.raises(CallFileError, match=r"call 7\.wav is .*; ") as caught:
        read_recording(io.BytesIO(NO_RECORDINGS[name]), file_name="call 7.wav")
    assert caught.value.code == "not_audio"


def test_sound_without_a_header_is_refused_with_the_command_that_converts_it():
    with pytest.raises(CallFileError, match="export the call again as WAV") as caught:
        read_recording(io.BytesIO(b"\xff\x7f\xfe" * 4_000), file_name="call.raw")
    assert "ffmpeg -f mulaw -ar 8000 -i call.raw call.wav" in caught.value.technical


@lru_cache
def spoken() -> Sound:
    """Return what an angry customer says; bare samples of speech can be told apart."""
    samples, _ = soundfile.read(SAMPLES / "gets_worse.wav", start=20 * 8_000, frames=6 * 8_000)
    return np.asarray(samples[:, :1])


BARE: dict[str, Callable[[Sound], bytes]] = {
    "ulaw": lambda sound: bare(sound, "ULAW"),
    "alaw": lambda sound: bare(sound, "ALAW"),
    "s16le": lambda sound: bare(sound, "PCM_16"),
    "gsm": lambda sound: bare(sound, "GSM610"),
    "vox": lambda sound: bare(sound, "VOX_ADPCM"),
    "g722": lambda sound: av_file("g722", soxr.resample(sound, 8_000, 16_000)),
}
SILENCE = {"ulaw": b"\xff", "alaw": b"\xd5", "s16le": b"\0"}


@pytest.mark.parametrize("before", [0, 16_000])
@pytest.mark.parametrize(
    ("coding", "what", "ffmpeg"),
    [("ulaw", "mu-law", "mulaw"), ("alaw", "A-law", "alaw"), ("s16le", "16 bits", "s16le")],
)
@pytest.mark.parametrize("file_name", ["call.wav", "call.mp3", "call.raw", "call"])
def test_speech_without_a_header_is_refused_with_what_it_probably_is(
    coding, what, ffmpeg, file_name, before
):
    content = SILENCE[coding] * before + BARE[coding](spoken())
    with pytest.raises(CallFileError) as caught:
        read_recording(io.BytesIO(content), file_name=file_name)
    assert caught.value.code == "not_audio"
    assert f"is probably {'samples of ' * (coding == 's16le')}{what} without" in str(caught.value)
    assert f"'ffmpeg -f {ffmpeg} -ar 8000 -i \"{file_name}\" converted.wav'" in str(caught.value)


@pytest.mark.parametrize("coding", ["ulaw", "alaw", "s16le", "gsm"])
@pytest.mark.parametrize("named", ["ulaw", "alaw", "sln", "gsm", "vox", "g722"])
def test_what_samples_hold_goes_before_what_their_name_says(coding, named):
    recording = read_recording(io.BytesIO(BARE[coding](spoken())), file_name=f"a.{named}")
    assert recording.raw_format == RawFormat(coding=coding)
    told = {notice.code for notice in recording.warnings}
    assert told == (set() if named in (coding, "sln" * (coding == "s16le")) else {OTHER})
    heard = recording.samples[0].astype(np.float64)
    right = soxr.resample(spoken()[:, 0], 8_000, 16_000)
    assert np.corrcoef(heard[: right.size], right[: heard.size])[0, 1] > 0.9


OTHER = "other_raw_format"


@pytest.mark.parametrize("coding", BARE)
@pytest.mark.parametrize("level", [1.0, 0.1])
def test_bare_samples_whose_name_is_right_are_taken_as_it_says(coding, level):
    name = {"s16le": "sln"}.get(coding, coding)
    recording = read_recording(io.BytesIO(BARE[coding](level * spoken())), file_name=f"a.{name}")
    assert recording.raw_format is not None and recording.raw_format.coding == coding
    assert recording.warnings == ()


NAMED: dict[str, Callable[[], bytes]] = {
    **BEHIND,
    "MP3 with a tag": lambda: av_file("mp3", plain(3)),
    "MP2": lambda: av_file("mp2", plain(3, rate_hz=16_000)),
    "AU": lambda: written(plain(3), form="AU"),
    "WebM": lambda: av_file("webm", plain(3, rate_hz=48_000)),
    "MPEG transport stream": lambda: av_file("ts", plain(3, rate_hz=16_000)),
    "AMR": lambda: b"#!AMR\n" + AMR_FRAME * 150,
}


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize(
    "named", ["ulaw", "vox", "sln", "gsm", "g722", "g729", "mp3", "wav", "txt"]
)
def test_what_a_file_holds_goes_before_what_its_name_says(kind, named):
    recording = read_recording(io.BytesIO(NAMED[kind]()), file_name=f"a.{named}")
    assert recording.duration_seconds == pytest.approx(3, abs=0.35)
    assert recording.raw_format is None
    assert recording.warnings == ()


def tagged(codec: int, *, bits: int = 16) -> bytes:
    """Return a WAV of something that is coded so."""
    noise = np.random.default_rng(codec).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    form = struct.pack("<HHIIHHH", codec, 1, 8_000, 1_000, 10, bits, 0)
    return riff(chunk(b"fmt ", form), chunk(b"data", noise))


IN_WAVE = {
    "Speex": lambda: tagged(0xA109),
    "AAC": lambda: tagged(0x00FF),
    "Vorbis": lambda: tagged(0x566F),
    "Opus": lambda: tagged(0x704F),
    "AMR": lambda: tagged(0x7361),
    "G.729 of Sipro": lambda: tagged(0x0133),
    "G.723.1": lambda: tagged(0x0123),
    "sound of VoxWare": lambda: tagged(0x0075),
    "GSM 6.10": lambda: tagged(0x0031),
    "sound of an unknown form": lambda: tagged(0x1234),
}


@pytest.mark.parametrize("kind", IN_WAVE)
def test_what_cannot_be_decoded_is_named_and_never_read_as_noise(kind):
    with pytest.raises(CallFileError, match="convert it with") as caught:
        read_recording(io.BytesIO(IN_WAVE[kind]()), file_name="call 7.wav")
    assert caught.value.code == "unsupported_codec"
    assert f"call 7.wav holds {kind}" in str(caught.value)


DAMAGED_HEADS: dict[str, bytes] = {
    "blocks of 65,535 bytes and no bits": riff(
        chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 65_535, 0)),
        chunk(b"data", pcm(4)),
    ),
    "another file begins amid the head of the sound": riff(
        STEREO,
        chunk(b"data", bytes(4) + b"WAVE" + pcm(4), announced=int.from_bytes(b"RIFF", "little")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED_HEADS)
def test_a_damaged_head_is_read_or_refused_and_no_fault_of_the_product(name):
    try:
        read_recording(io.BytesIO(DAMAGED_HEADS[name]), file_name="call.wav")
    except CallFileError as refusal:
        assert "call.wav" in str(refusal)


def test_a_file_most_of_which_is_damaged_is_refused():
    file = bytearray(av_file("aac", plain(3, rate_hz=16_000)))
    # Their heads are whole; what they hold is not, but for the first ones.
    frames = [place for place in range(len(file)) if file[place : place + 2] == b"\xff\xf1"]
    for place in frames[4:]:
        file[place + 7 : place + 60] = bytes(range(60, 113))
    with pytest.raises(CallFileError) as caught:
        read_recording(io.BytesIO(file), file_name="a.aac")
    assert caught.value.code == "unreadable_audio"


CUT_OFF: dict[str, Callable[[Sound], Sound]] = {
    "at full scale": lambda sound: np.clip(10 * sound, -1.0, 1.0),
    "and made softer": lambda sound: 0.05 * np.clip(10 * sound, -1.0, 1.0),
    "by a soft limit, and made softer": lambda sound: 0.1 * np.tanh(40 * sound),
    "on one half of the wave": lambda sound: np.minimum(sound, 0.05),
}


@pytest.mark.parametrize("name", CUT_OFF)
@pytest.mark.parametrize("coding", ["PCM_16", "ULAW"])
def test_what_was_cut_off_is_known_at_whatever_level_it_comes(name, coding):
    sound = plain(3)
    sound[:, 0] = CUT_OFF[name](sound[:, 0])
    shares = read_recording(io.BytesIO(written(sound, coding=coding))).clipped_shares
    assert shares.shape == (2, 3)
    assert np.all(shares[0] > 0.1) and np.all(shares[1] == 0.0)


@pytest.mark.parametrize("level", [1.0, 0.1, 0.003])
@pytest.mark.parametrize("coding", ["PCM_16", "PCM_U8", "ULAW"])
def test_a_soft_sound_in_few_steps_is_not_cut_off(level, coding):
    shares = read_recording(io.BytesIO(written(level * plain(3), coding=coding))).clipped_shares
    assert not shares.any()
