"""The Visual Behavior data set: its project tables, sessions and imaging planes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import check_flags, check_jobs, parse_id
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.ids import Ids, list_ids
from visbehavior.project.manifest import MOVIE
from visbehavior.project.ophys import DATA_SET
from visbehavior.project.project_cache import ProjectCache
from visbehavior.project.table_keywords import apply_keywords
from visbehavior.schema.columns import Table
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
)
from visbehavior.settings import DOWNLOAD_JOBS


class VisualBehaviorOphysProjectCache(ProjectCache):
    """The Visual Behavior data set.

    Open it with `from_s3_cache`, which downloads what is needed into a cache folder, or with `from_local_cache`. The tables are
    those of the current release; each is read on first use, and the same object is returned from then on.

    Threads may share a cache. It can be pickled: the folder, the bucket and the release are pickled, but no tables.
    Processes may share a folder, also while they fill it. A forked child can use cached files, but not the network if its
    parent has used it: start processes with ``multiprocessing.get_context("spawn")``.
    """

    _data_set = DATA_SET
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
        jobs: int = DOWNLOAD_JOBS,
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
        session_ids, plane_ids = list_ids(behavior_session_ids), list_ids(ophys_experiment_ids)
        if not session_ids and not plane_ids:
            raise BadValue(
                "download() was given no ids. Name behavior_session_ids or ophys_experiment_ids: a complete release has 1.5 TB."
            )
        return self._download(session_ids, plane_ids, jobs, progress, failures)

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
        return self._find_complete(entries, f"ophys_experiment_ids={number}" if is_plane else str(number))

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
        from visbehavior.stimuli.natural_movie import compute_movie_template, import_libraries

        if n_workers is not None:
            check_jobs("n_workers", n_workers)
        # Raise MissingExtra before 166 MB are downloaded.
        import_libraries()
        return compute_movie_template(self.get_raw_natural_movie(), n_workers, progress=True)
