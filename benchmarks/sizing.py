"""Write the table of sizes into docs/operate.md, from the figures of the other benchmarks.

python benchmarks/sizing.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "operate.md"
BEGIN = "<!-- sizes: python benchmarks/sizing.py -->"
END = "<!-- end of sizes -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_MINUTES = 10
_RATE_HZ = 8_000


def table(speed: dict[str, Any], stored: dict[str, Any]) -> str:
    """Return the table of sizes as Markdown.

    Parameters
    ----------
    speed, stored : dict
        As ``call_speed.json`` and ``stored_calls.json`` hold them.
    """
    calls = {call["minutes"]: call for call in speed["calls"]}
    seconds = sum(
        value for name, value in calls[_MINUTES]["stages"].items() if name != "scored segments"
    )
    rows = [
        (
            "Analysis of a 10-minute call, model loaded",
            f"{seconds:.1f} s on {speed['cores']} cores",
        ),
        ("Such calls in an hour, one after the other", f"{3600 / seconds:,.0f}"),
        *(
            (f"Memory of a process, {minutes:g}-minute call", _megabytes(call))
            for minutes, call in sorted(calls.items())
        ),
        (
            "A 10-minute recording: stereo, 8 kHz, 8 bits",
            f"{_MINUTES * 60 * _RATE_HZ * 2 / 1e6:.1f} MB",
        ),
    ]
    for kind, figures in sorted(stored.items(), reverse=True):
        count = figures["calls"]
        size = figures["bytes_per_call"] * count / 1e6
        rows.append((f"{_NAMES[kind]}: {count:,} calls without recordings", f"{size:.0f} MB"))
        slowest = max(row["milliseconds"] for row in figures["queries"])
        rows.append((f"{_NAMES[kind]}: slowest query of the pages", f"{slowest:.0f} ms"))
        rows += [
            (f"{_NAMES[kind]}: {_page(name)} page, on the server", f"{page['seconds']:.2f} s")
            for name, page in figures["pages"].items()
        ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _megabytes(call: dict[str, Any]) -> str:
    return f"{call['peak_megabytes']:,.0f} MB"


def _page(path: str) -> str:
    return Path(path).stem.capitalize()


def with_table(text: str, sizes: str) -> str:
    """Return a document with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{sizes}\n\n{END}{after}"


def current_table() -> str:
    """Return the table of the figures that are stored here."""
    speed, stored = (
        json.loads((ROOT / "benchmarks" / name).read_text(encoding="utf-8"))
        for name in ("call_speed.json", "stored_calls.json")
    )
    return table(speed, stored)


def main() -> None:
    """Write the table."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(with_table(text, current_table()), encoding="utf-8")


if __name__ == "__main__":
    main()
