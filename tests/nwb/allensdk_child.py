"""Run by the Python of AllenSDK: opens a session and saves its tables as plain arrays."""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession  # noqa: E402

path, target = sys.argv[1:3]
session = BehaviorSession.from_nwb_path(path)
saved = {}
for name in ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations"):
    frame = getattr(session, name)
    for column in frame:
        values = frame[column]
        if column == "lick_times":
            saved[f"{name}/{column}"] = np.concatenate(
                [np.r_[len(times), np.asarray(times, dtype=float)] for times in values]
            )
        elif values.dtype == object:
            saved[f"{name}/{column}"] = np.array(["<NA>" if value != value else str(value) for value in values])
        elif str(values.dtype) == "boolean":
            saved[f"{name}/{column}"] = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            saved[f"{name}/{column}"] = values.to_numpy()
saved.update({f"metrics/{name}": value for name, value in session.get_performance_metrics().items()})
saved["eye"] = session.eye_tracking.to_numpy(dtype=float)
np.savez(target, **saved)
