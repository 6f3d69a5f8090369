"""Keras is loaded without a word, and the garbage collector left as it was."""

import gc
from contextlib import nullcontext

import keras
import pytest
from made_emotion_network import made_network

from calmscore.errors import ArtifactError
from calmscore.network.keras_network import load_keras_network


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("loads", [True, False])
def test_loading_leaves_the_garbage_collector_on_or_off_as_it_was(
    tmp_path, monkeypatch, collecting, loads
):
    path = tmp_path / "network.keras"
    if loads:
        made_network(width=64, layers=2).save(path)
    seen = []
    load_model = keras.models.load_model

    def watched(*arguments, **options):
        seen.append(gc.isenabled())
        return load_model(*arguments, **options)

    monkeypatch.setattr(keras.models, "load_model", watched)
    (gc.enable if collecting else gc.disable)()
    try:
        with nullcontext() if loads else pytest.raises(ArtifactError, match="damaged"):
            load_keras_network(path)
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
    assert seen == [False]
