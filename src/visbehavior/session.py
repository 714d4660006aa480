"""A behavior session: its tables, read when they are asked for, from whichever reader holds them."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from html import escape
from textwrap import indent
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior._version import __version__
from visbehavior.analysis.performance import (
    TRIAL_COLUMNS,
    compute_performance_metrics,
    compute_reward_rate,
    compute_rolling_performance,
)
from visbehavior.errors import BadValue, ClosedSession, VisBehaviorError, warn
from visbehavior.nwb.reader import NwbReader
from visbehavior.nwb.writer import to_nwb
from visbehavior.raw.reader import RawReader
from visbehavior.reader import SessionReader, Source
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.convention import (
    LISTED_2_10,
    LISTED_2_16,
    named_dictionary,
    named_table,
    older_mouse_id,
    parse_convention,
    wanted_columns,
)
from visbehavior.schema.ragged import Ragged
from visbehavior.settings import (
    DEFAULT_ALLENSDK_VERSION,
    ENGAGED_REWARD_RATE,
    EYE_TRACKING_DILATION_FRAMES,
    EYE_TRACKING_Z_THRESHOLD,
)

_log = logging.getLogger("visbehavior")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


_sessions: weakref.WeakSet[BehaviorSession] = weakref.WeakSet()


def _after_fork() -> None:
    """In a forked child the lock may be held by a thread that does not exist there."""
    for session in _sessions:
        session._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _documented(table: Table) -> Callable[[F], F]:
    """The docstring of an attribute, from the declaration of its table."""

    def document(function: F) -> F:
        function.__doc__ = table.docstring()
        return function

    return document


class BehaviorSession:
    """One session of one mouse in the change detection task.

    Open it with `from_nwb_path`. Opening reads no data: each attribute reads its own part of the file when it is first
    asked for, and gives the same object from then on. A table is yours to change; no method looks at the change.

    A session can be used from several threads, pickled (its path and options go along, not what was read), and used
    in a ``with`` block. No file stays open between reads.

    Attributes
    ----------
    behavior_session_id : int
    licks, rewards, running_speed, raw_running_speed, stimulus_presentations, trials, eye_tracking : pandas.DataFrame
    stimulus_templates : pandas.DataFrame
    stimulus_timestamps : numpy.ndarray
    metadata, task_parameters, eye_tracking_rig_geometry : dict
    source : Source

    Examples
    --------
    >>> session = BehaviorSession.from_nwb_path("behavior_session_891635659.nwb")
    >>> session.licks.head()
    >>> session.get_performance_metrics()["max_dprime"]
    """

    def __init__(
        self,
        reader: SessionReader,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> None:
        if isinstance(reader, (str, os.PathLike)):
            raise BadValue(
                f"BehaviorSession({reader!r}): open a file with BehaviorSession.from_nwb_path({reader!r}).", path=reader
            )
        self._reader = reader
        self._convention = parse_convention(allensdk_version)
        self._z_threshold, self._dilation_frames = _checked_blinks(
            eye_tracking_z_threshold, eye_tracking_dilation_frames
        )
        self._start()

    def _start(self) -> None:
        self._kept: dict[str, Any] = {}
        self._lock = threading.RLock()
        _sessions.add(self)
        self._closed = False

    @classmethod
    def from_nwb_path(
        cls,
        path: str | os.PathLike[str],
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> Self:
        """Open a session from its NWB file.

        Parameters
        ----------
        path : str or os.PathLike
            ``behavior_session_<id>.nwb``, or ``behavior_ophys_experiment_<id>.nwb``, of which the behavior half is given;
            of release 1.0.x or 1.1.0.
        allensdk_version : str
            Whose names the tables have: "2.16" (today's AllenSDK) or "2.10" (2021, the published notebook).
        eye_tracking_z_threshold : float
            Frames whose eye or pupil area is further than this from its mean, in standard deviations, are likely blinks.
        eye_tracking_dilation_frames : int
            So are this many frames on either side.

        Returns
        -------
        BehaviorSession

        Raises
        ------
        NotFound
            If there is no such file.
        UnsupportedFile
            If it is a folder, not HDF5, or not a file of this data set.
        CorruptFile
            If it is empty, cut short or damaged.
        UnknownVersion
            If there is no such convention.
        BadValue
            If a threshold makes no sense.
        """
        return cls(
            NwbReader(path),
            allensdk_version=allensdk_version,
            eye_tracking_z_threshold=eye_tracking_z_threshold,
            eye_tracking_dilation_frames=eye_tracking_dilation_frames,
        )

    @classmethod
    def from_json(
        cls,
        session_data: dict[str, Any],
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> Self:
        """Open a session from the rig's stimulus pickle.

        The tables are those that AllenSDK reads from the NWB file that it makes of the same pickle.

        Parameters
        ----------
        session_data : dict
            ``behavior_stimulus_file``: the pickle's path, which must be there. Of the mouse and the session, as far as it is
            known: ``behavior_session_id``, ``external_specimen_name`` (the mouse), ``sex``, ``age`` ("P114", days),
            ``full_genotype``, ``driver_line``, ``reporter_line`` (lists), ``rig_name``, ``date_of_acquisition``,
            ``project_code``. ``image_set_file`` and ``grating_images_dir``: the images, for their templates.
            ``prior_images_shown``: what the mouse saw before. ``sync_file``: the clock of an imaging session.
            ``monitor_delay`` (s), where it is known. `docs/own_rig.md` has more of each.
        allensdk_version, eye_tracking_z_threshold, eye_tracking_dilation_frames
            As for `from_nwb_path`.

        Returns
        -------
        BehaviorSession

        Raises
        ------
        NotFound, UnsupportedFile, CorruptFile
            If the pickle is absent; another program's or a harmful one; cut short.
        MissingData
            If an entry is missing that is needed, with its whole path of keys.
        BadValue
            If an entry is not as a rig writes it.

        Notes
        -----
        Times are in seconds from the first frame: the sum of the rig's intervals, or, with a sync file, the falling edges of
        its line stim_vsync. Presentations and change times are later by the monitor's delay: 0.02115 s (AllenSDK's median
        over rigs), or measured at the photodiode of the sync file, or as given. Sources: AllenSDK 2.16,
        ``brain_observatory/behavior/data_objects`` and ``sync_dataset``; the modules of `visbehavior.raw` name each.
        """
        return cls(
            RawReader(session_data),
            allensdk_version=allensdk_version,
            eye_tracking_z_threshold=eye_tracking_z_threshold,
            eye_tracking_dilation_frames=eye_tracking_dilation_frames,
        )

    @property
    def behavior_session_id(self) -> int:
        """The id of the session, int."""
        return self._once("behavior_session_id", self._reader.read_behavior_session_id)

    @property
    @_documented(schema.LICKS)
    def licks(self) -> pd.DataFrame:
        return self._table(schema.LICKS, self._reader.read_licks)

    @property
    @_documented(schema.REWARDS)
    def rewards(self) -> pd.DataFrame:
        return self._table(schema.REWARDS, lambda: self._stored_rewards().copy())

    @property
    @_documented(schema.RUNNING_SPEED)
    def running_speed(self) -> pd.DataFrame:
        return self._table(schema.RUNNING_SPEED, self._reader.read_running_speed)

    @property
    @_documented(schema.RAW_RUNNING_SPEED)
    def raw_running_speed(self) -> pd.DataFrame:
        return self._table(schema.RAW_RUNNING_SPEED, self._reader.read_raw_running_speed)

    @property
    @_documented(schema.ENCODER)
    def encoder(self) -> pd.DataFrame:
        return self._table(schema.ENCODER, self._reader.read_encoder)

    @property
    @_documented(schema.STIMULUS_PRESENTATIONS)
    def stimulus_presentations(self) -> pd.DataFrame:
        wanted = wanted_columns(schema.STIMULUS_PRESENTATIONS, self._convention)
        return self._table(schema.STIMULUS_PRESENTATIONS, lambda: self._reader.read_stimulus_presentations(wanted))

    @property
    @_documented(schema.STIMULUS_TEMPLATES)
    def stimulus_templates(self) -> pd.DataFrame:
        return self._once(schema.STIMULUS_TEMPLATES.name, self._reader.read_stimulus_templates)

    @property
    @_documented(schema.STIMULUS_TIMESTAMPS)
    def stimulus_timestamps(self) -> NDArray[np.float64]:
        return self._once(schema.STIMULUS_TIMESTAMPS.name, self._reader.read_stimulus_timestamps)

    @property
    @_documented(schema.TRIALS)
    def trials(self) -> pd.DataFrame:
        return self._table(schema.TRIALS, lambda: _trials_frame(self._all_stored_trials()))

    @property
    @_documented(schema.METADATA)
    def metadata(self) -> dict[str, Any]:
        return self._once(schema.METADATA.name, self._read_metadata)

    @property
    @_documented(schema.TASK_PARAMETERS)
    def task_parameters(self) -> dict[str, Any]:
        table = schema.TASK_PARAMETERS
        return self._once(
            table.name, lambda: named_dictionary(table, self._reader.read_task_parameters(), self._convention)
        )

    @property
    @_documented(schema.EYE_TRACKING)
    def eye_tracking(self) -> pd.DataFrame:
        def read() -> pd.DataFrame:
            frame = self._reader.read_eye_tracking(self._z_threshold, self._dilation_frames)
            if frame.empty:
                # One text for all sessions, so that a loop over thousands shows it once.
                warn("A session without eye tracking: its eye_tracking table is empty.")
            return frame

        return self._once(schema.EYE_TRACKING.name, read)

    @property
    @_documented(schema.EYE_TRACKING_RIG_GEOMETRY)
    def eye_tracking_rig_geometry(self) -> dict[str, Any]:
        return self._once(schema.EYE_TRACKING_RIG_GEOMETRY.name, self._reader.read_eye_tracking_rig_geometry)

    @property
    def source(self) -> Source:
        """Where the session came from: location, layout of the file, release and hash if known, version of this package."""

        def make() -> Source:
            return Source(
                self._reader.location, self._reader.layout, self._reader.release, self._reader.file_hash, __version__
            )

        return self._once("source", make)

    def get_performance_metrics(
        self, engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE
    ) -> dict[str, int | float]:
        """Summary of the session's performance, as AllenSDK gives it.

        Rates are means of *rolling* rates; `compute_session_rates` gives the plain ones (hits / go trials).

        Parameters
        ----------
        engaged_trial_reward_rate_threshold : float
            Rewards a minute above which the mouse counts as engaged.

        Returns
        -------
        dict
            As `compute_performance_metrics` gives it: 23 counts, rates and d's. NaN where there was nothing to take a
            rate from.
        """
        with self._reader.opened():
            self._reader.prefetch(self._stored_trials, self._stored_rewards, self._response_window_start)
            stored = self._stored_trials(), self._stored_rewards()
            window_start = self._response_window_start()
        return compute_performance_metrics(*stored, engaged_trial_reward_rate_threshold, window_start)

    def get_rolling_performance_df(self) -> pd.DataFrame:
        """Reward rate, hit rate, false-alarm rate and d' around each trial.

        Returns
        -------
        pandas.DataFrame
            As `compute_rolling_performance` gives it, index trials_id; a new frame at each call.
        """
        trials = self._stored_trials()
        rolling = compute_rolling_performance(trials, self._response_window_start())
        rolling.index = pd.Index(trials["id"].copy(), name=schema.TRIALS.index)
        return rolling

    def get_reward_rate(self) -> NDArray[np.float64]:
        """Rewards a minute around each trial.

        Returns
        -------
        numpy.ndarray
            float64, one value a trial, as `compute_reward_rate` gives it; NaN for the first 10.
        """
        return compute_reward_rate(self._stored_trials(), self._response_window_start())

    def list_data_attributes_and_methods(self) -> list[str]:
        """The names of the attributes and methods that give data, sorted, as AllenSDK of the session's convention has them."""
        return list(LISTED_2_10 if self._convention == "2.10" else LISTED_2_16)

    def to_nwb(self) -> Any:
        """The session as a pynwb file in memory, in the layout of release 1.1.0.

        Returns
        -------
        pynwb.NWBFile
            `write_nwb` writes it to disk, whole or not at all.

        Raises
        ------
        MissingExtra
            If pynwb is not installed.
        BadValue
            If the session has the names of AllenSDK 2.10.
        """
        return to_nwb(self)

    def describe(self) -> str:
        """What the session is, in a few lines: mouse, stage, date, duration, and what it holds."""
        rows = self._description()
        width = max(len(label) for label, _ in rows)
        return "\n".join(f"{label:<{width}}  {text}" for label, text in rows)

    def close(self) -> None:
        """Forget what was read. Tables that you hold stay valid; asking the session for more is an error."""
        with self._lock:
            self._kept.clear()
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_kept", "_lock", "_closed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def __dir__(self) -> list[str]:
        return sorted(name for name in dir(type(self)) if not name.startswith("_"))

    def __repr__(self) -> str:
        try:
            described = self.describe()
        except VisBehaviorError as error:
            return f"<{type(self).__name__} {self._reader.location}: {error}>"
        return f"{type(self).__name__}\n" + indent(described, "  ")

    def _repr_html_(self) -> str:
        try:
            rows = self._description()
        except VisBehaviorError as error:
            return f"<p><b>{type(self).__name__}</b> {escape(self._reader.location)}: {escape(str(error))}</p>"
        body = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th><td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in rows
        )
        return f"<table><caption>{type(self).__name__}</caption>{body}</table>"

    def _description(self) -> list[tuple[str, str]]:
        """What the session is, as labels and texts."""
        metadata = self._once("description", self._reader.read_metadata)
        rows = self._once("rows", self._reader.read_row_counts)
        minutes = self._once("duration", self._reader.read_duration) / 60
        eye = f"{rows['eye_tracking']:,} frames" if rows["eye_tracking"] else "none"
        return [
            ("session", str(metadata["behavior_session_id"])),
            (
                "mouse",
                f"{metadata['mouse_id']} ({metadata['sex'] or '?'}, {metadata['age_in_days']} days, {metadata['full_genotype']})",
            ),
            ("type", metadata["session_type"]),
            ("date", f"{metadata['date_of_acquisition']:%Y-%m-%d %H:%M}, rig {metadata['equipment_name']}"),
            ("duration", f"{minutes:.1f} min, {rows['stimulus_timestamps']:,} frames of the screen"),
            ("trials", f"{rows['trials']:,}"),
            ("licks", f"{rows['licks']:,}"),
            ("rewards", f"{rows['rewards']:,}"),
            ("presentations", f"{rows['stimulus_presentations']:,} rows; {rows['stimulus_templates']} images"),
            ("eye tracking", eye),
            ("column names", f"of AllenSDK {self._convention}"),
            ("file", self._reader.location),
        ]

    def _once(self, name: str, read: Callable[[], T]) -> T:
        """What `read` gives, read at the first call and kept."""
        with self._lock:
            if self._closed:
                raise ClosedSession(
                    f"The session of {self._reader.location} is closed. Open it again, or read before closing.",
                    path=self._reader.location,
                )
            if name not in self._kept:
                _log.debug("reading %s of %s", name, self._reader.location)
                self._kept[name] = read()
            return cast(T, self._kept[name])

    def _table(self, table: Table, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        def make() -> pd.DataFrame:
            layout = self._reader.layout if self._convention == "2.10" else ""
            return named_table(table, read(), self._convention, layout)

        return self._once(table.name, make)

    def _stored_trials(self) -> dict[str, Any]:
        """The columns that metrics need, as the file has them, never handed out."""
        if "stored trials" in self._kept:
            return self._all_stored_trials()
        return self._once("stored trials for metrics", lambda: self._reader.read_trials(TRIAL_COLUMNS))

    def _all_stored_trials(self) -> dict[str, Any]:
        known = self._kept.get("stored trials for metrics", {})
        return self._once("stored trials", lambda: self._reader.read_trials(known=known))

    def _stored_rewards(self) -> pd.DataFrame:
        return self._once("stored rewards", self._reader.read_rewards)

    def _response_window_start(self) -> float:
        name = "response_window_sec"
        window = self._once(f"stored {name}", lambda: self._reader.read_task_parameters((name,))[name])
        return float(window[0])

    def _read_metadata(self) -> dict[str, Any]:
        found = self._reader.read_metadata()
        if self._convention == "2.16":
            return found
        found["mouse_id"] = older_mouse_id(found["mouse_id"])
        return self._reader.read_imaging_metadata() | named_dictionary(schema.METADATA, found, self._convention)


def _trials_frame(stored: dict[str, Any]) -> pd.DataFrame:
    """The trials as a frame of its own: nothing in it is shared with what is stored."""
    columns = {
        name: values.split() if isinstance(values, Ragged) else values
        for name, values in stored.items()
        if name != "id"
    }
    return pd.DataFrame(columns, index=pd.Index(stored["id"].copy(), name=schema.TRIALS.index), copy=True)


def _checked_blinks(z_threshold: float, dilation_frames: int) -> tuple[float, int]:
    if isinstance(z_threshold, bool) or not isinstance(z_threshold, (int, float, np.number)) or not z_threshold > 0:
        raise BadValue(
            f"eye_tracking_z_threshold is {z_threshold!r}; expected a number of standard deviations above 0.",
            value=z_threshold,
        )
    if isinstance(dilation_frames, bool) or not isinstance(dilation_frames, (int, np.integer)) or dilation_frames < 0:
        raise BadValue(
            f"eye_tracking_dilation_frames is {dilation_frames!r}; expected a whole number of frames, 0 or more.",
            value=dilation_frames,
        )
    return float(z_threshold), int(dilation_frames)
