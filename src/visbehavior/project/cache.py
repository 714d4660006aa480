"""The data set as a cache of files: releases, project tables, sessions, from a folder and from the public bucket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, NotFound, VisBehaviorError, warn
from visbehavior.project.files import DOWNLOADED, ReleaseFiles
from visbehavior.project.manifest import (
    MOVIE,
    PROJECT,
    FileEntry,
    describe_changes,
    manifest_file_name,
    manifest_version,
)
from visbehavior.project.metrics_cache import MetricsCache, compute_metrics_of, metrics_without_trials
from visbehavior.project.release import Release
from visbehavior.project.verify import verify_files
from visbehavior.schema.convention import parse_convention
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
)
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, DEFAULT_ALLENSDK_VERSION, ENGAGED_REWARD_RATE, default_cache_dir
from visbehavior.store.download import JOBS, hash_file
from visbehavior.store.source import Address, ObjectSource

Ids = int | str | Iterable[int | str]


class Traffic(NamedTuple):
    """What went over the network: ``requests``, and ``bytes`` that came."""

    requests: int
    bytes: int


class VisualBehaviorOphysProjectCache:
    """The Visual Behavior data set.

    Open it with `from_s3_cache`, which brings what is asked for and keeps it, or with `from_local_cache`. The tables are
    those of the release that is current; each is read when it is asked for, and is the same object from then on.

    Threads may share a cache. It can be pickled: the folder, the source and the release go along, not what was read.
    Processes may share a folder, also while they fill it. In a forked child what is cached can be used; the network
    cannot, once the parent used it: start processes with ``multiprocessing.get_context("spawn")``.
    """

    _session_class: ClassVar[type[BehaviorSession]] = BehaviorSession

    def __init__(self, library: ReleaseFiles, allensdk_version: str, version: str | None) -> None:
        self._library = library
        self._convention = parse_convention(allensdk_version)
        self.load_manifest(self._first_manifest(version))

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
        """Open the public data set. What is asked for comes over the network once, and stays in a folder.

        Without a network what is cached can be used; one warning says that newer releases could not be looked up.

        Parameters
        ----------
        cache_dir : str, os.PathLike or None
            The folder, laid out as AllenSDK lays out its own: one that AllenSDK filled is used as it is. None: what the
            environment variable VISBEHAVIOR_CACHE_DIR names, else the platform's folder for caches; of another bucket a folder of its own
            in there. Of two buckets in one folder the releases would be taken for each other.
        bucket_name_override : str or os.PathLike
            Another bucket, or the address of a mirror: ``https://...``, or a folder.
        allensdk_version : str
            Whose names and types the tables have: "2.16" or "2.10".
        version : str or None
            The release, such as "1.1.0"; None: the one last used in this folder, else the newest.
        endpoint : str or None
            An S3 server other than Amazon's; None: what AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names, if set.

        Raises
        ------
        NotFound
            If there is no such release.
        NotCached
            If there is neither a network nor a release in the folder.
        TransferFailed
            If the bucket does not answer as it should.
        """
        place = bucket_name_override
        folder = default_cache_dir(str(place)) if cache_dir is None else Path(cache_dir).expanduser()
        source = ObjectSource(Address(os.fspath(place) if isinstance(place, os.PathLike) else place, endpoint))
        return cls(ReleaseFiles(folder.absolute(), source), allensdk_version, version)

    @classmethod
    def from_local_cache(
        cls,
        cache_dir: str | os.PathLike[str] | None = None,
        use_static_cache: bool = False,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
    ) -> Self:
        """Open a cache whose files are on this machine's disks; nothing is fetched or written.

        Parameters
        ----------
        cache_dir : str, os.PathLike or None
            A folder that AllenSDK or `from_s3_cache` filled, with ``visual-behavior-ophys_project_manifest_v*.json`` in it; with
            `use_static_cache` the bucket's own tree. None: the default folder of `from_s3_cache`.
        use_static_cache : bool
            Whether it is the bucket's own tree, with ``visual-behavior-ophys/manifests`` in it.
        allensdk_version : str
            Whose names and types the tables have: "2.16" or "2.10".
        version : str or None
            The release, such as "1.1.0"; None: the one last used, else the newest that is there.

        Raises
        ------
        NotFound
            If there is no such folder, or no manifest in it.
        NotCached
            If the release is not there.
        """
        folder = (default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()).absolute()
        if not folder.is_dir():
            raise NotFound(f"There is no folder {folder}. Expected a cache of {PROJECT}.", path=str(folder))
        library = ReleaseFiles(folder, None, use_static_cache)
        if not library.manifests_here():
            other = "" if use_static_cache else " (for the bucket's own tree say use_static_cache=True)"
            raise NotFound(
                f"There is no manifest {manifest_file_name('*')} in {library.manifest_folder}{other}. Expected a cache of {PROJECT}.",
                path=str(library.manifest_folder),
            )
        return cls(library, allensdk_version, version)

    def get_behavior_session_table(self, **_: Any) -> pd.DataFrame:
        """Every behavior session: `visbehavior.schema.project.BEHAVIOR_SESSION_TABLE`. AllenSDK's keywords are accepted."""
        return self._release.table(BEHAVIOR_SESSION_TABLE)

    def get_ophys_session_table(self, **_: Any) -> pd.DataFrame:
        """Every imaging session: `visbehavior.schema.project.OPHYS_SESSION_TABLE`. AllenSDK's keywords are accepted."""
        return self._release.table(OPHYS_SESSION_TABLE)

    def get_ophys_experiment_table(self, **_: Any) -> pd.DataFrame:
        """Every imaging plane: `visbehavior.schema.project.OPHYS_EXPERIMENT_TABLE`. AllenSDK's keywords are accepted."""
        return self._release.table(OPHYS_EXPERIMENT_TABLE)

    def get_ophys_cells_table(self) -> pd.DataFrame:
        """Every region of interest: `visbehavior.schema.project.OPHYS_CELLS_TABLE`; releases 0.x have none."""
        return self._release.table(OPHYS_CELLS_TABLE)

    def get_mouse(self, mouse_id: int | str) -> pd.DataFrame:
        """The sessions of a mouse in order of acquisition.

        Parameters
        ----------
        mouse_id : int or str

        Returns
        -------
        pandas.DataFrame
            Its rows of the behavior session table, and two columns more: ``day``, 0 at the first session, and
            ``has_imaging``, for an OPHYS_ session need not have any.

        Raises
        ------
        NotFound
            If there is no such mouse.
        """
        table = self.get_behavior_session_table()
        found = table[table["mouse_id"].astype(str) == str(mouse_id)]
        if found.empty:
            raise NotFound(
                f"Release {self._release.version} has no mouse {mouse_id!r}. get_behavior_session_table()['mouse_id'] lists them.",
                mouse_id=mouse_id,
            )
        dates = pd.to_datetime(found["date_of_acquisition"], utc=True, format="ISO8601").sort_values(kind="stable")
        found, days = found.loc[dates.index], dates.dt.normalize()
        return found.assign(
            day=(days - days.iloc[0]).dt.days, has_imaging=found["ophys_session_id"].notna().astype(bool)
        )

    def get_behavior_session(self, behavior_session_id: int | str, download: bool = False) -> BehaviorSession:
        """A behavior session; of an imaging session the behavior half of one of its planes' files.

        It streams: only those parts of the file come over the network that an attribute reads, and they stay in the cache.

        Parameters
        ----------
        behavior_session_id : int or str
        download : bool
            Whether to fetch the whole file first, verified against the release's hash.

        Raises
        ------
        NotFound
            If there is no such session; an id of another kind is named with the right one.
        NotCached
            If its file is not here and cannot be fetched.
        TransferFailed, CorruptFile, DiskFull
            If its file does not come.
        """
        entries = self._release.files_of(_id_number(behavior_session_id))
        if download:
            here = [entry for entry in entries if self._release.find(entry) is not None]
            self._release.bring([*here, *entries][:1])
        return self._session_class(self._release.reader(entries), allensdk_version=self._convention)

    def download(
        self,
        behavior_session_ids: Ids = (),
        ophys_experiment_ids: Ids = (),
        *,
        jobs: int = JOBS,
        progress: bool = True,
        failures: dict[str, VisBehaviorError] | None = None,
    ) -> list[Path]:
        """Fetch whole files, several at once, each verified against the release's hash. What is here already is not fetched.

        A download that breaks off goes on where it was when it is asked for again. What streamed before counts.

        Parameters
        ----------
        behavior_session_ids : int, str, or iterable of them
            Of an imaging session the file of its first plane is fetched.
        ophys_experiment_ids : int, str, or iterable of them
            Imaging planes.
        jobs : int
            Connections at once.
        progress : bool
            Whether to show one bar for all (on stderr, or in the notebook).
        failures : dict or None
            Takes the error of each file that did not come, by its key in the bucket, and of each unknown id; None: the first is
            raised: of an id before anything moves, of a file after the others came.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of the ids; those that did not come are left out.

        Raises
        ------
        DiskFull
            If there is no room, before the first byte moves.
        NotFound, NotCached, TransferFailed, CorruptFile
        """
        if jobs < 1:
            raise BadValue(f"jobs is {jobs!r}; expected 1 or more connections.", jobs=jobs)
        sessions, planes = _listed(behavior_session_ids), _listed(ophys_experiment_ids)
        if not sessions and not planes:
            raise BadValue(
                "download() was given no ids. Name behavior_session_ids or ophys_experiment_ids: a whole release is 1.5 TB."
            )
        release = self._release
        wanted = [(one, release.first_file_of) for one in sessions] + [(one, release.file_of_plane) for one in planes]
        entries = []
        for one, file_of in wanted:
            try:
                entries.append(file_of(_id_number(one)))
            except NotFound as error:
                if failures is None:
                    raise
                failures[str(one)] = error
        release.bring(entries, jobs, progress, failures)
        return [path for entry in entries if (path := release.find(entry)) is not None]

    def verify(self, repair: bool = False, *, progress: bool = True) -> pd.DataFrame:
        """Hash every file of every release that is here, and compare with the manifests.

        Parameters
        ----------
        repair : bool
            Whether to fetch again what is damaged, and to finish what is here in part.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        pandas.DataFrame
            Index path (below the cache folder); ``state``: "whole", "damaged", "in part", "repaired", or the reason why it
            could not be; ``size`` (bytes here).
        """
        return verify_files(self._library, repair, progress)

    def get_performance_table(
        self,
        ids: Ids | None = None,
        engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE,
        *,
        progress: bool = True,
        failures: dict[int, VisBehaviorError] | None = None,
    ) -> pd.DataFrame:
        """The behavior session table with the performance metrics of its sessions.

        Sessions are opened many at once, stream, and are measured; the metrics are kept in the cache by the file's hash
        and the code that computed them, so that asking again costs nothing.

        Parameters
        ----------
        ids : int, str, iterable of them, or None
            Behavior sessions; None: all of the release, which moves some 6 GB once.
        engaged_trial_reward_rate_threshold : float
            Rewards a minute above which the mouse counts as engaged.
        progress : bool
            Whether to show a progress bar.
        failures : dict or None
            Takes the error of each session that could not be measured, by id; None: the first is raised, after the others
            were measured.

        Returns
        -------
        pandas.DataFrame
            Index behavior_session_id, in the order of `ids`; the columns of `get_behavior_session_table`, then the metrics of
            `BehaviorSession.get_performance_metrics` in their order. Of counts that both have, the metrics'.
        """
        table = self.get_behavior_session_table()
        numbers = table.index.tolist() if ids is None else [_id_number(one) for one in _listed(ids)]
        failed: dict[int, VisBehaviorError] = {} if failures is None else failures
        files: dict[int, list[FileEntry]] = {}
        for number in dict.fromkeys(numbers):
            try:
                files[number] = self._release.files_of(number)
            except NotFound as error:
                if failures is None:
                    raise
                failed[number] = error
        ledger = MetricsCache(self._library.folder, engaged_trial_reward_rate_threshold)
        hashes = {number: entries[0].file_hash for number, entries in files.items()}
        metrics = compute_metrics_of(
            hashes, lambda number: self._release.reader(files[number]), ledger, failed, progress
        )
        if failures is None and failed:
            raise next(iter(failed.values()))
        measured = [number for number in numbers if number in metrics]
        rows = [metrics[number] for number in measured] or [metrics_without_trials()]
        computed = pd.DataFrame(rows).iloc[: len(measured)].set_axis(table.loc[measured].index)
        of_table = [name for name in table if name not in computed]
        return pd.concat([table.loc[measured, of_table], computed], axis=1)

    def get_raw_natural_movie(self) -> NDArray[np.uint8]:
        """The natural movie as it was filmed, fetched once (166 MB).

        Returns
        -------
        numpy.ndarray
            uint8, frames x rows x columns.
        """
        from visbehavior.stimuli.natural_movie import read_movie

        return read_movie(self._release.bring([MOVIE])[0])

    def get_natural_movie_template(self, n_workers: int | None = None) -> pd.DataFrame:
        """The natural movie as the mouse saw it: see `visbehavior.stimuli.natural_movie.compute_movie_template`.

        Parameters
        ----------
        n_workers : int or None
            Threads; None: one a core.
        """
        from visbehavior.stimuli.natural_movie import compute_movie_template

        return compute_movie_template(self.get_raw_natural_movie(), n_workers, progress=True)

    def list_all_downloaded_manifests(self) -> list[str]:
        """The manifests that are here, the oldest release first."""
        return self._library.manifests_here()[::-1]

    def list_manifest_file_names(self) -> list[str]:
        """The manifests that are known, here and in the bucket, the oldest release first."""
        return self._library.manifests_known[::-1]

    def latest_downloaded_manifest_file(self) -> str:
        """The manifest of the newest release that is here."""
        return self.list_all_downloaded_manifests()[-1]

    def latest_manifest_file(self) -> str:
        """The manifest of the newest release that is known."""
        return self.list_manifest_file_names()[-1]

    def current_manifest(self) -> str:
        """The manifest of the release that the tables are of."""
        return manifest_file_name(self._release.version)

    def load_manifest(self, manifest_name: str) -> None:
        """Make a release the current one.

        Parameters
        ----------
        manifest_name : str
            As `list_manifest_file_names` lists it.

        Raises
        ------
        NotFound, NotCached
            If there is no such release, or it is not here and cannot be fetched.
        """
        manifest = self._library.manifest(_manifest_name(manifest_name))
        self._release = Release(self._library, manifest, self._convention)
        self._library.note_last_used(manifest_name)

    def load_latest_manifest(self) -> None:
        """Make the newest release that is known the current one."""
        self.load_manifest(self.latest_manifest_file())

    def compare_manifests(self, manifest_0_name: str, manifest_1_name: str) -> str:
        """What changed from one release to another, in words."""
        manifests = (self._library.manifest(_manifest_name(name)) for name in (manifest_0_name, manifest_1_name))
        return describe_changes(*manifests)

    @property
    def traffic(self) -> Traffic:
        """What went over the network since the cache was opened."""
        source = self._library.source
        return Traffic(0, 0) if source is None else Traffic(source.requests, source.bytes)

    def construct_local_manifest(self) -> None:
        """Hash every file that is here and write AllenSDK's ``_downloaded_data.json``, by which it shares files between releases."""
        library = self._library
        found = (library.path_of(manifest, entry) for manifest, entry in library.all_files())
        hashes = {str(path): hash_file(path) for path in found if path.exists()}
        with atomic_write(library.folder / DOWNLOADED) as part:
            part.write_text(json.dumps(hashes, indent=2, sort_keys=True))

    def __repr__(self) -> str:
        where = self._library.source or "this machine alone"
        return f"<{type(self).__name__} of release {self._release.version} in {self._library.folder}, from {where}>"

    def _first_manifest(self, version: str | None) -> str:
        if version is not None:
            name = manifest_file_name(str(version))
            if manifest_version(name) is None:
                raise BadValue(f"version is {version!r}; expected a release such as '1.1.0'.", version=version)
            return name
        last_used, known = self._library.last_used(), self._library.manifests_known
        if not known:
            raise NotFound(
                f"{self._library.source} lists no release of {PROJECT}. Check the bucket's name and the endpoint.",
                place=str(self._library.source),
            )
        if last_used and last_used != known[0] and self._library.source is not None:
            warn(
                f"{self._library.folder} was last used with release {manifest_version(last_used)}, and is again; the newest is "
                f"{manifest_version(known[0])}. version= chooses, on the command line --data-version."
            )
        return last_used or known[0]


def _id_number(given: Any) -> int:
    try:
        number = int(given)
        if isinstance(given, (bool, np.bool_)) or number != float(given):
            raise ValueError("not a whole number")
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(
            f"The id of a session is {given!r}; expected a whole number, or its digits as text.", value=given
        ) from error
    return number


def _manifest_name(given: str) -> str:
    if not isinstance(given, str) or manifest_version(given) is None:
        raise BadValue(
            f"{given!r} is no manifest's name; expected one such as {manifest_file_name('1.1.0')}. list_manifest_file_names() lists them.",
            name=given,
        )
    return given


def _listed(ids: Ids) -> list[int | str]:
    if isinstance(ids, pd.DataFrame):
        raise BadValue(
            "The ids are a DataFrame; expected numbers. Those of a table of sessions are its index: table.index."
        )
    return [ids] if isinstance(ids, (int, str, np.integer)) else list(ids)
