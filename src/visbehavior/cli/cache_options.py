"""Options that select the cache, the bucket and the release."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.common import PATH, F
from visbehavior.errors import NotFound
from visbehavior.settings import (
    BUCKET,
    CACHE_DIR_VARIABLE,
    DEFAULT_ALLENSDK_VERSION,
    NEUROPIXELS_BUCKET,
    default_cache_dir,
)

if TYPE_CHECKING:
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.project.data_set import DataSet
    from visbehavior.project.project_cache import ProjectCache

OPHYS, NEUROPIXELS = "ophys", "neuropixels"
BUCKETS = {OPHYS: BUCKET, NEUROPIXELS: NEUROPIXELS_BUCKET}
"""Public bucket of each project."""

_OPTIONS = (
    click.option(
        "--project",
        type=click.Choice(list(BUCKETS)),
        default=OPHYS,
        show_default=True,
        help="Data set: with imaging, or with Neuropixels recordings.",
    ),
    click.option(
        "--cache-dir",
        metavar="FOLDER",
        type=PATH,
        help=f"Cache folder.  [default: ${CACHE_DIR_VARIABLE}, or the user cache folder]",
    ),
    click.option(
        "--bucket",
        metavar="BUCKET",
        help="Bucket name, or the URL or folder of a mirror.  [default: the project's public bucket]",
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

    def __init__(
        self, project: str, cache_dir: Path | None, bucket: str | None, endpoint: str | None, data_version: str | None
    ) -> None:
        self.project = project
        self._cache_dir, self._bucket, self._endpoint, self._version = cache_dir, bucket, endpoint, data_version
        self._caches: dict[str, ProjectCache] = {}

    @property
    def data_set(self) -> DataSet:
        """The data set of the project."""
        from visbehavior.project import neuropixels, ophys

        return {OPHYS: ophys.DATA_SET, NEUROPIXELS: neuropixels.DATA_SET}[self.project]

    def open(self, allensdk_version: str = DEFAULT_ALLENSDK_VERSION) -> ProjectCache:
        """Return the cache, opened once for each version of AllenSDK's column names."""
        if allensdk_version not in self._caches:
            _check_not_a_folder(self._bucket)
            self._caches[allensdk_version] = cache_class(self.project).from_s3_cache(
                self._cache_dir,
                self._bucket or BUCKETS[self.project],
                allensdk_version=allensdk_version,
                version=self._version,
                endpoint=self._endpoint,
            )
        return self._caches[allensdk_version]

    @property
    def folder(self) -> Path:
        """The cache folder."""
        return self._cache_dir or default_cache_dir(self._bucket or BUCKETS[self.project])

    def open_folder(self) -> ProjectCache | None:
        """Open the cache folder without a network; return None if there is no cache in it."""
        _check_not_a_folder(self._bucket)
        try:
            return cache_class(self.project).from_local_cache(self.folder, version=self._version)
        except NotFound:
            return None

    def open_ophys(self, allensdk_version: str = DEFAULT_ALLENSDK_VERSION) -> VisualBehaviorOphysProjectCache:
        """Return the cache, which must be of the data set with imaging planes."""
        from visbehavior.project.cache import VisualBehaviorOphysProjectCache

        opened = self.open(allensdk_version)
        if not isinstance(opened, VisualBehaviorOphysProjectCache):
            raise click.UsageError(f"There are imaging planes only with --project {OPHYS}.")
        return opened


def _check_not_a_folder(bucket: str | None) -> None:
    """Report the name of a folder without a slash, which would be looked up as a bucket of Amazon."""
    if bucket and not set(bucket) & set("/\\:") and os.path.isdir(bucket):
        raise click.UsageError(
            f"--bucket {bucket} names a bucket, and there is a folder of this name. Did you mean ./{bucket}?"
        )


def cache_class(project: str) -> type[ProjectCache]:
    """Return the class that opens a data set."""
    # Imported here, because commands that open files need no cache.
    if project == NEUROPIXELS:
        from visbehavior.project.neuropixels_cache import VisualBehaviorNeuropixelsProjectCache

        return VisualBehaviorNeuropixelsProjectCache
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache

    return VisualBehaviorOphysProjectCache


def cache_options(function: F) -> F:
    """Add the options to a command, which receives them as the argument ``cache``."""

    @functools.wraps(function)
    def command(
        *args: Any,
        project: str,
        cache_dir: Path | None,
        bucket: str | None,
        endpoint: str | None,
        data_version: str | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, cache=CacheOptions(project, cache_dir, bucket, endpoint, data_version), **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value]
