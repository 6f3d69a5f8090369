"""Telephone lines in PyTorch, a batch at once: band, noise, codec and lost packets."""

from __future__ import annotations

import importlib
import math
from typing import Any

from calmscore.training.gpu.front_end import RATE_HZ, SAMPLES, Draws

torch: Any = importlib.import_module("torch")

Tensor = Any

_LINE_RATE_HZ = RATE_HZ // 2
_LINE_SAMPLES = SAMPLES // 2
_PACKET = _LINE_RATE_HZ // 50
_MU = 255.0
_PLAIN_BAND_HZ = (300.0, 3400.0)
# How often each is done: a plain line; on others an uneven response, a codec's noise, μ-law,
# packets lost.
_PLAIN, _UNEVEN, _CODEC, _MU_LAW, _LOSING = 0.5, 0.4, 0.35, 0.75, 0.12
_LOST_SHARE = 0.04


def telephone_lines(waves: Tensor, draws: Draws) -> Tensor:
    """Send each sound through a telephone line of its own and back to its rate.

    Parameters
    ----------
    waves : tensor, shape (batch, samples)
        As long as one input.

    Returns
    -------
    tensor, shape (batch, samples)
    """
    plain = draws.whether(len(waves), _PLAIN)[:, None]
    return torch.where(plain, _plain_lines(waves, draws), _other_lines(waves, draws))


def with_noise(waves: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Mix noise into sounds, so far below what of them is not silent.

    Parameters
    ----------
    waves, noise : tensor, shape (batch, n)
    snr_db : tensor, shape (batch,)
        In decibels.
    """
    sounding = (waves != 0).sum(dim=1, keepdim=True).clamp(min=1)
    power = waves.square().sum(dim=1, keepdim=True) / sounding
    noise_power = noise.square().mean(dim=1, keepdim=True) + 1e-12
    return waves + (power / noise_power / 10.0 ** (snr_db[:, None] / 10.0)).sqrt() * noise


def drawn_response(draws: Draws, count: int, *, rate_hz: int, samples: int) -> Tensor:
    """Draw how strongly each frequency passes: a smooth curve, some 4 dB up and down.

    Returns
    -------
    tensor, shape (count, samples // 2 + 1)
        For the Fourier transform of real sounds of so many samples.
    """
    points = 4.0 * draws.normal(count, 12)
    hertz = _frequencies(draws, rate_hz=rate_hz, samples=samples)
    places = 11.0 * torch.log1p(hertz / 400.0) / math.log1p(RATE_HZ / 2 / 400.0)
    below = places.long().clamp(max=10)
    share = places - below
    return 10.0 ** ((points[:, below] * (1.0 - share) + points[:, below + 1] * share) / 20.0)


def _plain_lines(waves: Tensor, draws: Draws) -> Tensor:
    low_hz, high_hz = torch.tensor(_PLAIN_BAND_HZ, device=draws.device)[:, None]
    narrow = _narrowed(waves, _band(draws, low_hz, high_hz))
    return _widened(_mu_law(_with_hiss(narrow, draws, (15.0, 35.0))))


def _other_lines(waves: Tensor, draws: Draws) -> Tensor:
    count = len(waves)
    passed = _band(draws, draws.between(count, 120, 380), draws.between(count, 3000, 3750))
    uneven = drawn_response(draws, count, rate_hz=_LINE_RATE_HZ, samples=_LINE_SAMPLES)
    passed = torch.where(draws.whether(count, _UNEVEN)[:, None], passed * uneven, passed)
    narrow = _with_hiss(_narrowed(waves, passed), draws, (12.0, 35.0))
    # Noise that goes with the signal, as of a codec: ITU-T P.810's reference unit.
    depth = 10.0 ** (-draws.between(count, 8.0, 28.0)[:, None] / 20.0)
    coded = narrow * (1.0 + depth * draws.normal(count, _LINE_SAMPLES))
    narrow = torch.where(draws.whether(count, _CODEC)[:, None], coded, narrow)
    narrow = torch.where(draws.whether(count, _MU_LAW)[:, None], _mu_law(narrow), narrow)
    lost = draws.shares(count, _LINE_SAMPLES // _PACKET) < _LOST_SHARE
    lost = lost & draws.whether(count, _LOSING)[:, None]
    return _widened(torch.where(lost.repeat_interleave(_PACKET, dim=1), 0.0, narrow))


def _frequencies(draws: Draws, *, rate_hz: int, samples: int) -> Tensor:
    return torch.fft.rfftfreq(samples, 1.0 / rate_hz, device=draws.device)


def _band(draws: Draws, low_hz: Tensor, high_hz: Tensor) -> Tensor:
    """Return the response of Butterworth's filters of the fourth order."""
    hertz = _frequencies(draws, rate_hz=_LINE_RATE_HZ, samples=_LINE_SAMPLES).clamp(min=1.0)
    below = (low_hz[:, None] / hertz) ** 8
    above = (hertz / high_hz[:, None]) ** 8
    return ((1.0 + below) * (1.0 + above)) ** -0.5


def _narrowed(waves: Tensor, passed: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(waves)[:, : _LINE_SAMPLES // 2 + 1]
    return 0.5 * torch.fft.irfft(spectrum * passed, _LINE_SAMPLES)


def _widened(narrow: Tensor) -> Tensor:
    return 2.0 * torch.fft.irfft(torch.fft.rfft(narrow), SAMPLES)


def _with_hiss(narrow: Tensor, draws: Draws, snr_db: tuple[float, float]) -> Tensor:
    count = len(narrow)
    return with_noise(narrow, draws.normal(count, _LINE_SAMPLES), draws.between(count, *snr_db))


def _mu_law(waves: Tensor) -> Tensor:
    """Round to the 256 steps of ITU-T G.711's μ-law, as its continuous curve has them."""
    waves = waves.clamp(-1.0, 1.0)
    compressed = waves.sign() * torch.log1p(_MU * waves.abs()) / math.log1p(_MU)
    rounded = ((compressed * 127.5 - 0.5).round() + 0.5) / 127.5
    return rounded.sign() * ((1.0 + _MU) ** rounded.abs() - 1.0) / _MU
