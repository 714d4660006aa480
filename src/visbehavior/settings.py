"""Defaults that a user can change by an argument, each written once."""

from __future__ import annotations

DEFAULT_ALLENSDK_VERSION = "2.16"

# Rewards a minute above which a mouse counts as engaged.
ENGAGED_REWARD_RATE = 2.0

# Of AllenSDK's from_nwb_path: areas further than this from their mean, in standard deviations, are likely blinks ...
EYE_TRACKING_Z_THRESHOLD = 3.0
# ... and so are this many frames on either side of one.
EYE_TRACKING_DILATION_FRAMES = 2
