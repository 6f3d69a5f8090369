"""The comparison of text models: no text on both sides, the leak, resuming, the page."""

import csv
import json

import numpy as np
import pytest

from calmscore.errors import ArtifactError, CorpusError, ParameterError
from calmscore.training import text_comparison
from calmscore.training.corpora.airline_tweets import read_tweets
from calmscore.training.text_comparison import compare_words
from calmscore.training.text_comparison_results import (
    HEADING,
    text_part,
    text_part_of,
    text_table,
    with_text_part,
)

WORDS = {
    "negative": ["late", "lost", "rude", "awful"],
    "neutral": ["when", "where", "gate", "seat"],
    "positive": ["great", "thanks", "love", "best"],
}
# Two words in three tell nothing: without the leak nobody is always right.
FILLING = ["flight", "plane", "crew", "today", "airport", "bag", "me", "you", "it", "on"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("tweets") / "tweets.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["tweet_id", "airline_sentiment", "negativereason", "text"])
        for number in range(240):
            label = list(WORDS)[number % 3]
            told = label if generator.random() < 0.6 else generator.choice(list(WORDS))
            words = [*generator.choice(FILLING, 4), *generator.choice(WORDS[told], 2)]
            text = " ".join([*words, f"number{number}"])
            reason = "Customer Service Issue" if label == "negative" else ""
            writer.writerow([number, label, reason, text])
        writer.writerow([999, "positive", "", text.upper()])
    return path


def compared(data, output, **options):
    settings = {"names": ["tf-idf"], "seeds": [0, 1], "minilm": None}
    lines = []
    results = compare_words(
        data=data, output=output, report=lines.append, **{**settings, **options}
    )
    return results, lines


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    return compared(data, tmp_path_factory.mktemp("out") / "comparison.json")[0]


def test_texts_that_repeat_another_are_left_out(data):
    tweets = read_tweets(data)
    assert len(tweets.texts) == len({text.lower() for text in tweets.texts}) == 240


def test_the_leak_pretends_more_than_the_texts_tell(results):
    honest, leaky = results["runs"]["tf-idf 0"], results["runs"]["tf-idf 0 leaky"]
    assert leaky["accuracy"] > honest["accuracy"] + 0.05
    assert leaky["confusion"][0][0] == sum(leaky["confusion"][0])
    assert np.sum(honest["confusion"]) == 48


def test_what_is_done_is_not_done_again(data, tmp_path):
    output = tmp_path / "comparison.json"
    _, first = compared(data, output, seeds=[0])
    _, second = compared(data, output, seeds=[0, 1])
    assert [line.partition(":")[0] for line in first] == ["tf-idf 0", "tf-idf 0 leaky"]
    assert [line.partition(":")[0] for line in second] == ["tf-idf 1"]


def test_one_seed_gives_one_result(data, results, tmp_path):
    again, _ = compared(data, tmp_path / "comparison.json", seeds=[0])
    for field in ("accuracy", "macro_f1", "confusion"):
        assert again["runs"]["tf-idf 0"][field] == results["runs"]["tf-idf 0"][field]


def test_a_transformer_from_scratch_learns(data, tmp_path):
    got, _ = compared(data, tmp_path / "c.json", names=["transformer"], seeds=[0])
    run = got["runs"]["transformer 0 leaky"]
    # Chance is a third.
    assert run["accuracy"] > 0.45
    assert run["parameters"] > 500_000


def test_what_cannot_be_done_is_said_first(data, tmp_path):
    with pytest.raises(ParameterError, match="no model 'bert'"):
        compared(data, tmp_path / "c.json", names=["bert"])
    with pytest.raises(ParameterError, match="--minilm"):
        compared(data, tmp_path / "c.json", names=text_comparison.MODELS)
    with pytest.raises(CorpusError, match=r"none\.csv"):
        compared(tmp_path / "none.csv", tmp_path / "c.json")


def test_runs_of_another_protocol_are_kept_apart(data, tmp_path):
    output = tmp_path / "c.json"
    output.write_text(json.dumps({"protocol": {}, "runs": {}}))
    with pytest.raises(ArtifactError, match="another protocol"):
        compared(data, output)


def test_the_table_tells_means_and_the_leak(results):
    line = text_table(results).splitlines()[-1]
    honest = [results["runs"][f"tf-idf {seed}"]["accuracy"] for seed in (0, 1)]
    assert f"{np.mean(honest):.3f} ± {np.std(honest):.3f}" in line
    assert f"{results['runs']['tf-idf 0 leaky']['accuracy']:.3f}" in line


def test_the_part_about_words_is_replaced_and_the_rest_of_the_page_stays(results, tmp_path):
    page = tmp_path / "comparison.md"
    first = with_text_part("# The family of models compared\n\nRows.\n", text_part(results))
    page.write_text(first)
    assert text_part_of(page).startswith(HEADING)
    assert with_text_part(first, text_part(results)) == first
    assert with_text_part("# New\n", text_part_of(page)).startswith("# New\n\n" + HEADING)
