"""Modules and classes under AllenSDK's names, with AllenSDK's defaults."""

from __future__ import annotations

import os
from functools import wraps
from typing import Any, Self

from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.cache import VisualBehaviorOphysProjectCache
from visbehavior.project.neuropixels_cache import VisualBehaviorNeuropixelsProjectCache
from visbehavior.project.project_cache import ProjectCache
from visbehavior.session import BehaviorSession
from visbehavior.settings import EYE_TRACKING_DILATION_FRAMES, EYE_TRACKING_Z_THRESHOLD

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
    ophys = {"VisualBehaviorOphysProjectCache": _make_ophys_cache_class(convention, session_class, experiment_class)}
    # Recordings have 2 to 3 GB, most of which are not behavior, so that their sessions are streamed.
    neuropixels_class = _make_cache_class(
        VisualBehaviorNeuropixelsProjectCache, convention, _session_class=session_class
    )
    neuropixels = {"VisualBehaviorNeuropixelsProjectCache": neuropixels_class}
    return {
        PACKAGE: {"__version__": ALLENSDK_VERSIONS[convention]},
        f"{PACKAGE}.brain_observatory": {},
        _BEHAVIOR: {},
        _SESSION: {"BehaviorSession": session_class},
        _EXPERIMENT: {"BehaviorOphysExperiment": experiment_class},
        _CACHE: ophys | neuropixels,
        f"{_CACHE}.behavior_project_cache": ophys,
        f"{_CACHE}.behavior_neuropixels_project_cache": neuropixels,
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


def _make_ophys_cache_class(
    convention: str, session_class: type[BehaviorSession], experiment_class: type[BehaviorOphysExperiment]
) -> type[ProjectCache]:
    base = VisualBehaviorOphysProjectCache

    @wraps(base.get_behavior_session)
    def get_behavior_session(self: Any, behavior_session_id: int | str, download: bool = True) -> BehaviorSession:
        return base.get_behavior_session(self, behavior_session_id, download)

    @wraps(base.get_behavior_ophys_experiment)
    def get_behavior_ophys_experiment(
        self: Any, ophys_experiment_id: int | str, download: bool = True
    ) -> BehaviorOphysExperiment:
        return base.get_behavior_ophys_experiment(self, ophys_experiment_id, download)

    return _make_cache_class(
        base,
        convention,
        _session_class=session_class,
        _experiment_class=experiment_class,
        get_behavior_session=get_behavior_session,
        get_behavior_ophys_experiment=get_behavior_ophys_experiment,
    )


def _make_cache_class(base: type[ProjectCache], convention: str, **attributes: Any) -> type[ProjectCache]:
    """Return a subclass with another default of ``allensdk_version``, and with more attributes."""

    def opening(method: Any) -> Any:
        @wraps(method.__func__)
        def open_cache(cls: type[ProjectCache], *args: Any, **options: Any) -> ProjectCache:
            opened: ProjectCache = method.__func__(cls, *args, **{"allensdk_version": convention, **options})
            return opened

        return classmethod(open_cache)

    attributes |= {name: opening(getattr(base, name)) for name in ("from_s3_cache", "from_local_cache")}
    made = type(base.__name__, (base,), {"__doc__": base.__doc__, **attributes})
    _rename_class(made, _CACHE, base.__name__)
    return made


def _rename_class(cls: type, module: str, name: str) -> None:
    cls.__module__, cls.__name__, cls.__qualname__ = module, name, name
