"""Tests of `visbehavior.simulation.sampling`."""

from __future__ import annotations

import numpy as np

from visbehavior.simulation.sampling import sample_value


def test_values_have_their_probabilities() -> None:
    rng = np.random.default_rng(0)
    probabilities = {9: 0.3, 10: 0.5, 12: 0.2}
    samples = [sample_value(probabilities, rng) for _ in range(4000)]
    for value, probability in probabilities.items():
        assert abs(samples.count(value) / len(samples) - probability) < 0.03
    assert set(samples) == set(probabilities)


def test_the_last_value_is_returned_where_rounding_leaves_a_gap() -> None:
    assert {sample_value({1: 0.0, 2: 0.0}, np.random.default_rng(seed)) for seed in range(5)} == {2}
