"""Colors of images and events, the same in every figure."""

from __future__ import annotations

import colorsys
import zlib

# Paul Tol's "muted" scheme: eight colors that color-blind people can tell apart. https://personal.sron.nl/~pault/
MUTED = ("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#332288", "#AA4499", "#44AA99", "#882255")

# The image sets of the release, in the order of their files, and the gratings.
_IMAGE_SETS = (
    ("im065", "im077", "im066", "im061", "im063", "im062", "im085", "im069"),
    ("im000", "im106", "im075", "im073", "im045", "im054", "im031", "im035"),
    ("gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"),
)
_IMAGE_COLORS = {name: color for names in _IMAGE_SETS for name, color in zip(names, MUTED, strict=False)}

RUNNING = "#333333"
LICK = "#000000"
REWARD = "#0077BB"
OMISSION = "#666666"


def image_color(name: str) -> str:
    """Return the color of an image, the same in every session.

    Images outside the release's image sets get a hue that is computed from their name.
    """
    color = _IMAGE_COLORS.get(name)
    if color:
        return color
    hue = zlib.crc32(name.encode()) / 2**32
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.5)
    return f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"


# Paul Tol's "bright" scheme. These colors are visible on white and on black.
CONDITIONS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")
"""Colors of conditions, in order."""
NEUTRAL = "#888888"
"""Lines that are not data, such as the time of the event."""
