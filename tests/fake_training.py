"""Stands in for ``model.py train``: writes an artifact, fails, or waits for a word.

The version asked for says which: ``fails``, ``waits``, or anything else.
"""

import argparse
import json
import os
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--artifacts", type=Path)
parser.add_argument("--version")
options, others = parser.parse_known_args()
print("arguments", *others)
print("priority", os.getpriority(os.PRIO_PROCESS, 0), flush=True)
if options.version == "fails":
    raise SystemExit("error: the training set is empty")
while options.version == "waits" and not Path("go-on").exists():
    time.sleep(0.02)
options.artifacts.mkdir()
(options.artifacts / "metrics.json").write_text(json.dumps({"uar": 0.5}))
