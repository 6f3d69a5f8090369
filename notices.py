"""Warnings that travel in a report: nothing failed, but people should know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A warning for the reader of a report.

    Attributes
    ----------
    code : str
        Short name of the circumstance, for example ``truncated_data``; stable.
    message : str
        One plain sentence.
    """

    code: str
    message: str
