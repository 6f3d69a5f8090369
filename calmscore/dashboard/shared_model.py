"""The one model of this installation, shared by all pages and people."""

from __future__ import annotations

import streamlit as st

from calmscore.intake.analysis_throttle import AnalysisThrottle
from calmscore.network import classifier


@st.cache_resource(show_spinner="Loading the model…")
def analyses() -> AnalysisThrottle:
    """Return what analyses calls, a few at a time."""
    return AnalysisThrottle(classifier.load_classifier())
