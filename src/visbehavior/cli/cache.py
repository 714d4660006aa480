"""What commands share that use the cache: its options, and arguments that are files or ids of sessions."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from visbehavior.settings import BUCKET, CACHE_DIR_VARIABLE, DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.session import BehaviorSession

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--cache-dir",
        type=click.Path(path_type=Path),
        help=f"Folder that keeps what was fetched.  [default: ${CACHE_DIR_VARIABLE}, else the platform's folder for caches]",
    ),
    click.option(
        "--bucket", default=BUCKET, show_default=True, help="Another bucket, or a mirror: https://... or a folder."
    ),
    click.option("--endpoint", help="An S3 server other than Amazon's.  [default: $AWS_ENDPOINT_URL]"),
    click.option("--data-version", help="Release, such as 1.1.0.  [default: the one last used, else the newest]"),
)


class CacheOptions:
    """How to open the cache; it is opened when it is needed."""

    def __init__(self, cache_dir: Path | None, bucket: str, endpoint: str | None, data_version: str | None) -> None:
        self._cache_dir, self._bucket, self._endpoint, self._version = cache_dir, bucket, endpoint, data_version
        self._opened: dict[str, VisualBehaviorOphysProjectCache] = {}

    def open(self, allensdk_version: str = DEFAULT_ALLENSDK_VERSION) -> VisualBehaviorOphysProjectCache:
        """The cache."""
        from visbehavior.project.cache import VisualBehaviorOphysProjectCache

        if allensdk_version not in self._opened:
            self._opened[allensdk_version] = VisualBehaviorOphysProjectCache.from_s3_cache(
                self._cache_dir,
                self._bucket,
                allensdk_version=allensdk_version,
                version=self._version,
                endpoint=self._endpoint,
            )
        return self._opened[allensdk_version]


def cache_options(function: F) -> F:
    """The options of the cache, given to the command as one argument ``cache``."""

    @functools.wraps(function)
    def command(
        *args: Any, cache_dir: Path | None, bucket: str, endpoint: str | None, data_version: str | None, **kwargs: Any
    ) -> Any:
        return function(*args, cache=CacheOptions(cache_dir, bucket, endpoint, data_version), **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value]


mouse_option = click.option("--mouse", help="All sessions of this mouse.")


def is_id(argument: str) -> bool:
    """Whether an argument is a session's id: digits, and no file of that name."""
    return argument.isdecimal() and not os.path.exists(argument)


def open_session(argument: str, cache: CacheOptions, allensdk_version: str) -> BehaviorSession:
    """The session of a file, or of an id."""
    if is_id(argument):
        return cache.open(allensdk_version).get_behavior_session(argument)
    from visbehavior.performance_table import open_file

    return open_file(argument, allensdk_version)


def sessions_of(arguments: Sequence[str], mouse: str | None, cache: CacheOptions) -> list[str]:
    """Files and ids that were named, and the ids of a mouse's sessions in order of acquisition."""
    if not arguments and mouse is None:
        raise click.UsageError("Name files, ids of behavior sessions, or a mouse (--mouse 445002).")
    of_mouse = [] if mouse is None else cache.open().get_mouse(mouse).index.astype(str).tolist()
    return [*arguments, *of_mouse]
