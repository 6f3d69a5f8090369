"""Speak a line in a mood.

A synthesiser describes a voice as a pitch curve and spectra, so both can be changed before
the sound is made, without artefacts.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soxr

from calmscore.training.augmentation import TELEPHONE_RATE_HZ

FloatArray = npt.NDArray[np.float32]
MoodName = Literal["angry", "annoyed", "calm", "relieved", "agent"]

INSTALL_COMMAND = "python -m pip install hibari-tts==0.2.1"

_DECIBELS = np.float32(np.log(10.0) / 20.0)
"""Decibels to the natural logarithm of an amplitude, the synthesiser's unit."""
# The synthesiser's spectra have 601 bins up to 12 kHz; frames below 40 Hz are unvoiced.
_BINS, _BIN_HZ = 601, 20.0
_LOWEST_PITCH_HZ = 40.0
_TILT_PIVOT_HZ = 500.0
_TILT_OCTAVES = (-1.0, 3.0)
_TREMOR_HZ = 70.0
SPEECH_LEVEL_DB = -22.0


class SynthesiserMissingError(RuntimeError):
    """The speech synthesiser is not installed; the message says how to install it."""


@dataclass(frozen=True, kw_only=True)
class Mood:
    """How a line is spoken, against the synthesiser's plain reading.

    Attributes
    ----------
    tempo : float
        Above 1 faster.
    pitch : float
        Factor on the mean pitch.
    intonation : float
        Exponent on the movement around the mean pitch: above 1 livelier, below 1 flatter.
    tilt_db_per_octave : float
        Added to the spectrum's slope: above 0 brighter, as in a raised voice, below 0 softer.
    formant : float
        Factor on the resonances; an open, shouting mouth raises them.
    breath_db : float
        Gain of the breathy part of the voice.
    dynamics : float
        Above 1 the stressed syllables stand out more.
    accent : float
        Exponent by which the pitch follows the loudness: stressed syllables jump up.
    jitter : float
        Irregularity of the pitch, as in a voice that breaks; a share of the pitch.
    roughness : float
        Depth of a fast tremor of the level, as in a scream, 0–1.
    drive : float
        Saturation, as in a voice that is strained; 0 for none.
    level_db : float
        Loudness against the other lines.
    """

    tempo: float = 1.0
    pitch: float = 1.0
    intonation: float = 1.0
    tilt_db_per_octave: float = 0.0
    formant: float = 1.0
    breath_db: float = 0.0
    dynamics: float = 1.0
    accent: float = 0.0
    jitter: float = 0.0
    roughness: float = 0.0
    drive: float = 0.0
    level_db: float = 0.0


# fmt: off
# Found by trying: each setting stays on its side of the emotion model's line for all lines of
# its mood, for both voices, through the telephone and wherever the segments are cut.
MOODS: dict[MoodName, Mood] = {
    "angry": Mood(tempo=0.7, pitch=1.87, intonation=0.85, tilt_db_per_octave=5.4, formant=0.99,
                  breath_db=-5.6, dynamics=0.6, accent=0.15, jitter=0.024, roughness=0.5,
                  drive=9.8, level_db=3.0),
    "annoyed": Mood(tempo=0.84, pitch=1.4, intonation=0.9, tilt_db_per_octave=3.0, formant=0.99,
                    breath_db=-3.0, dynamics=0.8, accent=0.1, jitter=0.012, roughness=0.25,
                    drive=4.5, level_db=1.0),
    "calm": Mood(tempo=1.03, pitch=0.84, intonation=0.6, tilt_db_per_octave=-4.0, formant=0.98,
                 breath_db=-1.5, dynamics=1.1, level_db=-3.0),
    "relieved": Mood(tempo=1.03, pitch=0.84, intonation=0.45, tilt_db_per_octave=-4.0,
                     formant=0.98, breath_db=-1.5, level_db=-3.0),
    "agent": Mood(),
}

@dataclass(frozen=True, kw_only=True)
class Voice:
    """A speaker, as a change of the synthesiser's one voice.

    Attributes
    ----------
    pitch, formant : float
        Factors; a lower voice and a longer throat make a man's voice out of a woman's.
    """

    pitch: float
    formant: float


WOMAN = Voice(pitch=1.0, formant=1.0)

MAN = Voice(pitch=0.58, formant=0.86)

def speak(text: str, *, mood: Mood, voice: Voice, generator: np.random.Generator) -> FloatArray:
    """Speak a line.

    Parameters
    ----------
    text : str
        English sentences.
    mood : Mood
        How they are spoken.
    voice : Voice
        Who speaks.
    generator : numpy.random.Generator
        Source of the breath noise.

    Returns
    -------
    array of float32, shape (n,)
        The line at 8 kHz and at its mood's level.

    Raises
    ------
    SynthesiserMissingError
        If the speech synthesiser is not installed.
    """
    sentences = [
        _speak_sentence(phonemes, mood, voice, generator)
        for phonemes in _synthesiser().phonemize(text)
    ]
    wide = np.concatenate(sentences)
    wide = _roughen(wide, mood.roughness)
    if mood.drive > 0.0:
        wide = _saturate(wide, mood.drive)
    narrow = soxr.resample(wide, _hibari().SAMPLE_RATE, TELEPHONE_RATE_HZ)
    return at_level(narrow, SPEECH_LEVEL_DB + mood.level_db)


def _speak_sentence(
    phonemes: str, mood: Mood, voice: Voice, generator: np.random.Generator
) -> FloatArray:
    synthesiser = _synthesiser()
    # A sentence's parts: log-amplitudes of its tonal, breathy and free components,
    # the phases of the tonal and the free one, and the pitch, each per 12.5 ms.
    outputs = synthesiser.sess.run(
        None,
        {
            "ids": np.asarray([synthesiser.ids(phonemes)], dtype=np.int64),
            "speed": np.asarray([mood.tempo], dtype=np.float32),
        },
    )
    tonal, tonal_phase, breathy, free, free_phase, pitch_hz = (output[0] for output in outputs)
    formant = mood.formant * voice.formant
    slope = _slope(mood.tilt_db_per_octave)
    stress = _stress(tonal, free, mood.dynamics)
    return np.asarray(
        _hibari().dsp.synth(
            _stretch(tonal, formant) + slope + stress,
            _stretch(tonal_phase, formant),
            _stretch(breathy, formant) + slope + stress + _DECIBELS * np.float32(mood.breath_db),
            _stretch(free, formant) + slope + stress,
            free_phase,
            _bend(pitch_hz, _level(tonal, free), mood=mood, voice=voice, generator=generator),
            generator,
        ),
        dtype=np.float32,
    )


def _bend(
    pitch_hz: FloatArray,
    level: FloatArray,
    *,
    mood: Mood,
    voice: Voice,
    generator: np.random.Generator,
) -> FloatArray:
    voiced = pitch_hz > _LOWEST_PITCH_HZ
    if not voiced.any():
        return pitch_hz
    mean_hz = np.exp(np.log(pitch_hz[voiced]).mean())
    loudness = np.exp(np.clip(level - np.median(level[voiced]), -1.0, 1.0))[voiced]
    irregular = 1.0 + mood.jitter * generator.standard_normal(int(voiced.sum()))
    bent = pitch_hz.copy()
    bent[voiced] = (
        mean_hz * mood.pitch * voice.pitch
        * (pitch_hz[voiced] / mean_hz) ** mood.intonation
        * loudness**mood.accent * irregular
    )  # fmt: skip
    return bent


def _stretch(spectra: FloatArray, factor: float) -> FloatArray:
    """Stretch spectra of shape (bins, frames) along the frequency."""
    places = np.clip(np.arange(_BINS) / factor, 0, _BINS - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, _BINS - 1)
    share = (places - below)[:, None].astype(np.float32)
    return np.asarray(spectra[below] * (1 - share) + spectra[above] * share, dtype=np.float32)


def _slope(db_per_octave: float) -> FloatArray:
    frequencies_hz = np.maximum(np.arange(_BINS) * _BIN_HZ, _BIN_HZ)
    octaves = np.clip(np.log2(frequencies_hz / _TILT_PIVOT_HZ), *_TILT_OCTAVES)
    return np.asarray(_DECIBELS * db_per_octave * octaves, dtype=np.float32)[:, None]


def _stress(tonal: FloatArray, free: FloatArray, dynamics: float) -> FloatArray:
    """Return the gain per frame that moves the level further from, or nearer to, its peaks."""
    level = _level(tonal, free)
    distance = np.clip(level - np.percentile(level, 80), -3.0, 2.0)
    return np.asarray((dynamics - 1.0) * distance, dtype=np.float32)


def _level(tonal: FloatArray, free: FloatArray) -> FloatArray:
    """Return the logarithm of the amplitude of each frame."""
    power = (np.exp(2 * np.minimum(tonal, 7)) + np.exp(2 * np.minimum(free, 7))).mean(axis=0)
    return np.asarray(np.log(power) / 2, dtype=np.float32)


def _roughen(samples: FloatArray, depth: float) -> FloatArray:
    seconds = np.arange(samples.size) / _hibari().SAMPLE_RATE
    tremor = 1.0 + depth * np.sin(2 * np.pi * _TREMOR_HZ * seconds)
    return np.asarray(samples * tremor, dtype=np.float32)


def _saturate(samples: FloatArray, drive: float) -> FloatArray:
    ceiling = 4.0 * float(np.sqrt(np.mean(np.square(samples))))
    return np.asarray(np.tanh(drive * samples / ceiling) * ceiling / drive, dtype=np.float32)


def at_level(samples: npt.NDArray[Any], level_db: float) -> FloatArray:
    """Return a sound at a level, in decibels of full scale."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.asarray(samples * (10.0 ** (level_db / 20.0) / max(level, 1e-9)), dtype=np.float32)


def _hibari() -> ModuleType:
    try:
        importlib.import_module("hibari.dsp")
        return importlib.import_module("hibari")
    except ImportError as error:
        raise SynthesiserMissingError(
            "the speech synthesiser hibari is not installed; install it with: " + INSTALL_COMMAND
        ) from error


@lru_cache(maxsize=1)
def _synthesiser() -> Any:
    return _hibari().Hibari()
