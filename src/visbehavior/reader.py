"""What a session wants of the place where its tables come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class SessionReader(Protocol):
    """Where the tables of a session come from: a module or object with one ``read_`` a table.

    Tables come under the names of AllenSDK 2.16 (`visbehavior.schema.session`).
    """

    release: str | None
    file_hash: str | None

    @property
    def location(self) -> str: ...
    @property
    def layout(self) -> str: ...
    def opened(self) -> AbstractContextManager[Any]: ...
    def prefetch(self, *reads: Callable[[], object]) -> None: ...
    def read_behavior_session_id(self) -> int: ...
    def read_licks(self) -> pd.DataFrame: ...
    def read_rewards(self) -> pd.DataFrame: ...
    def read_running_speed(self) -> pd.DataFrame: ...
    def read_raw_running_speed(self) -> pd.DataFrame: ...
    def read_encoder(self) -> pd.DataFrame: ...
    def read_stimulus_timestamps(self) -> NDArray[np.float64]: ...
    def read_trials(self, only: Collection[str] = (), known: Mapping[str, Any] = ...) -> dict[str, Any]: ...
    def read_stimulus_presentations(self, wanted: Collection[str]) -> pd.DataFrame: ...
    def read_stimulus_templates(self) -> pd.DataFrame: ...
    def read_metadata(self) -> dict[str, Any]: ...
    def read_imaging_metadata(self) -> dict[str, Any]: ...
    def read_task_parameters(self, only: Collection[str] = ()) -> dict[str, Any]: ...
    def read_eye_tracking(self, z_threshold: float, dilation_frames: int) -> pd.DataFrame: ...
    def read_eye_tracking_rig_geometry(self) -> dict[str, Any]: ...
    def read_duration(self) -> float: ...
    def read_row_counts(self) -> dict[str, int]: ...


@dataclass(frozen=True)
class Source:
    """Where a session came from.

    Parameters
    ----------
    location : str
        Path or URL.
    layout : str
        Layout of the file: "1.1" (release 1.1.0), "1.0" (releases 1.0.x) or "0" (older).
    release : str or None
        Release of the data set, where the session was opened through a cache; a file by itself does not say.
    file_hash : str or None
        BLAKE2b-512 of the file, where the release's manifest gives it.
    package_version : str
        Version of visbehavior.
    """

    location: str
    layout: str
    release: str | None
    file_hash: str | None
    package_version: str
