"""Documents on a page: their tables fit a phone."""

from __future__ import annotations

import streamlit as st


def fit_tables(key: str) -> None:
    """Set the tables of a container with this key close on a phone.

    One that is wider still scrolls by itself, so that none is cut off or widens the page.
    """
    st.html(
        f"""
<style>
.st-key-{key} table {{
  display: block; width: fit-content; max-width: 100%; overflow-x: auto;
}}
@media (max-width: 640px) {{
  .st-key-{key} table {{ font-size: 0.8rem; }}
  .st-key-{key} :is(td, th) {{ padding: 0.25rem 0.3rem; }}
}}
</style>
"""
    )
