import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from calmscore.audio.log_mel import LogMelSettings
from calmscore.training import command
from calmscore.training.cross_validation import cross_validate, speaker_folds
from calmscore.training.recipe import Recipe
from calmscore.training.training_sets import TrainingSet

RECIPE = Recipe(
    width=64, layers=1, head_epochs=1, epochs=0, batch_size=4, mixed_precision=False,
    average_momentum=0.5, copies=1,
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")


@given(st.integers(6, 40), st.integers(2, 5), st.integers(0, 100))
def test_no_speaker_is_in_two_groups_of_a_fold_and_each_is_judged_once(people, folds, seed):
    generator = np.random.default_rng(seed)
    everybody = np.concatenate([np.arange(people), generator.integers(people, size=3 * people)])
    speakers = everybody.astype(str)
    judged = []
    for fold in speaker_folds(speakers, count=folds, seed=seed):
        groups = [set(speakers[rows]) for rows in (fold.train, fold.selection, fold.judged)]
        assert all(groups)
        assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
        rows = np.concatenate([fold.train, fold.selection, fold.judged])
        assert sorted(rows) == list(range(len(speakers)))
        judged.extend(fold.judged)
    assert sorted(judged) == list(range(len(speakers)))


@pytest.fixture
def everyone():
    generator = np.random.default_rng(0)
    labels = np.tile(np.arange(6), 8)
    return TrainingSet(
        log_mel=generator.standard_normal((3, 48, 300, 80)).astype(np.float16),
        settings=LogMelSettings(),
        speech_level_db=-30.0,
        labels=labels,
        votes=np.tile(np.eye(6, dtype=np.float32)[labels], (3, 1, 1)),
        speakers=np.array([f"crema-d/{number}" for number in np.repeat(range(1013, 1021), 6)]),
        names=np.arange(48).astype(str),
    )


def test_every_fold_is_trained_once_and_the_figures_are_their_mean(
    everyone, tmp_path, whisper_arrays, write_whisper, monkeypatch
):
    whisper = write_whisper(tmp_path / "model.bin", whisper_arrays(width=64, layers=1))
    tf.config.run_functions_eagerly(True)
    try:
        result = cross_validate(
            RECIPE, everyone=everyone, folder=tmp_path / "run", whisper=whisper, folds=2
        )
    finally:
        tf.config.run_functions_eagerly(False)
    judged = [speaker for fold in result["folds"] for speaker in fold["speakers"]]
    assert sorted(judged) == sorted(set(everyone.speakers))
    for line in ("clean", "telephone"):
        rows = [fold[line]["uar"] for fold in result["folds"]]
        assert result[line]["uar"]["mean"] == pytest.approx(np.mean(rows))
        assert result[line]["uar"]["sd"] == pytest.approx(np.std(rows, ddof=1))
        assert sum(fold[line]["clips"] for fold in result["folds"]) == 48
        accuracies = {}
        for fold in result["folds"]:
            accuracies |= fold[line]["accuracy_by_speaker"]
            mean = np.mean([accuracies[speaker] for speaker in fold["speakers"]])
            assert fold[line]["accuracy"] == pytest.approx(mean)
        # 1015 and 1020 are validation speakers.
        chosen = [accuracies.pop(f"crema-d/{number}") for number in (1015, 1020)]
        assert result["accuracy_of_speakers"][line] == {
            "validation": pytest.approx(np.mean(chosen)),
            "others": pytest.approx(np.mean(list(accuracies.values()))),
        }
    # Done folds are read, not trained again.
    monkeypatch.setattr("calmscore.training.cross_validation._judge", None)
    again = cross_validate(
        RECIPE, everyone=everyone, folder=tmp_path / "run", whisper=whisper, folds=2
    )
    assert again == json.loads(json.dumps(result))


def test_cross_validation_without_a_set_ends_with_one_line_of_reason(tmp_path, capsys):
    arguments = ["cross-validate", "--training-set", str(tmp_path), "--run", str(tmp_path)]
    assert command.main([*arguments, "--json", str(tmp_path / "figures.json")]) == 3
    assert "no prepared training set" in capsys.readouterr().err
