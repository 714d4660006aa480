"""Options that select the cache, the bucket and the release."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.common import PATH, F
from visbehavior.settings import BUCKET, CACHE_DIR_VARIABLE, DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache

_OPTIONS = (
    click.option(
        "--cache-dir",
        metavar="FOLDER",
        type=PATH,
        help=f"Cache folder.  [default: ${CACHE_DIR_VARIABLE}, or the user cache folder]",
    ),
    click.option(
        "--bucket",
        metavar="BUCKET",
        default=BUCKET,
        show_default=True,
        help="Bucket name, or the URL or folder of a mirror.",
    ),
    click.option("--endpoint", metavar="URL", help="S3 server.  [default: $AWS_ENDPOINT_URL, or Amazon's]"),
    click.option(
        "--data-version",
        metavar="VERSION",
        help="Release, for example 1.1.0.  [default: the last one used, or the newest]",
    ),
)


class CacheOptions:
    """The cache that the options select, opened on first use."""

    def __init__(self, cache_dir: Path | None, bucket: str, endpoint: str | None, data_version: str | None) -> None:
        self._cache_dir, self._bucket, self._endpoint, self._version = cache_dir, bucket, endpoint, data_version
        self._caches: dict[str, VisualBehaviorOphysProjectCache] = {}

    def open(self, allensdk_version: str = DEFAULT_ALLENSDK_VERSION) -> VisualBehaviorOphysProjectCache:
        """Return the cache, opened once for each version of AllenSDK's column names."""
        from visbehavior.project.cache import VisualBehaviorOphysProjectCache

        if allensdk_version not in self._caches:
            self._caches[allensdk_version] = VisualBehaviorOphysProjectCache.from_s3_cache(
                self._cache_dir,
                self._bucket,
                allensdk_version=allensdk_version,
                version=self._version,
                endpoint=self._endpoint,
            )
        return self._caches[allensdk_version]


def cache_options(function: F) -> F:
    """Add the options to a command, which receives them as the argument ``cache``."""

    @functools.wraps(function)
    def command(
        *args: Any, cache_dir: Path | None, bucket: str, endpoint: str | None, data_version: str | None, **kwargs: Any
    ) -> Any:
        return function(*args, cache=CacheOptions(cache_dir, bucket, endpoint, data_version), **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value]
