"""A call file becomes channels, then the customer's voiced 3-second segments."""

from calmscore.analysis.cutting import Segment
from calmscore.analysis.segments import SegmentedCall, segment_call

__all__ = ["Segment", "SegmentedCall", "segment_call"]
