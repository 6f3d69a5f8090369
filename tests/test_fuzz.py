"""Damaged files through the command line: no crash, no wrong exit code.

FUZZ_FILES=2000 tries two thousand of them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fuzzing import mutated_files
from stub_classifier import stub_classifier

import inference

FILES, FILES_PER_CALL = int(os.environ.get("FUZZ_FILES", "300")), 100


@pytest.mark.parametrize("batch", range(FILES // FILES_PER_CALL))
def test_damaged_files_are_reported_one_by_one(batch, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference, "load_classifier", stub_classifier)
    paths = []
    for index, (name, data) in enumerate(mutated_files(FILES_PER_CALL, seed=batch)):
        path = tmp_path / f"call {index}{Path(name).suffix}"
        path.write_bytes(data)
        paths.append(path)
    with pytest.raises(SystemExit) as stop:
        inference.main([*map(str, paths), "--format", "json"])
    code = int(stop.value.code or 0)
    out, err = capsys.readouterr()
    entries = json.loads(out)
    assert [entry["call"]["file_name"] for entry in entries] == [path.name for path in paths]
    errors = [entry["error"] for entry in entries if "error" in entry]
    assert code == (3 if errors else 0)
    assert not [error for error in errors if error["code"] == "internal_error"]
    for entry in entries:
        if "error" in entry:
            assert entry["call"]["file_name"] in entry["error"]["message"]
        else:
            assert entry["score"]["outcome"]
    assert "Traceback" not in err
