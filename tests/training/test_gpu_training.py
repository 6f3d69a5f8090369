"""Training in PyTorch; these tests run where PyTorch is installed."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from calmscore.audio.log_mel import LogMelSettings
from calmscore.errors import ParameterError
from calmscore.network.layers import build_emotion_network
from calmscore.training.fine_tuning import FineTuning
from calmscore.training.recipe import Recipe, Stages
from calmscore.training.stages import train_stages
from calmscore.training.trained_network import members_without, stored_epoch
from calmscore.training.training_sets import TrainingSet

torch = pytest.importorskip("torch")
gpu = importlib.import_module("calmscore.training.gpu.fine_tuning")

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Recipe(width=64, layers=1, head_epochs=1, epochs=1, batch_size=3, average_momentum=0.5)
MEMBER = replace(
    RECIPE, head_epochs=0, ordinary_per_batch=2, left_out=("desk",),
    ordinary_teaches_heads_alone=True,
)  # fmt: skip


def speech(count, *, acted):
    """Noise of a third of a second each, by turns of two emotions or of two sources."""
    generator = np.random.default_rng(count)
    sounds = [0.1 * generator.standard_normal(5_000).astype(np.float32) for _ in range(count)]
    labels = torch.arange(count) % 2 if acted else torch.full((count,), -1)
    return gpu.Speech(
        sounds=gpu.Sounds(sounds, device="cpu"),
        partners=torch.arange(count).roll(2),
        heard=torch.eye(6)[torch.arange(count) % 2],
        labels=labels,
        sources=np.array(["desk", "street"])[np.arange(count) % 2],
    )


@pytest.fixture(scope="module")
def whisper(tmp_path_factory, whisper_arrays, write_whisper):
    path = tmp_path_factory.mktemp("whisper") / "model.bin"
    return write_whisper(path, whisper_arrays(width=64, layers=1))


@pytest.fixture(scope="module")
def tune(whisper):
    acted, ordinary = speech(6, acted=True), speech(4, acted=False)

    def tune(recipe, into, start):
        return gpu.fine_tune(
            recipe, acted=acted, ordinary=ordinary, folder=into, device="cpu", whisper=whisper,
            start=start,
        )  # fmt: skip

    return tune


def test_all_stages_leave_what_a_training_of_keras_would_leave(tune, tmp_path):
    stages = Stages(trunk=RECIPE, trunks=1, members=(MEMBER,), early_share=0.0)
    model = train_stages(stages, run=tmp_path, tune=tune)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    for name, recipe in (
        ("heads", replace(RECIPE, epochs=0)),
        ("trunk-1", replace(RECIPE, head_epochs=0)),
        ("member-1", MEMBER),
    ):
        assert stored_epoch(tmp_path / name, recipe) == 1
        (row,) = (tmp_path / name / "log.jsonl").read_text().splitlines()
        assert json.loads(row)["epoch"] == 1 and json.loads(row)["loss"] > 0.0
    assert members_without(tmp_path) == {"desk": [tmp_path / "member-1"]}


def test_a_training_of_keras_goes_on_from_there(tune, tmp_path):
    average = tune(RECIPE, tmp_path, None)
    before = average.read_bytes()
    clips = TrainingSet(
        log_mel=np.zeros((RECIPE.copies, 3, 300, 80), dtype=np.float16), settings=LogMelSettings(),
        speech_level_db=-30.0, labels=np.arange(3), votes=np.zeros((RECIPE.copies, 3, 6)),
        speakers=np.array(["a"] * 3), names=np.array(["b"] * 3),
    )  # fmt: skip
    lines = []
    tuning = FineTuning(RECIPE, train=clips, validation=clips, folder=tmp_path)
    assert tuning.run(report=lines.append) == average
    assert lines == [] and average.read_bytes() == before


def test_what_has_ended_is_not_trained_again_and_another_recipe_is_refused(tune, tmp_path):
    average = tune(RECIPE, tmp_path, None)
    before = average.read_bytes()
    assert tune(RECIPE, tmp_path, None) == average
    assert average.read_bytes() == before
    with pytest.raises(ParameterError, match="another recipe"):
        tune(replace(RECIPE, seed=5), tmp_path, None)


def test_the_encoder_rests_in_the_head_epochs(tune, tmp_path):
    def kernels(recipe, folder):
        model = build_emotion_network(width=64, layers=1)
        model.load_weights(tune(recipe, folder, None))
        return [model.get_layer(name).get_weights()[0] for name in ("conv1", "heard")]

    at_first = kernels(replace(RECIPE, head_rate=0.0, epochs=0), tmp_path / "none")
    heads = kernels(replace(RECIPE, epochs=0), tmp_path / "heads")
    whole = kernels(RECIPE, tmp_path / "whole")
    np.testing.assert_array_equal(heads[0], at_first[0])
    assert np.abs(heads[1] - at_first[1]).max() > 1e-5
    assert np.abs(whole[0] - at_first[0]).max() > 1e-6


@pytest.mark.parametrize("heads_alone", [True, False])
def test_ordinary_speech_moves_the_encoder_unless_it_teaches_the_heads_alone(heads_alone):
    recipe = replace(MEMBER, ordinary_teaches_heads_alone=heads_alone)
    weights = gpu.weights_of(build_emotion_network(width=64, layers=1), device="cpu")
    training = gpu._Training(recipe, weights, speech(6, acted=True), speech(4, acted=False), "cpu")
    training._begin(heads_alone=False, steps=2)
    inputs, _ = training._inputs(torch.arange(3))
    assert len(inputs) == 5
    training._answers(inputs, acted=3)["heard"][3:].square().sum().backward()
    kernel, head = weights["conv1/kernel"].grad, weights["heard/kernel"].grad
    assert head.abs().max() > 0.0
    assert (kernel is None or not kernel.any()) == heads_alone


def test_the_command_reads_both_corpora_and_trains_every_stage(
    whisper, tmp_path, monkeypatch, capsys
):
    clips, street, run = (tmp_path / name for name in ("AudioWAV", "ordinary/street", "run"))
    clips.mkdir()
    street.mkdir(parents=True)
    call, rate = soundfile.read(ROOT / "samples" / "calms_down.wav")
    for place, name in enumerate(("1001_DFA_ANG_XX", "1001_IEO_ANG_HI", "1002_DFA_NEU_XX")):
        part = call[(60 + place) * rate : (61 + place) * rate]
        soundfile.write(clips / f"{name}.wav", part, rate)
    soundfile.write(clips / "1015_DFA_SAD_XX.wav", part, rate)  # who validates
    soundfile.write(street / "one.wav", call[60 * rate : 70 * rate], rate)
    small = Stages(trunk=RECIPE, trunks=2, members=(MEMBER,), early_share=0.0)
    command = importlib.import_module("calmscore.training.gpu.__main__")
    monkeypatch.setattr(command, "Stages", lambda: small)
    assert len(command.acted_speech(clips, device="cpu").labels) == 3
    arguments = ["--data", str(clips), "--ordinary", str(street.parent), "--run", str(run)]
    assert command.main([*arguments, "--whisper", str(whisper), "--device", "cpu"]) == 0
    assert sorted(path.name for path in run.iterdir()) == [
        "heads", "member-1", "start.weights.h5", "trunk-1", "trunk-2",
    ]  # fmt: skip
    assert f"model.py train --run {run}" in capsys.readouterr().out
