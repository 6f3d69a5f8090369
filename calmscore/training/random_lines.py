"""Random telephone lines for many voices at once, with PyTorch, on any processor.

Each line has band edges, a frequency response, a room, noise and a codec of its own: G.711, or
what stands for a codec of low rate, noise that follows the signal. All at full scale 1.

References
----------
ITU-T P.810 (1996): the modulated noise reference unit. ITU-T G.711 (1988): μ-law and A-law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Tensor = Any
"""A ``torch.Tensor``; PyTorch is not among what the product needs."""

RATE_HZ = 16_000
_LENGTH = 32_768
"""Samples of a window with its room, for the Fourier transform."""

# Ranges that are drawn from, evenly.
_LOW_EDGE_HZ, _HIGH_EDGE_HZ, _WIDE_EDGE_HZ = (150.0, 380.0), (3_000.0, 3_900.0), (4_500.0, 7_600.0)
_WIDE_SHARE, _ORDERS, _STEEPER_ABOVE = 0.12, (3.0, 9.0), 4.0
_RESPONSE_DB, _RESPONSE_KNOTS, _TILT_DB_PER_OCTAVE = (0.0, 3.5), 7, (-2.0, 2.0)
_FIRST_KNOT_HZ, _LAST_KNOT_HZ, _MIDDLE_HZ = 100.0, 8_000.0, 1_000.0
_ROOM_SHARE, _DECAY_SECONDS, _WET, _ROOM_SECONDS = 0.35, (0.08, 0.4), (0.03, 0.3), 0.4
_SNR_DB, _NOISE_EXPONENT, _LOWEST_NOISE_HZ = (12.0, 35.0), (0.0, 1.6), 60.0
_LOW_RATE_SHARE, _LOW_RATE_Q_DB, _NO_Q_DB = 0.45, (12.0, 30.0), 60.0
_LEVEL_DB = (-40.0, -18.0)
_RECORDER_SHARE, _RECORDER_DB, _SILENT_DB = 0.25, (-80.0, -52.0), -120.0
_CLIPPED_SHARE, _CLIPPED_AT = 0.08, (0.1, 0.4)
# Of four lines two carry μ-law, one A-law, one neither.
_CODECS, _A_LAW, _NEITHER = 4, 2, 3
_MU, _A, _QUANTA = 255.0, 87.6, 127.0


@dataclass(frozen=True)
class Lines:
    """Telephone lines; the first axis of each tensor is the line.

    Attributes
    ----------
    response, noise_colour : Tensor, shape (lines, 16385)
        Of sound and of noise, by frequency.
    snr_db, q_db, level_db, recorder_db, clipped_at, codec, wide : Tensor, shape (lines,)
        Signal-to-noise ratio; ratio of the signal and the noise that follows it; level of the
        voice; of the recorder's own noise; where the sound is clipped; which codec; whether the
        line is sampled at 16 kHz.
    """

    response: Tensor
    noise_colour: Tensor
    snr_db: Tensor
    q_db: Tensor
    level_db: Tensor
    recorder_db: Tensor
    clipped_at: Tensor
    codec: Tensor
    wide: Tensor


def draw_lines(torch: Any, count: int, generator: Any) -> Lines:
    """Draw telephone lines.

    Parameters
    ----------
    torch : module
        PyTorch.
    count : int
        How many.
    generator : torch.Generator
        Its device is where the lines are.
    """
    device = generator.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator, device=device) * (high - low) + low

    def mostly(share: float, seldom: Tensor, otherwise: float) -> Tensor:
        return torch.where(uniform(0.0, 1.0) < share, seldom, torch.full_like(seldom, otherwise))

    hertz = torch.fft.rfftfreq(_LENGTH, 1.0 / RATE_HZ).to(device)[None]
    wide = uniform(0.0, 1.0) < _WIDE_SHARE
    edges = (
        uniform(*_LOW_EDGE_HZ),
        torch.where(wide, uniform(*_WIDE_EDGE_HZ), uniform(*_HIGH_EDGE_HZ)),
    )
    order = uniform(*_ORDERS)[:, None]
    band = torch.rsqrt(1.0 + (edges[0][:, None] / hertz.clamp(min=1.0)) ** (2.0 * order))
    band = band * torch.rsqrt(1.0 + (hertz / edges[1][:, None]) ** (2.0 * (order + _STEEPER_ABOVE)))
    knots = torch.randn(count, _RESPONSE_KNOTS, generator=generator, device=device)
    handset_db = _between_knots(torch, knots * uniform(*_RESPONSE_DB)[:, None], hertz[0])
    octaves = torch.log2(hertz.clamp(min=_FIRST_KNOT_HZ) / _MIDDLE_HZ)
    handset_db = handset_db + uniform(*_TILT_DB_PER_OCTAVE)[:, None] * octaves
    exponent = uniform(*_NOISE_EXPONENT)[:, None]
    colour = (hertz.clamp(min=_LOWEST_NOISE_HZ) / _MIDDLE_HZ) ** (-exponent / 2.0)
    wet = uniform(*_WET) * (uniform(0.0, 1.0) < _ROOM_SHARE)
    return Lines(
        response=band * 10.0 ** (handset_db / 20.0)
        * _rooms(torch, uniform(*_DECAY_SECONDS), wet, generator),
        noise_colour=colour * (wide[:, None] | (hertz < RATE_HZ / 4)),
        snr_db=uniform(*_SNR_DB),
        q_db=mostly(_LOW_RATE_SHARE, uniform(*_LOW_RATE_Q_DB), _NO_Q_DB),
        level_db=uniform(*_LEVEL_DB),
        recorder_db=mostly(_RECORDER_SHARE, uniform(*_RECORDER_DB), _SILENT_DB),
        clipped_at=mostly(_CLIPPED_SHARE, uniform(*_CLIPPED_AT), 1.0),
        codec=torch.randint(0, _CODECS, (count,), generator=generator, device=device),
        wide=wide,
    )  # fmt: skip


def _between_knots(torch: Any, values: Tensor, hertz: Tensor) -> Tensor:
    """Return a smooth line through values at frequencies evenly spaced in octaves."""
    octaves = float(np.log2(_LAST_KNOT_HZ / _FIRST_KNOT_HZ))
    place = torch.log2(hertz.clamp(min=_FIRST_KNOT_HZ) / _FIRST_KNOT_HZ) / octaves
    place = (place * (_RESPONSE_KNOTS - 1)).clamp(0.0, _RESPONSE_KNOTS - 1.001)
    left = place.floor().long()
    share = (1.0 - torch.cos(np.pi * (place - left))) / 2.0
    return values[:, left] * (1.0 - share) + values[:, left + 1] * share


def _rooms(torch: Any, decay_seconds: Tensor, wet: Tensor, generator: Any) -> Tensor:
    """Return responses of rooms: direct sound and noise that decays exponentially."""
    size = int(_ROOM_SECONDS * RATE_HZ)
    seconds = torch.arange(size, device=wet.device)[None] / RATE_HZ
    tail = torch.randn(len(wet), size, generator=generator, device=wet.device)
    tail = tail * 10.0 ** (-3.0 * seconds / decay_seconds[:, None])
    tail = tail * torch.sqrt(wet[:, None] / tail.square().sum(dim=1, keepdim=True))
    tail[:, 0] = 1.0
    return torch.fft.rfft(tail, _LENGTH)


def over_lines(
    torch: Any, samples: Tensor, lines: Lines, *, which: Tensor, power: Tensor, generator: Any
) -> Tensor:
    """Send sounds over lines.

    Parameters
    ----------
    torch : module
        PyTorch.
    samples : Tensor, shape (n, size)
        At 16 kHz.
    lines : Lines
        The lines.
    which : Tensor of int, shape (n,)
        Over which line each goes.
    power : Tensor, shape (n,)
        Mean power of the voice, to which level and noise refer: who shouts is louder.
    generator : torch.Generator
        Draws the noise.

    Returns
    -------
    Tensor, shape (n, size)
        At 16 kHz.
    """
    size = samples.shape[1]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=samples.device)

    def amplitude(decibels: Tensor) -> Tensor:
        return 10.0 ** (decibels[which][:, None] / 20.0)

    heard = torch.fft.rfft(samples, _LENGTH) * lines.response[which]
    passed = heard.abs().square().sum(dim=1) * 2.0 / _LENGTH / size
    after = (power * passed / samples.square().mean(dim=1).clamp(min=1e-10)).sqrt()[:, None]
    hiss = torch.fft.rfft(noise(len(samples), _LENGTH)) * lines.noise_colour[which]
    rms = (hiss.abs().square().sum(dim=1, keepdim=True) * 2.0).sqrt() / _LENGTH
    hiss = hiss / rms.clamp(min=1e-6) / amplitude(lines.snr_db)
    heard = (heard / after + hiss) * amplitude(lines.level_db)
    # At 8 kHz: the lower half of the spectrum.
    half = _LENGTH // 4
    narrow = torch.fft.irfft(heard[:, : half + 1], 2 * half) / 2.0
    limit = lines.clipped_at[which][:, None]
    narrow = torch.maximum(torch.minimum(narrow, limit), -limit)
    narrow = narrow * (1.0 + noise(*narrow.shape) / amplitude(lines.q_db))
    decoded = _through_codec(torch, narrow.clamp(-1.0, 1.0), lines.codec[which][:, None])
    full = torch.zeros_like(heard)
    full[:, :half] = torch.fft.rfft(decoded)[:, :half] * 2.0
    full = torch.where(lines.wide[which][:, None], heard, full)
    return torch.fft.irfft(full, _LENGTH)[:, :size] + noise(*samples.shape) * amplitude(
        lines.recorder_db
    )


def _through_codec(torch: Any, samples: Tensor, codec: Tensor) -> Tensor:
    size, sign = samples.abs(), samples.sign()
    mu = torch.round(torch.log1p(_MU * size) / np.log1p(_MU) * _QUANTA) / _QUANTA
    mu = sign * torch.expm1(mu * np.log1p(_MU)) / _MU
    whole = 1.0 + np.log(_A)
    loud = (1.0 + torch.log(_A * size.clamp(min=1.0 / _A))) / whole
    a = torch.where(size < 1.0 / _A, _A * size / whole, loud)
    a = torch.round(a * _QUANTA) / _QUANTA
    a = sign * torch.where(a < 1.0 / whole, a * whole / _A, torch.exp(a * whole - 1.0) / _A)
    return torch.where(codec == _NEITHER, samples, torch.where(codec == _A_LAW, a, mu))
