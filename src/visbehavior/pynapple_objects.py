"""Sessions and imaging planes as objects of pynapple."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from visbehavior.analysis.performance import TRIAL_FLAGS
from visbehavior.arguments import check_choice
from visbehavior.errors import VisBehaviorWarning
from visbehavior.extras import import_extra

if TYPE_CHECKING:
    import xarray


def to_pynapple(session: Any, names: tuple[str, ...], trace_kinds: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return tables, epochs and traces as objects of pynapple.

    Parameters
    ----------
    session : BehaviorSession or BehaviorOphysExperiment
    names : tuple of str
        Names of the objects to return; () for all.
    trace_kinds : tuple of str
        Traces that the session has.
    """
    nap = import_extra("pynapple")
    makers = dict(_BEHAVIOR) | {kind: _trace_maker(kind) for kind in trace_kinds}
    for name in names:
        check_choice("names", name, makers)
    made = {name: makers[name](nap, session) for name in names or makers}
    return {name: value for name, value in made.items() if value is not None}


def _licks(nap: Any, session: Any) -> Any:
    return nap.Ts(t=session.licks.iloc[:, 0].to_numpy(dtype=float))


def _rewards(nap: Any, session: Any) -> Any:
    rewards = session.rewards
    return nap.Tsd(t=rewards["timestamps"].to_numpy(dtype=float), d=rewards["volume"].to_numpy(dtype=float))


def _running(nap: Any, session: Any) -> Any:
    running = session.running_speed
    return nap.Tsd(t=running["timestamps"].to_numpy(), d=running["speed"].to_numpy())


def _pupil(nap: Any, session: Any) -> Any:
    with warnings.catch_warnings():
        # The result says by its names that there is none.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        pupil = session.pupil_diameter
    return nap.Tsd(t=pupil["timestamps"].to_numpy(), d=pupil["pupil_diameter"].to_numpy()) if len(pupil) else None


def _trials(nap: Any, session: Any) -> Any:
    trials = session.trials
    return _epochs(
        nap, trials["start_time"], trials["stop_time"], {name: trials[name] for name in TRIAL_FLAGS if name in trials}
    )


def _presentations(nap: Any, session: Any) -> Any:
    shown = session.stimulus_presentations
    shown = shown[shown["image_name"].notna()]
    stop = shown["end_time"] if "end_time" in shown else shown["stop_time"]
    columns = {name: shown[name] for name in ("image_name", "omitted", "is_change") if name in shown}
    return _epochs(nap, shown["start_time"], stop, columns)


def _epochs(nap: Any, start: pd.Series, stop: pd.Series, columns: Mapping[str, pd.Series]) -> Any:
    """Return intervals with their columns. Intervals whose end is missing or is not after the start are left out."""
    kept = (stop > start).to_numpy(dtype=bool)
    metadata = {name: column[kept].to_numpy() for name, column in columns.items()}
    return nap.IntervalSet(start.to_numpy(dtype=float)[kept], stop.to_numpy(dtype=float)[kept], metadata=metadata)


def _trace_maker(kind: str) -> Callable[[Any, Any], Any]:
    def make(nap: Any, session: Any) -> Any:
        traces: xarray.DataArray = session.traces(kind)
        ids = {"cell_specimen_id": traces["cell_specimen_id"].values}
        values = np.ascontiguousarray(traces.values.T)
        return nap.TsdFrame(t=traces["time"].values, d=values, columns=traces["cell_roi_id"].values, metadata=ids)

    return make


_BEHAVIOR = {
    "licks": _licks,
    "rewards": _rewards,
    "running_speed": _running,
    "pupil_diameter": _pupil,
    "trials": _trials,
    "stimulus_presentations": _presentations,
}
"""Name: function that makes the object of a session."""
