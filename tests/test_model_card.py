"""The card says what the stored figures say, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

import model_card
from audio.log_mel import LogMelSettings
from call_evaluation import SHIPPED
from classifier import MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from evaluation import measure
from training_recipe import Recipe


@pytest.fixture
def artifacts(tmp_path):
    generator = np.random.default_rng(0)
    figures = measure(generator.dirichlet(np.ones(6), 60), generator.integers(0, 6, 60)).to_dict()
    evaluation = {
        "clips": 60,
        "model": {"version": "1", "sha256": "0"},
        "all": figures,
        "groups": {"female": figures},
    }
    row = {
        "calls": 12, "mean_absolute_error": 0.4321, "bias": -0.1, "rank_correlation": 0.9,
        "same_outcome": 0.5, "segment_accuracy": 0.5, "by_trajectory": {"anger to neutral": 0.25},
    }  # fmt: skip
    ArtifactSettings(
        name="stub", version="7", temperature=1.25, speech_level_db=-30, log_mel=LogMelSettings()
    ).write(tmp_path / SETTINGS_FILE)
    (tmp_path / MODEL_FILE).write_bytes(b"0" * 2_500_000)
    for name, content in (
        ("recipe", Recipe().to_dict()),
        ("evaluation_clean", evaluation),
        ("evaluation_telephone", evaluation),
        ("score_evaluation", {SHIPPED[0]: {SHIPPED[1]: row}}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def change(path, keys: list[str], value: float) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("evaluation_clean", ["all", "uar"]),
        ("evaluation_telephone", ["all", "expected_calibration_error"]),
        ("evaluation_telephone", ["groups", "female", "uar"]),
        ("score_evaluation", [*SHIPPED, "rank_correlation"]),
    ],
)
def test_every_figure_follows_its_file(artifacts, file, keys):
    before = model_card.write_card(artifacts).read_text()
    change(artifacts / f"{file}.json", keys, 0.9375)
    after = model_card.write_card(artifacts).read_text()
    assert "0.938" not in before
    assert "0.938" in after


def test_the_card_names_size_temperature_and_error(artifacts):
    text = model_card.write_card(artifacts).read_text()
    for figure in ("2.5 MB", "1.25", "0.43", "stub 7"):
        assert figure in text


def test_figures_of_another_model_are_refused(artifacts, capsys):
    change(artifacts / "evaluation_clean.json", ["model", "sha256"], 1)
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "different models" in capsys.readouterr().err


def test_missing_figures_are_named(artifacts, capsys):
    (artifacts / "score_evaluation.json").unlink()
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "score_evaluation.json" in capsys.readouterr().err
