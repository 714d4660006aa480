"""Colors of images, events and sessions, the same in every figure."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Iterable

from visbehavior.simulation.stages import IMAGES, ORIENTATIONS

PALETTE = ("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#4A329F", "#A84AA4", "#44AA99", "#A0004D")
"""Colors of the images of a set: Paul Tol's "muted" scheme, https://personal.sron.nl/~pault/.

Three dark colors were changed until all pairs differ clearly as drawn, on white and on black, also for people with
deuteranopia.
"""
IMAGE_ALPHA = 0.6
"""Opacity of images. The colors were chosen for it."""

GRATINGS = tuple(
    f"gratings_{float(angle)}" for angle in sorted(angle for group in ORIENTATIONS.values() for angle in group)
)
"""Names of the gratings."""
_VARIANT_SUFFIX = "_r"
"""End of the names of sets G and H, whose images have the same colors with and without it."""
IMAGE_SETS = {
    **{letter: tuple(name.removesuffix(_VARIANT_SUFFIX) for name in names) for letter, names in IMAGES.items()},
    "gratings": GRATINGS,
}
"""Names of the images of each image set, and of the gratings."""

REWARD = "#2288CC"
REWARD_RATE = "#EE7733"
OUTCOMES = {"hit": "#228833", "miss": "#EE6677", "false alarm": "#CCBB44", "correct reject": "#66CCEE"}
"""Color of each outcome of a trial: Paul Tol's "bright" scheme."""
ENGAGED = "#33AA66"
"""Color of the times at which the mouse was engaged."""
ENGAGED_ALPHA = 0.25
OUTLINE = "#EE7733"
"""Color of the outlines of ROIs. It differs from all grays of the image."""

KINDS = {
    "training": "#4477AA",
    "habituation": "#CCBB44",
    "imaging, active": "#228833",
    "imaging, passive": "#EE6677",
    "recording, active": "#66CCEE",
}
"""Color of each kind of session: Paul Tol's "bright" scheme."""
TRAINING_STAGES = ("#FFFFCC", "#D9F0A3", "#ADDD8E", "#78C679", "#41AB5D", "#238443", "#005A32")
"""Colors of the stages of training, in order: ColorBrewer's YlGn, https://colorbrewer2.org."""
IMAGING_STAGES = ("#EFEDF5", "#DADAEB", "#BCBDDC", "#9E9AC8", "#807DBA", "#6A51A3", "#4A1486")
"""Colors of the stages of imaging, in order: ColorBrewer's Purples."""
UNKNOWN_STAGE = "#999999"
STAGE_ALPHA = 0.4
"""Opacity of the bands of stages."""

# Paul Tol's "bright" scheme. These colors are visible on white and on black.
CONDITIONS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")
"""Colors of conditions, in order."""
_EVENTS_OF_OUTCOMES = {
    "hits": "hit",
    "misses": "miss",
    "false_alarms": "false alarm",
    "correct_rejects": "correct reject",
}
NEUTRAL = "#888888"
"""Lines that are not data, such as the time of the event."""


def image_color(name: str) -> str:
    """Return the color of an image, the same in every session.

    Images outside the known image sets get a hue that is computed from their name.
    """
    color = _IMAGE_COLORS.get(name.removesuffix(_VARIANT_SUFFIX))
    if color:
        return color
    hue = zlib.crc32(name.encode("utf-8", "surrogatepass")) / 2**32
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.5)
    return f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"


def condition_color(name: object, number: int) -> str:
    """Return the color of a condition: that of the outcome if it is named after the events of one, else by its number."""
    outcome = _EVENTS_OF_OUTCOMES.get(name) if isinstance(name, str) else None
    return OUTCOMES[outcome] if outcome else CONDITIONS[number % len(CONDITIONS)]


def stage_color(phase: str, number: int | None) -> str:
    """Return the color of a stage from its phase (TRAINING, OPHYS or another) and its number; gray without a number."""
    if number is None:
        return UNKNOWN_STAGE
    colors = TRAINING_STAGES if phase == "TRAINING" else IMAGING_STAGES
    return colors[min(number, len(colors) - 1)]


def _assign_colors(image_sets: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Give the images of each set different colors. An image of two sets has the same color in both."""
    colors: dict[str, str] = {}
    for names in image_sets:
        used = {colors[name] for name in names if name in colors}
        free = iter([color for color in PALETTE if color not in used])
        colors |= {name: next(free) for name in names if name not in colors}
    return colors


_IMAGE_COLORS = _assign_colors(IMAGE_SETS.values())
