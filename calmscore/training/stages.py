"""What is trained one after another, and averaged weight by weight; how, is another matter.

A network that hears ordinary speech from its first step learns that whatever is not one of
CREMA-D's twelve sentences is calm, and takes natural anger for calm as well. So trunks learn
from acted speech alone; from their average several members go on, briefly and gently, with
ordinary speech beside the acted, which moves the zero point; and these are averaged, with a
little of a network that heard ordinary speech early.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from calmscore.training.recipe import Recipe, Stages
from calmscore.training.trained_network import average_members

Tune = Callable[[Recipe, Path, Path | None], Path]
"""Trains by a recipe into a folder, from a file of weights or from Whisper's where there is
none, and returns the file of the averaged weights."""


def train_stages(stages: Stages, *, run: Path, tune: Tune) -> keras.Model:
    """Train trunks and members, and average them.

    Parameters
    ----------
    stages : Stages
        What to do; without members the average of the trunks is returned.
    run : Path
        Gets a folder for each network, and ``start.weights.h5``, the trunks' average.
    tune : callable
        What trains one network.

    Returns
    -------
    keras.Model
        The average, in 32-bit arithmetic.
    """
    trunk = stages.trunk
    heads = None
    if trunk.head_epochs > 0:
        print("heads", flush=True)
        heads = tune(replace(trunk, epochs=0), run / "heads", None)
    trunks = []
    for number in range(1, stages.trunks + 1):
        print(f"trunk {number} of {stages.trunks}", flush=True)
        recipe = replace(trunk, head_epochs=0, seed=trunk.seed + number - 1)
        trunks.append(tune(recipe, run / f"trunk-{number}", heads))
    model = average_members(trunks, recipe=trunk)
    if not stages.members:
        return model
    start = run / "start.weights.h5"
    model.save_weights(start)
    members = []
    for number, recipe in enumerate(stages.members, start=1):
        print(f"member {number} of {len(stages.members)}", flush=True)
        members.append(tune(recipe, run / f"member-{number}", start))
    shares = [(1.0 - stages.early_share) / len(members)] * len(members)
    if stages.early_share > 0.0:
        print("early", flush=True)
        members.append(tune(stages.early, run / "early", heads))
        shares.append(stages.early_share)
    return average_members(members, recipe=trunk, shares=shares)
