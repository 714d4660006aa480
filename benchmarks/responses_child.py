"""One process of the benchmark of responses: ``responses_child.py WHO FILE`` prints seconds and MB as JSON.

WHO is what aligns: ``pynapple`` or ``tidy`` aligns the traces in the .npz FILE to its events. ``visbehavior`` or ``allensdk`` makes the tensors
of imaging planes, FILE once per plane.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from child_memory import peak_mb

PLANES = {"visbehavior": 24, "allensdk": 3}
"""AllenSDK opens fewer, because it takes seconds; the figure is per plane."""
WINDOW, RATE = (-0.5, 0.75), 30.0


def pynapple(path: str) -> dict[str, float]:
    import numpy as np
    import pynapple as nap

    file = np.load(path)
    traces, events = nap.TsdFrame(t=file["times"], d=file["traces"]), nap.Ts(t=file["events"])

    def align() -> Any:
        return nap.compute_perievent(traces, events, tuple(file["window"].tolist()))

    align()
    started = time.process_time()
    align()
    return {"seconds": time.process_time() - started}


def tidy(path: str) -> dict[str, float]:
    """The field's tidy utility. It takes one trace: one cell is timed."""
    import numpy as np
    import pandas as pd
    from brain_observatory_utilities.utilities.general_utilities import event_triggered_response

    file = np.load(path)
    data = pd.DataFrame({"timestamps": file["times"], "dff": file["traces"][:, 0]})
    start, end = file["window"].tolist()
    started = time.process_time()
    event_triggered_response(data, "timestamps", "dff", file["events"], t_start=start, t_end=end)
    return {"seconds": time.process_time() - started}


def visbehavior(path: str) -> dict[str, float]:
    from visbehavior import BehaviorOphysExperiment

    started = time.perf_counter()
    for _ in range(PLANES["visbehavior"]):
        experiment = BehaviorOphysExperiment.from_nwb_path(path)
        experiment.tensor(align="flashes", window=WINDOW, rate=RATE)
    return {"seconds": (time.perf_counter() - started) / PLANES["visbehavior"], "peak_mb": peak_mb()}


def allensdk(path: str) -> dict[str, float]:
    """Open with AllenSDK, and interpolate each trace around each flash in a loop."""
    import numpy as np
    from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment

    relative = np.arange(WINDOW[0], WINDOW[1], 1 / RATE)
    started = time.perf_counter()
    for _ in range(PLANES["allensdk"]):
        experiment = BehaviorOphysExperiment.from_nwb_path(path)
        flashes = experiment.stimulus_presentations["start_time"].to_numpy()
        running, pupil = experiment.running_speed, experiment.eye_tracking
        streams = [(experiment.ophys_timestamps, trace) for trace in experiment.events["events"]]
        streams += [
            (running["timestamps"].to_numpy(), running["speed"].to_numpy()),
            (pupil["timestamps"].to_numpy(), pupil["pupil_area"].to_numpy()),
        ]
        np.array([[np.interp(flash + relative, *stream) for stream in streams] for flash in flashes], dtype=np.float32)
    return {"seconds": (time.perf_counter() - started) / PLANES["allensdk"], "peak_mb": peak_mb()}


print(
    json.dumps(
        {"pynapple": pynapple, "tidy": tidy, "visbehavior": visbehavior, "allensdk": allensdk}[sys.argv[1]](sys.argv[2])
    )
)
