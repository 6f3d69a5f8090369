"""Copies that are made afresh for every step; these tests run where PyTorch is installed."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from calmscore.training.clip_sounds import read_clip

torch = pytest.importorskip("torch")
copies = importlib.import_module("calmscore.training.gpu.copies")
telephone = importlib.import_module("calmscore.training.gpu.telephone")
Draws = importlib.import_module("calmscore.training.gpu.front_end").Draws

SAMPLES, RATE_HZ = 48_000, 16_000
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sounds():
    """Stretches of a sample call: long, short, silent, and a stub of a few samples."""
    call = read_clip(ROOT / "samples" / "calms_down.wav", left_only=True)
    long, short = call[60 * RATE_HZ : 64 * RATE_HZ], call[76 * RATE_HZ : 77 * RATE_HZ]
    return [long, short, np.zeros(RATE_HZ, dtype=np.float32), short[:50]]


def batch(sounds, *, seed, count=64):
    rows = torch.arange(count) % len(sounds)
    held = copies.Sounds(sounds, device="cpu")
    draws = Draws(seed=seed, device="cpu")
    return copies.training_copies(held, rows, (rows + 1) % 2, draws)


def test_copies_are_whole_inputs_finite_and_loud_at_most_as_full_scale(sounds):
    waves, joined = batch(sounds, seed=0)
    assert waves.shape == (64, SAMPLES) and joined.shape == (64,)
    assert torch.isfinite(waves).all()
    assert waves.abs().max() < 10.0
    assert 0 < joined.sum() < 64
    assert (waves[0::4].abs().amax(dim=1) > 1e-3).all()


def test_the_seed_decides_the_copies(sounds):
    first, again, other = (batch(sounds, seed=seed)[0] for seed in (0, 0, 1))
    torch.testing.assert_close(first, again)
    assert (first - other).abs().max() > 0.01
    assert (first[0] - first[4]).abs().max() > 0.01  # the same clip


def test_a_sound_is_read_as_it_is_and_as_silence_outside(sounds):
    held = copies.Sounds(sounds, device="cpu")
    rows = torch.tensor([0, 1])
    places = torch.arange(-100, 24_100).float().expand(2, -1)
    read = held.read(rows, places).numpy()
    for row, sound in zip(read, sounds, strict=False):
        np.testing.assert_allclose(row[100:16_100], sound[:16_000], atol=1e-3)
        assert not row[:99].any()
    assert not read[1, 16_101:].any() and read[0, 16_101:].any()


def test_between_samples_a_tone_stays_a_tone():
    time = np.arange(RATE_HZ) / RATE_HZ
    tone = (0.5 * np.sin(2 * np.pi * 400 * time)).astype(np.float32)
    held = copies.Sounds([tone], device="cpu")
    places = torch.arange(100, 10_000).float() * 1.13
    read = held.read(torch.tensor([0]), places[None])[0].numpy()
    expected = 0.5 * np.sin(2 * np.pi * 400 * places.numpy() / RATE_HZ)
    np.testing.assert_allclose(read, expected, atol=2e-3)


def test_a_line_passes_the_telephone_band_alone():
    time = torch.arange(SAMPLES) / RATE_HZ
    tones = torch.stack([0.3 * torch.sin(2 * np.pi * hertz * time) for hertz in (60, 1000, 6000)])
    draws = Draws(seed=0, device="cpu")
    for _ in range(4):
        levels = telephone.telephone_lines(tones, draws).std(dim=1)
        assert levels[1] > 0.1
        assert levels[0] < 0.1 * levels[1] and levels[2] < 0.1 * levels[1]


def test_noise_is_as_far_below_the_sound_as_is_said():
    generator = Draws(seed=0, device="cpu")
    waves, noise = generator.normal(2, SAMPLES), 5.0 * generator.normal(2, SAMPLES)
    waves[1, : SAMPLES // 2] = 0.0
    snr_db = torch.tensor([20.0, 6.0])
    added = telephone.with_noise(waves, noise, snr_db) - waves
    loud = torch.stack([waves[0].square().mean(), waves[1, SAMPLES // 2 :].square().mean()])
    ratio = 10.0 * torch.log10(loud / added.square().mean(dim=1))
    torch.testing.assert_close(ratio, snr_db, atol=0.01, rtol=0.0)
