"""What words add to the guess of who is the customer is measured on composed text."""

from __future__ import annotations

import json

import pytest

from calmscore.training.spoken_customer_evaluation import customers_texts, main

ROWS = (
    "negative,Late Flight,@air my bag is lost &amp; nobody answers https://x.y/z",
    "negative,,I have been waiting for my refund for three weeks",
    "neutral,,@air what time does it leave #JFK",
)


@pytest.fixture
def tweets(tmp_path):
    path = tmp_path / "tweets.csv"
    path.write_text("\n".join(("airline_sentiment,negativereason,text", *ROWS)), encoding="utf-8")
    return path


def test_what_nobody_says_is_left_out_of_texts(tweets):
    assert customers_texts(tweets) == [
        "my bag is lost & nobody answers",
        "I have been waiting for my refund for three weeks",
        "what time does it leave",
    ]


def test_words_help_and_the_figures_are_the_same_every_time(tweets, tmp_path, capsys):
    figures = []
    for name in ("first", "second"):
        kept = tmp_path / f"{name}.json"
        assert main(["--tweets", str(tweets), "--calls", "200", "--json", str(kept)]) == 0
        figures.append(json.loads(kept.read_text(encoding="utf-8")))
    assert figures[0] == figures[1]
    everything = figures[0]["calls"][0]
    assert everything["with"]["agent_scored"] < everything["without"]["agent_scored"]
    assert everything["with"]["customer_scored"] > everything["without"]["customer_scored"]
    assert "customers' texts that sound like an agent's: 0.00% of 3" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["--tweets", str(tmp_path / "none.csv")]) == 3
    assert "none.csv" in capsys.readouterr().err
