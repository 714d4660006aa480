"""Base class of the caches of all data sets: sessions, mice, files, performance, and rows of many sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from visbehavior.analysis.performance import check_threshold
from visbehavior.arguments import check_failures, check_flags, check_jobs, parse_id
from visbehavior.errors import BadValue, NotCached, NotFound, VisBehaviorError, brief_repr
from visbehavior.project.ids import Ids, explain_unknown_mouse, list_ids, parse_ids
from visbehavior.project.manifest import FileEntry
from visbehavior.project.metrics_cache import MetricsCache, compute_metrics, join_metrics
from visbehavior.project.mice import add_day_and_stage, list_mice
from visbehavior.project.release_cache import ReleaseCache
from visbehavior.project.session_rows import ReadTable, read_rows
from visbehavior.project.tables import select_mouse
from visbehavior.schema.cohort import DEFAULT_TABLES
from visbehavior.session import BehaviorSession
from visbehavior.settings import DOWNLOAD_JOBS, ENGAGED_REWARD_RATE


class ProjectCache(ReleaseCache):
    """Sessions, mice and files of a data set. A subclass names the data set, and adds the tables that its releases have."""

    _session_class: ClassVar[type[BehaviorSession]] = BehaviorSession

    def get_behavior_session_table(self) -> pd.DataFrame:
        """Return the table of behavior sessions of the release."""
        return self._release.session_table()

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
        return list_mice(marked, self._data_set.session_table)

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
        jobs: int = DOWNLOAD_JOBS,
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
            their order; the plain rates and d' of `compute_session_rates`. If two have the same name, the later value is used.
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

    def get_trials(self, ids: Ids, *, progress: bool = False) -> pd.DataFrame:
        """Return the trials of several sessions: index behavior_session_id and trials_id, columns as `BehaviorSession.trials`.

        Sessions are streamed at once. `build_cohort` is faster for many sessions that are used more than once.

        Parameters
        ----------
        ids : int, str, or iterable of them
            Behavior sessions.
        progress : bool
            Whether to show a progress bar.
        """
        return self._read_rows(ids, lambda session: session.trials, progress)

    def get_flashes(self, ids: Ids, *, progress: bool = False) -> pd.DataFrame:
        """Return the flash tables of several sessions: as `get_trials`, columns as `BehaviorSession.get_flash_table`.

        Parameters
        ----------
        ids : int, str, or iterable of them
            Behavior sessions.
        progress : bool
            Whether to show a progress bar.
        """
        return self._read_rows(ids, lambda session: session.get_flash_table(), progress)

    def get_licks(self, ids: Ids, *, progress: bool = False) -> pd.DataFrame:
        """Return the licks of several sessions: as `get_trials`, columns as `BehaviorSession.licks`.

        Parameters
        ----------
        ids : int, str, or iterable of them
            Behavior sessions.
        progress : bool
            Whether to show a progress bar.
        """
        return self._read_rows(ids, lambda session: session.licks, progress)

    def get_rewards(self, ids: Ids, *, progress: bool = False) -> pd.DataFrame:
        """Return the rewards of several sessions: as `get_trials`, columns as `BehaviorSession.rewards`.

        Parameters
        ----------
        ids : int, str, or iterable of them
            Behavior sessions.
        progress : bool
            Whether to show a progress bar.
        """
        return self._read_rows(ids, lambda session: session.rewards, progress)

    def _read_rows(self, ids: Ids, read_table: ReadTable, progress: bool) -> pd.DataFrame:
        check_flags(progress=progress)
        files = self._release.select_session_files(parse_ids(ids), None)
        return read_rows(self._release, files, read_table, self._convention, progress)

    def build_cohort(
        self,
        path: str | os.PathLike[str],
        ids: Ids | None = None,
        *,
        tables: Iterable[str] = DEFAULT_TABLES,
        executor: Any = None,
        jobs: int | None = None,
        shard: tuple[int, int] | None = None,
        progress: bool = False,
    ) -> pd.DataFrame:
        """Build a store with the tables of many sessions: see the function `visbehavior.build_cohort`.

        Parameters
        ----------
        path : str or os.PathLike
            A new or empty folder, or the folder of an earlier build.
        ids : int, str, iterable of them, or None
            Behavior sessions; None: all sessions of the release.
        tables, executor, jobs, shard, progress
            As for the function.
        """
        from visbehavior.cohort.build import build_cohort

        options: dict[str, Any] = {"executor": executor, "jobs": jobs, "shard": shard, "progress": progress}
        return build_cohort(self, path, ids, tables=tables, **options)

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
