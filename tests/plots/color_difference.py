"""How different two colors look: CIEDE2000, also as people with deuteranopia see them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.colors
import numpy as np

# Machado, Oliveira and Fernandes (2009), deuteranopia (severity 1), for linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
# IEC 61966-2-1: linear RGB to XYZ, and the white point D65.
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = (0.95047, 1.0, 1.08883)


def as_drawn(color: str, alpha: float, background: str) -> np.ndarray:
    """Return the RGB of a transparent color over a background."""
    front, back = (np.array(matplotlib.colors.to_rgb(name)) for name in (color, background))
    return alpha * front + (1 - alpha) * back


def simulate_deuteranopia(rgb: np.ndarray) -> np.ndarray:
    return encode(np.clip(DEUTERANOPIA @ decode(rgb), 0, 1))


def decode(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def encode(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def luminance(rgb: np.ndarray) -> float:
    """Return the relative luminance, 0 for black and 1 for white."""
    return float(RGB_TO_XYZ[1] @ decode(rgb))


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return the contrast ratio of WCAG 2: 1 for equal colors, 21 for black on white."""
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def to_lab(rgb: np.ndarray) -> tuple[float, float, float]:
    xyz = RGB_TO_XYZ @ decode(rgb)
    x, y, z = (
        value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116 for value in (xyz / WHITE).tolist()
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def color_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return CIEDE2000 of two colors in RGB. A difference of about 1 can just be seen."""
    return ciede2000(to_lab(first), to_lab(second))


def ciede2000(first: Sequence[float], second: Sequence[float]) -> float:
    """Return CIEDE2000 of two colors in CIELAB (CIE 142:2001)."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_chroma = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    hue_step = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    hue = h1 + h2 if c1 * c2 == 0 else h1 + hue_step / 2
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.20 * math.cos(math.radians(4 * hue - 63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / math.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    turn = 30 * math.exp(-((((hue % 360) - 275) / 25) ** 2))
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(math.radians(2 * turn))
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(hue_step / 2)) / s_h
    return math.sqrt(d_l**2 + d_c**2 + d_h**2 + rotation * d_c * d_h)
