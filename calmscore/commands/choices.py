"""What the options of several commands may say."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

# As in the analysis, whose modules take long to load: help is quick.
ChannelChoice = Literal["auto", "left", "right", "mixed", "1", "2", "3", "4", "5", "6", "7", "8"]

CustomerChannelOption = Annotated[
    ChannelChoice | None, typer.Option(help="Where the customer is (default: as in the settings).")
]
DirectionOption = Annotated[
    Literal["inbound", "outbound", "unknown"] | None,
    typer.Option(
        help="Who called whom; inbound: the customer did (default: as the file's name or "
        "CALMSCORE_DIRECTION tells)."
    ),
]
RawFormatOption = Annotated[
    str | None,
    typer.Option(
        help="What recordings without a header hold: coding:rate:channels, as ulaw:8000:1 "
        "(default: CALMSCORE_RAW_FORMAT, or as the file's name tells)."
    ),
]
