"""What a recording without a header holds, as pages let it be said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamlit.delta_generator import DeltaGenerator

_RAW_FORMATS: dict[str, str] = {
    "μ-law, 8 kHz": "ulaw:8000:1",
    "μ-law, 8 kHz, two channels": "ulaw:8000:2",
    "A-law, 8 kHz": "alaw:8000:1",
    "A-law, 8 kHz, two channels": "alaw:8000:2",
    "16-bit samples, 8 kHz": "s16le:8000:1",
    "16-bit samples, 8 kHz, two channels": "s16le:8000:2",
    "16-bit samples, 16 kHz": "s16le:16000:1",
    "GSM 6.10": "gsm:8000:1",
    "Dialogic ADPCM, 8 kHz": "vox:8000:1",
    "Dialogic ADPCM, 6 kHz": "vox:6000:1",
}


def choose_raw_format(
    place: DeltaGenerator,
    label: str,
    *,
    unsaid: str,
    chosen: str | None = None,
    key: str | None = None,
    on_change: Callable[[], Any] | None = None,
) -> str | None:
    """Let it be chosen what recordings without a header hold.

    Parameters
    ----------
    place : DeltaGenerator
        Where the field stands.
    label : str
        What it is called.
    unsaid : str
        What the first choice is called, which leaves it to the file's name and the environment.
    chosen : str, optional
        What stands there to begin with, as `settings.RawFormat.parse` reads it.
    key : str, optional
        Of the field.
    on_change : callable, optional
        Called before the page runs again.

    Returns
    -------
    str or None
        As `settings.RawFormat.parse` reads it; None where nothing is said.
    """
    choices = [None, *_RAW_FORMATS.values()]
    names = {value: name for name, value in _RAW_FORMATS.items()}
    return place.selectbox(
        label, choices, choices.index(chosen), key=key, on_change=on_change,
        format_func=lambda value: unsaid if value is None else names[value],
        help="Some recorders write bare samples: .raw and .pcm, for instance. Nothing in such "
        "a file says how to read it. All other files are read as they say themselves.",
    )  # fmt: skip
