"""Whose voice it is: CAM++ turns a stretch of speech into a point among voices."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.errors import ArtifactError
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.network.onnx_session import open_onnx, run_in_parts

FloatArray = npt.NDArray[np.float32]

SPEAKER_MODEL_FILE = "speaker_embedding.onnx"
SPEAKER_SPACE_FILE = "speaker_space.npz"
WINDOW_FRAMES = 148
"""Frames that the network was exported for: a second and a half."""
BANDS = 80
_OUTPUT = "embedding"
# As fast as larger ones, in a fraction of the memory.
_BATCH = 2
_BLOCK_SECONDS = 60


def filterbank(samples: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Compute the features that the network was trained on.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz, full scale 1.

    Returns
    -------
    array of float32, shape (frames, 80)
        Kaldi's logarithmic filter bank: 25 ms, every 10 ms.
    """
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = ANALYSIS_RATE_HZ
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = BANDS
    bank = kaldi_native_fbank.OnlineFbank(options)
    block = _BLOCK_SECONDS * ANALYSIS_RATE_HZ
    for start in range(0, samples.size, block):
        part = samples[start : start + block].astype(np.float32)
        bank.accept_waveform(ANALYSIS_RATE_HZ, part)
    bank.input_finished()
    frames = [bank.get_frame(index) for index in range(bank.num_frames_ready)]
    return np.asarray(frames, dtype=np.float32).reshape(-1, BANDS)


class SpeakerEmbedding:
    """The network, loaded.

    Parameters
    ----------
    space : Path, optional
        Mean and matrix of the space in which voices are compared, from
        ``training.fit_speaker_space``; without it the network's own.

    Raises
    ------
    ArtifactError
        If one of them is missing or damaged.

    References
    ----------
    Wang et al. (2023), "CAM++: A fast and efficient network for speaker verification
    using context-aware masking". Hatch et al. (2006), "Within-class covariance
    normalization for SVM-based speaker recognition".
    """

    def __init__(self, path: Path, *, space: Path | None = None) -> None:
        try:
            self._session = open_onnx(path)
        except Exception as error:  # ONNX Runtime has no error of its own for this
            raise ArtifactError(f"{path}: cannot be loaded ({error}); install it again") from error
        self._space = None if space is None else _read_space(space)

    def embed(self, windows: FloatArray) -> FloatArray:
        """Place voices.

        Parameters
        ----------
        windows : array of float32, shape (n, 148, 80)
            From `filterbank`; each window's mean is removed here.

        Returns
        -------
        array of float32, shape (n, 192)
            Of unit length: the product of two is high where the voice is the same.
        """
        centred = windows - windows.mean(axis=1, keepdims=True)
        parts = (centred[start : start + _BATCH] for start in range(0, len(centred), _BATCH))
        answers = run_in_parts(self._session, [_OUTPUT], parts)
        points = _unit_rows(answers[_OUTPUT])
        if self._space is None:
            return points
        mean, matrix = self._space
        return _unit_rows((points - mean) @ matrix)


def _unit_rows(points: npt.NDArray[np.floating[Any]]) -> FloatArray:
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)


def _read_space(path: Path) -> tuple[FloatArray, FloatArray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["mean"]), np.asarray(stored["matrix"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: cannot be loaded ({error}); install it again") from error


@lru_cache(maxsize=1)
def load_speaker_embedding() -> SpeakerEmbedding:
    """Load the shipped network, once in a process."""
    return SpeakerEmbedding(
        DEFAULT_ARTIFACTS / SPEAKER_MODEL_FILE, space=DEFAULT_ARTIFACTS / SPEAKER_SPACE_FILE
    )
