"""Textures in place of the data set's photographs, which are not ours to hand out."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE

WAVES = 24
MEAN, CONTRAST = 127.0, 55.0


def make_images(names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """A texture for each name: gray levels, uint8, the same each time."""
    return {name: _texture(np.random.default_rng(zlib.crc32(name.encode()))) for name in names}


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A sum of waves, with the amplitudes that natural images have: the finer the fainter."""
    rows, columns = (np.arange(size, dtype=np.float32) / IMAGE_SHAPE[0] for size in IMAGE_SHAPE)
    total = np.zeros(IMAGE_SHAPE, dtype=np.float32)
    for _ in range(WAVES):
        frequency, angle, phase = rng.uniform(1, 16), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        down, across = (2 * np.pi * frequency * part for part in (np.sin(angle), np.cos(angle)))
        # cos(a + b), so that a wave is two outer products and not an array of cosines.
        total += np.outer(np.cos(down * rows + phase), np.cos(across * columns)) / frequency
        total -= np.outer(np.sin(down * rows + phase), np.sin(across * columns)) / frequency
    gray: NDArray[np.uint8] = np.clip(MEAN + CONTRAST * total / total.std(), 0, 255).astype(np.uint8)
    return gray
