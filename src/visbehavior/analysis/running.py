"""Sign of the running speed.

Definition: AllenSDK 2.16, ``data_objects/running_speed/running_speed.py``. AllenSDK 2.10 does not change the sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_MEAN_SPEED = -1.0
"""A table with a lower mean speed (cm/s) is from an encoder that was mounted the other way round."""


def correct_polarity(columns: dict[str, Any]) -> dict[str, Any]:
    """Make forward positive: negate the speed if its mean is below -1 cm/s.

    Parameters
    ----------
    columns : dict
        ``speed`` (cm/s) and other columns of a running table. NaN is ignored in the mean.
    """
    speed = columns["speed"]
    # A product, because a negation would also change the sign bit of NaN, which AllenSDK does not.
    return columns | {"speed": speed * -1.0} if len(speed) and _mean(speed) < MIN_MEAN_SPEED else columns


def _mean(speed: NDArray[np.float64]) -> float:
    mean = float(np.mean(speed))
    if not np.isnan(mean):
        # Without NaN, looking for them would take most of the time.
        return mean
    valid = speed[~np.isnan(speed)]
    return float(np.mean(valid)) if len(valid) else np.nan
