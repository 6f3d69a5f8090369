"""Train the trunks and members of the emotion network on a GPU.

    python -m calmscore.training.gpu --data data/AudioWAV --ordinary data/ordinary
    python model.py train --training-set data/training --run runs/default

The first leaves in the run folder what the second would have trained there; the second
averages, calibrates, packages and exports it. An interrupted network is trained again, those
that have ended are not. Needs PyTorch beside the package.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.ordinary import (
    HEARD,
    ordinary_recordings,
    ordinary_windows,
    source_of,
)
from calmscore.training.corpora.reading import read_crema_d
from calmscore.training.ending import with_exit_code
from calmscore.training.gpu.copies import Sounds
from calmscore.training.gpu.fine_tuning import Speech, fine_tune
from calmscore.training.recipe import Recipe, Stages
from calmscore.training.stages import train_stages
from calmscore.training.training_sets import draw_partners, labels_and_votes

torch: Any = importlib.import_module("torch")


def acted_speech(data: Path, *, device: str) -> Speech:
    """Read CREMA-D's clips of the training speakers.

    Parameters
    ----------
    data : Path
        Their folder; the listeners' votes are there or in the folder above.
    """
    clips, _ = read_crema_d(data)
    labels, heard = labels_and_votes(clips, crema_d.votes_by_name(data))
    speakers = np.array([clip.speaker for clip in clips])
    sounds = [read_clip(clip.path) for clip in tqdm(clips, desc="acted speech", disable=None)]
    return Speech(
        sounds=Sounds(sounds, device=device),
        partners=torch.tensor(draw_partners(speakers, labels, seed=0), device=device),
        heard=torch.tensor(heard, device=device),
        labels=torch.tensor(labels, device=device),
        sources=np.array([clip.corpus for clip in clips]),
    )


def ordinary_speech(folder: Path, *, device: str) -> Speech:
    """Read windows of ordinary speech.

    Parameters
    ----------
    folder : Path
        With a sub-folder of recordings for each source.
    """
    windows = [
        window
        for path in tqdm(ordinary_recordings(folder), desc="ordinary speech", disable=None)
        for window in ordinary_windows(path, source=source_of(path, folder))
    ]
    recordings = np.array([f"{window.source}/{window.recording}" for window in windows])
    nobody = np.full(len(windows), -1)
    return Speech(
        sounds=Sounds([window.samples for window in windows], device=device),
        partners=torch.tensor(draw_partners(recordings, nobody, seed=0), device=device),
        heard=torch.tensor(HEARD, device=device).expand(len(windows), -1),
        labels=torch.tensor(nobody, device=device),
        sources=np.array([window.source for window in windows]),
    )


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument(
        "--ordinary", type=Path, default=Path("data/ordinary"),
        help="recordings of ordinary speech, a sub-folder for each source",
    )  # fmt: skip
    parser.add_argument("--run", type=Path, default=Path("runs/default"))
    parser.add_argument("--whisper", type=Path, metavar="MODEL.BIN", help="Whisper's weights")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args(arguments)
    device: str = options.device
    acted = acted_speech(options.data, device=device)
    ordinary = ordinary_speech(options.ordinary, device=device)
    torch.set_float32_matmul_precision("high")

    def tune(recipe: Recipe, into: Path, start: Path | None) -> Path:
        return fine_tune(
            recipe, acted=acted, ordinary=ordinary, folder=into, device=device,
            whisper=options.whisper, start=start,
        )  # fmt: skip

    train_stages(Stages(), run=options.run, tune=tune)
    print(f"{options.run}: trained; python model.py train --run {options.run} makes the model")


if __name__ == "__main__":
    sys.exit(main())
