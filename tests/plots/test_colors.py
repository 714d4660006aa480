"""Colors of images."""

from __future__ import annotations

from tests.synthetic_session import IMAGES
from visbehavior.plots.colors import MUTED, image_color


def test_images_of_a_set_have_different_colors() -> None:
    assert len({image_color(name) for name in IMAGES}) == len(IMAGES)
    assert image_color("im065") == MUTED[0] == image_color("im000")


def test_unknown_images_have_a_color_of_their_own() -> None:
    assert image_color("somebody's own image") == image_color("somebody's own image")
    assert len({image_color(f"own_{i}") for i in range(8)}) == 8
