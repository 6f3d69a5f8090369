"""The commands about words, from the command line to their files."""

import json

import pytest
from made_minilm import made_minilm
from safetensors.numpy import save_file

from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.training.command import main
from calmscore.training.corpora.go_emotions import DEV_FILE, TRAIN_FILE
from calmscore.training.text_speed import TURN, measure_speed
from calmscore.words.text_emotion import TextEmotionClassifier, load_text_classifier

TEXTS = [("the call was so good", 3), ("my bag is lost", 5), ("the call was bad", 0),
         ("sorry", 5), ("the call is my call", 4), ("so angry", 0), ("thank you", 3)]  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    weights, tokenizer = made_minilm()
    save_file(weights, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    lines = "".join(f"{text}\t{label}\tid\n" for text, label in TEXTS * 8)
    for name in (TRAIN_FILE, DEV_FILE):
        (folder / name).write_text(lines)
    return folder


def train(places, *more):
    options = ["--epochs", "1", "--batch-size", "8", "--frozen-blocks", "1", "--longest", "16",
               "--draws", *["1"] * 7, "--taught-copies", "0", "--no-mixed-precision"]  # fmt: skip
    return main(["train-words", "--data", str(places), "--texts", "40", *options, *more])


@pytest.fixture(scope="module")
def artifact(places):
    folder = places / "artifact"
    start = ["--minilm", str(places), "--run", str(places / "run"), "--version", "0.1"]
    assert train(places, *start, "--artifacts", str(folder)) == 0
    return folder


def test_training_writes_an_artifact_and_its_figures(artifact):
    classifier = TextEmotionClassifier(artifact)
    assert classifier.settings.version == "0.1"
    assert classifier.predict_proba(["so good"]).sum() == pytest.approx(1.0, abs=1e-4)
    figures = json.loads((artifact / "text_emotion_metrics.json").read_text())
    assert figures["written"]["texts"] == figures["spoken"]["texts"] == 40
    assert figures["epochs_trained"] == 1
    assert figures["recipe"]["longest"] == 16


def test_a_shipped_network_is_trained_further(places, artifact, tmp_path):
    start = ["--start-from", str(artifact), "--run", str(tmp_path / "run"), "--version", "0.2"]
    assert train(places, *start, "--artifacts", str(tmp_path)) == 0
    assert TextEmotionClassifier(tmp_path).settings.version == "0.2"


def test_measuring_tells_of_texts_and_phrases(places, artifact, tmp_path):
    path, phrases = tmp_path / "figures.json", tmp_path / "phrases.tsv"
    phrases.write_text("family\tsentiment\tphrase\nnegation\tneutral\tnot so bad\n")
    options = ["--artifacts", str(artifact), "--phrases", str(phrases), "--json", str(path)]
    assert main(["evaluate-words", *options]) == 0
    assert set(json.loads(path.read_text())) == {"phrases"}
    assert main(["evaluate-words", "--data", str(places / DEV_FILE), *options]) == 0
    assert json.loads(path.read_text())["written"]["texts"] == 56


def test_speed_is_told_of_a_turn_whose_words_are_weighed():
    shipped_one = load_text_classifier(DEFAULT_ARTIFACTS)
    figures = measure_speed(shipped_one, repeats=1)
    assert figures.pop("words") == 17 and len(figures) == 4
    assert all(value > 0.0 for value in figures.values())
    assert any(shipped_one.word_weights(TURN, TURN.split()))


def test_a_fault_is_one_line(tmp_path, capsys):
    missing = ["--minilm", str(tmp_path), "--data", str(tmp_path / "none")]
    assert main(["train-words", *missing]) == 3
    assert capsys.readouterr().err.startswith("error: ")
