"""The Visual Behavior Neuropixels data set: its project tables, and the behavior of its sessions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn, Self

import pandas as pd

from visbehavior.arguments import check_flags
from visbehavior.project.neuropixels import DATA_SET
from visbehavior.project.project_cache import ProjectCache
from visbehavior.schema.neuropixels import CHANNELS, ECEPHYS_SESSIONS, PROBES, UNITS
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION, NEUROPIXELS_BUCKET

_NO_RECORDINGS = (
    "visbehavior reads the behavior of recordings, not their spikes: get_behavior_session(id) opens it by the behavior_session_id of "
    "get_ecephys_session_table(). AllenSDK has get_ecephys_session."
)
_ABNORMALITIES = ["abnormal_histology", "abnormal_activity"]


class VisualBehaviorNeuropixelsProjectCache(ProjectCache):
    """The Visual Behavior Neuropixels data set: its behavior, without spikes and local field potentials.

    Open it with `from_s3_cache`, which downloads what is needed into a cache folder, or with `from_local_cache`. The tables are
    those of the current release; each is read on first use, and the same object is returned from then on.

    A recording is a file of 2 to 3 GB. The behavior is streamed from it: a session needs a few MB.

    Threads may share a cache. It can be pickled: the folder, the bucket and the release are pickled, but no tables.
    Processes may share a folder, also while they fill it. A forked child can use cached files, but not the network if its
    parent has used it: start processes with ``multiprocessing.get_context("spawn")``.
    """

    _data_set = DATA_SET

    @classmethod
    def from_s3_cache(
        cls,
        cache_dir: str | os.PathLike[str] | None = None,
        bucket_name_override: str | os.PathLike[str] = NEUROPIXELS_BUCKET,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
        endpoint: str | None = None,
    ) -> Self:
        """Open the public data set, as `VisualBehaviorOphysProjectCache.from_s3_cache` does, with the same parameters."""
        return super().from_s3_cache(
            cache_dir, bucket_name_override, allensdk_version=allensdk_version, version=version, endpoint=endpoint
        )

    def get_ecephys_session_table(self, filter_abnormalities: bool = True) -> pd.DataFrame:
        """Return the table of recordings, `visbehavior.schema.neuropixels.ECEPHYS_SESSIONS`.

        Parameters
        ----------
        filter_abnormalities : bool
            Whether to leave out recordings with abnormal tissue or activity. Their behavior can be opened all the same.
        """
        check_flags(filter_abnormalities=filter_abnormalities)
        table = self._release.table(ECEPHYS_SESSIONS)
        if not filter_abnormalities:
            return table
        # Releases may lack a column, and then know no such abnormalities.
        present = [name for name in _ABNORMALITIES if name in table]
        return table[table[present].isna().all(axis=1)]

    def get_unit_table(self) -> pd.DataFrame:
        """Return the table of units, `visbehavior.schema.neuropixels.UNITS` (132 MB in release 0.5.0)."""
        return self._release.table(UNITS)

    def get_probe_table(self) -> pd.DataFrame:
        """Return the table of probes, `visbehavior.schema.neuropixels.PROBES`."""
        return self._release.table(PROBES)

    def get_channel_table(self) -> pd.DataFrame:
        """Return the table of channels, `visbehavior.schema.neuropixels.CHANNELS` (28 MB in release 0.5.0)."""
        return self._release.table(CHANNELS)

    if not TYPE_CHECKING:
        # Type checkers would accept every name.
        def __getattr__(self, name: str) -> NoReturn:
            text = (
                _NO_RECORDINGS
                if name == "get_ecephys_session"
                else f"{type(self).__name__!r} has no attribute {name!r}"
            )
            raise AttributeError(text, name=name, obj=self)
