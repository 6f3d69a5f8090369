"""The six emotions: names, codes, valences, colours, weights."""

from calmscore.emotions import BY_CODE, BY_NAME, DISTRESS_WEIGHTS, EMOTIONS, Emotion

__all__ = ["BY_CODE", "BY_NAME", "DISTRESS_WEIGHTS", "EMOTIONS", "Emotion"]
