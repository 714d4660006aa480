"""Figures under styles of matplotlib, and checks that what they draw can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.colors
import matplotlib.text
import numpy as np

from tests.plots.color_difference import contrast

STYLES = ("default", "dark_background", "ggplot", "grayscale", "Solarize_Light2")
SIZES = ((15, 5), (4, 2.5))
"""Width and height (inches) of a large and of a small figure."""


def texts(figure: Any) -> Iterator[Any]:
    """Yield the texts of a figure that are drawn."""
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_visible() and text.get_text().strip():
            yield text


def check_visible(figure: Any) -> None:
    """Check that all texts contrast with the background and are inside the figure."""
    figure.draw_without_rendering()
    background = np.array(matplotlib.colors.to_rgb(figure.get_facecolor()))
    for text in texts(figure):
        color = np.array(matplotlib.colors.to_rgb(text.get_color()))
        assert contrast(color, background) > 2.5, text
        box = text.get_window_extent()
        if text.get_clip_on() or not _is_tick_in_range(text):
            continue
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert box.y1 <= figure.bbox.y1 + 1, text


def _is_tick_in_range(text: Any) -> bool:
    """Return False for the label of a tick outside the axes' limits, which matplotlib does not draw."""
    ax = text.axes
    if ax is None:
        return True
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if text in (tick.label1, tick.label2):
                return min(limits) <= tick.get_loc() <= max(limits)
    return True
