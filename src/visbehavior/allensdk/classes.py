"""Modules and classes under AllenSDK's names, with AllenSDK's defaults."""

from __future__ import annotations

import os
from typing import Any, Self

from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.cache import VisualBehaviorOphysProjectCache
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, EYE_TRACKING_DILATION_FRAMES, EYE_TRACKING_Z_THRESHOLD

PACKAGE = "allensdk"
ALLENSDK_VERSIONS = {"2.16": "2.16.2", "2.10": "2.10.2"}
"""Convention: full version number of AllenSDK."""

_BEHAVIOR = f"{PACKAGE}.brain_observatory.behavior"
_SESSION = f"{_BEHAVIOR}.behavior_session"
_EXPERIMENT = f"{_BEHAVIOR}.behavior_ophys_experiment"
_CACHE = f"{_BEHAVIOR}.behavior_project_cache"


class BehaviorCloudCacheVersionException(Exception):
    """AllenSDK's error for releases before 1.0.0. Never raised: visbehavior opens these releases."""


def module_contents(convention: str) -> dict[str, dict[str, Any]]:
    """Return the names in each module. AllenSDK 2.10 and 2.16 have the same import paths."""
    session_class, experiment_class = _make_session_class(convention), _make_experiment_class(convention)
    cache = {"VisualBehaviorOphysProjectCache": _make_cache_class(convention, session_class, experiment_class)}
    return {
        PACKAGE: {"__version__": ALLENSDK_VERSIONS[convention]},
        f"{PACKAGE}.brain_observatory": {},
        _BEHAVIOR: {},
        _SESSION: {"BehaviorSession": session_class},
        _EXPERIMENT: {"BehaviorOphysExperiment": experiment_class},
        _CACHE: cache,
        f"{_CACHE}.behavior_project_cache": cache,
        f"{_CACHE}.utils": {"BehaviorCloudCacheVersionException": BehaviorCloudCacheVersionException},
    }


def _make_session_class(convention: str) -> type[BehaviorSession]:
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

    _rename_class(Session, _SESSION, "BehaviorSession")
    return Session


def _make_experiment_class(convention: str) -> type[BehaviorOphysExperiment]:
    class Experiment(BehaviorOphysExperiment):
        __doc__ = BehaviorOphysExperiment.__doc__

        @classmethod
        def from_nwb_path(cls, path: str | os.PathLike[str], **options: Any) -> Self:
            return super().from_nwb_path(path, **{"allensdk_version": convention, **options})

    _rename_class(Experiment, _EXPERIMENT, "BehaviorOphysExperiment")
    return Experiment


def _make_cache_class(
    convention: str, session_class: type[BehaviorSession], experiment_class: type[BehaviorOphysExperiment]
) -> type[VisualBehaviorOphysProjectCache]:
    class Cache(VisualBehaviorOphysProjectCache):
        __doc__ = VisualBehaviorOphysProjectCache.__doc__
        _session_class, _experiment_class = session_class, experiment_class

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

        def get_behavior_ophys_experiment(
            self, ophys_experiment_id: int | str, download: bool = True
        ) -> BehaviorOphysExperiment:
            return super().get_behavior_ophys_experiment(ophys_experiment_id, download)

    _rename_class(Cache, _CACHE, "VisualBehaviorOphysProjectCache")
    return Cache


def _rename_class(cls: type, module: str, name: str) -> None:
    cls.__module__, cls.__name__, cls.__qualname__ = module, name, name
