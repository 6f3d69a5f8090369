"""The card says what the stored figures say, and nothing else."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from stub_classifier import stub_classifier

from calmscore.emotions import EMOTIONS
from calmscore.network import classifier
from calmscore.network.classifier import DEFAULT_ARTIFACTS, MODEL_FILE, SETTINGS_FILE
from calmscore.training import model_card
from calmscore.training.call_evaluation import NAMED, SHIPPED
from calmscore.training.emotion_training import CROSS_VALIDATION_FILE
from calmscore.training.evaluation import SECTIONS
from calmscore.training.metrics import measure, reliability
from calmscore.training.ordinary_evaluation import ORDINARY_EVALUATION_FILE
from calmscore.training.recipe import Stages

ROOT = Path(__file__).resolve().parents[2]
VIEW = ROOT / "calmscore" / "dashboard" / "model_card.py"
PICTURES = ("confusion_matrix.png", "reliability.png")
MODEL = b"0" * 2_500_000


def made_up_figures() -> dict:
    """Figures of every section, all drawn by chance."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 10)

    def metrics() -> dict:
        return measure(generator.dirichlet(np.ones(6), 60), labels).to_dict()

    def condition() -> dict:
        probabilities = generator.dirichlet(np.ones(6), 60)
        return {
            **measure(probabilities, labels).to_dict(),
            "uar_interval": [0.1231, 0.3217],
            "reliability": [list(row) for row in reliability(probabilities, labels)],
        }

    group = {"kind": "sex", "name": "female", "speakers": 2, "clips": 60}
    return {
        "overall": {
            "speakers": ["1015", "1020"], "clips": 60, "training_speakers": 63,
            "training_clips": 5143, "clean": condition(), "telephone": condition(),
        },
        "groups": [{**group, "clean": metrics(), "telephone": metrics()}],
        "listeners": {
            "clips": 59, "clear_clips": 51, "vote_for_intended": 0.4127,
            "distance_to_votes": {"model": 0.4341, "intended": 0.5881},
            "listeners_against_intended": metrics(), "model_against_intended": metrics(),
            "model_against_vote": metrics(),
            "divergence": 0.4, "same_majority": 0.71, "distress_correlation": 0.8,
        },
        "telephone_lines": [{"line": "GSM", **metrics()}],
        "noise": [
            {"noise": "none", "snr_db": None, **metrics()},
            *(
                {"noise": noise, "snr_db": snr_db, **metrics()}
                for noise in ("pink", "babble")
                for snr_db in (9.0, 1.0)
            ),
        ],
        "partial_segments": [{"seconds": 1.5, "shortened_clips": 57, **metrics()}],
        "other_corpora": [
            {
                "corpus": "EmoDB", "language": "German", "speakers": 10, "clips": 72,
                "chance": 0.5, "as_recorded": metrics(), "level_adapted": metrics(),
                "recalls": {"anger": 0.7123, "sad": 0.1234}, "valence_clips": 75,
                "valence_uar": {"as_recorded": 0.4561, "level_adapted": 0.4671},
            }
        ],
        "non_speech": [
            {
                "sound": "mains hum", "segments": 20, "let_through": 0.0,
                "let_through_telephone": 0.0,
                "probabilities": dict(zip(EMOTIONS, (0.1, 0.1, 0.1, 0.1, 0.1, 0.5), strict=True)),
            }
        ],
    }  # fmt: skip


@pytest.fixture
def artifacts(tmp_path) -> Path:
    model = {"version": "0", "sha256": hashlib.sha256(MODEL).hexdigest()}
    evaluation = {
        name: {"command": f"python measure.py {name}", "model": model, "seed": 0, "figures": part}
        for name, part in made_up_figures().items()
    }
    row = {
        "calls": 12, "without_score": 0, "mean_absolute_error": 0.4321, "bias": -0.1,
        "rank_correlation": 0.9, "same_outcome": 0.5, "interval_holds": 0.8, "too_unsure": 1,
        "interval_width": 1.5,
        "by_trajectory": {"anger to neutral": 0.25},
    }  # fmt: skip
    named = {"same_majority": 0.82, "same_side": 0.89, "contradicts": 0.0}
    stub_classifier().settings.write(tmp_path / SETTINGS_FILE)
    (tmp_path / MODEL_FILE).write_bytes(MODEL)
    for name, content in (
        ("recipe", Stages().to_dict()),
        ("evaluation", evaluation),
        ("score_evaluation", {SHIPPED: row, NAMED: {"told": named}}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def without_pictures(monkeypatch):
    """Drawing takes most of the time, and has a test of its own."""
    monkeypatch.setattr(model_card, "draw_pictures", lambda *_: None)


def change(path: Path, keys: list, value: object) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content))


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("evaluation", ["overall", "figures", "clean", "accuracy"]),
        ("evaluation", ["overall", "figures", "clean", "uar_interval", 0]),
        ("evaluation", ["overall", "figures", "telephone", "expected_calibration_error"]),
        ("evaluation", ["groups", "figures", 0, "telephone", "uar"]),
        ("evaluation", ["listeners", "figures", "vote_for_intended"]),
        ("evaluation", ["listeners", "figures", "model_against_vote", "uar"]),
        ("evaluation", ["telephone_lines", "figures", 0, "valence_uar"]),
        ("evaluation", ["noise", "figures", 0, "uar"]),
        ("evaluation", ["noise", "figures", 4, "uar"]),
        ("evaluation", ["partial_segments", "figures", 0, "accuracy"]),
        ("evaluation", ["other_corpora", "figures", 0, "level_adapted", "uar"]),
        ("evaluation", ["other_corpora", "figures", 0, "recalls", "anger"]),
        ("evaluation", ["other_corpora", "figures", 0, "valence_uar", "as_recorded"]),
        ("evaluation", ["non_speech", "figures", 0, "let_through_telephone"]),
        ("score_evaluation", [SHIPPED, "same_outcome"]),
        ("score_evaluation", [NAMED, "told", "same_side"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)),
)
def test_every_figure_follows_its_file(artifacts, file, keys):
    before = model_card.write_card(artifacts).read_text()
    change(artifacts / f"{file}.json", keys, 0.98765)
    after = model_card.write_card(artifacts).read_text()
    assert "98.8%" not in before
    assert "98.8%" in after


@pytest.mark.usefixtures("without_pictures")
def test_each_section_has_its_command_and_tables_are_whole(artifacts):
    text = model_card.write_card(artifacts).read_text()
    for name in SECTIONS:
        assert f"Command: `python measure.py {name}`" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, ruler, *rows = table.splitlines()
        assert set(ruler) <= set("|-: ")
        assert rows
        assert {row.count("|") for row in (ruler, *rows)} == {header.count("|")}
    assert not re.search(r"[{}]|None|nan|\n\n\n", text)


@pytest.mark.usefixtures("without_pictures")
def test_the_card_names_size_temperature_error_and_failures(artifacts):
    text = model_card.write_card(artifacts).read_text()
    for figure in ("2.5 MB", "1.00", "0.43 points", "stub 0", "EmoDB sad (12.3%)", "sad 50.0%"):
        assert figure in text
    assert "EmoDB anger" not in text
    assert "let none of the generated sounds pass" in text


@pytest.mark.usefixtures("without_pictures")
def test_the_card_tells_what_was_trained_and_averaged(artifacts):
    text = model_card.write_card(artifacts).read_text()
    for words in (
        "2 networks learnt from acted speech alone, for 20 epochs each",
        "6 networks went on from that average",
        "3 of them without calls,\n  1 of them with every source,",
        "1 of them without calls and demos.",
        "In 2 of them ordinary speech taught the heads alone.",
        "the average of their weights, with 16.7%\n  of a network that heard ordinary speech",
    ):
        assert words in text
    change(artifacts / "recipe.json", ["early_share"], 0.0)
    text = model_card.write_card(artifacts).read_text()
    assert "the average of their weights." in text


@pytest.mark.usefixtures("without_pictures")
def test_a_sound_that_passes_becomes_a_known_failure(artifacts):
    change(artifacts / "evaluation.json", ["non_speech", "figures", 0, "let_through"], 0.05)
    text = model_card.write_card(artifacts).read_text()
    assert "let some of this pass: mains hum." in text


@pytest.mark.usefixtures("without_pictures")
def test_other_corpora_may_be_missing(artifacts):
    content = json.loads((artifacts / "evaluation.json").read_text())
    del content["other_corpora"]
    (artifacts / "evaluation.json").write_text(json.dumps(content))
    text = model_card.write_card(artifacts).read_text()
    assert "no other corpora were at hand" in text
    assert "Other ways of speaking" not in text


@pytest.mark.usefixtures("without_pictures")
def test_the_comparison_and_the_cross_validation_are_told_where_they_were_made(artifacts):
    text = model_card.write_card(artifacts).read_text()
    assert "docs/comparison.md" not in text and "On every speaker once" not in text
    (artifacts / "comparison.json").write_text("{}")
    figures = {
        name: {"mean": 0.61 + place / 50, "sd": 0.01 * (place + 1)}
        for place, name in enumerate(
            ("accuracy", "uar", "macro_f1", "valence_uar", "expected_calibration_error")
        )
    }
    content = {"folds": [{"speakers": ["1001", "1002"]}, {"speakers": ["1003"]}],
               "clean": figures, "telephone": figures,
               "accuracy_of_speakers": {
                   line: {"validation": 0.71, "others": 0.64} for line in ("clean", "telephone")
               }}  # fmt: skip
    (artifacts / "cross_validation.json").write_text(json.dumps(content))
    text = model_card.write_card(artifacts).read_text()
    assert "docs/comparison.md" in text
    assert "All 3 speakers are judged once" in text
    assert "| UAR | 63.0% ± 2.0% | 63.0% ± 2.0% |" in text
    assert "71.0% of their clips are right" in text and "against 64.0%" in text


def real_figures(sha256: str) -> dict:
    return {
        "model": {"version": "0", "sha256": sha256},
        "ordinary": [
            {"source": "desk", "network": "trained without it", "recordings": 3, "segments": 40,
             "distressed": 0.0612, "distressed_alone": 0.1, "outcomes": {"calm throughout": 3}},
        ],
        "anger_against_neutral": [
            {"corpus": "urdu", "clips": 99, "lines": 4, "auc": 0.9876, "auc_lowest": 0.9812,
             "auc_highest": 0.9933, "neutral_distressed": 0.0345, "anger_distressed": 0.8},
        ],
    }  # fmt: skip


@pytest.mark.usefixtures("without_pictures")
def test_real_calls_are_told_where_they_were_measured_and_only_of_this_model(artifacts, capsys):
    file = artifacts / ORDINARY_EVALUATION_FILE
    assert "Real calls" not in model_card.write_card(artifacts).read_text()
    file.write_text(json.dumps(real_figures(hashlib.sha256(MODEL).hexdigest())))
    text = model_card.write_card(artifacts).read_text()
    for figure in (
        "### Real calls",
        "6.1%",
        "mean over 4 draws",
        "0.988 (0.981–0.993)",
        "3.5%",
        "3 calm throughout",
    ):
        assert figure in text
    file.write_text(json.dumps(real_figures("1" * 64)))
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "of another model" in capsys.readouterr().err


@pytest.mark.usefixtures("without_pictures")
def test_an_emotion_without_a_clip_leaves_a_dash(artifacts):
    empty = [[0] * 6, *([0, 1, 0, 0, 0, 0] for _ in range(5))]
    for condition in ("clean", "telephone"):
        change(artifacts / "evaluation.json", ["overall", "figures", condition, "confusion"], empty)
    assert "| anger | 0 | – | – | – | – |" in model_card.write_card(artifacts).read_text()


def test_the_pictures_are_opaque_and_follow_the_figures(artifacts):
    model_card.write_card(artifacts)
    first = {name: (artifacts / name).read_bytes() for name in PICTURES}
    for name in PICTURES:
        with Image.open(artifacts / name) as picture:
            assert picture.format == "PNG"
            assert picture.width >= 900
            pixels = np.asarray(picture.convert("RGB"))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        assert 0.02 < np.mean(pixels.min(axis=2) < 200) < 0.6
    model_card.write_card(artifacts)
    assert all((artifacts / name).read_bytes() == first[name] for name in PICTURES)
    overall = copy.deepcopy(made_up_figures()["overall"])
    overall["clean"]["confusion"][0][0] += 5
    overall["telephone"]["reliability"][0][1] = 0.123
    change(artifacts / "evaluation.json", ["overall", "figures"], overall)
    model_card.write_card(artifacts)
    assert all((artifacts / name).read_bytes() != first[name] for name in PICTURES)


@pytest.mark.parametrize(
    "name", ["evaluation.json", "recipe.json", "score_evaluation.json", SETTINGS_FILE, MODEL_FILE]
)
def test_missing_files_are_named(artifacts, capsys, name):
    (artifacts / name).unlink()
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert name in capsys.readouterr().err


def test_a_missing_section_is_told_with_its_command(artifacts, capsys):
    content = json.loads((artifacts / "evaluation.json").read_text())
    del content["noise"], content["groups"]
    (artifacts / "evaluation.json").write_text(json.dumps(content))
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "calmscore.training.evaluation --only groups noise" in capsys.readouterr().err


def test_figures_of_another_model_are_refused(artifacts, capsys):
    change(artifacts / "evaluation.json", ["noise", "model", "sha256"], "1")
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "noise measured another model" in capsys.readouterr().err
    assert not (artifacts / "MODEL_CARD.md").exists()


def test_figures_of_another_form_are_told(artifacts, capsys):
    change(artifacts / "evaluation.json", ["listeners", "figures"], {})
    assert model_card.main(["--artifacts", str(artifacts)]) == 3
    assert "of another form" in capsys.readouterr().err


@pytest.fixture
def page(artifacts, monkeypatch) -> AppTest:
    monkeypatch.setattr(classifier, "DEFAULT_ARTIFACTS", artifacts)
    return AppTest.from_file(str(VIEW), default_timeout=180)


def test_the_page_shows_the_whole_card_with_its_pictures(page, artifacts):
    text = model_card.write_card(artifacts).read_text()
    page.run()
    assert not page.exception
    shown = "\n".join(part.value for part in page.markdown)
    assert re.findall("^#.*$", shown, re.MULTILINE) == re.findall("^#.*$", text, re.MULTILINE)
    assert "![" not in shown
    assert len(page.get("image")) == len(PICTURES)


def test_the_page_bears_a_missing_picture_and_a_missing_card(page, artifacts):
    page.run()
    assert "without a card" in page.info[0].value
    model_card.write_card(artifacts)
    (artifacts / PICTURES[0]).unlink()
    page.run()
    assert not page.exception
    assert PICTURES[0] in page.caption[0].value
    assert "Confusion matrices" in page.caption[0].value


def test_the_shipped_card_is_that_of_the_shipped_figures(tmp_path):
    names = ("evaluation.json", "score_evaluation.json", "recipe.json", SETTINGS_FILE, MODEL_FILE)
    for name in names:
        (tmp_path / name).symlink_to(DEFAULT_ARTIFACTS / name)
    for name in (model_card.COMPARISON_FILE, CROSS_VALIDATION_FILE, ORDINARY_EVALUATION_FILE):
        if (DEFAULT_ARTIFACTS / name).is_file():
            (tmp_path / name).symlink_to(DEFAULT_ARTIFACTS / name)
    shipped = (DEFAULT_ARTIFACTS / model_card.CARD_FILE).read_text(encoding="utf-8")
    assert model_card.write_card(tmp_path).read_text(encoding="utf-8") == shipped
