"""Settings that all tests share, and a made-up Whisper file."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from forked_processes import forking, quick_workers  # noqa: F401 (fixtures of all tests)
from hypothesis import settings
from postgres import postgres_server, postgres_url  # noqa: F401
from stored_calls import store, store_url  # noqa: F401

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Words take seconds; the tests that are about them turn them on.
os.environ.setdefault("CALMSCORE_TRANSCRIBER", "off")
# The same examples in every run, and no alarm where the machine is busy.
settings.register_profile("calmscore", derandomize=True, deadline=None)
settings.load_profile("calmscore")


@pytest.fixture(autouse=True)
def pages_asked_for_from_this_machine(monkeypatch):
    """Give pages in tests the address that Streamlit gives local ones; `AppTest` has none."""
    if "streamlit" in sys.modules:
        from streamlit.runtime.context import ContextProxy

        monkeypatch.setattr(ContextProxy, "ip_address", None)


@pytest.fixture(autouse=True)
def main_module_stays_the_same():
    """Undo what `AppTest` does: it leaves its script as the main module.

    A process that is spawned later would run that script.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


def _encoder_shapes(width: int, layers: int) -> dict[str, tuple[int, ...]]:
    shapes = {
        "conv1/weight": (width, 80, 3), "conv1/bias": (width,),
        "conv2/weight": (width, width, 3), "conv2/bias": (width,),
        "position_encodings/encodings": (200, width),
    }  # fmt: skip
    for layer in range(layers):
        for name, rows in (("self_attention", (3, 1)), ("ffn", (4, 1))):
            part = f"layer_{layer}/{name}"
            shapes[f"{part}/layer_norm/gamma"] = shapes[f"{part}/layer_norm/beta"] = (width,)
            for index, (outputs, inputs) in enumerate(((rows[0], 1), (rows[1], rows[0]))):
                fan_in = width * (inputs if name == "ffn" else 1)
                shapes[f"{part}/linear_{index}/weight"] = (width * outputs, fan_in)
                shapes[f"{part}/linear_{index}/bias"] = (width * outputs,)
    return shapes


def write_model_file(path: Path, arrays: dict[str, np.ndarray], *, specification="WhisperSpec"):
    """Write arrays as CTranslate2 lays them out, version 6."""
    codes = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", 6), text(specification), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        size = struct.pack("<BI", codes[str(array.dtype)], array.nbytes)
        parts += [text(name), shape, size, array.tobytes()]
    path.write_bytes(b"".join(parts) + struct.pack("<I", 0))
    return path


@pytest.fixture(scope="session")
def whisper_arrays():
    """Return random encoder weights of a small Whisper, and one array of its decoder."""

    def arrays(*, width: int = 64, layers: int = 1) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(width + layers)
        weights = {"decoder/scale_embeddings": np.ones(1, dtype=np.int8)}
        for name, shape in _encoder_shapes(width, layers).items():
            values = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:], initial=4))
            weights[f"encoder/{name}"] = (values + name.endswith("gamma")).astype(np.float16)
        return weights

    return arrays


@pytest.fixture(scope="session")
def write_whisper():
    """Return the writer of made-up model files."""
    return write_model_file
