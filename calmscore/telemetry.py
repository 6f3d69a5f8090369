"""No library that Calmscore loads tells its makers that it is used."""

from __future__ import annotations

import os


def switch_off_telemetry() -> None:
    """Tell ONNX Runtime to report to nobody; it listens only before it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
