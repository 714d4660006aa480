"""Plot an imaging plane: its maximum projection and the outlines of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.extras import import_extra
from visbehavior.plots.colors import OUTLINE
from visbehavior.plots.figure import check_axes, new_figure, set_labels
from visbehavior.plots.tables import as_array, read_attributes, read_entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXPERIMENT = (
    "an imaging plane, as returned by BehaviorOphysExperiment.from_nwb_path or cache.get_behavior_ophys_experiment"
)
"""Expected value of the argument `experiment`, for messages."""

_SIZE = (7.0, 7.0)
_OUTLINE_WIDTH = 0.9


def plot_plane(experiment: Any, ax: Axes | None = None) -> Axes:
    """Plot the maximum projection of an imaging plane with the outlines of its ROIs.

    Parameters
    ----------
    experiment : BehaviorOphysExperiment
        The imaging plane. Only max_projection, cell_specimen_table and metadata are read.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes are in pixels; pixel (0, 0) is at the top left.

    Raises
    ------
    BadValue
        If the argument is not an imaging plane, or a mask has another size than the image.
    MissingData
        If the table of cells has no column roi_mask.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_plane(experiment)
    >>> ax.figure.savefig("plane.png")
    """
    check_axes(ax)
    image, cells = read_attributes(experiment, "experiment", ("max_projection", "cell_specimen_table"), EXPERIMENT)
    expected = "an image of height x width pixels"
    pixels = as_array(getattr(image, "data", image), 2, "experiment.max_projection", expected)
    masks = _read_masks(cells, pixels.shape)
    if ax is None:
        _, ax = new_figure(*_SIZE)
    # Some styles have a grid, which would hide parts of the image.
    ax.grid(False)
    ax.imshow(pixels, cmap="gray", interpolation="nearest")
    lines = import_extra("matplotlib.collections").LineCollection(
        outline_segments(masks), colors=OUTLINE, linewidths=_OUTLINE_WIDTH, label="ROIs"
    )
    ax.add_collection(lines, autolim=False)
    set_labels(ax, "x (pixels)", "y (pixels)", f"{plane_title(experiment)}, {len(masks)} cells")
    return ax


def plane_title(experiment: Any) -> str:
    """Return the title of an imaging plane: its id, mouse, brain area and depth."""
    names = ("ophys_experiment_id", "mouse_id", "targeted_structure", "imaging_depth")
    number, mouse, area, depth = (read_entry(experiment, name) for name in names)
    return f"Imaging plane {number}, mouse {mouse}, {area}, depth {depth} µm"


def outline_segments(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the edges of pixels that separate the inside of each mask from its outside.

    Parameters
    ----------
    masks : numpy.ndarray
        Masks x height x width.

    Returns
    -------
    numpy.ndarray
        Segments x 2 points x 2 coordinates (x, y) in pixels. The center of a pixel has whole numbers.
    """
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    _, row, column = np.nonzero(padded[:, 1:] != padded[:, :-1])
    horizontal = np.stack([np.stack([column - 1.5, row - 0.5], 1), np.stack([column - 0.5, row - 0.5], 1)], 1)
    _, row, column = np.nonzero(padded[:, :, 1:] != padded[:, :, :-1])
    vertical = np.stack([np.stack([column - 0.5, row - 1.5], 1), np.stack([column - 0.5, row - 0.5], 1)], 1)
    return np.concatenate([horizontal, vertical])


def _read_masks(cells: Any, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the masks of all cells, cells x height x width."""
    if not isinstance(cells, pd.DataFrame):
        raise BadValue(
            f"experiment.cell_specimen_table is {brief_repr(cells)}; expected a DataFrame.", name="cell_specimen_table"
        )
    if "roi_mask" not in cells:
        raise MissingData("experiment.cell_specimen_table has no column roi_mask.", name="roi_mask")
    expected = "a mask of height x width pixels"
    masks = [
        as_array(mask, 2, "A value of experiment.cell_specimen_table.roi_mask", expected) for mask in cells["roi_mask"]
    ]
    for mask in masks:
        if mask.shape != size:
            raise BadValue(
                f"A mask in experiment.cell_specimen_table has the shape {mask.shape}; expected that of max_projection, {size}.",
                name="roi_mask",
            )
    return np.array(masks, dtype=np.bool_).reshape(len(masks), *size)
