"""Fit and measure by what speech at half or twice its speed is told.

    python -m calmscore.training.fit_speed [--data data] [--every 4]

Excerpts of acted and ordinary speech, half of them over a telephone line, are played at several
speeds. Two linear rules tell half and twice the speed from the right one; each excerpt is judged
by rules that were fitted without its part of the speakers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording
from calmscore.audio.speed import LEAST_MEAN_ODDS, WrongSpeed, speed_features
from calmscore.errors import CorpusError
from calmscore.training.augmentation import telephone_line
from calmscore.training.corpora.composed import spoken_part
from calmscore.training.ending import with_exit_code

FloatArray = npt.NDArray[np.floating[Any]]

SPEEDS = (0.5, 0.73, 0.8, 1.0, 1.25, 1.38, 2.0)
_WRONG: dict[WrongSpeed, float] = {"half": 0.5, "double": 2.0}
_CLIPS, _EXCERPT_SECONDS, _LONGEST_SECONDS = 6, 20, 60
_PAUSE = (1_600, 3_200)
_STRENGTH, _FOLDS = 0.3, 5


def excerpts(data: Path, *, every: int) -> Iterator[tuple[str, FloatArray]]:
    """Read speech.

    Parameters
    ----------
    data : Path
        Holds ``AudioWAV`` (CREMA-D) and, if at hand, ``real`` and ``others``.
    every : int
        Take every so-many-th group of clips.

    Yields
    ------
    name : str
        Whose it is.
    samples : array of float32, shape (n,)
        10 s or more at 16 kHz.
    """
    acted = sorted((data / "AudioWAV").glob("*.wav"))
    folders = [sorted(folder.iterdir()) for folder in sorted((data / "others").glob("*"))]
    groups = [
        (name, list(paths))
        # The speaker and the emotion: 1001_DFA_ANG_XX.
        for name, paths in _grouped(acted, key=lambda path: path.stem[:4] + path.stem[8:12])
    ]
    for files in [*folders, sorted((data / "real" / "commands").glob("*"))]:
        parts = [files[first : first + _CLIPS] for first in range(0, len(files), _CLIPS)]
        groups += [(str(part[0]), part) for part in parts]
    for name, paths in groups[::every]:
        clips = [spoken_part(_read(path)[0]) for path in paths[:_CLIPS]]
        yield name, np.concatenate([np.pad(clip, _PAUSE) for clip in clips])
    length = _EXCERPT_SECONDS * ANALYSIS_RATE_HZ
    for path in [*sorted((data / "real" / "demos").glob("*")),
                 *sorted((data / "real" / "calls").glob("*"))]:  # fmt: skip
        for side in _read(path)[:, : _LONGEST_SECONDS * ANALYSIS_RATE_HZ]:
            for first in range(0, side.size - length // 2 + 1, length):
                yield str(path), side[first : first + length]


def _grouped(paths: Sequence[Path], *, key: Any) -> list[tuple[str, list[Path]]]:
    ordered = sorted(paths, key=key)
    return [(name, list(group)) for name, group in itertools.groupby(ordered, key=key)]


def _read(path: Path) -> npt.NDArray[np.float32]:
    return read_recording(path).samples.astype(np.float32)


def features_at_speeds(
    found: Iterator[tuple[str, FloatArray]], *, seed: int = 0
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.str_]]:
    """Play excerpts at all speeds; return features, speeds, and whose each is."""
    generator = np.random.default_rng(seed)
    rows: list[FloatArray] = []
    speeds: list[float] = []
    names: list[str] = []
    for name, samples in tqdm(found, desc="excerpts", disable=None):
        peak = float(np.abs(samples).max(initial=0.0))
        if peak <= 0.0:
            continue
        sound = np.asarray(samples * (0.3 / peak), dtype=np.float32)
        if generator.random() < 0.5:
            sound = telephone_line(sound, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
        for speed in SPEEDS:
            played = sound if speed == 1.0 else soxr.resample(sound, speed, 1.0, quality="MQ")
            features = speed_features(played)
            if features is not None:
                rows.append(features)
                speeds.append(speed)
                names.append(name)
    if not rows:
        raise CorpusError("there is no speech to fit to")
    return np.stack(rows), np.array(speeds), np.array(names)


def _fitted(features: FloatArray, wrong: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    rule = _rule().fit(features, wrong)
    weights = rule[-1].coef_[0] / rule[0].scale_
    return (*weights, float(rule[-1].intercept_[0] - weights @ rule[0].mean_))


def _rule() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=3000))


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--every", type=int, default=4, help="of the groups of clips")
    options = parser.parse_args(arguments)
    features, speeds, names = features_at_speeds(excerpts(options.data, every=options.every))
    people = len(np.unique(names))
    for name, speed in _WRONG.items():
        trained = np.isin(speeds, [1.0, speed])
        folds = GroupKFold(min(_FOLDS, people)).split(features, groups=names)
        odds = np.full(len(speeds), np.nan)
        for fitted, judged in folds:
            chosen = fitted[trained[fitted]]
            rule = _rule().fit(features[chosen], speeds[chosen] == speed)
            odds[judged] = rule.decision_function(features[judged])
        told = {s: float(np.mean(odds[speeds == s] >= LEAST_MEAN_ODDS)) for s in SPEEDS}
        right = odds[speeds == 1.0]
        shares = ", ".join(f"{share:.1%} at {s:g}" for s, share in told.items())
        print(f"{name}: {right.size} excerpts; told of, by speed: {shares}")
        print(f"    highest log-odds at the right speed {np.sort(right)[-4:].round(1).tolist()}")
        weights = _fitted(features[trained], speeds[trained] == speed)
        print(f'    "{name}": (' + ", ".join(f"{weight:.3f}" for weight in weights) + "),")


if __name__ == "__main__":
    sys.exit(main())
