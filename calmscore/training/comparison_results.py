"""The stored figures of a comparison of models: JSON file, table, page of the documentation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calmscore.errors import ArtifactError
from calmscore.training.ending import write_json

Results = dict[str, Any]

COLUMNS = (
    "Model",
    "Input",
    "Accuracy",
    "UAR",
    "Macro-F1",
    "ECE",
    "UAR telephone",
    "UAR random split",
    "Parameters",
    "Size (bytes)",
    "ms per segment",
    "Training (s)",
)
"""Columns of the table."""


def read_results(path: Path) -> Results:
    """Read what `write_results` stored.

    Parameters
    ----------
    path : Path
        JSON file.

    Returns
    -------
    dict
        ``command``, ``seed``, ``protocol`` and ``models``.

    Raises
    ------
    ArtifactError
        If the file cannot be read or holds something else.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(results, dict):
            raise ValueError("not an object")
        missing = {"command", "seed", "protocol", "models"} - set(results)
        if missing:
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{path}: holds no results of a comparison ({error}); move it away"
        ) from error
    return results


def stored_rows(path: Path, *, seed: int, protocol: Results) -> dict[str, Results]:
    """Read the rows that may stand beside new ones.

    Parameters
    ----------
    path : Path
        JSON file; there need be none.
    seed : int
        Seed of the new rows.
    protocol : dict
        Protocol of the new rows.

    Returns
    -------
    dict of str to dict
        Rows by the name of their model.

    Raises
    ------
    ArtifactError
        If the file cannot be read, holds something else, or rows of another protocol
        or seed.
    """
    if not path.exists():
        return {}
    stored = read_results(path)
    if (stored["seed"], stored["protocol"]) != (seed, protocol):
        raise ArtifactError(
            f"{path}: holds figures of another protocol or seed; move it away or name another file"
        )
    return {row["name"]: row for row in stored["models"]}


def write_results(path: Path, results: Results) -> None:
    """Write results as JSON; a file that is there is replaced at once, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".part")
    write_json(written, results)
    written.replace(path)


def comparison_table(results: Results) -> str:
    """Lay the results out as a Markdown table.

    Parameters
    ----------
    results : dict
        From `comparison.compare` or `read_results`.

    Returns
    -------
    str
        One line per model, of `COLUMNS`, aligned for a terminal; ends with a newline.
    """
    rows = [COLUMNS, *(_cells(row) for row in results["models"])]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    rule = [":" + "-" * (width - 1) if index < 2 else "-" * (width - 1) + ":"
            for index, width in enumerate(widths)]  # fmt: skip
    return "".join(_line(row, widths) for row in (rows[0], rule, *rows[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) if index < 2 else cell.rjust(width)
              for index, (cell, width) in enumerate(zip(cells, widths, strict=True))]  # fmt: skip
    return f"| {' | '.join(padded)} |\n"


def _cells(row: Results) -> tuple[str, ...]:
    clean, random_split, seconds = row["clean"], row["random_split"], row["training_seconds"]
    return (
        row["title"],
        row["inputs"],
        *(f"{clean[name]:.3f}" for name in ("accuracy", "uar", "macro_f1")),
        f"{clean['expected_calibration_error']:.3f}",
        f"{row['telephone']['uar']:.3f}",
        "–" if random_split is None else f"{random_split['uar']:.3f}",
        f"{row['parameters']:,}",
        f"{row['size_bytes']:,}",
        f"{row['milliseconds_per_segment']:.1f}",
        "–" if seconds is None else f"{seconds:,.0f}",
    )


def comparison_page(results: Results) -> str:
    """Return the page of the documentation: command, table and how to read it.

    Parameters
    ----------
    results : dict
        From `comparison.compare` or `read_results`.

    Returns
    -------
    str
        Markdown.
    """
    protocol = results["protocol"]
    return _PAGE.format(
        table=comparison_table(results),
        leakage=_leakage(results),
        speakers=len(protocol["training_speakers"]),
        clips=f"{protocol['training_clips']:,}",
        validation_speakers=len(protocol["validation_speakers"]),
        validation_clips=protocol["validation_clips"],
        batch=protocol["segments_per_timed_batch"],
        percent=round(100 * protocol["random_split_training_share"]),
    )


def _leakage(results: Results) -> str:
    rows = [row for row in results["models"] if row["random_split"] is not None]
    if not rows:
        return "No model has been trained on the random split yet."
    split, clean, heard, unheard = (
        np.mean([row[key]["uar"] for row in rows])
        for key in (
            "random_split",
            "clean",
            "shared_clips_speakers_heard",
            "shared_clips_speakers_unheard",
        )
    )
    clips = rows[0]["shared_clips_speakers_heard"]["clips"]
    text = (
        f"On average over {len(rows)} models, UAR is {clean:.3f} on the validation speakers and "
        f"{split:.3f} on the random split. Speakers are not equally easy to read, though, and the "
        f"two columns measure different ones. {clips} clips of the validation speakers are "
        f"measured in both. On these the average UAR is {heard:.3f} if a model has heard other "
        f"clips of the same speakers, and {unheard:.3f} if it has not: the leak is worth "
        f"{100.0 * (heard - unheard):+.1f} points. So few clips tell its rough size, no more."
    )
    return textwrap.fill(text, 98)


_PAGE = """# The family of models compared

One command trains the simpler models, measures them and the shipped one, prints the table, and
writes `artifacts/comparison.json` and this page:

```sh
.venv/bin/python model.py compare
```

{table}
## What the columns mean

- **Protocol.** The simpler models learn from {clips} clips of {speakers} speakers of CREMA-D and
  are measured on {validation_clips} clips of {validation_speakers} other speakers, whom none of
  them ever heard. Six emotions; the intended one is the right one. Each training clip is learnt
  from twice, clean and over a simulated telephone line. Networks stop when they no longer improve
  on a tenth of the *training* speakers; the {validation_speakers} decide nothing.
- **Accuracy, UAR, macro-F1, ECE** are measured on clean clips. UAR is the mean recall of the six
  emotions (chance: 0.167). ECE, the expected calibration error, is how far confidence and share
  of right answers lie apart; 0 is best.
- **UAR telephone**: the same clips through a simulated telephone line (8 kHz, 300–3400 Hz, μ-law,
  noise).
- **UAR random split**: see below.
- **Parameters**: numbers that were learnt; in trees, the feature and the threshold of each split
  and the values of each leaf. **Size**: the stored file. The transformers store most weights with
  16 bits.
- **ms per segment**: from 3 seconds of sound to probabilities, features included, in batches of
  {batch}, the fastest of several runs. **Training**: without preparing the inputs. Both depend on
  the computer and on what else it was doing.

With {validation_speakers} speakers, differences of two or three points say little.

## What leakage means

The original project divided its clips at random: {percent} % to learn from, the others to
measure. Then every speaker is on both sides. A model can get better marks by remembering how a
*particular person* sounds when angry, which is of no use on a customer whom it has never heard:
knowledge about the answers has leaked from the test into the training. The column "UAR random
split" shows the marks that each model gets that way, with the same recipe, on clean clips.

{leakage}

Only the column "UAR" tells what to expect on a new voice.

## What the rows are

- **Logistic regression, random forest, gradient boosting** (scikit-learn) and the **dense
  network** (Keras) read one vector per clip: 40 mel-frequency cepstral coefficients, 12 chroma
  and 7 spectral contrasts, each averaged over the clip. How the voice moves within the clip is
  lost.
- **CNN over averages** reads 32 such averages as if they were a sequence, which they are not: 13
  coefficients, 12 chroma, 7 contrasts.
- **1-D CNN, CNN + LSTM, BiLSTM** and the **transformer from scratch** read log-mel frames, one
  step every 40 ms, and so hear the course of the voice. The transformer's tokens are these steps.
- **Whisper-initialised transformer** is the shipped model, measured as `model.py evaluate` does;
  it is not trained again here, so it has no figure for the random split. It reads a step every 20
  ms, started from weights learnt from far more speech, and learnt from more copies of each clip.
  Its epoch and its temperature were chosen on the {validation_speakers} speakers that it is
  measured on, so its figures, ECE above all, are a little too good. The others' probabilities are
  taken as they come. Its training time is the sum of its training logs in [runs/](runs/),
  which name the device where it was a GPU.
"""
