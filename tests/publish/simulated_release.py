"""A release of simulated mice."""

from __future__ import annotations

import pathlib
from typing import Any

from visbehavior import VisualBehaviorNeuropixelsProjectCache, VisualBehaviorOphysProjectCache

SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_3_images_A_10uL_reward",
    "OPHYS_1_images_A",
    "OPHYS_4_images_B",
)
NEUROPIXELS_SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min_0uL_reward",
    "HABITUATION_5_images_G_handoff_ready_5uL_reward",
    "EPHYS_1_images_G_5uL_reward",
    "EPHYS_1_images_H_3uL_reward",
)


def open_release(folder: pathlib.Path, **options: Any) -> VisualBehaviorOphysProjectCache:
    """Open a release that was built in a folder."""
    return VisualBehaviorOphysProjectCache.from_local_cache(folder, use_static_cache=True, **options)


def open_neuropixels_release(folder: pathlib.Path) -> VisualBehaviorNeuropixelsProjectCache:
    """Open a release of Visual Behavior Neuropixels that was built in a folder."""
    return VisualBehaviorNeuropixelsProjectCache.from_local_cache(folder, use_static_cache=True)
