"""Sign of the running speed.

Definition: AllenSDK 2.16, ``data_objects/running_speed/running_speed.py``. AllenSDK 2.10 does not change the sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
    valid = speed[~np.isnan(speed)]
    return columns | {"speed": -speed} if len(valid) and np.mean(valid) < MIN_MEAN_SPEED else columns
