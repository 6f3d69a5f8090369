"""Spoken phrases: those that measure, those that are taught, and that they are not the same."""

import numpy as np
import pytest

from calmscore.errors import CorpusError
from calmscore.training.corpora.go_emotions import EKMAN, LabelledTexts
from calmscore.training.corpora.spoken_phrases import Phrase, read_phrases
from calmscore.training.taught_phrases import taught_phrases, with_taught_phrases
from calmscore.training.text_command import PHRASES
from calmscore.training.text_evaluation import measure_phrases

HEAD = "family\tsentiment\tphrase\n"


def test_there_are_phrases_of_every_sentiment_and_none_twice():
    phrases = read_phrases(PHRASES)
    assert len(phrases) >= 60
    assert len({phrase.text for phrase in phrases}) == len(phrases)
    for sentiment in ("negative", "neutral", "positive"):
        assert sum(phrase.sentiments == (sentiment,) for phrase in phrases) >= 10


def test_no_measured_phrase_is_taught_nor_a_part_of_one():
    taught = {f" {text} " for text in taught_phrases().texts}
    # A single word stands in everything.
    measured = [f" {p.text} " for p in read_phrases(PHRASES) if " " in p.text]
    found = [(one, other) for one in measured for other in taught if one in other or other in one]
    assert not found


def test_taught_phrases_have_a_label_each_and_stand_behind_the_corpus():
    taught = taught_phrases()
    assert len(set(taught.texts)) == len(taught.texts) == len(taught.labels)
    assert taught.labels.any(axis=1).all()
    own = LabelledTexts(("hello",), np.eye(len(EKMAN), dtype=bool)[:1])
    both = with_taught_phrases(own, copies=2)
    assert both.texts == ("hello", *taught.texts, *taught.texts)
    assert both.labels.shape == (len(both.texts), len(EKMAN))
    assert with_taught_phrases(own, copies=0).texts == own.texts


def test_a_phrase_may_have_several_sentiments(tmp_path):
    path = tmp_path / "phrases.tsv"
    path.write_text(HEAD + 'negation\tneutral/positive\tnot so "bad\n', encoding="utf-8")
    (phrase,) = read_phrases(path)
    assert phrase.text == 'not so "bad'
    assert phrase.sentiments == ("neutral", "positive")


@pytest.mark.parametrize(
    "content",
    ["", "phrase\n", HEAD + "negation\tnot bad\n", HEAD + "negation\tgood\tnot bad\n",
     HEAD + "negation\t\tnot bad\n"],
)  # fmt: skip
def test_a_file_of_another_form_is_named(tmp_path, content):
    path = tmp_path / "phrases.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"phrases\.tsv"):
        read_phrases(path)


class Told:
    """A model that knows what it will say."""

    def predict_proba(self, texts):
        return texts

    def sentiment(self, texts):
        return ["negative" if "not" in text else "neutral" for text in texts]


def test_phrases_are_counted_by_family_and_those_misread_are_named():
    phrases = [
        Phrase(text="not bad", family="negation", sentiments=("neutral", "positive")),
        Phrase(text="not good", family="negation", sentiments=("negative",)),
        Phrase(text="okay", family="farewell", sentiments=("neutral",)),
    ]
    figures = measure_phrases(Told(), phrases)
    assert figures["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["families"]["negation"] == {"phrases": 2, "accuracy": 0.5}
    assert figures["families"]["farewell"] == {"phrases": 1, "accuracy": 1.0}
    assert figures["misread"] == [
        {"phrase": "not bad", "expected": "neutral/positive", "read": "negative"}
    ]
