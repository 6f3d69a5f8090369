"""The emotion network in PyTorch, over weights that are named and laid out as Keras has them.

``network.layers`` says what it is; this says the same again, so that what is trained here
is a file of Keras's own. ``tests/training/test_gpu_network.py`` holds both together.
"""

from __future__ import annotations

import importlib
from typing import Any

import keras
import numpy as np

from calmscore.network.layers import HEARD, MEANT, VOICE

torch: Any = importlib.import_module("torch")
functional = torch.nn.functional

Tensor = Any
Weights = dict[str, Tensor]

_MEAN, _VARIANCE = f"{VOICE}/moving_mean", f"{VOICE}/moving_variance"
_HEAD_WIDTH, _NORM_EPSILON = 64, 1e-5
# As Keras's normalisation of batches, and the layer's momentum of 0.95.
_VOICE_EPSILON, _VOICE_RATE = 1e-3, 0.05
_VOICED_RANGE = 3.5 / 4.0


def weights_of(model: keras.Model, *, device: str) -> Weights:
    """Return copies of a Keras model's weights by their paths, on a device."""
    return {
        weight.path: torch.tensor(np.asarray(weight, dtype=np.float32), device=device)
        for weight in model.weights
    }


def set_weights(model: keras.Model, weights: Weights) -> None:
    """Copy weights into the Keras model that they are of."""
    model.set_weights([weights[weight.path].detach().cpu().numpy() for weight in model.weights])


def answers(weights: Weights, voice: Tensor) -> dict[str, Tensor]:
    """Return the logits of both heads, shape (batch, 6) each, for features of a voice."""
    return {name: _dense(voice, weights, name) for name in (HEARD, MEANT)}


def voice_features(
    weights: Weights, inputs: Tensor, *, learning: bool = False, mixed_precision: bool = False
) -> Tensor:
    """Run the encoder.

    Parameters
    ----------
    weights : dict of str to tensor
        From `weights_of`.
    inputs : tensor, shape (batch, frames, bands)
        Log-mel frames.
    learning : bool
        Standardise by the batch, and move the means and variances towards it.
    mixed_precision : bool
        Compute in bfloat16.

    Returns
    -------
    tensor, shape (batch, 4 × width)
        The standardised pooled features.
    """
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=mixed_precision):
        hidden = _convolution(inputs.transpose(1, 2), weights, "conv1", stride=1)
        hidden = _convolution(hidden, weights, "conv2", stride=2).transpose(1, 2)
        hidden = hidden + weights["positions/encoding"]
        outputs: list[Tensor] = []
        while f"block{len(outputs) + 1}/expand/kernel" in weights:
            hidden = _block(hidden, weights, f"block{len(outputs) + 1}")
            outputs.append(hidden)
    voiced = _voiced_shares(inputs)
    pooled = torch.cat([_statistics(output.float(), voiced) for output in outputs[-2:]], dim=1)
    mean, variance = weights[_MEAN], weights[_VARIANCE]
    if learning:
        mean, variance = pooled.mean(dim=0), pooled.var(dim=0, correction=0)
        weights[_MEAN].lerp_(mean.detach(), _VOICE_RATE)
        weights[_VARIANCE].lerp_(variance.detach(), _VOICE_RATE)
    return (pooled - mean) * torch.rsqrt(variance + _VOICE_EPSILON)


def _convolution(inputs: Tensor, weights: Weights, name: str, *, stride: int) -> Tensor:
    kernel = weights[f"{name}/kernel"].permute(2, 1, 0)
    bias = weights[f"{name}/bias"]
    return functional.gelu(functional.conv1d(inputs, kernel, bias, stride=stride, padding=1))


def _block(hidden: Tensor, weights: Weights, name: str) -> Tensor:
    batch, steps, width = hidden.shape
    normed = _normalised(hidden, weights, f"{name}/attention_norm")
    fused = _dense(normed, weights, f"{name}/query_key_value")
    fused = fused.view(batch, steps, 3, width // _HEAD_WIDTH, _HEAD_WIDTH)
    mixed = functional.scaled_dot_product_attention(*fused.permute(2, 0, 3, 1, 4))
    mixed = mixed.transpose(1, 2).reshape(batch, steps, width)
    hidden = hidden + _dense(mixed, weights, f"{name}/attention_output")
    normed = _normalised(hidden, weights, f"{name}/feed_forward_norm")
    expanded = functional.gelu(_dense(normed, weights, f"{name}/expand"))
    return hidden + _dense(expanded, weights, f"{name}/contract")


def _dense(inputs: Tensor, weights: Weights, name: str) -> Tensor:
    return functional.linear(inputs, weights[f"{name}/kernel"].T, weights[f"{name}/bias"])


def _normalised(inputs: Tensor, weights: Weights, name: str) -> Tensor:
    gamma, beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]
    return functional.layer_norm(inputs, inputs.shape[-1:], gamma, beta, _NORM_EPSILON)


def _voiced_shares(inputs: Tensor) -> Tensor:
    batch, frames, bands = inputs.shape
    level = inputs.reshape(batch, frames // 2, 2 * bands).mean(dim=2)
    voiced = (level >= level.amax(dim=1, keepdim=True) - _VOICED_RANGE).float()
    return (voiced / voiced.sum(dim=1, keepdim=True).clamp(min=1.0))[..., None]


def _statistics(hidden: Tensor, shares: Tensor) -> Tensor:
    mean = (shares * hidden).sum(dim=1)
    variance = (shares * (hidden - mean[:, None]).square()).sum(dim=1)
    return torch.cat([mean, variance.clamp(min=1e-6).sqrt()], dim=1)
