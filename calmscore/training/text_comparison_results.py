"""The figures of the text models: kept as JSON, laid out for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from calmscore.errors import ArtifactError

Results = dict[str, Any]

HEADING = "# Models of words compared"
_COLUMNS = (
    "Model", "Seeds", "Accuracy", "Macro-F1", "Accuracy with the leak", "Parameters",
    "Size (bytes)", "ms per text", "Training (s)",
)  # fmt: skip


def stored_runs(path: Path, *, protocol: Results) -> dict[str, Results]:
    """Read the runs that may stand beside new ones.

    Parameters
    ----------
    path : Path
        JSON file; there need be none.
    protocol : dict
        Of the new runs.

    Returns
    -------
    dict of str to dict
        By model, seed and leak.

    Raises
    ------
    ArtifactError
        If the file cannot be read, or holds runs of another protocol.
    """
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        same = stored["protocol"] == protocol
        runs = dict(stored["runs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path}: holds no comparison of words ({error}); move it away"
        ) from error
    if not same:
        raise ArtifactError(f"{path}: holds runs of another protocol; move it away")
    return runs


def text_table(results: Results) -> str:
    """Lay the results out as a Markdown table, a line for each model."""
    by_model: dict[str, list[Results]] = {}
    for run in results["runs"].values():
        by_model.setdefault(run["title"], []).append(run)
    lines = [_COLUMNS, (":--", *["--:"] * (len(_COLUMNS) - 1))]
    lines += [_cells(title, runs) for title, runs in by_model.items()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(title: str, runs: list[Results]) -> tuple[str, ...]:
    honest = [run for run in runs if not run["leaky"]]
    leaky = [run["accuracy"] for run in runs if run["leaky"]]
    shown = honest or runs

    def spread(field: str) -> str:
        values = [run[field] for run in honest]
        if not values:
            return "–"
        return f"{np.mean(values):.3f}" + (f" ± {np.std(values):.3f}" if len(values) > 1 else "")

    def mean(field: str) -> float:
        return float(np.mean([run[field] for run in shown]))

    return (
        title,
        str(len(honest)),
        spread("accuracy"),
        spread("macro_f1"),
        f"{leaky[0]:.3f}" if leaky else "–",
        f"{mean('parameters'):,.0f}",
        f"{mean('size_bytes'):,.0f}",
        f"{mean('milliseconds_per_text'):.1f}",
        f"{mean('training_seconds'):,.0f}",
    )


def text_part(results: Results) -> str:
    """Return the part of the comparison's page that is about words."""
    classes = results["protocol"]["classes"]
    confusions = []
    by_model: dict[str, list[Any]] = {}
    for run in results["runs"].values():
        if not run["leaky"]:
            by_model.setdefault(run["title"], []).append(run["confusion"])
    for title, tables in by_model.items():
        rows = np.sum(tables, axis=0)
        shares = rows / rows.sum(axis=1, keepdims=True)
        cells = "".join(
            f"| {name} | {' | '.join(f'{share:.2f}' for share in row)} |\n"
            for name, row in zip(classes, shares, strict=True)
        )
        confusions.append(
            f"| {title} | {' | '.join(classes)} |\n| :-- | --: | --: | --: |\n{cells}"
        )
    return _PART.format(
        heading=HEADING,
        table=text_table(results),
        tweets=f"{results['protocol']['tweets']:,}",
        percent=round(100 * results["protocol"]["test_share"]),
        confusions="\n".join(confusions),
    )


def with_text_part(page: str, part: str) -> str:
    """Return the comparison's page with its part about words replaced, or put at its end."""
    return f"{page.partition(HEADING)[0].rstrip()}\n\n{part}".lstrip()


def text_part_of(page: Path) -> str:
    """Return the part about words of a page that is there; empty where there is none."""
    if not page.is_file():
        return ""
    _, heading, part = page.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")
    return heading.lstrip() + part


_PART = """{heading}

```sh
python model.py compare-words --data data/text/airline_tweets.csv --minilm WHEEL
```

{table}
{tweets} tweets to airlines (Crowdflower 2015, CC BY-NC-SA 4.0), negative, neutral or positive;
texts that repeat another are left out, so that none is on both sides. Each seed has a split of its
own, with {percent} % to measure on, and a training of its own; figures are means over the seeds, ±
their standard deviation. Networks from scratch stop by a tenth of the training part. Sizes are
those of the training form; times were taken on a busy computer.

**Accuracy with the leak** is what the same model seems to reach if the column `negativereason` is
put behind the text (one seed). Only negative tweets fill it: whoever feeds it in feeds in the
answer. Figures of 92 % and more on this corpus come from there.

What ships is not trained on these tweets: it is fine-tuned on GoEmotions, see
[TEXT_EMOTION.md](../artifacts/TEXT_EMOTION.md).

Confusion, rows true, columns predicted, as shares of the row:

{confusions}"""
