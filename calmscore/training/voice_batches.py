"""Windows of many people's voices, each over a line of its own, for training with PyTorch.

A voice that is played faster or slower, or whose formants are moved, is another person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.network.speaker_embedding import BANDS, WINDOW_FRAMES
from calmscore.training.interpolation import read_between
from calmscore.training.random_lines import RATE_HZ, Tensor, draw_lines, over_lines

FloatArray = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_FRAME, _HOP, _BINS = 400, 160, 512
_SIZE = (WINDOW_FRAMES - 1) * _HOP + _FRAME
_LOWEST_HZ, _PRE_EMPHASIS, _LEAST_POWER = 20.0, 0.97, 1.1920928955078125e-07
# Two clips of one mood follow one another in some windows, as in a turn; others are cut short.
_JOINED_SHARE, _FIRST_PART, _BREATH_SECONDS = 0.25, (0.25, 0.75), (0.03, 0.35)
_SHORT_SHARE, _LEAST_FRAMES, _LEAST_SPOKEN = 0.3, 60, 20
# The envelope of a spectrum: what changes slowly over frequency.
_FORMANT_BINS, _FORMANT_HOP, _QUEFRENCIES, _MOST_FORMANT_GAIN = 512, 128, 44, 2.3


@dataclass(frozen=True)
class Draws:
    """What is heard in each window; all of shape (windows,).

    Attributes
    ----------
    clips, next_clips : array of int
        Which clip, and which one follows it where two are joined.
    people, lines : array of int
        Whose it is and over which line, from 0.
    speeds, formants : array of float
        Above 1 faster and higher; formants alone higher.
    """

    clips: Numbers
    next_clips: Numbers
    people: Numbers
    lines: Numbers
    speeds: npt.NDArray[np.float64]
    formants: npt.NDArray[np.float64]


class VoiceBatches:
    """Clips on the device, from which windows are made.

    Parameters
    ----------
    torch : module
        PyTorch.
    clips : sequence of array of float32, shape (n,)
        What is spoken, at 16 kHz.
    device : str
        ``cpu`` or ``cuda``.
    seed : int
        Fixes lines and noise.
    """

    def __init__(self, torch: Any, clips: Sequence[FloatArray], *, device: str, seed: int) -> None:
        self._torch = torch
        self._device = device
        self._lengths = np.array([clip.size for clip in clips])
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._samples = torch.tensor(np.concatenate(clips).astype(np.float16), device=device)
        self._generator = torch.Generator(device=device).manual_seed(seed)
        self._bands = torch.tensor(_mel_bands(), device=device)
        angles = 2.0 * np.pi * np.arange(_FRAME) / (_FRAME - 1)
        self._hamming = torch.tensor((0.54 - 0.46 * np.cos(angles)).astype(np.float32)).to(device)

    def features(self, draws: Draws, generator: np.random.Generator) -> Tensor:
        """Return windows as the network hears them.

        Parameters
        ----------
        draws : Draws
            Who is heard, and how.
        generator : numpy.random.Generator
            Draws where in a clip a window begins and ends.

        Returns
        -------
        Tensor, shape (windows, 148, 80)
            Kaldi's filter bank, the mean of each window removed.
        """
        torch = self._torch
        samples, frames = self._spoken(draws, generator)
        if np.any(draws.formants != 1.0):
            samples = self._with_formants(samples, self._tensor(draws.formants, torch.float32))
        people = self._tensor(draws.people, torch.int64)
        total = torch.zeros(int(draws.people.max()) + 1, device=self._device)
        power = total.index_add(0, people, samples.square().mean(dim=1))
        count = total.index_add(0, people, torch.ones(len(samples), device=self._device))
        line = over_lines(
            torch, samples, draw_lines(torch, int(draws.lines.max()) + 1, self._generator),
            which=self._tensor(draws.lines, torch.int64),
            power=(power / count.clamp(min=1.0)).clamp(min=1e-8)[people], generator=self._generator,
        )  # fmt: skip
        short = generator.random(frames.size) < _SHORT_SHARE
        cut = np.minimum(generator.integers(_LEAST_FRAMES, WINDOW_FRAMES, frames.size), frames)
        kept = np.where(short, cut, frames)
        # What is shorter is repeated, as when a call is analysed.
        places = self._tensor(np.arange(WINDOW_FRAMES)[None] % kept[:, None], torch.int64)
        bank = self._filterbank(line).gather(1, places[..., None].expand(-1, -1, BANDS))
        return bank - bank.mean(dim=1, keepdim=True)

    def _tensor(self, values: npt.NDArray[Any], kind: Any) -> Tensor:
        return self._torch.tensor(values, device=self._device, dtype=kind)

    def _spoken(self, draws: Draws, generator: np.random.Generator) -> tuple[Tensor, Numbers]:
        """Return what is spoken, and how many frames of it there are."""
        count, whole = draws.clips.size, _SIZE * draws.speeds
        first, second = (self._lengths[clips] for clips in (draws.clips, draws.next_clips))
        begin, begin_next = (
            generator.random(count) * np.maximum(length - whole, 0.0) for length in (first, second)
        )
        joined = generator.random(count) < _JOINED_SHARE
        end = np.minimum((first - begin) / draws.speeds, _SIZE)
        part = np.minimum(end, generator.uniform(*_FIRST_PART, count) * _SIZE)
        ends = np.where(joined, part, end).astype(int)
        breath = (generator.uniform(*_BREATH_SECONDS, count) * RATE_HZ).astype(int) * joined
        torch = self._torch
        clock = torch.arange(_SIZE, device=self._device, dtype=torch.float64)[None]
        speeds, stop, resume = (
            self._tensor(values, torch.float64)[:, None]
            for values in (draws.speeds, ends, ends + breath)
        )
        starts = (self._tensor(values, torch.float64)[:, None] for values in (begin, begin_next))
        own = self._read(draws.clips, next(starts) + clock * speeds)
        following = self._read(draws.next_clips, next(starts) + (clock - resume) * speeds)
        follows = (clock >= resume) & self._tensor(joined, torch.bool)[:, None]
        frames = np.clip((end - _FRAME) // _HOP + 1, _LEAST_SPOKEN, WINDOW_FRAMES).astype(int)
        silence = torch.zeros((), device=self._device)
        samples = torch.where(clock < stop, own, torch.where(follows, following, silence))
        return samples, np.where(joined, WINDOW_FRAMES, frames)

    def _read(self, clips: Numbers, places: Tensor) -> Tensor:
        starts, lengths = (
            self._tensor(values[clips], self._torch.int64)
            for values in (self._starts, self._lengths)
        )
        return read_between(self._samples, places, starts=starts, lengths=lengths)

    def _with_formants(self, samples: Tensor, factors: Tensor) -> Tensor:
        """Move the envelope of the spectrum, and leave the pitch."""
        torch = self._torch
        window = torch.hann_window(_FORMANT_BINS, device=self._device)
        spectrum = torch.stft(
            samples, _FORMANT_BINS, _FORMANT_HOP, window=window, return_complex=True
        )
        cepstrum = torch.fft.irfft(torch.log(spectrum.abs() + 1e-5), dim=1)
        quefrency = torch.arange(_FORMANT_BINS, device=self._device)
        slow = torch.minimum(quefrency, _FORMANT_BINS - quefrency) < _QUEFRENCIES
        envelope = torch.fft.rfft(cepstrum * slow[None, :, None], dim=1).real
        last = _FORMANT_BINS // 2
        place = torch.arange(last + 1, device=self._device)[None] / factors[:, None]
        left = place.floor().clamp(0, last - 1).long()
        share = (place - left).clamp(0.0, 1.0)[..., None]
        lower, upper = (
            envelope.gather(1, index[..., None].expand(-1, -1, envelope.shape[2]))
            for index in (left, left + 1)
        )
        gain = (lower * (1.0 - share) + upper * share - envelope).clamp(
            -_MOST_FORMANT_GAIN, _MOST_FORMANT_GAIN
        ) * (factors != 1.0)[:, None, None]
        return torch.istft(
            spectrum * torch.exp(gain), _FORMANT_BINS, _FORMANT_HOP, window=window,
            length=samples.shape[1],
        )  # fmt: skip

    def _filterbank(self, samples: Tensor) -> Tensor:
        """Return what `calmscore.network.speaker_embedding.filterbank` returns, for many."""
        torch = self._torch
        frames = samples.unfold(-1, _FRAME, _HOP)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        spectrum = torch.fft.rfft((frames - _PRE_EMPHASIS * before) * self._hamming, _BINS)
        power = spectrum.abs().square()[..., :-1]
        return torch.log((power @ self._bands).clamp(min=_LEAST_POWER))


def _mel_bands() -> FloatArray:
    """Return Kaldi's triangles on the mel scale, shape (256, 80)."""
    low, high = _mel(np.array([_LOWEST_HZ, RATE_HZ / 2.0]))
    width = (high - low) / (BANDS + 1)
    mel = _mel(np.arange(_BINS // 2) * RATE_HZ / _BINS)[:, None]
    begin = low + np.arange(BANDS)[None] * width
    triangles = np.minimum(mel - begin, begin + 2.0 * width - mel) / width
    return np.asarray(np.maximum(triangles, 0.0), dtype=np.float32)


def _mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log(1.0 + hertz / 700.0))
