"""Random values with given probabilities."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np


def sample_value(probabilities: Mapping[int, float], rng: np.random.Generator) -> int:
    """Return one of the keys, with its probability; faster than `numpy.random.Generator.choice` for few keys.

    Parameters
    ----------
    probabilities : mapping of int to float
        Probability of each value; they add to 1.
    rng : numpy.random.Generator
        Random number generator.
    """
    values = list(probabilities)
    index = bisect_right(list(accumulate(probabilities.values())), rng.random())
    # Rounding may leave the sum below 1.
    return values[min(index, len(values) - 1)]
