"""The front end in PyTorch: log-mel frames of many sounds at once, some of them hidden."""

from __future__ import annotations

import importlib
from typing import Any

from calmscore.audio.log_mel import LogMelSettings, mel_filters

torch: Any = importlib.import_module("torch")

Tensor = Any

_SETTINGS = LogMelSettings()
SAMPLES, RATE_HZ = _SETTINGS.samples, _SETTINGS.sample_rate_hz
"""Samples of one input, and their rate."""


class Draws:
    """Random numbers on a device, most of them one for each copy.

    Parameters
    ----------
    seed : int
        Fixes them on devices of one kind.
    device : str
        Where they are drawn.
    """

    def __init__(self, *, seed: int, device: str) -> None:
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed)

    def between(self, count: int, low: float, high: float) -> Tensor:
        """Draw numbers evenly, shape (count,)."""
        return low + (high - low) * self.shares(count)

    def whether(self, count: int, share: float) -> Tensor:
        """Draw whether something is done, with this probability; shape (count,)."""
        return self.shares(count) < share

    def shares(self, *shape: int) -> Tensor:
        """Draw numbers between 0 and 1."""
        return torch.rand(*shape, device=self.device, generator=self._generator)

    def normal(self, *shape: int) -> Tensor:
        """Draw from the standard normal distribution."""
        return torch.randn(*shape, device=self.device, generator=self._generator)


def log_mel(waves: Tensor) -> Tensor:
    """Turn sounds into log-mel frames, as ``audio.log_mel`` does.

    Parameters
    ----------
    waves : tensor, shape (batch, samples)
        At the front end's rate, as long as one input.

    Returns
    -------
    tensor, shape (batch, frames, mel_bands)
    """
    window, half = _SETTINGS.window_samples, _SETTINGS.window_samples // 2
    padded = torch.nn.functional.pad(waves[:, None], (half, half), mode="reflect")[:, 0]
    frames = padded.unfold(1, window, _SETTINGS.hop_samples)[:, : _SETTINGS.frames]
    hann = torch.hann_window(window, periodic=True, device=waves.device)
    power = torch.fft.rfft(frames * hann).abs().square()
    mel = power @ torch.tensor(mel_filters(_SETTINGS).T, device=waves.device)
    bands = torch.log10(mel.clamp(min=1e-10))
    return (torch.maximum(bands, bands.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


def hide_stretches(inputs: Tensor, draws: Draws, *, bands: int = 12, frames: int = 30) -> Tensor:
    """Hide a stretch of bands and one of frames of each input, as `mask_spectrogram` does.

    Parameters
    ----------
    inputs : tensor, shape (batch, frames, bands)
        Log-mel frames.
    bands, frames : int
        Largest widths.
    """
    count, fill = len(inputs), inputs.mean(dim=(1, 2))[:, None, None]
    for axis, widest in ((1, frames), (2, bands)):
        size = inputs.shape[axis]
        width = (draws.shares(count) * (widest + 1)).long()
        start = (draws.shares(count) * (size - width + 1)).long()
        places = torch.arange(size, device=inputs.device)
        hidden = (places >= start[:, None]) & (places < (start + width)[:, None])
        inputs = torch.where(hidden.unsqueeze(3 - axis), fill, inputs)
    return inputs
