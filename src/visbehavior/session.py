"""A behavior session, whose tables are read when they are requested."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from visbehavior._version import __version__
from visbehavior.analysis.eye_tracking import checked_blink_options
from visbehavior.analysis.presentations import to_nullable
from visbehavior.arguments import check_flags
from visbehavior.errors import BadValue, brief_repr
from visbehavior.frames import documented, make_templates
from visbehavior.nwb.reader import NwbReader
from visbehavior.reader import SessionReader, Source
from visbehavior.schema import session as schema
from visbehavior.schema.convention import (
    LISTED_2_10,
    LISTED_2_16,
    parse_convention,
)
from visbehavior.schema.flashes import FLASHES
from visbehavior.schema.pupil import PUPIL_DIAMETER
from visbehavior.session_metrics import SessionMetrics
from visbehavior.session_repr import describe, describe_html, to_repr
from visbehavior.session_tables import SessionTables
from visbehavior.settings import (
    DEFAULT_ALLENSDK_VERSION,
    ENGAGED_REWARD_RATE,
    EYE_TRACKING_DILATION_FRAMES,
    EYE_TRACKING_Z_THRESHOLD,
)

if TYPE_CHECKING:
    import pandas as pd

    from visbehavior.models.strategy import StrategyFit

# The other modules that a session needs are imported when they are used: opening and reading a session takes none of them.


class BehaviorSession(SessionTables):
    """One session of one mouse in the change detection task.

    Open it with `from_nwb_path`. Opening reads no data: each attribute reads its own part of the file when it is first
    accessed and returns the same object from then on. Tables may be changed; no method uses a changed table.

    A session can be used from several threads, pickled (only its path and options are stored), and used in a ``with``
    block. No file stays open between reads.

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
        if not hasattr(type(reader), "read_duration"):
            raise BadValue(
                f"BehaviorSession({brief_repr(reader)}): expected a reader; open a file with BehaviorSession.from_nwb_path(path), and a "
                "stimulus pickle with BehaviorSession.from_json(session_data).",
                path=reader,
            )
        blink_options = checked_blink_options(eye_tracking_z_threshold, eye_tracking_dilation_frames)
        super().__init__(reader, parse_convention(allensdk_version), blink_options)

    @classmethod
    def from_nwb_path(
        cls,
        nwb_path: str | os.PathLike[str],
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> Self:
        """Open a session from its NWB file.

        Parameters
        ----------
        nwb_path : str or os.PathLike
            ``behavior_session_<id>.nwb``, or for the behavior of an imaging session or a Neuropixels recording
            ``behavior_ophys_experiment_<id>.nwb`` or ``ecephys_session_<id>.nwb``.
        allensdk_version : str
            Naming convention of the tables: "2.16" (current AllenSDK) or "2.10" (2021, the published notebook).
        eye_tracking_z_threshold : float
            Frames whose eye or pupil area differs from its mean by more than this number of standard deviations are
            likely blinks.
        eye_tracking_dilation_frames : int
            Frames before and after a likely blink that count as likely blinks too.

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
            If it is empty, truncated or damaged.
        UnknownVersion
            If there is no such convention.
        BadValue
            If a threshold is out of range.
        """
        return cls(
            NwbReader(nwb_path),
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

        The tables equal those that AllenSDK reads from the NWB file that it makes of the same pickle.

        Parameters
        ----------
        session_data : dict
            ``behavior_stimulus_file`` (required): path of the pickle. Facts about mouse and session, if known:
            ``behavior_session_id``, ``external_specimen_name`` (the mouse), ``sex``, ``age`` ("P114", days),
            ``full_genotype``, ``driver_line``, ``reporter_line`` (lists), ``rig_name``, ``date_of_acquisition``,
            ``project_code``. ``image_set_file`` and ``grating_images_dir``: images for the templates.
            ``prior_images_shown``: images of earlier sessions. ``sync_file``: clock of an imaging session.
            ``monitor_delay`` (s), if it was measured. `docs/own_rig.md` describes each.
        allensdk_version, eye_tracking_z_threshold, eye_tracking_dilation_frames
            As for `from_nwb_path`.

        Returns
        -------
        BehaviorSession

        Raises
        ------
        NotFound, UnsupportedFile, CorruptFile
            If the pickle does not exist; is another program's or a malicious one; is truncated.
        MissingData
            If a required entry is missing. The message has its path of keys.
        BadValue
            If an entry is not what a rig writes.

        Notes
        -----
        Times are in seconds from the first frame: the sum of the rig's frame intervals or, with a sync file, the falling
        edges of its line stim_vsync. Presentations and change times are later by the monitor delay: 0.02115 s (AllenSDK's
        median over rigs), measured at the photodiode of the sync file, or as given. Sources: AllenSDK 2.16,
        ``brain_observatory/behavior/data_objects`` and ``sync_dataset``; the modules of `visbehavior.raw` give details.
        """
        from visbehavior.raw.reader import RawReader

        return cls(
            RawReader(session_data),
            allensdk_version=allensdk_version,
            eye_tracking_z_threshold=eye_tracking_z_threshold,
            eye_tracking_dilation_frames=eye_tracking_dilation_frames,
        )

    @property
    def behavior_session_id(self) -> int:
        """Id of the session."""
        name = "behavior_session_id"
        return self._once(name, lambda: int(self._reader.read(schema.METADATA, name.__eq__)[name]))

    @property
    @documented(schema.LICKS)
    def licks(self) -> pd.DataFrame:
        return self._table(schema.LICKS)

    @property
    @documented(schema.REWARDS)
    def rewards(self) -> pd.DataFrame:
        return self._table(schema.REWARDS)

    @property
    @documented(schema.RUNNING_SPEED)
    def running_speed(self) -> pd.DataFrame:
        return self._running(schema.RUNNING_SPEED)

    @property
    @documented(schema.RAW_RUNNING_SPEED)
    def raw_running_speed(self) -> pd.DataFrame:
        return self._running(schema.RAW_RUNNING_SPEED)

    @property
    @documented(schema.ENCODER)
    def encoder(self) -> pd.DataFrame:
        return self._table(schema.ENCODER)

    @property
    @documented(schema.STIMULUS_PRESENTATIONS)
    def stimulus_presentations(self) -> pd.DataFrame:
        return self._table(schema.STIMULUS_PRESENTATIONS, to_nullable)

    @property
    @documented(schema.STIMULUS_TEMPLATES)
    def stimulus_templates(self) -> pd.DataFrame:
        return self._once(schema.STIMULUS_TEMPLATES.name, lambda: make_templates(self._reader))

    @property
    @documented(schema.STIMULUS_TIMESTAMPS)
    def stimulus_timestamps(self) -> NDArray[np.float64]:
        table = schema.STIMULUS_TIMESTAMPS
        return self._once(table.name, lambda: self._reader.read(table)[table.columns[0].name])

    @property
    @documented(schema.TRIALS)
    def trials(self) -> pd.DataFrame:
        return self._table(schema.TRIALS)

    @property
    @documented(schema.METADATA)
    def metadata(self) -> dict[str, Any]:
        return self._once(schema.METADATA.name, self._read_metadata)

    @property
    @documented(schema.TASK_PARAMETERS)
    def task_parameters(self) -> dict[str, Any]:
        return self._dictionary(schema.TASK_PARAMETERS)

    @property
    @documented(schema.EYE_TRACKING)
    def eye_tracking(self) -> pd.DataFrame:
        return self._table(schema.EYE_TRACKING, self._compute_eye_tracking)

    @property
    @documented(PUPIL_DIAMETER)
    def pupil_diameter(self) -> pd.DataFrame:
        from visbehavior.analysis.pupil import compute_pupil_diameter

        return self._once(PUPIL_DIAMETER.name, lambda: compute_pupil_diameter(self.eye_tracking))

    @property
    @documented(schema.EYE_TRACKING_RIG_GEOMETRY)
    def eye_tracking_rig_geometry(self) -> dict[str, Any]:
        return self._dictionary(schema.EYE_TRACKING_RIG_GEOMETRY)

    @property
    def source(self) -> Source:
        """Origin of the session: location, layout of the file, release and hash if known, version of this package."""
        reader = self._reader
        return self._once(
            "source",
            lambda: Source(reader.location, reader.layout, reader.release, reader.file_hash, __version__),
        )

    def get_performance_metrics(
        self, engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE
    ) -> dict[str, int | float]:
        """Summarize the performance of the session as AllenSDK does.

        Rates are means of *rolling* rates; `compute_session_rates` returns plain ones (hits / go trials).

        Parameters
        ----------
        engaged_trial_reward_rate_threshold : float
            Rewards per minute above which the mouse counts as engaged.

        Returns
        -------
        dict
            The 23 counts, rates and d' values of `compute_performance_metrics`. NaN without trials to compute from.
        """
        return self._metrics.compute(engaged_trial_reward_rate_threshold)

    def get_session_rates(self) -> dict[str, float]:
        """Compute the plain rates of the session, such as hits / go trials: see `compute_session_rates`."""
        return self._metrics.compute_rates()

    def get_rolling_performance_df(self, engaged: bool = False) -> pd.DataFrame:
        """Compute reward rate, hit rate, false alarm rate and d' around each trial.

        Parameters
        ----------
        engaged : bool
            Whether to append the column ``engaged``: True where the reward rate is above 2 rewards per minute.

        Returns
        -------
        pandas.DataFrame
            As `compute_rolling_performance` returns it, index trials_id; a new frame at each call.
        """
        check_flags(engaged=engaged)
        rolling = self._metrics.compute_rolling()
        return rolling.assign(engaged=rolling["reward_rate"] > ENGAGED_REWARD_RATE) if engaged else rolling

    def get_reward_rate(self) -> NDArray[np.float64]:
        """Compute rewards per minute around each trial.

        Returns
        -------
        numpy.ndarray
            float64, one value per trial, as `compute_reward_rate` returns it; NaN for the first 10.
        """
        return self._metrics.compute_reward_rate()

    @documented(FLASHES)
    def get_flash_table(self) -> pd.DataFrame:
        from visbehavior.session_flashes import read_flash_table

        return read_flash_table(self._reader, self._convention, self._blink_options)

    def fit_strategy(self) -> StrategyFit:
        """Fit how the mouse decides to lick: the function `fit_strategy` with the regressors of the flash table."""
        from visbehavior.models.strategy import fit_flash_table

        return fit_flash_table(self.get_flash_table())

    @property
    def _metrics(self) -> SessionMetrics:
        return SessionMetrics(self._reader, self._convention, self._once)

    def list_data_attributes_and_methods(self) -> list[str]:
        """Return the sorted names of attributes and methods that return data, as AllenSDK of the convention lists them."""
        return list(LISTED_2_10 if self._convention == "2.10" else LISTED_2_16)

    def to_nwb(self) -> Any:
        """Return the session as a pynwb file in memory, in the layout of release 1.1.0.

        Returns
        -------
        pynwb.NWBFile
            `write_nwb` writes it to disk.

        Raises
        ------
        MissingExtra
            If pynwb is not installed.
        BadValue
            If the session uses the names of AllenSDK 2.10.
        """
        from visbehavior.nwb.writer import to_nwb

        return to_nwb(self)

    def to_pynapple(self, *names: str) -> dict[str, Any]:
        """Return tables and epochs as objects of pynapple, which must be installed.

        Parameters
        ----------
        *names : str
            "licks" (Ts), "rewards", "running_speed", "pupil_diameter" (Tsd), "trials", "stimulus_presentations" (IntervalSet
            with columns of the table). An imaging plane also has the kinds of `BehaviorOphysExperiment.traces` (TsdFrame, a
            column per cell_roi_id). Without names: all of them, of traces the dF/F and the events.

        Returns
        -------
        dict
            Objects by name. A session without eye tracking has no pupil_diameter.
        """
        from visbehavior.pynapple_objects import to_pynapple

        return to_pynapple(self, names)

    def describe(self) -> str:
        """Describe the session in a few lines: mouse, stage, date, duration, and numbers of rows."""
        return describe(self._reader, self._convention, self._once)

    def __repr__(self) -> str:
        return to_repr(type(self).__name__, self._reader, self._convention, self._once)

    def _repr_html_(self) -> str:
        return describe_html(type(self).__name__, self._reader, self._convention, self._once)
