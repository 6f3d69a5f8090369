"""How exported networks are run: ONNX Runtime, on this machine's processors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from calmscore.telemetry import switch_off_telemetry

switch_off_telemetry()


def open_onnx(path: Path) -> Any:
    """Load an exported network.

    Parameters
    ----------
    path : Path
        The exported file.

    Returns
    -------
    onnxruntime.InferenceSession
        On all processors.

    Raises
    ------
    Exception
        If the file is missing or damaged: ONNX Runtime has no error of its own for this.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    # Memory goes back after each batch, and threads that wait leave the machine to others.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
