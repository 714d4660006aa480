"""Our classes with AllenSDK's names, defaults and keywords."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from visbehavior.errors import BadValue, brief_repr
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.cache import VisualBehaviorOphysProjectCache
from visbehavior.project.manifest import manifest_version
from visbehavior.project.neuropixels_cache import VisualBehaviorNeuropixelsProjectCache
from visbehavior.project.project_cache import ProjectCache
from visbehavior.session import BehaviorSession

_UNUSED_KEYWORDS = ("add_is_change_to_stimulus_presentations_table",)
"""Keywords of AllenSDK's ``from_nwb`` that change nothing here: presentations always say which of them are changes."""


def make_session_class(convention: str) -> type[BehaviorSession]:
    """Return BehaviorSession with the column names of a convention by default."""

    class Session(BehaviorSession):
        __doc__ = BehaviorSession.__doc__

        @classmethod
        def from_nwb_path(cls, nwb_path: str | os.PathLike[str], **kwargs: Any) -> Self:
            return super().from_nwb_path(nwb_path, **_add_convention(kwargs, convention))

        @classmethod
        def from_json(cls, session_data: dict[str, Any], **kwargs: Any) -> Self:
            return super().from_json(session_data, **_add_convention(kwargs, convention))

        @classmethod
        def from_nwb(cls, nwbfile: Any, **kwargs: Any) -> Self:
            """Open the file from which pynwb read a session."""
            return cls.from_nwb_path(_path_of(nwbfile), **kwargs)

    return Session


def make_experiment_class(convention: str) -> type[BehaviorOphysExperiment]:
    """Return BehaviorOphysExperiment with the column names of a convention by default."""

    class Experiment(BehaviorOphysExperiment):
        __doc__ = BehaviorOphysExperiment.__doc__

        @classmethod
        def from_nwb_path(cls, nwb_path: str | os.PathLike[str], **kwargs: Any) -> Self:
            return super().from_nwb_path(nwb_path, **_add_convention(kwargs, convention))

        @classmethod
        def from_nwb(cls, nwbfile: Any, **kwargs: Any) -> Self:
            """Open the file from which pynwb read an imaging plane."""
            return cls.from_nwb_path(_path_of(nwbfile), **kwargs)

    return Experiment


def make_ophys_cache_class(
    convention: str, session_class: type[BehaviorSession], experiment_class: type[BehaviorOphysExperiment]
) -> type[ProjectCache]:
    """Return the project cache, which downloads complete files and returns these classes."""
    base = VisualBehaviorOphysProjectCache

    def get_behavior_session(self: Any, behavior_session_id: int | str, download: bool = True) -> BehaviorSession:
        return base.get_behavior_session(self, behavior_session_id, download)

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


def make_neuropixels_cache_class(convention: str, session_class: type[BehaviorSession]) -> type[ProjectCache]:
    """Return the project cache of Visual Behavior Neuropixels. It streams, because a recording has 2 to 3 GB."""
    return _make_cache_class(VisualBehaviorNeuropixelsProjectCache, convention, _session_class=session_class)


def _make_cache_class(base: type[ProjectCache], convention: str, **attributes: Any) -> type[ProjectCache]:
    project = base._data_set.project

    class Cache(base):  # type: ignore[misc, valid-type]
        __doc__ = base.__doc__
        BUCKET_NAME, PROJECT_NAME = project.bucket, project.name

        @classmethod
        def from_s3_cache(
            cls,
            cache_dir: str | os.PathLike[str] | None = None,
            bucket_name_override: str | os.PathLike[str] | None = None,
            *,
            bucket_name: str | None = None,
            project_name: str = project.name,
            **kwargs: Any,
        ) -> Any:
            _check_project(project_name, project.name)
            bucket = bucket_name_override or bucket_name or project.bucket
            return super().from_s3_cache(cache_dir, bucket, **_add_convention(kwargs, convention))

        @classmethod
        def from_local_cache(
            cls,
            cache_dir: str | os.PathLike[str] | None = None,
            use_static_cache: bool = False,
            *,
            project_name: str = project.name,
            **kwargs: Any,
        ) -> Any:
            _check_project(project_name, project.name)
            return super().from_local_cache(cache_dir, use_static_cache, **_add_convention(kwargs, convention))

        def load_manifest(self, manifest_name: str | None = None, *, file_name: str | None = None) -> None:
            super().load_manifest(manifest_name or file_name or "")

        @property
        def fetch_api(self) -> FetchApi:
            """The object that AllenSDK's cache reads through."""
            return FetchApi(self)

    for name, value in attributes.items():
        setattr(Cache, name, value)
    return Cache


class FetchApi:
    """The members of AllenSDK's ``fetch_api`` that public code uses: ``cache``, and the methods of the project cache."""

    def __init__(self, cache: ProjectCache) -> None:
        self._project_cache = cache

    @property
    def cache(self) -> CloudCache:
        """The object that AllenSDK keeps its files with."""
        return CloudCache(self._project_cache)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._project_cache, name)


class CloudCache:
    """The members of AllenSDK's ``fetch_api.cache`` that public code uses: folders, and manifests."""

    def __init__(self, cache: ProjectCache) -> None:
        self._project_cache = cache
        self._cache_dir = str(cache.cache_dir)
        self._manifest = self
        self._downloaded_data_path = Path(self._cache_dir, "_downloaded_data.json")

    @property
    def version(self) -> str | None:
        """Version of the current release."""
        return manifest_version(self._project_cache.current_manifest(), self._project_cache._data_set.project)

    @property
    def latest_manifest_file(self) -> str:
        """Name of the newest manifest."""
        return self._project_cache.latest_manifest_file()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._project_cache, name)


def _add_convention(keywords: dict[str, Any], convention: str) -> dict[str, Any]:
    used = {name: value for name, value in keywords.items() if name not in _UNUSED_KEYWORDS}
    return {"allensdk_version": convention, **used}


def _path_of(nwbfile: Any) -> str:
    path = getattr(nwbfile, "container_source", None)
    if not isinstance(path, str):
        raise BadValue(
            f"from_nwb was given {brief_repr(nwbfile)}; expected a file that pynwb read from disk. Write it first, and open it with "
            "from_nwb_path(path).",
            value=nwbfile,
        )
    return path


def _check_project(project_name: Any, expected: str) -> None:
    if project_name != expected:
        raise BadValue(
            f"project_name is {brief_repr(project_name)}; expected {expected!r}.",
            name="project_name",
            value=project_name,
        )
