"""Whisper over batches of sounds that need not last half a minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_whisper import BatchedInferencePipeline

# With less around it, a word alone is misheard more often.
_LEAST_SECONDS = 10


class WhisperBatches(BatchedInferencePipeline):  # type: ignore[misc]
    """Listens to the end of the longest sound of a batch, not to half a minute.

    The library fills each sound up with silence. The encoder takes a second on one processor for
    half a minute, and a quarter of that for twelve seconds, as every step looks at every other.
    """

    def forward(
        self,
        features: npt.NDArray[np.float32],
        tokenizer: Any,
        chunks_metadata: Sequence[dict[str, float]],
        options: Any,
    ) -> list[list[dict[str, Any]]]:
        """Return the segments of each sound.

        Parameters
        ----------
        features : array of float32, shape (batch, bands, frames)
            Log-mel spectrograms of half a minute each.
        tokenizer, options
            As the library makes them.
        chunks_metadata : sequence of dict
            Of each sound its ``duration`` in seconds.

        Returns
        -------
        list of list of dict
        """
        # Whole seconds: words are looked for up to there.
        longest = max(math.ceil(chunk["duration"]) for chunk in chunks_metadata)
        frames = max(longest, _LEAST_SECONDS) * self.model.frames_per_second
        heard = np.ascontiguousarray(features[..., :frames])
        segments: list[list[dict[str, Any]]]
        segments = super().forward(heard, tokenizer, chunks_metadata, options)
        return segments
