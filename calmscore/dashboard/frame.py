"""What surrounds every page: the product's name, the space above, the menu of a phone."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from calmscore.dashboard.page_component import PageComponent

_NAME = """
<svg xmlns="http://www.w3.org/2000/svg" width="138" height="28" viewBox="0 0 138 28" role="img">
<title>Calmscore</title>
<path d="M2 14c2.5-11 5-11 7.5 0s5 11 7.5 0 3.5-5 7-5" fill="none" stroke="#1F8A95"
 stroke-width="2.8" stroke-linecap="round"/>
<text x="33" y="20" font-family="system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
 font-size="18" font-weight="700" fill="#1F8A95" textLength="100">Calmscore</text>
</svg>
"""
# The header is 3.75 rem high and stays above the page.
_STYLE = """
<style>
.stMainBlockContainer { padding-top: 4.75rem; padding-bottom: 3rem; }
.st-key-menu, .st-key-player { display: none; }
.stMainBlockContainer h1 { font-size: 2.1rem; padding-top: 0; }
.stMainBlockContainer h2 { font-size: 1.7rem; }
.stMainBlockContainer h3 { font-size: 1.4rem; }
[data-testid="stHeaderLogo"], [data-testid="stSidebarLogo"] { height: 1.75rem; max-height: none; }
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.8; }
[data-testid^="stBaseButton-primary"]:not(:disabled) {
  color: light-dark(#FFFFFF, #0B1215) !important;
}
/* A link to another part of the page that is open is no other than a link to elsewhere. */
.stMain [data-testid="stPageLink-NavLink"]:not(:hover) { background-color: transparent; }
.stMain [data-testid="stPageLink-NavLink"] * { font-weight: 400; }
/* While a page is drawn anew it fades; what somebody listens to stays as it is. */
.stElementContainer[class*="st-key-console-"] { opacity: 1 !important; }
@media (max-width: 640px) {
  .stMainBlockContainer h1 { font-size: 1.8rem; }
  .stMainBlockContainer h2 { font-size: 1.5rem; }
  .stMainBlockContainer h3 { font-size: 1.3rem; }
  .stElementContainer:has(> :is(.stTextInput, .stSelectbox)) { flex-basis: auto; width: 100%; }
  .stElementContainer > :is(.stTextInput, .stSelectbox) { width: 100%; }
  /* Columns stand one below the other: what parts them side by side is no gap in a text. */
  [data-testid="stHorizontalBlock"] { row-gap: 1rem; }
  /* What would push the page's own matter out of sight is one row that scrolls by itself. */
  [class*="st-key-scrolling-"] { flex-wrap: nowrap; overflow-x: auto; padding-bottom: 0.25rem; }
  [class*="st-key-scrolling-"] > * { flex: none; width: auto; }
  [class*="st-key-scrolling-"] [data-testid="stButtonGroup"] > div { flex-wrap: nowrap; }
  [class*="st-key-scrolling-"] [data-testid="stButtonGroup"] :is(div, button) {
    min-width: max-content;
  }
  [data-testid="stTable"] :is(th, td) { padding: 0.3rem 0.2rem; font-size: 0.78rem; }
}
</style>
"""
MENU = PageComponent("calmscore_menu", modules=[Path(__file__).with_name("menu.js")])


def frame(page: str) -> None:
    """Draw what every page has in common; to be called once, before the page of this name."""
    st.logo(_NAME, size="large")
    st.html(_STYLE)
    MENU(key="menu", data={"page": page})
