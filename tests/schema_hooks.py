"""Recordings for schemathesis that can be read: no schema can say what makes one."""

import io

import numpy as np
import schemathesis
import soundfile
from hypothesis import strategies
from service_store import RATE_HZ, speech

from calmscore.audio.refusals import MOST_CHANNELS


def _conference(start_seconds: float) -> bytes:
    """Return a recording in which every channel that may be chosen is there."""
    two, _ = soundfile.read(io.BytesIO(speech(2.0, start_seconds=start_seconds)))
    file = io.BytesIO()
    channels = np.tile(two, MOST_CHANNELS // two.shape[1])
    soundfile.write(file, channels, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


schemathesis.openapi.media_type(
    "audio/wav", strategies.sampled_from([_conference(9.0), _conference(12.0)])
)
