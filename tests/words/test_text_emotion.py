"""What words express: spoken language, odd texts, which words weigh, damaged files."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.words.text_emotion import (
    MODEL_FILE,
    READ_AS,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    TextEmotionClassifier,
    load_text_classifier,
)

FILES = (MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE)
HAPPY = EMOTIONS.index("happy")
NEGATIVE = [EMOTIONS.index(name) for name in ("anger", "disgust", "fear", "sad")]


@pytest.fixture(scope="module")
def classifier():
    return load_text_classifier(DEFAULT_ARTIFACTS)


def sentiments(classifier, *texts):
    return classifier.sentiment(classifier.predict_proba(texts))


@pytest.mark.parametrize(
    ("sentiment", "text"),
    [
        ("positive", "thank you so much that was really helpful"),
        ("positive", "i am happy with this"),
        ("negative", "i hate this company"),
        ("negative", "i am so scared"),
        ("negative", "i'm sad that my trip was cancelled"),
        ("neutral", "can you tell me when the bus leaves"),
        ("neutral", "my account number is four five six seven"),
    ],
)
def test_plain_feelings_are_read(classifier, sentiment, text):
    assert sentiments(classifier, text) == [sentiment]


@pytest.mark.parametrize("feeling", ["happy with this", "glad about it"])
def test_a_negated_joy_is_none(classifier, feeling):
    plain, negated = classifier.predict_proba([f"i am {feeling}", f"i am not {feeling}"])
    assert negated[HAPPY] < plain[HAPPY] / 2
    assert negated[NEGATIVE].sum() > negated[HAPPY]


@pytest.mark.parametrize(
    "complaint",
    [
        "this is still not working and i am really upset",
        "i've been waiting for three weeks and nobody has called me back",
        "i am very angry about this bill",
    ],
)
def test_thanks_do_not_hide_a_complaint(classifier, complaint):
    assert sentiments(classifier, f"thank you but {complaint}") != ["positive"]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("I am SO angry with you!", "i am so angry with you"),
        ("Thank you, that's wonderful.", "thank you that's wonderful"),
        ("I’m scared!", "i'm scared"),
    ],
)
def test_case_and_punctuation_are_not_needed(classifier, written, spoken):
    first, second = sentiments(classifier, written, spoken)
    assert first == second != "neutral"


def test_fillers_change_no_sentiment(classifier):
    plain = ["i am so angry with you people", "thank you so much you are wonderful"]
    filled = ["um i uh i am like so angry with uh you people", "uh thank you so um so much you are"
              " uh wonderful"]  # fmt: skip
    assert sentiments(classifier, *plain) == sentiments(classifier, *filled)


def test_probabilities_are_a_distribution_in_the_order_of_the_emotions(classifier):
    texts = ["i hate this", "what a surprise", "word " * 500]
    six, seven = classifier.predict_proba(texts), classifier.predict_classes(texts)
    assert six.dtype == np.float32
    assert six.shape == (3, len(EMOTIONS))
    assert six.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    for index, name in enumerate(EMOTIONS):
        counted = [column for column, read in enumerate(READ_AS.values()) if read == name]
        assert six[:, index] == pytest.approx(seven[:, counted].sum(axis=1), abs=1e-6)


@pytest.mark.parametrize("text", ["", "   ", "…", "?!", "😡"])
def test_no_word_is_neutral(classifier, text):
    (row,) = classifier.predict_proba([text])
    assert row[EMOTIONS.index("neutral")] == 1.0


def test_no_text_gives_no_row(classifier):
    assert classifier.predict_proba([]).shape == (0, len(EMOTIONS))
    assert classifier.sentiment(classifier.predict_proba([])) == []


def test_a_text_is_read_alike_alone_and_among_others(classifier):
    texts = ["i am so angry", "thank you " * 20, "yes"]
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts])
    assert classifier.predict_proba(texts) == pytest.approx(alone, abs=1e-4)


def test_a_long_text_is_read_to_its_end(classifier):
    facts = "the number of my ticket is four seven two one " * 8
    without, with_end = classifier.predict_proba([facts, facts + "i am so angry i hate this " * 4])
    assert with_end[NEGATIVE].sum() > without[NEGATIVE].sum() + 0.1


def test_the_word_that_says_it_weighs_most(classifier):
    text = "i am really angry about the bill"
    weights = classifier.word_weights(text, text.split())
    assert len(weights) == len(text.split())
    assert text.split()[int(np.argmax(weights))] == "angry"
    assert all(-1.0 <= weight <= 1.0 for weight in weights)


def test_words_of_a_neutral_text_weigh_nothing(classifier):
    text = "my account number is four five six seven"
    assert classifier.word_weights(text, text.split()) == [0.0] * 8
    assert classifier.word_weights("", []) == []


def test_each_stretch_of_a_long_text_is_weighed_for_itself(classifier):
    words = [*["my", "ticket", "has", "the", "number", "four"] * 10, "i", "hate", "you"]
    weights = classifier.word_weights(" ".join(words), words)
    assert len(weights) == len(words)
    assert int(np.argmax(weights)) == len(words) - 2 or max(weights) == 0.0


def test_it_loads_in_a_fresh_process_without_keras(classifier):
    program = (
        "import sys\n"
        "from calmscore.network.classifier import DEFAULT_ARTIFACTS\n"
        "from calmscore.words.text_emotion import load_text_classifier\n"
        "classifier = load_text_classifier(DEFAULT_ARTIFACTS)\n"
        "print(classifier.predict_proba(['i hate this'])[0].tolist())\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    (expected,) = classifier.predict_proba(["i hate this"])
    told = [float(value) for value in ran.stdout.decode().strip(" []\n").split(",")]
    assert told == pytest.approx(expected, abs=1e-4)


def test_the_artifact_stays_small():
    assert sum((DEFAULT_ARTIFACTS / name).stat().st_size for name in FILES) <= 25e6


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    for each in FILES:
        shutil.copy(DEFAULT_ARTIFACTS / each, tmp_path / each)
    if damage == "missing":
        (tmp_path / name).unlink()
    else:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        TextEmotionClassifier(tmp_path)
