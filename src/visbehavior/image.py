"""An image of the field of view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Image:
    """An image with the size of its pixels, as in AllenSDK.

    numpy and matplotlib take it as an array: ``plt.imshow(experiment.max_projection)``.

    Attributes
    ----------
    data : numpy.ndarray
        Height x width.
    spacing : list of float
        Height and width of a pixel, in `unit`.
    unit : str
        "mm".
    """

    data: NDArray[Any]
    spacing: list[float]
    unit: str = "mm"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype=dtype)

    def __repr__(self) -> str:
        height, width = self.data.shape
        return f"Image({height} x {width} pixels of {self.spacing[0]:g} x {self.spacing[1]:g} {self.unit}, {self.data.dtype})"
