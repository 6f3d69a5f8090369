"""The one model of this installation, shared by all pages and people."""

from __future__ import annotations

import streamlit as st

from calmscore.intake.analysis_cache import AnalysisCache
from calmscore.network import classifier


@st.cache_resource(show_spinner="Loading the model…")
def analyses() -> AnalysisCache:
    """Return what analyses calls, a few at a time."""
    return AnalysisCache(classifier.load_classifier())
