"""Nothing leaves the machine, and no library prepares to send anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIND_SPEECH = """
import numpy as np
from calmscore.audio.voice_activity import speech_mask

speech_mask(np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32))
"""
JUDGE_SOUNDS = """
import numpy as np
from calmscore.network.classifier import load_classifier

load_classifier().predict_proba([np.zeros(16_000)], sample_rate_hz=16_000)
"""
# ONNX Runtime leaves files in the home folder before it sends anything, and none where one
# of these is set.
HOLD_BACK = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")


@pytest.mark.parametrize("program", [FIND_SPEECH, JUDGE_SOUNDS], ids=["find speech", "judge"])
def test_networks_report_to_nobody(tmp_path, program):
    environment = {name: value for name, value in os.environ.items() if name not in HOLD_BACK}
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**environment, "HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "numba")},
        check=True,
    )
    assert not list(tmp_path.rglob("*onnxruntime*"))
