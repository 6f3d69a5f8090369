"""Whatever a caller sends, the service answers as its OpenAPI document says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from running_service import running
from service_store import FAKE_TRAINING, make_keys, make_training_set, unhurried
from stub_classifier import stub_classifier

from calmscore.service.application import create_app
from calmscore.store import Store

TESTS = Path(__file__).resolve().parent
EXAMPLES = 10


def test_schemathesis_finds_no_failure_with_all_checks(tmp_path):
    make_training_set(tmp_path / "sets", "crema_d")
    store = Store(tmp_path / "data")
    key = make_keys(store).admin["Authorization"]
    app = create_app(
        store,
        stub_classifier(),
        settings=unhurried(training_folder=tmp_path / "sets"),
        train_command=FAKE_TRAINING,
    )
    with running(app) as address:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json",
            "--header", f"Authorization: {key}", "--checks", "all", "--seed", "1",
            "--max-examples", str(EXAMPLES), "--workers", "1", "--no-color",
        ]  # fmt: skip
        path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "SCHEMATHESIS_HOOKS": "schema_hooks"},
        )
    store.close()
    assert ended.returncode == 0, ended.stdout + ended.stderr
