"""How outcomes look: their words and colours."""

from __future__ import annotations

from calmscore.analysis.call_score import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
)

# Any two differ by at least 18 in CIELAB, to full sight and to each kind of colour blindness
# (as in `emotions.Emotion`), and each stands out by 3:1 from the light and the dark page.
OUTCOME_COLOURS: dict[str, str] = {
    DE_ESCALATED: "#12994E",
    PARTLY_DE_ESCALATED: "#128CFD",
    UNRESOLVED: "#D67300",
    ESCALATED: "#CB3C2C",
    CALM_THROUGHOUT: "#6F909A",
    INSUFFICIENT_EVIDENCE: "#717064",
}
# Of what earned points and what cost some, and of the score bands.
BETTER_COLOUR, WORSE_COLOUR = "#009E73", "#D55E00"


def outcome_label(outcome: str) -> str:
    """Return an outcome as the beginning of a line."""
    return outcome[0].upper() + outcome[1:]
