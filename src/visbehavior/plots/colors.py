"""Colours that mean something, the same in every image."""

from __future__ import annotations

import colorsys
import zlib

# Paul Tol's "muted" scheme: eight colours that colour-blind people tell apart. https://personal.sron.nl/~pault/
MUTED = ("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#332288", "#AA4499", "#44AA99", "#882255")

# The release's image sets, in the order of their files, and the gratings.
_SETS = (
    ("im065", "im077", "im066", "im061", "im063", "im062", "im085", "im069"),
    ("im000", "im106", "im075", "im073", "im045", "im054", "im031", "im035"),
    ("gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"),
)
_KNOWN = {name: color for names in _SETS for name, color in zip(names, MUTED, strict=False)}

RUNNING = "#333333"
LICK = "#000000"
REWARD = "#0077BB"
OMISSION = "#666666"


def image_color(name: str) -> str:
    """The colour of an image: always the same one, in every session.

    Images of sets that are not known here get a hue of their own from their name.
    """
    known = _KNOWN.get(name)
    if known:
        return known
    hue = zlib.crc32(name.encode()) / 2**32
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.5)
    return f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"
