"""Times one reader in one process and prints the figures as JSON. Run by ``benchmarks`` in each environment.

Usage: ``python child.py visbehavior|allensdk|h5py FILE``. numpy, pandas and h5py are imported before anything is timed.
"""

import json
import sys
import time
import warnings

import h5py
import numpy
import pandas
from child_memory import peak_mb
from child_timing import seconds

warnings.simplefilter("ignore")
who, path = sys.argv[1:3]


def load():
    if who == "visbehavior":
        import visbehavior

        return visbehavior.BehaviorSession
    from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession

    return BehaviorSession


def every_attribute(session):
    kept = []
    for name in session.list_data_attributes_and_methods():
        value = getattr(session, name)
        kept.append(value() if callable(value) else value)
    return kept


def table_bytes(values):
    total = 0
    for value in values:
        if isinstance(value, pandas.DataFrame) and "warped" not in value:
            total += value.memory_usage(deep=True).sum()
        elif isinstance(value, numpy.ndarray):
            total += value.nbytes
    return int(total)


def metrics_in_memory(session):
    """Metrics of tables that are in memory."""
    if who == "visbehavior":
        from visbehavior import compute_performance_metrics

        trials, rewards = session.trials, session.rewards
        return lambda: compute_performance_metrics(trials, rewards)
    return session.get_performance_metrics


def time_sessions():
    started = time.perf_counter()
    if who == "visbehavior":
        import visbehavior  # noqa: F401
    figures = {"import": time.perf_counter() - started}
    reader = load()
    figures["import_session"] = time.perf_counter() - started
    if who == "allensdk":
        figures["import"] = figures["import_session"]
    repeats = 20 if who == "visbehavior" else 3
    before, started = peak_mb(), time.perf_counter()
    session = reader.from_nwb_path(path)
    _ = session.trials
    figures["memory_open_trials_mb"] = peak_mb() - before
    session.get_performance_metrics()
    figures["first_call"] = time.perf_counter() - started
    size = table_bytes(every_attribute(session))
    figures["memory_every_attribute_mb"] = peak_mb() - before
    figures["tables_mb"] = size / 2**20

    def open_trials_metrics():
        session = reader.from_nwb_path(path)
        _ = session.trials
        session.get_performance_metrics()

    figures["open_trials_metrics"] = seconds(open_trials_metrics, repeats)
    figures["metrics"] = seconds(lambda: reader.from_nwb_path(path).get_performance_metrics(), repeats)
    figures["open_every_attribute"] = seconds(lambda: every_attribute(reader.from_nwb_path(path)), repeats)
    figures["metrics_in_memory"] = seconds(metrics_in_memory(session), repeats)
    return figures


def time_h5py():
    """Reading every dataset but the images, and those alone from which a session's tables are made."""
    names = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    every = [name for name in names if not name.startswith("stimulus/templates")]

    def read(wanted):
        with h5py.File(path, "r") as file:
            return [file[name][()] for name in wanted]

    return {
        "every_dataset": seconds(lambda: read(every), 5),
        "needed_datasets": seconds(lambda: read([name for name in every if is_needed(name)]), 5),
    }


def is_needed(name):
    """Whether a session reads it: no tags, no copies of clocks, no imaging."""
    not_read = ("tags", "tags_index", "timeseries", "timeseries_index", "image_set")
    copies = ("processing/running/dx", "processing/stimulus/timestamps/data", "processing/rewards/volume/timestamps")
    wanted = name.startswith(("intervals/", "processing/", "general/", "session_start_time"))
    return wanted and not name.endswith(not_read) and not name.startswith((*copies, "processing/ophys"))


print(json.dumps(time_h5py() if who == "h5py" else time_sessions()))
