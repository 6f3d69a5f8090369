"""Damaged audio files of every kind, the same ones for the same seed."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from functools import cache

import numpy as np
import soundfile
from av_files import FORMS, av_file

_SEEDS = (
    ("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"),
    ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "GSM610"),
    ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"),
    ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
)  # fmt: skip
_VALUES = (0, 1, 2, 3, 7, 16, 255, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
           0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
_CHUNKS = (b"RIFF", b"WAVE", b"fmt ", b"data", b"fact", b"ds64", b"LIST", b"COMM", b"SSND")


@cache
def valid_files() -> list[tuple[str, bytes]]:
    """Return small intact files in every format and coding; the name's last part is its kind."""
    generator = np.random.default_rng(0)
    files = []
    for container, subtype in _SEEDS:
        for channels in (1, 2):
            if subtype == "GSM610" and channels == 2:
                continue
            rate = 16_000 if subtype == "OPUS" else 8_000
            seconds = 0.2 if container == "WAV" else 1.0
            sound = generator.standard_normal((int(seconds * rate), channels)) * 0.1
            file = io.BytesIO()
            soundfile.write(file, sound, rate, format=container, subtype=subtype)
            files.append((f"{container}-{subtype}-{channels}.wav".lower(), file.getvalue()))
    for form, (_, _, rate) in FORMS.items():
        sound = generator.standard_normal((rate, 1)) * 0.1
        files.append((f"av.{form}", av_file(form, sound)))
    conference = io.BytesIO()
    soundfile.write(conference, generator.standard_normal((1600, 4)) * 0.1, 8_000, format="WAV")
    files.append(("conference.wav", conference.getvalue()))
    files.append(("dialogic.vox", generator.bytes(4000)))
    return files


def mutated_files(count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of ``count`` damaged files."""
    chance = random.Random(seed)
    files = valid_files()
    mutations = (_set_field, _set_field, _set_header_value, _flip_bits, _truncate, _splice,
                 _double_part, _extend)  # fmt: skip
    for index in range(count):
        kind, data = chance.choice(files)
        steps = []
        for _ in range(chance.choice((1, 1, 2, 3))):
            mutation = chance.choice(mutations)
            data = mutation(data, chance, files)
            steps.append(mutation.__name__.strip("_"))
        name, _, ending = kind.rpartition(".")
        yield f"{seed}-{index}-{name}-{'-'.join(steps)}.{ending}", data


_Files = list[tuple[str, bytes]]


def _overwrite(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value[: max(0, len(data) - position)] + data[position + len(value) :]


def _value(chance: random.Random) -> int:
    return chance.choice((*_VALUES, chance.getrandbits(32)))


def _set_field(data: bytes, chance: random.Random, files: _Files) -> bytes:
    # The fields of a chunk: its size and what follows it, two or four bytes each.
    places = [data.find(chunk) for chunk in _CHUNKS if chunk in data[:4096]]
    position = chance.choice(places or [0]) + 4 + 2 * chance.randrange(0, 14)
    width = chance.choice("HI")
    value = _value(chance) & (0xFFFF if width == "H" else 0xFFFFFFFF)
    return _overwrite(data, position, struct.pack("<" + width, value))


def _set_header_value(data: bytes, chance: random.Random, files: _Files) -> bytes:
    position = chance.randrange(0, max(1, min(len(data), 128)))
    return _overwrite(data, position, struct.pack(chance.choice("<>") + "I", _value(chance)))


def _flip_bits(data: bytes, chance: random.Random, files: _Files) -> bytes:
    flipped = bytearray(data)
    reach = chance.choice((64, 512, len(data)))
    for _ in range(chance.randint(1, 16) if data else 0):
        flipped[chance.randrange(0, max(1, min(reach, len(data))))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _truncate(data: bytes, chance: random.Random, files: _Files) -> bytes:
    return data[: chance.randrange(0, min(len(data), chance.choice((64, 10**9))) + 1)]


def _splice(data: bytes, chance: random.Random, files: _Files) -> bytes:
    other = chance.choice(files)[1]
    return data[: chance.randrange(0, len(data) + 1)] + other[chance.randrange(0, len(other)) :]


def _double_part(data: bytes, chance: random.Random, files: _Files) -> bytes:
    start = chance.choice([0, *(data.find(chunk) for chunk in _CHUNKS if chunk in data)])
    end = start + chance.randint(8, 600)
    return data[:end] + data[start:end] * chance.randint(1, 3) + data[end:]


def _extend(data: bytes, chance: random.Random, files: _Files) -> bytes:
    length = chance.randint(1, 5000)
    return data + (chance.randbytes(length) if chance.random() < 0.5 else bytes(length))
