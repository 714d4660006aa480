"""A release of simulated mice."""

from __future__ import annotations

import pathlib
from typing import Any

from visbehavior import VisualBehaviorOphysProjectCache

SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_3_images_A_10uL_reward",
    "OPHYS_1_images_A",
    "OPHYS_4_images_B",
)


def open_release(folder: pathlib.Path, **options: Any) -> VisualBehaviorOphysProjectCache:
    """Open a release that was built in a folder."""
    return VisualBehaviorOphysProjectCache.from_local_cache(folder, use_static_cache=True, **options)
