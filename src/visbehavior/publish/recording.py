"""A behavior session as a Neuropixels recording would store it: with the stimuli after the task, and without spikes."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.publish.recording_stimuli import RecordingStimuli, replay, simulate_recording_stimuli
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.session import ENCODER, STIMULUS_PRESENTATIONS
from visbehavior.session import BehaviorSession

_ID_OFFSET = 1_000_000_000
"""Difference of the ids of a recording and its behavior session: ids of simulated sessions have nine digits."""
_NOT_IN_RECORDINGS = ["image_index", "stimulus_block_name", "movie_frame_index", "movie_repeat"]


class Recording:
    """The tables of a recording, for `visbehavior.write_nwb`. Attributes that are not here are those of the session.

    Parameters
    ----------
    session : BehaviorSession
        The task of the recording.
    """

    def __init__(self, session: BehaviorSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._session, name)

    @cached_property
    def ecephys_session_id(self) -> int:
        """Id of the recording."""
        return self._session.behavior_session_id + _ID_OFFSET

    @cached_property
    def _stimuli(self) -> RecordingStimuli:
        return simulate_recording_stimuli(self._session.stimulus_timestamps, self._session.behavior_session_id)

    @property
    def stimulus_timestamps(self) -> NDArray[np.float64]:
        """Times of the frames of task, mapping and replay, one after the other."""
        return self._stimuli.timestamps

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The trials, with the frame's time of a change in place of that on the monitor."""
        trials, times = self._session.trials, self._session.stimulus_timestamps
        frame = trials["change_frame"].to_numpy()
        change_time = np.where(frame == MISSING_INTEGER, np.nan, times[np.clip(frame, 0, len(times) - 1)])
        renamed = trials.rename(columns={"change_time": "change_time_no_display_delay"})
        return renamed.drop(columns="response_latency").assign(change_time_no_display_delay=change_time)

    @cached_property
    def stimulus_presentations(self) -> pd.DataFrame:
        """The presentations of all six blocks."""
        task = self._session.stimulus_presentations
        shown = task[task["image_name"].notna()].drop(columns=_NOT_IN_RECORDINGS, errors="ignore")
        rewarded = self._session.trials["reward_volume"].gt(0)
        shown = shown.assign(
            stimulus_block=0,
            stimulus_index=MISSING_INTEGER,
            rewarded=shown["is_change"] & shown["trials_id"].map(rewarded).eq(True),
        )
        columns = {name: shown[name].to_numpy() for name in shown}
        parts = [columns, *self._stimuli.blocks, replay(columns, self._stimuli)]
        frame = pd.concat([pd.DataFrame(part) for part in parts]).sort_values("start_time", kind="stable")
        frame.index = pd.RangeIndex(len(frame), name=STIMULUS_PRESENTATIONS.index)
        for name in ("omitted", "is_image_novel", "rewarded", "is_change"):
            frame[name] = frame[name].astype("boolean")
        return frame[[name for name in STIMULUS_PRESENTATIONS.names() if name in frame]]

    @cached_property
    def encoder(self) -> pd.DataFrame:
        """The samples of the encoder, for all frames. The wheel rests after the task."""
        samples, times = self._session.encoder, self._stimuli.timestamps
        rest = len(times) - len(samples)
        columns = {name: samples[name].to_numpy() for name in ENCODER.names()}
        last = {name: values[-1] for name, values in columns.items()} | {"dx": 0}
        extended = {
            name: np.append(values, np.full(rest, last[name], values.dtype)) for name, values in columns.items()
        }
        return pd.DataFrame(extended | {"timestamps": times})
