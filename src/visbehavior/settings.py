"""Defaults that users can change through arguments."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_ALLENSDK_VERSION = "2.16"

# Rewards per minute above which a mouse counts as engaged.
ENGAGED_REWARD_RATE = 2.0

# As in AllenSDK's from_nwb_path: likely blinks are areas further than this from the mean, in standard deviations ...
EYE_TRACKING_Z_THRESHOLD = 3.0
# ... and this many frames before and after them.
EYE_TRACKING_DILATION_FRAMES = 2
EVENTS_FILTER_SCALE_SECONDS = 2 / 31
EVENTS_FILTER_N_TIME_STEPS = 20
"""Defaults of AllenSDK for the smoothing of events: standard deviation (s), and length (frames)."""

DOWNLOAD_JOBS = 8
"""Connections over which files are downloaded."""

BUCKET = "visual-behavior-ophys-data"
"""Public bucket of the data set."""

NEUROPIXELS_BUCKET = "visual-behavior-neuropixels-data"
"""Public bucket of the data set with Neuropixels recordings."""

REGION = "us-west-2"
"""AWS region of the bucket."""

CACHE_DIR_VARIABLE = "VISBEHAVIOR_CACHE_DIR"
"""Environment variable with the path of the cache folder."""


def s3_endpoint() -> str | None:
    """Return the URL of the S3 server that the environment names; None for Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def default_cache_dir(bucket: str = BUCKET) -> Path:
    """Return the cache folder: that of the environment variable, else the platform's folder for caches.

    Other buckets have their own folders in it, because AllenSDK's file with the release in use has one name for all.
    """
    variable = os.environ.get(CACHE_DIR_VARIABLE)
    if variable:
        folder = Path(os.path.expanduser(variable))
    else:
        from platformdirs import user_cache_path

        folder = Path(user_cache_path("visbehavior", appauthor=False))
    if bucket == BUCKET:
        return folder
    if bucket == NEUROPIXELS_BUCKET:
        return folder / bucket.removesuffix("-data")
    import hashlib

    name = os.path.abspath(bucket) if os.path.isdir(bucket) else bucket
    return folder / "other-buckets" / hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
