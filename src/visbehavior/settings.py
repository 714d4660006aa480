"""Defaults that a user can change by an argument, each written once."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_ALLENSDK_VERSION = "2.16"

# Rewards a minute above which a mouse counts as engaged.
ENGAGED_REWARD_RATE = 2.0

# Of AllenSDK's from_nwb_path: areas further than this from their mean, in standard deviations, are likely blinks ...
EYE_TRACKING_Z_THRESHOLD = 3.0
# ... and so are this many frames on either side of one.
EYE_TRACKING_DILATION_FRAMES = 2

BUCKET = "visual-behavior-ophys-data"
"""The public bucket of the data set."""

REGION = "us-west-2"
"""Where it is."""

CACHE_DIR_VARIABLE = "VISBEHAVIOR_CACHE_DIR"
"""Environment variable that names the cache folder."""


def s3_endpoint() -> str | None:
    """An S3 server other than Amazon's, where the environment names one."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def default_cache_dir(bucket: str = BUCKET) -> Path:
    """The cache folder: what the environment variable says, else the platform's folder for caches; other buckets have folders of their own there."""
    named = os.environ.get(CACHE_DIR_VARIABLE)
    if named:
        folder = Path(named).expanduser()
    else:
        from platformdirs import user_cache_path

        folder = Path(user_cache_path("visbehavior", appauthor=False))
    if bucket == BUCKET:
        return folder
    import hashlib

    place = os.path.abspath(bucket) if os.path.isdir(bucket) else bucket
    return folder / "other-buckets" / hashlib.blake2b(place.encode(), digest_size=8).hexdigest()
