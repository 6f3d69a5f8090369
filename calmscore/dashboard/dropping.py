"""Recordings are dropped anywhere on a page; by keyboard, its uploader is the way."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from calmscore.audio.av_sound import RECORDING_SUFFIXES
from calmscore.dashboard.page_component import PageComponent

_STYLE = """
<style>
.calmscore-drop {
  position: fixed; inset: 0; z-index: 1000000; pointer-events: none; display: grid;
  place-items: center; padding: 1rem; text-align: center; font-size: 1.3rem; font-weight: 600;
  color: light-dark(#1D2A30, #E6ECEE);
  background: color-mix(in srgb, light-dark(#FFFFFF, #12191D) 88%, transparent);
  outline: 3px dashed light-dark(#1F6F78, #5FB7C0); outline-offset: -1rem;
}
.calmscore-drop.told {
  inset: auto 1rem 1rem; outline: none; font-size: 1rem; border-radius: 0.5rem;
  overflow-wrap: anywhere; border: 1px solid light-dark(#1F6F78, #5FB7C0);
  background: light-dark(#FFFFFF, #12191D);
}
.calmscore-drop[hidden] { display: none; }
.st-key-dropping { display: none; }
</style>
"""

DROPPING = PageComponent("calmscore_dropping", modules=[Path(__file__).with_name("dropping.js")])


def drop_anywhere(uploader: str, *, invitation: str, presses: bool = False) -> None:
    """Put what is dropped anywhere on the page into one of its uploaders.

    Parameters
    ----------
    uploader : str
        Key of the uploader, or of the container around it.
    invitation : str
        What is said while files are held over the page.
    presses : bool
        Whether the button of the uploader's form is pressed once the files are uploaded.
    """
    st.html(_STYLE)
    DROPPING(
        key="dropping",
        data={
            "uploader": uploader,
            "invitation": invitation,
            "presses": presses,
            "suffixes": list(RECORDING_SUFFIXES),
        },
    )
