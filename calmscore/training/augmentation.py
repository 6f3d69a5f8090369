"""What happens to a voice on its way: telephone lines, rooms, noise, level, speed.

Every function takes and returns mono float32 samples at full scale 1, and draws
its randomness from the generator that it is given, so that runs repeat.
"""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
import soxr

FloatArray = npt.NDArray[np.float32]
Codec = Literal["mu-law", "a-law", "gsm"]

TELEPHONE_RATE_HZ = 8_000
_TELEPHONE_BAND_HZ = (300.0, 3400.0)
_CODEC_SUBTYPES: dict[Codec, str] = {"mu-law": "ULAW", "a-law": "ALAW", "gsm": "GSM610"}
_PACKET_SECONDS = 0.02
_TELEPHONE_FILTER = scipy.signal.butter(
    4, _TELEPHONE_BAND_HZ, btype="bandpass", fs=TELEPHONE_RATE_HZ, output="sos"
)


def telephone_line(
    samples: FloatArray,
    *,
    sample_rate_hz: int,
    generator: np.random.Generator,
    codec: Codec = "mu-law",
    snr_db: tuple[float, float] = (20.0, 30.0),
    packet_loss: float = 0.0,
) -> FloatArray:
    """Send a sound through a telephone line and back to its own rate.

    The line is sampled at 8 kHz, passes 300–3400 Hz, adds white noise, encodes
    with a telephone codec and may lose packets of 20 ms.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        Mono sound.
    sample_rate_hz : int
        Its rate.
    generator : numpy.random.Generator
        Source of noise and loss.
    codec : {"mu-law", "a-law", "gsm"}
        ITU-T G.711 μ-law or A-law, or GSM 06.10 full rate.
    snr_db : tuple of float
        Range from which the signal-to-noise ratio is drawn, in decibels.
    packet_loss : float
        Share of packets that arrive as silence, 0–1.

    Returns
    -------
    array of float32, shape (n,)
        The sound as the other end hears it, at ``sample_rate_hz``.
    """
    narrow = soxr.resample(samples, sample_rate_hz, TELEPHONE_RATE_HZ)
    if not narrow.size:
        return np.zeros_like(samples)
    narrow = scipy.signal.sosfilt(_TELEPHONE_FILTER, narrow).astype(np.float32)
    noise = generator.standard_normal(narrow.size).astype(np.float32)
    narrow = add_noise(narrow, noise, snr_db=generator.uniform(*snr_db))
    narrow = _through_codec(narrow, codec)
    if packet_loss > 0.0:
        narrow = _lose_packets(narrow, packet_loss, generator)
    wide = soxr.resample(narrow, TELEPHONE_RATE_HZ, sample_rate_hz)
    return _fit(np.asarray(wide, dtype=np.float32), samples.size)


def _through_codec(samples: FloatArray, codec: Codec) -> FloatArray:
    encoded = io.BytesIO()
    soundfile.write(
        encoded, np.clip(samples, -1.0, 1.0), TELEPHONE_RATE_HZ,
        format="WAV", subtype=_CODEC_SUBTYPES[codec],
    )  # fmt: skip
    encoded.seek(0)
    decoded, _ = soundfile.read(encoded, dtype="float32")
    return _fit(np.asarray(decoded, dtype=np.float32), samples.size)


def _lose_packets(samples: FloatArray, share: float, generator: np.random.Generator) -> FloatArray:
    packet = int(_PACKET_SECONDS * TELEPHONE_RATE_HZ)
    lost = generator.random(-(-samples.size // packet)) < share
    return np.where(np.repeat(lost, packet)[: samples.size], np.float32(0.0), samples)


def add_noise(samples: FloatArray, noise: FloatArray, *, snr_db: float) -> FloatArray:
    """Mix a noise into a sound at a given signal-to-noise ratio.

    Parameters
    ----------
    samples, noise : array of float32, shape (n,) and (m,)
        The noise is repeated or cut to the length of the sound.
    snr_db : float
        Ratio of the mean powers, in decibels.

    Returns
    -------
    array of float32, shape (n,)
        The mix; the sound unchanged where either of the two is silent.
    """
    if not samples.size or not noise.size:
        return samples
    noise = np.resize(noise, samples.size)
    sound_power = float(np.mean(np.square(samples, dtype=np.float64)))
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    if sound_power <= 0.0 or noise_power <= 0.0:
        return samples
    gain = np.sqrt(sound_power / noise_power / 10.0 ** (snr_db / 10.0))
    return (samples + np.float32(gain) * noise).astype(np.float32)


def coloured_noise(count: int, *, exponent: float, generator: np.random.Generator) -> FloatArray:
    """Draw noise whose power falls with frequency.

    Parameters
    ----------
    count : int
        Number of samples.
    exponent : float
        Power is proportional to 1 / frequency ** exponent: 0 white, 1 pink, 2 brown.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array of float32, shape (count,)
        Noise with a standard deviation of 1.
    """
    spectrum = np.fft.rfft(generator.standard_normal(max(count, 2)))
    frequencies = np.maximum(np.arange(spectrum.size), 1.0)
    noise = np.fft.irfft(spectrum * frequencies ** (-exponent / 2.0), max(count, 2))[:count]
    return (noise / max(float(noise.std()), 1e-12)).astype(np.float32)


def reverberate(
    samples: FloatArray,
    *,
    sample_rate_hz: int,
    decay_seconds: float,
    generator: np.random.Generator,
    wet: float = 0.3,
) -> FloatArray:
    """Put a sound into a room: direct sound and exponentially decaying noise.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        Mono sound.
    sample_rate_hz : int
        Its rate.
    decay_seconds : float
        Time in which the reverberation falls by 60 dB.
    generator : numpy.random.Generator
        Source of the room's reflections.
    wet : float
        Energy of the reflections against that of the direct sound, 0–1.

    Returns
    -------
    array of float32, shape (n,)
        The sound in the room.

    References
    ----------
    Polack (1988): late reverberation as noise with an exponential envelope.
    """
    time = np.arange(int(decay_seconds * sample_rate_hz)) / sample_rate_hz
    tail = generator.standard_normal(time.size) * 10.0 ** (-3.0 * time / decay_seconds)
    tail *= np.sqrt(wet / max(float(np.sum(tail**2)), 1e-12))
    tail[:1] = 1.0
    wet_and_dry = scipy.signal.fftconvolve(samples, tail)[: samples.size]
    return np.asarray(wet_and_dry, dtype=np.float32)


def change_speed(samples: FloatArray, *, factor: float) -> FloatArray:
    """Play a sound faster or slower; its pitch follows.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        Mono sound.
    factor : float
        Above 1 faster and higher, below 1 slower and lower.

    Returns
    -------
    array of float32, shape (about n / factor,)
        The changed sound.

    References
    ----------
    Ko et al. (2015), "Audio Augmentation for Speech Recognition".
    """
    return np.asarray(soxr.resample(samples, factor, 1.0, quality="MQ"), dtype=np.float32)


def change_gain(samples: FloatArray, *, gain_db: float) -> FloatArray:
    """Make a sound louder or softer by ``gain_db`` decibels; it is cut at full scale."""
    return np.asarray(np.clip(samples * 10.0 ** (gain_db / 20.0), -1.0, 1.0), dtype=np.float32)


def _fit(samples: FloatArray, count: int) -> FloatArray:
    if samples.size >= count:
        return samples[:count]
    return np.pad(samples, (0, count - samples.size))
