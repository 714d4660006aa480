"""A data set of releases, in the public bucket or a folder: opening it, its manifests, and its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import pandas as pd

from visbehavior.analysis.performance import check_threshold
from visbehavior.arguments import check_failures, check_flags, check_jobs, parse_id, parse_path
from visbehavior.errors import BadValue, NotCached, NotFound, VisBehaviorError, brief_repr
from visbehavior.project.contents import list_contents, remove_files, select_removable
from visbehavior.project.data_set import DataSet
from visbehavior.project.files import ReleaseFiles, open_cache_folder
from visbehavior.project.ids import Ids, explain_unknown_mouse, list_ids, parse_ids
from visbehavior.project.manifest import FileEntry, check_manifest_name, describe_changes
from visbehavior.project.metrics_cache import MetricsCache, compute_metrics, join_metrics
from visbehavior.project.mice import add_day_and_stage, summarize_mice
from visbehavior.project.release import Release
from visbehavior.project.tables import select_mouse
from visbehavior.project.verify import verify_files
from visbehavior.schema.convention import parse_convention
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, DEFAULT_ALLENSDK_VERSION, ENGAGED_REWARD_RATE, default_cache_dir
from visbehavior.store.address import parse_location
from visbehavior.store.download import JOBS
from visbehavior.store.source import ObjectSource


class Traffic(NamedTuple):
    """Network traffic: number of ``requests``, and ``bytes`` received."""

    requests: int
    bytes: int


class ProjectCache:
    """A data set of releases. A subclass names the data set, and adds the tables and files that its releases have.

    Threads may share a cache. It can be pickled: the folder, the bucket and the release are pickled, but no tables.
    Processes may share a folder, also while they fill it. A forked child can use cached files, but not the network if its
    parent has used it: start processes with ``multiprocessing.get_context("spawn")``.
    """

    _data_set: ClassVar[DataSet]
    _session_class: ClassVar[type[BehaviorSession]] = BehaviorSession

    def __init__(
        self,
        files: ReleaseFiles | None = None,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
    ) -> None:
        if not isinstance(files, ReleaseFiles):
            name = type(self).__name__
            raise BadValue(f"Open the data set with {name}.from_s3_cache() or {name}.from_local_cache(folder).")
        self._files = files
        self._convention = parse_convention(allensdk_version)
        self.load_manifest(files.manifests.choose(version))

    @classmethod
    def from_s3_cache(
        cls,
        cache_dir: str | os.PathLike[str] | None = None,
        bucket_name_override: str | os.PathLike[str] = BUCKET,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
        endpoint: str | None = None,
    ) -> Self:
        """Open the public data set. Files are fetched when they are needed, once, and kept in a folder.

        Without a network, cached files can be used; one warning says that newer releases could not be looked up.

        Parameters
        ----------
        cache_dir : str, os.PathLike or None
            Cache folder, in AllenSDK's layout: a folder that AllenSDK filled can be used. None: the folder that the environment
            variable VISBEHAVIOR_CACHE_DIR names, else the platform's folder for caches, with a subfolder for each bucket other
            than the public one. Do not use one folder for two buckets: their releases would be confused.
        bucket_name_override : str or os.PathLike
            Name of another bucket, the URL of a mirror (``https://...``), or a folder.
        allensdk_version : str
            Convention of column names and dtypes: "2.16" or "2.10".
        version : str or None
            Release, such as "1.1.0"; None: the one last used in this folder, else the newest.
        endpoint : str or None
            URL of an S3 server other than Amazon's; None: the value of AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, if set.

        Raises
        ------
        NotFound
            If there is no such release.
        NotCached
            If there is no network, and no release in the folder.
        TransferFailed
            If the bucket cannot be read.
        """
        bucket = (
            os.fspath(bucket_name_override) if isinstance(bucket_name_override, os.PathLike) else bucket_name_override
        )
        location = parse_location(bucket, endpoint)
        folder = parse_path("cache_dir", default_cache_dir(bucket) if cache_dir is None else cache_dir)
        return cls(cls._files_of(folder, ObjectSource(location)), allensdk_version, version)

    @classmethod
    def from_local_cache(
        cls,
        cache_dir: str | os.PathLike[str] | None = None,
        use_static_cache: bool = False,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
    ) -> Self:
        """Open a cache folder without a network. Nothing is fetched or written.

        Parameters
        ----------
        cache_dir : str, os.PathLike or None
            Folder that AllenSDK or `from_s3_cache` filled, which contains its manifests, such as
            ``visual-behavior-ophys_project_manifest_v1.1.0.json``; with `use_static_cache` a copy of the bucket. None: the default
            folder of `from_s3_cache`.
        use_static_cache : bool
            Whether the folder is a copy of the bucket, which contains a folder such as ``visual-behavior-ophys/manifests``.
        allensdk_version : str
            Convention of column names and dtypes: "2.16" or "2.10".
        version : str or None
            Release, such as "1.1.0"; None: the one last used, else the newest in the folder.

        Raises
        ------
        NotFound
            If there is no such folder, or no manifest in it.
        NotCached
            If the release is not in the folder.
        """
        check_flags(use_static_cache=use_static_cache)
        project = cls._data_set.project
        folder = parse_path("cache_dir", default_cache_dir(project.bucket) if cache_dir is None else cache_dir)
        files = open_cache_folder(folder.absolute(), use_static_cache, project)
        return cls(files, allensdk_version, version)

    def get_behavior_session_table(self) -> pd.DataFrame:
        """Return the table of behavior sessions of the release."""
        return self._release.table(self._data_set.session_table)

    def get_mice(self) -> pd.DataFrame:
        """Return a row per mouse: what it is, when it was recorded, and how many sessions it has of each stage.

        Returns
        -------
        pandas.DataFrame
            Index mouse_id, sorted; sex, genotype, Cre line and indicator as far as the release has them; ``first_day`` and
            ``last_day``; ``session_count`` and ``imaging_session_count`` or ``recording_session_count``; then the number of
            sessions of each stage, such as ``TRAINING_1`` or ``OPHYS_4``.
        """
        marked = self._data_set.mark_kind(self.get_behavior_session_table())
        return summarize_mice(marked, self._data_set.session_table)

    def file_path(self, behavior_session_id: int | str) -> Path:
        """Return the path of the complete file of a behavior session in the cache folder.

        Raises
        ------
        NotFound
            If there is no such session.
        NotCached
            If the complete file is not in the cache. `download` downloads it.
        """
        number = parse_id(behavior_session_id)
        return self._find_complete(self._release.session_files(number), str(number))

    def get_mouse(self, mouse_id: int | str) -> pd.DataFrame:
        """Return the sessions of a mouse in order of acquisition.

        Parameters
        ----------
        mouse_id : int or str

        Returns
        -------
        pandas.DataFrame
            The mouse's rows of the behavior session table with two more columns: ``day``, counted from the first session (0),
            and ``has_imaging``, because not every OPHYS_ session has imaging data, or ``has_recording``.

        Raises
        ------
        NotFound
            If there is no such mouse.
        """
        mouse = select_mouse(self.get_behavior_session_table(), mouse_id, self._data_set.session_table)
        if mouse.empty:
            explanation = explain_unknown_mouse(mouse_id, self.get_behavior_session_table())
            raise NotFound(
                f"Release {self._release.version} has no mouse {brief_repr(mouse_id)}. {explanation}",
                mouse_id=mouse_id,
            )
        return self._data_set.mark_kind(mouse)

    def get_behavior_session(self, behavior_session_id: int | str, download: bool = False) -> BehaviorSession:
        """Open a behavior session.

        The behavior data of an imaging session are read from the file of one of its planes, those of a recording from its file.

        The session is streamed: an attribute fetches only the parts of the file that it reads, and these are kept in the cache.

        Parameters
        ----------
        behavior_session_id : int or str
        download : bool
            Whether to download the complete file first, verified by the release's hash.

        Raises
        ------
        NotFound
            If there is no such session. If the id is of another kind, the message gives the ids of its behavior sessions.
        NotCached
            If the session's file is not cached and there is no network.
        TransferFailed, CorruptFile, DiskFull
            If the file cannot be downloaded.
        """
        check_flags(download=download)
        entries = self._release.session_files(parse_id(behavior_session_id))
        if download:
            cached = [entry for entry in entries if self._release.find(entry) is not None]
            self._release.download([*cached, *entries][:1])
        return self._session_class(self._release.open_reader(entries), allensdk_version=self._convention)

    def download(
        self,
        behavior_session_ids: Ids = (),
        *,
        jobs: int = JOBS,
        progress: bool = True,
        failures: dict[str, VisBehaviorError] | None = None,
    ) -> list[Path]:
        """Download complete files, several at once, each verified by the release's hash. Cached files are not downloaded again.

        An interrupted download is resumed by the next call. Parts that were streamed before are not downloaded again.

        Parameters
        ----------
        behavior_session_ids : int, str, or iterable of them
            Behavior sessions. For a session with a Neuropixels recording, the recording's file (2 to 3 GB) is downloaded.
        jobs : int
            Number of connections.
        progress : bool
            Whether to show one progress bar for all files (on stderr, or in the notebook).
        failures : dict or None
            Receives the error of each file that could not be downloaded, by its key in the bucket, and of each unknown id. None:
            the first error is raised, for an id before any download begins, for a file after all downloads have ended.

        Returns
        -------
        list of pathlib.Path
            Paths of the files in the order of the ids, without those that could not be downloaded.

        Raises
        ------
        DiskFull
            If the files do not fit on the disk; nothing is downloaded.
        NotFound, NotCached, TransferFailed, CorruptFile
        """
        session_ids = list_ids(behavior_session_ids)
        if not session_ids:
            raise BadValue(
                "download() was given no ids. Name behavior_session_ids: a complete release has more than 1 TB."
            )
        return self._download(session_ids, (), jobs, progress, failures)

    def get_performance_table(
        self,
        ids: Ids | None = None,
        engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE,
        *,
        progress: bool = True,
        failures: dict[int, VisBehaviorError] | None = None,
    ) -> pd.DataFrame:
        """Return the behavior session table joined with the performance metrics of its sessions.

        Many sessions are streamed at once. The metrics are stored in the cache, by the hash of the session's file and the
        version of the code, and are not computed again.

        Parameters
        ----------
        ids : int, str, iterable of them, or None
            Behavior sessions; None: all sessions of the release, for which several GB are streamed once.
        engaged_trial_reward_rate_threshold : float
            Rewards per minute above which the mouse counts as engaged.
        progress : bool
            Whether to show a progress bar.
        failures : dict or None
            Receives the error of each session whose metrics could not be computed, by id; None: the first one is raised, after
            the metrics of the other sessions were computed and stored.

        Returns
        -------
        pandas.DataFrame
            Index behavior_session_id, in the order of `ids`; the columns of `get_behavior_session_table`; ``day``, counted from the
            mouse's first session (0), and ``stage``, such as OPHYS_4; the metrics of `BehaviorSession.get_performance_metrics` in
            their order; the plain rates and d' of `compute_session_rates`. Where two have a name, the later value is used.
        """
        check_threshold(engaged_trial_reward_rate_threshold)
        check_flags(progress=progress)
        check_failures(failures)
        table = self.get_behavior_session_table()
        numbers = table.index.tolist() if ids is None else parse_ids(ids)
        files = self._release.select_session_files(numbers, failures)
        stored = MetricsCache(self._files.records_folder, float(engaged_trial_reward_rate_threshold))
        metrics = compute_metrics(files, self._release, stored, failures, progress)
        return join_metrics(add_day_and_stage(table, self._data_set.session_table), numbers, metrics)

    def verify(self, repair: bool = False, *, progress: bool = True) -> pd.DataFrame:
        """Hash all cached files of all cached releases, and compare the hashes with the manifests.

        Parameters
        ----------
        repair : bool
            Whether to download damaged files again, and to complete partial ones.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        pandas.DataFrame
            Index path (below the cache folder); ``state``: "complete", "damaged", "partial", "repaired", or the
            reason why the file could not be read or repaired; ``size`` (bytes on disk).
        """
        check_flags(repair=repair, progress=progress)
        return verify_files(self._files, repair, progress)

    def list_cached_files(self) -> pd.DataFrame:
        """Return the files in the cache folder, without reading them: see `visbehavior.project.contents.list_contents`."""
        return list_contents(self._files)

    def prune(self, *, partial: bool = False, other_releases: bool = False, dry_run: bool = False) -> pd.DataFrame:
        """Remove files from the cache folder. They are downloaded again when they are needed.

        Parameters
        ----------
        partial : bool
            Whether to remove partial files, which streaming filled.
        other_releases : bool
            Whether to remove the files of all releases but the current one.
        dry_run : bool
            Whether to remove nothing, and only return what would be removed.

        Returns
        -------
        pandas.DataFrame
            The removed files, as `list_cached_files` lists them.

        Raises
        ------
        BadValue
            If the folder is a copy of a bucket, to which nothing is written.
        """
        check_flags(partial=partial, other_releases=other_releases, dry_run=dry_run)
        if self._files.is_static:
            raise BadValue(f"{self.cache_dir} is a copy of a bucket, of which nothing is removed.")
        keep = self._release.version if other_releases else None
        removable = select_removable(self.list_cached_files(), partial, keep)
        if not dry_run:
            remove_files(self._files, removable)
        return removable

    def list_all_downloaded_manifests(self) -> list[str]:
        """Return the names of the cached manifests, oldest release first."""
        return self._files.manifests.cached()[::-1]

    def list_manifest_file_names(self) -> list[str]:
        """Return the names of all manifests, cached or in the bucket, oldest release first."""
        return self._files.manifests.known[::-1]

    def latest_downloaded_manifest_file(self) -> str:
        """Return the name of the newest cached manifest."""
        return self.list_all_downloaded_manifests()[-1]

    def latest_manifest_file(self) -> str:
        """Return the name of the newest manifest, cached or in the bucket."""
        return self.list_manifest_file_names()[-1]

    def current_manifest(self) -> str:
        """Return the name of the current release's manifest."""
        return self._release.manifest_name

    def load_manifest(self, manifest_name: str) -> None:
        """Make a release the current one.

        Parameters
        ----------
        manifest_name : str
            One of `list_manifest_file_names`, or a version such as "1.1.0".

        Raises
        ------
        NotFound, NotCached
            If there is no such release, or it is not cached and there is no network.
        """
        name = check_manifest_name(manifest_name, self._data_set.project)
        self._release = Release(self._files, self._files.manifests.load(name), self._convention, self._data_set)
        self._files.manifests.record_last_used(name)

    def load_latest_manifest(self) -> None:
        """Make the newest release the current one."""
        self.load_manifest(self.latest_manifest_file())

    def compare_manifests(self, manifest_0_name: str, manifest_1_name: str) -> str:
        """Return a text that lists the changes from one release to another."""
        names = [check_manifest_name(name, self._data_set.project) for name in (manifest_0_name, manifest_1_name)]
        return describe_changes(*map(self._files.manifests.load, names))

    @property
    def cache_dir(self) -> Path:
        """Folder in which the files are kept."""
        return self._files.folder

    @property
    def traffic(self) -> Traffic:
        """Network traffic since the cache was opened."""
        source = self._files.source
        return Traffic(0, 0) if source is None else Traffic(source.requests, source.bytes)

    def construct_local_manifest(self) -> None:
        """Hash all cached files and write AllenSDK's ``_downloaded_data.json``, which lets it share files between releases."""
        self._files.write_downloaded()

    @classmethod
    def _files_of(cls, folder: Path, source: ObjectSource) -> ReleaseFiles:
        return ReleaseFiles(folder.absolute(), source, project=cls._data_set.project)

    def _find_complete(self, entries: Sequence[FileEntry], arguments: str) -> Path:
        """Return the path of the first complete file; `arguments` of download() download it."""
        for entry in entries:
            if (path := self._release.find(entry)) is not None:
                return path
        raise NotCached(
            f"The complete file of {arguments.rpartition('=')[2]}, {entries[0].path}, is not in {self.cache_dir}. download({arguments}) "
            "downloads it.",
            path=entries[0].path,
        )

    def _download(
        self,
        behavior_session_ids: Sequence[int | str],
        ophys_experiment_ids: Sequence[int | str],
        jobs: int,
        progress: bool,
        failures: dict[str, VisBehaviorError] | None,
    ) -> list[Path]:
        check_jobs("jobs", jobs)
        check_flags(progress=progress)
        check_failures(failures)
        entries = self._release.select_files(behavior_session_ids, ophys_experiment_ids, failures)
        self._release.download(entries, jobs, progress, failures)
        return [path for entry in entries if (path := self._release.find(entry)) is not None]

    def __repr__(self) -> str:
        source = self._files.source or "local files only"
        return f"<{type(self).__name__} of release {self._release.version} in {self._files.folder}, from {source}>"
