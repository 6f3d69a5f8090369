"""What ``calmscore dashboard`` starts: Streamlit, on connections that do not wait for ever."""

from __future__ import annotations

import logging
import sys
from typing import Any

from streamlit.web import cli
from streamlit.web.server.starlette import starlette_server

from calmscore.connections import BoundedProtocol

# Streamlit offers no way to choose what uvicorn speaks with.
_SETTINGS = "_get_uvicorn_config_kwargs"


def _bound_connections() -> None:
    settings = getattr(starlette_server, _SETTINGS, None)
    if settings is None:
        logging.getLogger(__name__).warning("connections are not bounded by this Streamlit")
        return

    def bounded() -> dict[str, Any]:
        return {**settings(), "http": BoundedProtocol}

    setattr(starlette_server, _SETTINGS, bounded)


if __name__ == "__main__":
    _bound_connections()
    sys.exit(cli.main(["run", *sys.argv[1:]]))
