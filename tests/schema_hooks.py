"""Recordings for schemathesis that can be read: no schema can say what makes one."""

import schemathesis
from hypothesis import strategies
from service_store import speech

schemathesis.openapi.media_type(
    "audio/wav",
    strategies.sampled_from([speech(2.0, start_seconds=start) for start in (9.0, 12.0)]),
)
