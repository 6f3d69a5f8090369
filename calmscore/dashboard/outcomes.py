"""How outcomes look: their words and colours."""

from __future__ import annotations

from calmscore.analysis.scoring import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
)

OUTCOME_COLOURS: dict[str, str] = {
    DE_ESCALATED: "#009E73",
    PARTLY_DE_ESCALATED: "#56B4E9",
    UNRESOLVED: "#E69F00",
    ESCALATED: "#D55E00",
    CALM_THROUGHOUT: "#A6CDBD",
    INSUFFICIENT_EVIDENCE: "#8C96A0",
}

# The same hues, pale enough for dark letters on them.
OUTCOME_CHIPS: dict[str, str] = {
    DE_ESCALATED: "#94D8C5",
    PARTLY_DE_ESCALATED: "#B4DDF5",
    UNRESOLVED: "#F5D28A",
    ESCALATED: "#F0B48C",
    CALM_THROUGHOUT: "#DCECE5",
    INSUFFICIENT_EVIDENCE: "#D3D8DC",
}


def outcome_label(outcome: str) -> str:
    """Return an outcome as the beginning of a line."""
    return outcome[0].upper() + outcome[1:]
