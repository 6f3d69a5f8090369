"""Recordings in forms that libsndfile does not write, made by FFmpeg's libraries."""

from __future__ import annotations

import io

import av
import numpy as np

# Container, coder, sampling rate, and what the file is called.
FORMS = {
    "m4a": ("ipod", "aac", 16_000),
    "aac": ("adts", "aac", 16_000),
    "mp3": ("mp3", "libmp3lame", 8_000),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("matroska", "pcm_s16le", 8_000),
    "caf": ("caf", "pcm_mulaw", 8_000),
    "g722": ("g722", "g722", 16_000),
    "g726.wav": ("wav", "g726", 8_000),
    "tta": ("tta", "tta", 8_000),
    "wv": ("wv", "wavpack", 8_000),
    "ts": ("mpegts", "aac", 16_000),
    "mp2": ("mp2", "mp2", 16_000),
    "ulaw": ("mulaw", "pcm_mulaw", 8_000),
    "alaw": ("alaw", "pcm_alaw", 8_000),
    "sln": ("s16le", "pcm_s16le", 8_000),
}
MONO_ONLY = {"g722", "g726.wav", "ulaw", "alaw", "sln"}


def av_file(form: str, samples: np.ndarray, *, rate_hz: int | None = None) -> bytes:
    """Encode a sound.

    Parameters
    ----------
    form : str
        One of ``FORMS``.
    samples : array of float, shape (n, channels)
        At the form's rate, full scale 1.
    rate_hz : int, optional
        Another rate.
    """
    container, coder, usual_hz = FORMS[form]
    rate_hz = rate_hz or usual_hz
    file = io.BytesIO()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(coder, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T, dtype=np.float32), format="fltp", layout=layout
        )
        frame.sample_rate = rate_hz
        frame.pts = 0
        stream.codec_context.open()
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=rate_hz,
            frame_size=stream.codec_context.frame_size or 0,
        )  # fmt: skip
        for whole in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(whole))
        output.mux(stream.encode(None))
    return file.getvalue()
