"""Tests of `visbehavior.simulation.images`."""

from __future__ import annotations

from tests.simulation.simulated import open_raw
from visbehavior import simulate
from visbehavior.simulation.stages import parse_stage


def test_images_are_included_on_request_and_do_not_depend_on_the_seed() -> None:
    raw = simulate("OPHYS_1_images_B", minutes=1, seed=1, images=True)
    templates = open_raw(raw).stimulus_templates
    assert list(templates.index) == list(parse_stage("OPHYS_1_images_B").images)
    assert templates["warped"].iloc[0].shape == (1200, 1920)
    assert len({array.tobytes() for array in templates["warped"]}) == 8
    other = simulate("OPHYS_1_images_B", minutes=1, seed=2, images=True)["image_set"]
    assert all((other[name][name] == raw["image_set"][name][name]).all() for name in other)
    assert "image_set" not in simulate("OPHYS_1_images_B", minutes=1, seed=1)
