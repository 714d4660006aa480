"""Our classes under AllenSDK's names, so that notebooks written for AllenSDK run without it."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from email.message import Message
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from visbehavior.errors import AllenSDKImported
from visbehavior.project.cache import VisualBehaviorOphysProjectCache
from visbehavior.schema.convention import parse_convention
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, EYE_TRACKING_DILATION_FRAMES, EYE_TRACKING_Z_THRESHOLD

NAME = "allensdk"
VERSIONS = {"2.16": "2.16.2", "2.10": "2.10.2"}
"""Convention: the version that AllenSDK said it was."""

_BEHAVIOR = f"{NAME}.brain_observatory.behavior"
_CACHE = f"{_BEHAVIOR}.behavior_project_cache"


def install_as_allensdk(version: str = "2.16") -> None:
    """Put visbehavior where notebooks look for AllenSDK, in this process.

    After it ``import allensdk`` and the imports of behavior sessions and their project cache give our classes, with the
    names and types of the columns of that version; ``allensdk.__version__``, ``importlib.metadata`` and ``pkg_resources``
    give its number. Sessions of the cache are downloaded whole, with the progress bars that the notebooks show.

    AllenSDK need not be installed; where it is, it is left alone and hidden until the process ends.

    Parameters
    ----------
    version : str
        Whose names: "2.16" (2023 and later) or "2.10" (the published notebook of 2021). More digits are cut.

    Raises
    ------
    AllenSDKImported
        If AllenSDK itself was imported before.
    UnknownVersion
        If there are no names of that version.

    Examples
    --------
    >>> import visbehavior
    >>> visbehavior.install_as_allensdk("2.10")
    >>> import allensdk.brain_observatory.behavior.behavior_project_cache as bpc
    """
    convention = parse_convention(version)
    there = sys.modules.get(NAME)
    if there is not None and not isinstance(there, _StandIn):
        raise AllenSDKImported(
            f"AllenSDK itself ({getattr(there, '__file__', None)}) is imported already. Call install_as_allensdk() before anything "
            "imports allensdk: restart the kernel, and call it first."
        )
    number = VERSIONS[convention]
    for name, contents in _contents(convention).items():
        sys.modules[name] = _StandIn(name, contents)
    for name in sorted(_contents(convention)):
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    sys.meta_path[:] = [_Finder(number), *(finder for finder in sys.meta_path if not isinstance(finder, _Finder))]
    _tell_pkg_resources(number)


class BehaviorCloudCacheVersionException(Exception):
    """What AllenSDK raises for releases before 1.0.0, which can be opened here: never raised."""


class _StandIn(ModuleType):
    """A module under AllenSDK's name."""

    def __init__(self, name: str, contents: dict[str, Any]) -> None:
        super().__init__(name, "visbehavior, under the name that AllenSDK has.")
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__dict__.update(contents)


class _Distribution(importlib.metadata.Distribution):
    """What is said to be installed: enough for those who ask for the version."""

    def __init__(self, number: str) -> None:
        self._number = number

    @property
    def metadata(self) -> Any:
        found = Message()
        found["Metadata-Version"], found["Name"], found["Version"] = "2.1", NAME, self._number
        return found

    def read_text(self, filename: str) -> str | None:
        return str(self.metadata) if filename == "METADATA" else None

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(__file__).parent / path


class _Finder:
    """Answers for the names below AllenSDK's that are not here, and for its version."""

    def __init__(self, number: str) -> None:
        self._number = number

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Nothing of AllenSDK but what is in `sys.modules`."""
        if fullname.startswith(f"{NAME}."):
            raise ModuleNotFoundError(
                f"visbehavior stands in for AllenSDK {self._number} here, and has no {fullname}: it has behavior sessions and their project cache. "
                "For the rest use AllenSDK itself, in another environment.",
                name=fullname,
            )

    def find_distributions(self, context: Any) -> Iterator[_Distribution]:
        """AllenSDK's version, where it is asked for."""
        if context.name is not None and context.name.lower() == NAME:
            yield _Distribution(self._number)


def _contents(convention: str) -> dict[str, dict[str, Any]]:
    """The modules and what is in them; the import paths of 2.10 and 2.16 are the same."""
    session = _session_class(convention)
    cache = {"VisualBehaviorOphysProjectCache": _cache_class(convention, session)}
    return {
        NAME: {"__version__": VERSIONS[convention]},
        f"{NAME}.brain_observatory": {},
        _BEHAVIOR: {},
        f"{_BEHAVIOR}.behavior_session": {"BehaviorSession": session},
        _CACHE: cache,
        f"{_CACHE}.behavior_project_cache": cache,
        f"{_CACHE}.utils": {"BehaviorCloudCacheVersionException": BehaviorCloudCacheVersionException},
    }


def _session_class(convention: str) -> type[BehaviorSession]:
    class Session(BehaviorSession):
        __doc__ = BehaviorSession.__doc__

        @classmethod
        def from_nwb_path(
            cls,
            path: str | os.PathLike[str],
            *,
            allensdk_version: str = convention,
            eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
            eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
        ) -> Self:
            return super().from_nwb_path(
                path,
                allensdk_version=allensdk_version,
                eye_tracking_z_threshold=eye_tracking_z_threshold,
                eye_tracking_dilation_frames=eye_tracking_dilation_frames,
            )

    _name(Session, f"{_BEHAVIOR}.behavior_session", "BehaviorSession")
    return Session


def _cache_class(convention: str, session: type[BehaviorSession]) -> type[VisualBehaviorOphysProjectCache]:
    class Cache(VisualBehaviorOphysProjectCache):
        __doc__ = VisualBehaviorOphysProjectCache.__doc__
        _session_class = session

        @classmethod
        def from_s3_cache(
            cls,
            cache_dir: str | os.PathLike[str] | None = None,
            bucket_name_override: str | os.PathLike[str] = BUCKET,
            *,
            allensdk_version: str = convention,
            version: str | None = None,
            endpoint: str | None = None,
        ) -> Self:
            return super().from_s3_cache(
                cache_dir, bucket_name_override, allensdk_version=allensdk_version, version=version, endpoint=endpoint
            )

        @classmethod
        def from_local_cache(
            cls,
            cache_dir: str | os.PathLike[str] | None = None,
            use_static_cache: bool = False,
            *,
            allensdk_version: str = convention,
            version: str | None = None,
        ) -> Self:
            return super().from_local_cache(
                cache_dir, use_static_cache, allensdk_version=allensdk_version, version=version
            )

        def get_behavior_session(self, behavior_session_id: int | str, download: bool = True) -> BehaviorSession:
            return super().get_behavior_session(behavior_session_id, download)

    _name(Cache, _CACHE, "VisualBehaviorOphysProjectCache")
    return Cache


def _name(made: type, module: str, name: str) -> None:
    made.__module__, made.__name__, made.__qualname__ = module, name, name


def _tell_pkg_resources(number: str) -> None:
    """The version, for who asks setuptools' older interface; a stand-in where today's setuptools has it no more."""
    there = sys.modules.get("pkg_resources")
    if (there is None and importlib.util.find_spec("pkg_resources") is None) or isinstance(there, _StandIn):
        sys.modules["pkg_resources"] = _StandIn("pkg_resources", {"get_distribution": importlib.metadata.distribution})
        return
    with warnings.catch_warnings():
        # That it is old is for its users to know.
        warnings.simplefilter("ignore")
        older = importlib.import_module("pkg_resources")
        older.working_set.add(older.Distribution(project_name=NAME, version=number, location=__file__), replace=True)
