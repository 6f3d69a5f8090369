"""The de-escalation score; its definition is at the top of `calmscore.analysis.scoring`."""

from calmscore.analysis.call_score import CallScore
from calmscore.analysis.distress import distress
from calmscore.analysis.scoring import score_emotions, score_probabilities

__all__ = ["CallScore", "distress", "score_emotions", "score_probabilities"]
