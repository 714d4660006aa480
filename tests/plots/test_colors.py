"""Colors of images: different within each image set, as drawn, also for people with deuteranopia."""

from __future__ import annotations

import itertools

import pytest

from tests.golden.recordings import GOLDEN
from tests.plots.color_difference import as_drawn, ciede2000, color_difference, contrast, simulate_deuteranopia
from visbehavior.plots.colors import (
    IMAGE_ALPHA,
    IMAGE_SETS,
    IMAGING_STAGES,
    PALETTE,
    TRAINING_STAGES,
    UNKNOWN_STAGE,
    image_color,
    stage_color,
)

BACKGROUNDS = ("#FFFFFF", "#000000", "#E5E5E5", "#1E1E1E")
"""White, black, and the backgrounds of the style ggplot and of dark notebooks."""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ],
)
def test_color_difference_is_the_published_one(first: tuple, second: tuple, expected: float) -> None:
    """The values are from Sharma, Wu and Dalal (2005), table 1."""
    assert ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    assert ciede2000(second, first) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("image_set", IMAGE_SETS)
def test_images_of_a_set_differ_as_drawn(image_set: str, background: str) -> None:
    drawn = [as_drawn(image_color(name), IMAGE_ALPHA, background) for name in IMAGE_SETS[image_set]]
    for first, second in itertools.combinations(drawn, 2):
        assert color_difference(first, second) > 10
        assert color_difference(simulate_deuteranopia(first), simulate_deuteranopia(second)) > 6


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_images_differ_from_the_background(background: str) -> None:
    empty = as_drawn(background, 1, background)
    for color in PALETTE:
        drawn = as_drawn(color, IMAGE_ALPHA, background)
        assert color_difference(drawn, empty) > 10
        assert color_difference(simulate_deuteranopia(drawn), simulate_deuteranopia(empty)) > 6


@pytest.mark.parametrize("background", ["#FFFFFF", "#000000"])
def test_lines_are_visible_on_images(background: str) -> None:
    line = as_drawn("#000000" if background == "#FFFFFF" else "#FFFFFF", 1, background)
    assert min(contrast(line, as_drawn(color, IMAGE_ALPHA, background)) for color in PALETTE) > 3


def test_image_sets_are_complete() -> None:
    assert {name: len(images) for name, images in IMAGE_SETS.items()} == {
        "A": 8,
        "B": 8,
        "G": 8,
        "H": 8,
        "gratings": 4,
    }
    assert {image_color(name) for images in IMAGE_SETS.values() for name in images} == set(PALETTE)


def test_image_of_two_sets_has_one_color() -> None:
    shared = set(IMAGE_SETS["G"]) & set(IMAGE_SETS["H"])
    assert shared == {"im083", "im111"}
    assert len({image_color(name) for name in shared}) == 2


def test_neuropixels_names_have_the_color_of_the_image() -> None:
    """Names of that data set end in ``_r``."""
    for name in (*IMAGE_SETS["G"], *IMAGE_SETS["H"]):
        assert image_color(f"{name}_r") == image_color(name) in PALETTE


@pytest.mark.skipif(not (GOLDEN / "vbn").exists(), reason="no recordings")
@pytest.mark.parametrize("image_set", ["G", "H"])
def test_names_of_recorded_sets_are_known(image_set: str) -> None:
    text = (GOLDEN / "vbn" / "README.md").read_text()
    for name in IMAGE_SETS[image_set]:
        assert f"{name}_r" in text


def test_unknown_images_have_a_color_of_their_own() -> None:
    assert image_color("somebody's own image") == image_color("somebody's own image")
    assert len({image_color(f"own_{i}") for i in range(8)}) == 8


def test_stages_have_colors_in_order() -> None:
    assert [stage_color("TRAINING", number) for number in range(7)] == list(TRAINING_STAGES)
    assert [stage_color("OPHYS", number) for number in range(7)] == list(IMAGING_STAGES)
    assert stage_color("OPHYS", 99) == IMAGING_STAGES[-1]
    assert stage_color("", None) == UNKNOWN_STAGE
