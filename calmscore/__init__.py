"""Calmscore: how a customer's distress moves during a call, with evidence."""

import os

# ONNX Runtime, which runs the networks, reports its use to its makers unless it is told not
# to before it is imported. Nothing leaves this machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
