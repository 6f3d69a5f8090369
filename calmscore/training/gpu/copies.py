"""Copies of clips for training, made afresh for every step, a whole batch at once.

What ``clip_copies`` makes of a clip once and stores is drawn here again and again, and more
widely: speed, another clip of the same person joined to it, where it is cut, room, noise,
other voices, level, microphone, telephone line. Pauses are muted as calls are cut.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask, widened
from calmscore.training.gpu.front_end import RATE_HZ, SAMPLES, Draws
from calmscore.training.gpu.telephone import drawn_response, telephone_lines, with_noise
from calmscore.training.interpolation import read_between

torch: Any = importlib.import_module("torch")

Tensor = Any
FloatArray = npt.NDArray[np.float32]

_FRAME = RATE_HZ // MASK_RATE_HZ
_MARGIN_FRAMES, _LEAST_SPEECH = 10, RATE_HZ // 10
# How often each is done.
_SPEED, _JOINED, _CUT, _PART, _ROOM, _NOISE, _BABBLE = 0.6, 0.25, 0.7, 0.5, 0.25, 0.3, 0.1
_GAIN, _MICROPHONE, _TELEPHONE = 0.8, 0.3, 0.7
# Whose voices are mixed into babble: so many rows on in the batch, so many samples later.
_BABBLE_VOICES = ((1, 0), (3, 5_000), (5, 11_000), (9, 21_000))


class Sounds:
    """Sounds one after another on a device, and where their speech is.

    Parameters
    ----------
    sounds : sequence of array of float32, each of shape (n,)
        At the front end's rate, full scale 1.
    device : str
        Where they lie, in 16 bits.
    """

    def __init__(self, sounds: Sequence[FloatArray], *, device: str) -> None:
        lengths = np.array([sound.size for sound in sounds])
        frames = -(-lengths // _FRAME)
        kept = np.zeros((len(sounds), int(frames.max())), dtype=bool)
        for row, sound, count in zip(kept, sounds, frames, strict=True):
            speech = widened(speech_mask(sound)[:count], _MARGIN_FRAMES)
            row[: speech.size] = speech
            row[:count] |= not speech.any()
        first = kept.argmax(axis=1) * _FRAME
        last = np.minimum((kept.shape[1] - kept[:, ::-1].argmax(axis=1)) * _FRAME, lengths)
        last = np.minimum(np.maximum(last, first + _LEAST_SPEECH), lengths)
        joined = np.concatenate([sound.astype(np.float16) for sound in sounds])
        self._samples = torch.tensor(joined, device=device)
        self._starts = torch.tensor(np.cumsum(lengths) - lengths, device=device)
        self._kept = torch.tensor(kept, device=device)
        self.lengths, self.first, self.last = (
            torch.tensor(values, device=device) for values in (lengths, first, last)
        )

    def read(self, rows: Tensor, places: Tensor) -> Tensor:
        """Read sounds between their samples by cubic interpolation; zero outside of them.

        Parameters
        ----------
        rows : tensor of int, shape (batch,)
            Which sounds.
        places : tensor, shape (batch, n)
            In samples from the start of each.
        """
        return read_between(
            self._samples, places, starts=self._starts[rows], lengths=self.lengths[rows]
        )

    def spoken(self, rows: Tensor, places: Tensor) -> Tensor:
        """Tell whether there is speech, or nearly, at places of sounds; as for `read`."""
        frame, count = (places / _FRAME).floor().long(), self._kept.shape[1]
        inside = (frame >= 0) & (frame < count)
        return self._kept[rows].gather(1, frame.clamp(0, count - 1)) & inside


def training_copies(
    sounds: Sounds, rows: Tensor, partners: Tensor, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Make a copy of each of a batch of clips.

    Parameters
    ----------
    sounds : Sounds
        All clips.
    rows, partners : tensor of int, shape (batch,)
        Which are copied, and what may be joined to each.
    draws : Draws
        What decides all else.

    Returns
    -------
    waves : tensor, shape (batch, samples)
        As long as one input.
    joined : tensor of bool, shape (batch,)
        Whether the partner was joined.
    """
    count = len(rows)
    waves, kept, joined = _stretches(sounds, rows, partners, draws)
    waves = _in_rooms(waves, draws)
    noise = _coloured_noise(draws, exponents=draws.between(count, 0.0, 2.0))
    noisy = with_noise(waves, noise, draws.between(count, 8.0, 30.0))
    waves = _sometimes(draws.whether(count, _NOISE), noisy, waves)
    babble = sum(waves.roll(on, 0).roll(later, 1) for on, later in _BABBLE_VOICES)
    among = with_noise(waves, babble, draws.between(count, 4.0, 20.0))
    waves = _sometimes(draws.whether(count, _BABBLE), among, waves)
    gain_db = draws.between(count, -10.0, 10.0) * draws.whether(count, _GAIN)
    waves = (waves * 10.0 ** (gain_db[:, None] / 20.0)).clamp(-1.0, 1.0)
    near = _sometimes(draws.whether(count, _MICROPHONE), _through_microphones(waves, draws), waves)
    waves = _sometimes(draws.whether(count, _TELEPHONE), telephone_lines(waves, draws), near)
    return torch.where(kept, waves, 0.0), joined


def _sometimes(when: Tensor, changed: Tensor, unchanged: Tensor) -> Tensor:
    return torch.where(when[:, None], changed, unchanged)


def _stretches(
    sounds: Sounds, rows: Tensor, partners: Tensor, draws: Draws
) -> tuple[Tensor, Tensor, Tensor]:
    """Return stretches of sounds at some speed, which of their samples are kept, and joins."""
    count = len(rows)
    speed = torch.where(draws.whether(count, _SPEED), draws.between(count, 0.86, 1.16), 1.0)
    joined = draws.whether(count, _JOINED)
    cut = draws.whether(count, _CUT) | joined
    begin = torch.where(cut, sounds.first[rows], 0).float()
    length = torch.where(cut, sounds.last[rows], sounds.lengths[rows]) - begin
    partner_begin = sounds.first[partners].float()
    # A breath lies between both.
    second = length + draws.between(count, 0.05, 0.4) * RATE_HZ
    total = torch.where(joined, second + sounds.last[partners] - partner_begin, length)
    seconds = torch.where(
        draws.whether(count, _PART) | joined, draws.between(count, 1.2, 3.0), SAMPLES / RATE_HZ
    )
    wanted = seconds * RATE_HZ * speed
    offset = draws.shares(count) * (total - wanted).clamp(min=0.0)
    places = torch.arange(SAMPLES, device=draws.device) * speed[:, None]
    inside = places < wanted.minimum(total - offset)[:, None]
    places = places + offset[:, None]
    own = inside & (places < length[:, None])
    others = inside & joined[:, None] & (places >= second[:, None])
    at, partner_at = places + begin[:, None], places - second[:, None] + partner_begin[:, None]
    waves = own * sounds.read(rows, at) + others * sounds.read(partners, partner_at)
    spoken = own & sounds.spoken(rows, at) | others & sounds.spoken(partners, partner_at)
    return waves, _sometimes(cut, spoken, inside), joined


def _in_rooms(waves: Tensor, draws: Draws) -> Tensor:
    count, reach = len(waves), RATE_HZ // 2
    seconds = torch.arange(reach, device=draws.device) / RATE_HZ
    decay = 10.0 ** (-3.0 * seconds / draws.between(count, 0.1, 0.5)[:, None])
    echo = draws.normal(count, reach) * decay
    wet = draws.between(count, 0.05, 0.5)[:, None]
    echo = echo * (wet / echo.square().sum(dim=1, keepdim=True)).sqrt()
    echo[:, 0] = 1.0
    size = SAMPLES + reach
    heard = torch.fft.irfft(torch.fft.rfft(waves, size) * torch.fft.rfft(echo, size), size)
    return _sometimes(draws.whether(count, _ROOM), heard[:, :SAMPLES], waves)


def _coloured_noise(draws: Draws, *, exponents: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(draws.normal(len(exponents), SAMPLES))
    places = torch.arange(spectrum.shape[1], device=draws.device).clamp(min=1)
    return torch.fft.irfft(spectrum * places ** (-exponents[:, None] / 2.0), SAMPLES)


def _through_microphones(waves: Tensor, draws: Draws) -> Tensor:
    response = drawn_response(draws, len(waves), rate_hz=RATE_HZ, samples=SAMPLES)
    return torch.fft.irfft(torch.fft.rfft(waves) * response, SAMPLES)
