"""The Visual Behavior data set: its project tables, sessions and imaging planes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.performance import check_threshold
from visbehavior.arguments import check_failures, check_flags, check_jobs, parse_id
from visbehavior.errors import BadValue, NotCached, NotFound, VisBehaviorError, brief_repr
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.ids import Ids, explain_unknown_mouse, list_ids, parse_ids
from visbehavior.project.manifest import MOVIE
from visbehavior.project.metrics_cache import MetricsCache, compute_metrics, join_metrics
from visbehavior.project.mice import add_day_and_stage, summarize_mice
from visbehavior.project.project_cache import ProjectCache
from visbehavior.project.table_keywords import apply_keywords
from visbehavior.project.tables import select_mouse
from visbehavior.schema.columns import Table
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
)
from visbehavior.session import BehaviorSession
from visbehavior.settings import ENGAGED_REWARD_RATE
from visbehavior.store.download import JOBS


class VisualBehaviorOphysProjectCache(ProjectCache):
    """The Visual Behavior data set.

    Open it with `from_s3_cache`, which downloads what is needed into a cache folder, or with `from_local_cache`. The tables are
    those of the current release; each is read on first use, and the same object is returned from then on.

    Threads may share a cache. It can be pickled: the folder, the bucket and the release are pickled, but no tables.
    Processes may share a folder, also while they fill it. A forked child can use cached files, but not the network if its
    parent has used it: start processes with ``multiprocessing.get_context("spawn")``.
    """

    _session_class: ClassVar[type[BehaviorSession]] = BehaviorSession
    _experiment_class: ClassVar[type[BehaviorOphysExperiment]] = BehaviorOphysExperiment

    def get_behavior_session_table(self, suppress: Iterable[str] | None = None, **allensdk: Any) -> pd.DataFrame:
        """Return the table of behavior sessions, `visbehavior.schema.project.BEHAVIOR_SESSION_TABLE`.

        Parameters
        ----------
        suppress : iterable of str or None
            Columns to leave out.
        **allensdk
            AllenSDK's keywords as_df, include_ophys_data and include_trial_metrics, which change nothing. Any other keyword is
            a TypeError.
        """
        return self._project_table(BEHAVIOR_SESSION_TABLE, suppress=suppress, **allensdk)

    def get_ophys_session_table(self, suppress: Iterable[str] | None = None, **allensdk: Any) -> pd.DataFrame:
        """Return the table of imaging sessions, `visbehavior.schema.project.OPHYS_SESSION_TABLE`.

        Parameters
        ----------
        suppress : iterable of str or None
            Columns to leave out.
        **allensdk
            AllenSDK's keywords: with ``index_column="ophys_experiment_id"`` there is a row per imaging plane; as_df and
            include_behavior_data change nothing. Any other keyword is a TypeError.
        """
        return self._project_table(OPHYS_SESSION_TABLE, suppress=suppress, **allensdk)

    def get_ophys_experiment_table(self, suppress: Iterable[str] | None = None, **allensdk: Any) -> pd.DataFrame:
        """Return the table of imaging planes, `visbehavior.schema.project.OPHYS_EXPERIMENT_TABLE`.

        Parameters
        ----------
        suppress : iterable of str or None
            Columns to leave out.
        **allensdk
            AllenSDK's keyword as_df, which changes nothing. Any other keyword is a TypeError.
        """
        return self._project_table(OPHYS_EXPERIMENT_TABLE, suppress=suppress, **allensdk)

    def get_ophys_cells_table(self, suppress: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the table of cells (regions of interest), `visbehavior.schema.project.OPHYS_CELLS_TABLE`. Releases 0.x have none.

        Parameters
        ----------
        suppress : iterable of str or None
            Columns to leave out.
        """
        return self._project_table(OPHYS_CELLS_TABLE, suppress=suppress)

    def _project_table(self, table: Table, **keywords: Any) -> pd.DataFrame:
        return apply_keywords(self._release.table(table), table, keywords)

    def get_mice(self) -> pd.DataFrame:
        """Return a row per mouse: what it is, when it was recorded, and how many sessions it has of each stage.

        Returns
        -------
        pandas.DataFrame
            Index mouse_id, sorted; sex, full_genotype, cre_line and indicator as far as the release has them; ``first_day`` and
            ``last_day``; ``session_count`` and ``imaging_session_count``; then the number of sessions of each stage, such as
            ``TRAINING_1`` or ``OPHYS_4``.
        """
        return summarize_mice(self.get_behavior_session_table())

    def get_mouse(self, mouse_id: int | str) -> pd.DataFrame:
        """Return the sessions of a mouse in order of acquisition.

        Parameters
        ----------
        mouse_id : int or str

        Returns
        -------
        pandas.DataFrame
            The mouse's rows of the behavior session table with two more columns: ``day``, counted from the first session (0),
            and ``has_imaging``, because not every OPHYS_ session has imaging data.

        Raises
        ------
        NotFound
            If there is no such mouse.
        """
        mouse = select_mouse(self.get_behavior_session_table(), mouse_id)
        if mouse.empty:
            explanation = explain_unknown_mouse(mouse_id, self.get_behavior_session_table())
            raise NotFound(
                f"Release {self._release.version} has no mouse {brief_repr(mouse_id)}. {explanation}",
                mouse_id=mouse_id,
            )
        return mouse

    def get_behavior_session(self, behavior_session_id: int | str, download: bool = False) -> BehaviorSession:
        """Open a behavior session. The behavior data of an imaging session are read from the file of one of its planes.

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

    def get_behavior_ophys_experiment(
        self, ophys_experiment_id: int | str, download: bool = False
    ) -> BehaviorOphysExperiment:
        """Open an imaging plane. It is streamed: an attribute fetches only the parts of the file that it reads.

        Parameters
        ----------
        ophys_experiment_id : int or str
        download : bool
            Whether to download the complete file first, verified by the release's hash.

        Raises
        ------
        NotFound
            If there is no such imaging plane. If the id is of another kind, the message gives the ids of its planes.
        NotCached
            If the plane's file is not cached and there is no network.
        TransferFailed, CorruptFile, DiskFull
            If the file cannot be downloaded.
        """
        check_flags(download=download)
        entry = self._release.plane_file(parse_id(ophys_experiment_id))
        if download:
            self._release.download([entry])
        return self._experiment_class(self._release.open_reader([entry]), allensdk_version=self._convention)

    def download(
        self,
        behavior_session_ids: Ids = (),
        ophys_experiment_ids: Ids = (),
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
            Behavior sessions. For an imaging session, the file of its first plane is downloaded.
        ophys_experiment_ids : int, str, or iterable of them
            Imaging planes.
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
        check_jobs("jobs", jobs)
        check_flags(progress=progress)
        check_failures(failures)
        session_ids, plane_ids = list_ids(behavior_session_ids), list_ids(ophys_experiment_ids)
        if not session_ids and not plane_ids:
            raise BadValue(
                "download() was given no ids. Name behavior_session_ids or ophys_experiment_ids: a complete release has 1.5 TB."
            )
        entries = self._release.select_files(session_ids, plane_ids, failures)
        self._release.download(entries, jobs, progress, failures)
        return [path for entry in entries if (path := self._release.find(entry)) is not None]

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
            Behavior sessions; None: all sessions of the release, for which some 6 GB are streamed once.
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
        return join_metrics(add_day_and_stage(table), numbers, metrics)

    def file_path(self, behavior_session_or_experiment_id: int | str) -> Path:
        """Return the path of the complete file of a behavior session or of an imaging plane in the cache folder.

        Raises
        ------
        NotFound
            If there is no such session or plane.
        NotCached
            If the complete file is not in the cache. `download` downloads it.
        """
        number = parse_id(behavior_session_or_experiment_id)
        is_plane = number in self._release.table(OPHYS_EXPERIMENT_TABLE).index
        entries = [self._release.plane_file(number)] if is_plane else self._release.session_files(number)
        for entry in entries:
            if (path := self._release.find(entry)) is not None:
                return path
        keyword = "ophys_experiment_ids=" if is_plane else ""
        raise NotCached(
            f"The complete file of {number}, {entries[0].path}, is not in {self.cache_dir}. download({keyword}{number}) downloads it.",
            path=entries[0].path,
        )

    def get_raw_natural_movie(self) -> NDArray[np.uint8]:
        """Return the natural movie before it was warped for the monitor; its file (166 MB) is downloaded once.

        Returns
        -------
        numpy.ndarray
            uint8, frames x rows x columns.
        """
        from visbehavior.stimuli.natural_movie import read_movie

        return read_movie(self._release.download([MOVIE])[0])

    def get_natural_movie_template(self, n_workers: int | None = None) -> pd.DataFrame:
        """Return the natural movie as shown on the monitor: see `visbehavior.stimuli.natural_movie.compute_movie_template`.

        Parameters
        ----------
        n_workers : int or None
            Number of threads; None: one per core.
        """
        from visbehavior.stimuli.natural_movie import compute_movie_template

        if n_workers is not None:
            check_jobs("n_workers", n_workers)
        return compute_movie_template(self.get_raw_natural_movie(), n_workers, progress=True)
