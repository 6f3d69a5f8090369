"""The copies of clips that are trained on, each on another way through the world.

Clean, faster, over a telephone, in a room, in noise, among other voices, joined to another
clip of the same speaker and emotion and cut anywhere. Most are telephone copies, because
calls are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calmscore.analysis.cutting import voiced_stretch
from calmscore.audio.log_mel import LogMelSettings
from calmscore.audio.voice_activity import speech_mask
from calmscore.training import augmentation
from calmscore.training.clip_sounds import RATE_HZ, FloatArray, crop, read_clip

Augmentation = Callable[[FloatArray, np.random.Generator], FloatArray]


def _speed(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.change_speed(samples, factor=generator.uniform(0.88, 1.14))


def _gain(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.change_gain(samples, gain_db=generator.uniform(-10.0, 10.0))


def _partial(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    # A segment on the call's clock often holds only a part of an utterance.
    return crop(samples, generator.uniform(1.4, 3.0), generator)


def _noise(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    noise = augmentation.coloured_noise(
        samples.size, exponent=generator.uniform(0.0, 2.0), generator=generator
    )
    return augmentation.add_noise(samples, noise, snr_db=generator.uniform(8.0, 30.0))


def _room(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.reverberate(
        samples,
        sample_rate_hz=RATE_HZ,
        decay_seconds=generator.uniform(0.1, 0.5),
        wet=generator.uniform(0.05, 0.5),
        generator=generator,
    )


def _telephone(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.telephone_line(
        samples, sample_rate_hz=RATE_HZ, generator=generator, snr_db=(18.0, 35.0)
    )


def _poor_telephone(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    codecs: tuple[augmentation.Codec, ...] = ("a-law", "gsm", "gsm", "mu-law")
    return augmentation.telephone_line(
        samples,
        sample_rate_hz=RATE_HZ,
        generator=generator,
        codec=codecs[int(generator.integers(len(codecs)))],
        snr_db=(12.0, 30.0),
        packet_loss=float(generator.choice([0.0, 0.0, 0.03])),
    )


# Other people's clips, for babble; set in each process by `remember_voices`.
_voices: list[Path] = []


def remember_voices(paths: Sequence[Path]) -> None:
    """Say whose clips this process mixes into babble."""
    _voices[:] = paths


def babble(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Mix three to six of the voices that `remember_voices` named into a sound."""
    if not _voices or not samples.size:
        return samples
    chosen = generator.integers(len(_voices), size=int(generator.integers(3, 7)))
    voices = [np.resize(np.roll(voice, int(generator.integers(voice.size))), samples.size)
              for voice in (read_clip(_voices[index]) for index in chosen)]  # fmt: skip
    return augmentation.add_noise(
        samples, np.sum(voices, axis=0), snr_db=generator.uniform(3.0, 20.0)
    )


def _as_cut(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Keep what an analysis would cut out of the call: the speech, its pauses muted."""
    speech = speech_mask(samples)
    return samples if not speech.any() else voiced_stretch(samples, speech)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What is done to a clip to make one of its copies.

    Attributes
    ----------
    steps : tuple of callable
        Applied in order; none leaves the clip as it is.
    joined : bool
        Another clip of the same speaker and emotion is joined to it first.
    """

    steps: tuple[Augmentation, ...] = ()
    joined: bool = False


TRAINING_COPIES: tuple[Copy, ...] = (
    Copy(),
    Copy(steps=(_speed, _gain)),
    Copy(steps=(_speed, _partial, _room, _noise, _gain)),
    Copy(steps=(_gain, _telephone, _as_cut)),
    Copy(steps=(_speed, _partial, _gain, _telephone)),
    Copy(steps=(_speed, _gain, _noise, _poor_telephone, _as_cut)),
    Copy(steps=(_partial, _speed, _gain, _telephone, _as_cut), joined=True),
    Copy(steps=(_speed, _room, babble, _gain, _telephone)),
)
"""The copies of each training clip."""

VALIDATION_COPIES: tuple[Copy, ...] = (Copy(), Copy(steps=(_telephone,)))
"""The copies of each validation clip: clean, and through a telephone line."""


def augmented_copies(
    clip: Path | FloatArray,
    copies: Sequence[Copy],
    *,
    seed: int,
    partner: Path | FloatArray | None = None,
) -> list[FloatArray]:
    """Read a clip and make its copies.

    Parameters
    ----------
    clip : Path or array of float32, shape (n,)
        The clip, or its samples at the front end's rate.
    copies : sequence of Copy
        What is done to it.
    partner : Path or array, optional
        What is joined to it in the copies that ask for it.

    Returns
    -------
    list of array of float32, each of shape (n,)
        At the front end's rate, no longer than one model input.
    """
    settings = LogMelSettings()
    samples = _samples(clip)
    generator = np.random.default_rng(seed)
    sounds = []
    for copy in copies:
        sound = samples
        if copy.joined and partner is not None:
            sound = np.concatenate([samples, _samples(partner)])
        for step in copy.steps:
            sound = step(sound, generator)
        sounds.append(crop(sound, settings.samples / RATE_HZ, generator))
    return sounds


def _samples(clip: Path | FloatArray) -> FloatArray:
    return read_clip(clip) if isinstance(clip, Path) else clip
