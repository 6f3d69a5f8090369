"""A small emotion network with made-up weights, and an artifact of it."""

from pathlib import Path

import keras
import numpy as np

from calmscore.audio.log_mel import LogMelSettings
from calmscore.network.classifier import MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from calmscore.network.layers import HEARD, MEANT, VOICE, VoiceCoordinates, build_emotion_network


def made_network(*, width: int = 128, layers: int = 3, seed: int = 0) -> keras.Model:
    """Return a network like the shipped one, with no weight left at its initial value."""
    keras.utils.set_random_seed(seed)
    network = build_emotion_network(width=width, layers=layers)
    outputs = {name: network.output[name] for name in (HEARD, MEANT)}
    placed = VoiceCoordinates(4, name="voice_coordinates", dtype="float32")
    model = keras.Model(network.input, {**outputs, VOICE: placed(network.output[VOICE])})
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.05 * generator.standard_normal(variable.shape))
    for variable in model.non_trainable_variables:
        # Above zero: variances and scales are among them.
        variable.assign(variable + 0.05 * generator.random(variable.shape))
    return model


def write_artifact(folder: Path, *, seed: int = 0) -> Path:
    """Write a small network and settings, without an export."""
    folder.mkdir(exist_ok=True)
    made_network(seed=seed).save(folder / MODEL_FILE)
    ArtifactSettings(
        name="made", version="0", heard_temperature=1.0, meant_temperature=1.0,
        heard_bias=(0.0,) * 6, voice_distance_limit=2.5, speech_level_db=-26.0,
        log_mel=LogMelSettings(),
    ).write(folder / SETTINGS_FILE)  # fmt: skip
    return folder
