"""Synthetic images that replace the photographs of the data set, which cannot be redistributed."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE

WAVES = 24
"""Number of sine waves in an image."""
MEAN, CONTRAST = 127.0, 55.0
"""Mean and standard deviation of the gray levels."""


def make_images(names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """Return a texture for each image name (uint8 gray levels); the name is the seed."""
    return {name: _make_texture(np.random.default_rng(zlib.crc32(name.encode()))) for name in names}


def _make_texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a sum of sine waves with amplitude 1 / frequency, as in natural images."""
    rows, columns = (np.arange(size, dtype=np.float32) / IMAGE_SHAPE[0] for size in IMAGE_SHAPE)
    total = np.zeros(IMAGE_SHAPE, dtype=np.float32)
    for _ in range(WAVES):
        frequency, angle, phase = rng.uniform(1, 16), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        down, across = (2 * np.pi * frequency * part for part in (np.sin(angle), np.cos(angle)))
        # cos(a + b) as two outer products is faster than a cosine of each pixel.
        total += np.outer(np.cos(down * rows + phase), np.cos(across * columns)) / frequency
        total -= np.outer(np.sin(down * rows + phase), np.sin(across * columns)) / frequency
    gray: NDArray[np.uint8] = np.clip(MEAN + CONTRAST * total / total.std(), 0, 255).astype(np.uint8)
    return gray
