"""How exported networks are run: ONNX Runtime, on this machine's processors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.telemetry import switch_off_telemetry

switch_off_telemetry()


def open_onnx(path: Path) -> Any:
    """Load an exported network.

    Returns
    -------
    onnxruntime.InferenceSession
        A run takes one thread; runs of several threads go on beside each other.

    Raises
    ------
    Exception
        If the file is missing or damaged: ONNX Runtime has no error of its own for this.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Memory goes back after each run.
    options.enable_cpu_mem_arena = False
    # Products of 8 bits are exact on processors, too, that would add them up in 16 bits.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_in_parts(
    session: Any, names: Sequence[str], parts: Iterable[npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Run a network of one input on parts of a batch, on all processors.

    That is faster than one run whose sums are shared out, and what a row gets does not
    depend on the rows of other parts.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        From `open_onnx`.
    names : sequence of str
        Outputs that are wanted.
    parts : iterable of array, each of shape (rows, …)
        At least one.

    Returns
    -------
    dict of str to array
        The answers to all rows, in their order.
    """
    (source,) = (value.name for value in session.get_inputs())
    answers = _processors().map(lambda part: session.run(names, {source: part}), parts)
    return {
        name: np.concatenate(column)
        for name, column in zip(names, zip(*answers, strict=True), strict=True)
    }


@lru_cache(maxsize=1)
def _processors() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="network")
