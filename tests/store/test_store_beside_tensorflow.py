"""The store in a process that also holds TensorFlow."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from pathlib import Path
import calmscore
import tensorflow
from calmscore.store import Store
from calmscore.store.calls import CallFilter, count_calls

store = Store(Path(sys.argv[1]))
with store.database.reading() as session:
    print(count_calls(session, CallFilter(words="refund")))
"""


def test_words_are_searched_though_tensorflow_was_imported_before_the_store(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr[-2000:]
