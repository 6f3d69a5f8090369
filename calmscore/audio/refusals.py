"""What is not read as a recording, and the wording of the refusal."""

from __future__ import annotations

import re

import soundfile  # type: ignore[import-untyped, unused-ignore]

from calmscore.audio.wave_header import WaveHeader
from calmscore.errors import CallFileError
from calmscore.settings import RAW_NAMES, ReadingRules

LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 192_000
MOST_CHANNELS = 8
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
        rb"#!SILK|\x02#!SILK|#!EVRC|#!QCEL",
        "sound in a form that is not read here",
        "convert it where it was made, or with 'ffmpeg -i FILE call.wav'",
    ),
)
# What telephone systems put in WAVE, by its number there.
_CODECS = {
    0x0005: "CVSD of IBM", 0x0014: "G.723 (ADPCM)", 0x0015: "sound of Digital Speech",
    0x0022: "TrueSpeech", 0x0028: "LRC", 0x0031: "GSM 6.10", 0x0032: "MSN Audio",
    0x0034: "sound of Crystal", 0x0036: "VSELP", 0x0038: "AMR", 0x0041: "G.728",
    0x0042: "G.723.1 of Microsoft", 0x0045: "G.726", 0x0057: "AMR", 0x0058: "AMR-WB",
    0x0064: "G.726", 0x0065: "G.722", 0x0069: "sound of VoxWare", 0x0072: "G.723.1 or G.729",
    0x0075: "sound of VoxWare", 0x0083: "G.729A", 0x0098: "sound of VoxWare", 0x00FF: "AAC",
    0x0103: "ADPCM of IBM", 0x0111: "G.723.1 of Vivo", 0x0123: "G.723.1",
    0x0130: "ACELP of Sipro", 0x0131: "ACELP of Sipro", 0x0132: "ACELP of Sipro",
    0x0133: "G.729 of Sipro", 0x0134: "G.729A of Sipro", 0x0140: "G.726", 0x0160: "Windows Media",
    0x0161: "Windows Media", 0x0162: "Windows Media", 0x028E: "Siren", 0x1600: "AAC",
    0x1602: "AAC", 0x1610: "AAC", 0x216C: "MELPe", 0x566F: "Vorbis", 0x674F: "Vorbis",
    0x6750: "Vorbis", 0x6751: "Vorbis", 0x676F: "Vorbis", 0x6770: "Vorbis", 0x6771: "Vorbis",
    0x704F: "Opus", 0x7361: "AMR", 0x7362: "AMR-WB", 0x7A21: "AMR", 0x7A22: "AMR",
    0xA100: "G.723.1 of Comverse", 0xA103: "G.729 of Comverse", 0xA109: "Speex",
    0xA10B: "sound of Voice Age", 0xA112: "sound of Polycom",
}  # fmt: skip
# Their pieces are of any length, which WAVE does not tell: cut anywhere, they are noise.
CUT_UP_IN_WAVE = (0x00FF, 0x1602, 0x566F, 0x674F, 0x6750, 0x6751, 0x676F, 0x6770, 0x6771, 0xA109)


def check_size(size: int, name: str, rules: ReadingRules) -> None:
    """Refuse a file that is empty or too large."""
    if size == 0:
        raise CallFileError("empty_file", f"{name} is empty (0 bytes); export the call again.")
    if size > rules.file_bytes:
        raise CallFileError(
            "file_too_large",
            f"{name} has {size} bytes, above the limit of {rules.file_bytes}; split the call.",
            technical="or raise CALMSCORE_MAX_FILE_BYTES",
        )


def not_audio(first: bytes, name: str, *, coding: str | None) -> CallFileError:
    """Return the refusal of what is no sound in a known form, with what it probably is.

    Parameters
    ----------
    first : bytes
        How it begins.
    name : str
        Its name.
    coding : str or None
        What it probably holds, if it is sound without a header.
    """
    for pattern, what, remedy in _OTHER_FILES:
        if re.match(pattern, first, re.DOTALL):
            return CallFileError("not_audio", f"{name} is {what}, not a recording; {remedy}.")
    if coding is not None:
        ffmpeg = "mulaw" if coding == "ulaw" else coding
        return CallFileError(
            "not_audio",
            f"{name} is probably {RAW_NAMES[coding]} without a header; say so, or convert it with "
            f"'ffmpeg -f {ffmpeg} -ar 8000 -i \"{name}\" converted.wav'.",
            technical=f"as CALMSCORE_RAW_FORMAT={coding}:8000:1, or in its ending",
        )
    return CallFileError(
        "not_audio",
        f"{name} is not audio in a form that is known here; export the call again as {_FORMATS}.",
        technical=f"it begins with {first[:4].decode('ascii', 'replace')!r}; if it is sound "
        f"without a header, convert it with 'ffmpeg -f mulaw -ar 8000 -i {name} call.wav' "
        "(alaw, s16le or g722 in place of mulaw), give it the ending .ulaw, .alaw, .sln or .vox, "
        "or say what such files hold, as CALMSCORE_RAW_FORMAT=ulaw:8000:1",
    )


def undecodable(name: str, *, technical: str = "") -> CallFileError:
    """Return the refusal of sound that no decoder reads."""
    return CallFileError(
        "unreadable_audio",
        f"{name} cannot be decoded; export the call again as {_FORMATS}.",
        technical=technical,
    )


def unopened(
    header: WaveHeader | None, name: str, error: soundfile.SoundFileError
) -> CallFileError:
    """Return the refusal of what libsndfile does not open, with the reason."""
    if header is None:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        return undecodable(name, technical=reason)
    if header.codec is None or header.channels is None or header.rate_hz is None:
        return _damaged_header(name, "the description of the format is missing")
    if not 1 <= header.channels <= MOST_CHANNELS:
        return wrong_channels(header.channels, name)
    if not LOWEST_RATE_HZ <= header.rate_hz <= HIGHEST_RATE_HZ:
        return wrong_rate(header.rate_hz, name)
    if header.data_start is None:
        return _damaged_header(name, "the sound itself is missing")
    return unsupported(header, name)


def unsupported(header: WaveHeader | None, name: str) -> CallFileError:
    """Return the refusal of sound most of which no decoder reads, with what it is."""
    if header is None or header.codec is None:
        return undecodable(name, technical="most of its pieces are damaged")
    known = _CODECS.get(header.codec)
    what = f"{known} in a WAV file" if known else "sound of an unknown form"
    return CallFileError(
        "unsupported_codec",
        f"{name} holds {what}, which cannot be decoded here; convert it with the "
        "telephone system's own player, or export the call as PCM WAV, FLAC, OGG or MP3.",
        technical=f"WAV format {header.codec:#06x}",
    )


def _damaged_header(name: str, reason: str) -> CallFileError:
    return CallFileError(
        "damaged_header", f"{name} has a damaged header ({reason}); export the call again."
    )


def no_samples(name: str) -> CallFileError:
    """Return the refusal of a file without sound."""
    return CallFileError(
        "no_samples", f"{name} has a header but no sound in it (0 samples); export the call again."
    )


def wrong_channels(channels: int, name: str) -> CallFileError:
    """Return the refusal of too many channels, or none."""
    code = "too_many_channels" if channels else "no_channels"
    return CallFileError(
        code,
        f"{name} has {channels} channels; export the call with 1 to {MOST_CHANNELS}, best with "
        "one person on each.",
    )


def wrong_rate(rate_hz: int, name: str) -> CallFileError:
    """Return the refusal of a rate that no call has."""
    return CallFileError(
        "sample_rate_out_of_range",
        f"{name} has a sample rate of {rate_hz} Hz, outside of {LOWEST_RATE_HZ} to "
        f"{HIGHEST_RATE_HZ} Hz; export the call at 8000 or 16000 Hz.",
    )


def too_long(seconds: float, name: str, rules: ReadingRules) -> CallFileError:
    """Return the refusal of a call above the limit."""
    return CallFileError(
        "too_long",
        f"{name} lasts {seconds:.1f} s or more, above the limit of {rules.duration_seconds:g} s; "
        "split the call.",
        technical="or raise CALMSCORE_MAX_DURATION_SECONDS",
    )
