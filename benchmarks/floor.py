"""The least that reading a session takes: h5py's low-level interface, pandas, and nothing else, written by hand for one file.

The datasets are those from which the tables are made. Nothing is checked, no column is computed, and no table is cached. `main` prints the
seconds of each question as JSON: ``python floor.py FILE``.
"""

import json
import sys
import time

import h5py
import numpy
import pandas
from child_timing import seconds
from h5py import h5a, h5d, h5f, h5g, h5s, h5t

path = sys.argv[1]
GROUPS = ("processing/licking/licks", "processing/running", "processing/stimulus/timestamps", "processing/rewards")
NOT_READ = ("tags", "tags_index", "timeseries", "timeseries_index", "image_set")


def dataset(group, name):
    data = h5d.open(group, name)
    values = numpy.empty(data.shape, dtype=data.dtype)
    data.read(h5s.ALL, h5s.ALL, values)
    return [value.decode() for value in values.tolist()] if values.dtype.kind == "O" else values


def columns(file, name, names):
    group = h5g.open(file, name)
    return {column.decode(): dataset(group, column) for column in names}


def table(read):
    index = read.pop("lick_times_index", None)
    if index is not None:
        lists = numpy.empty(len(index), dtype=object)
        lists[:] = numpy.split(read["lick_times"], index[:-1])
        read["lick_times"] = lists
    return pandas.DataFrame(read, copy=False)


def response_window(file):
    attribute = h5a.open(h5g.open(file, b"general/task_parameters"), b"response_window_sec")
    kind, mtype = attribute.dtype, h5t.py_create(attribute.dtype)
    values = numpy.empty(attribute.shape + kind.shape, kind.base)
    attribute.read(values, mtype=mtype)
    return values


def list_names():
    """The names of the columns of each group, which the reader by hand knows."""
    with h5py.File(path) as file:
        intervals = [f"intervals/{name}" for name in file["intervals"]]
        return {
            group: [name.encode() for name in file[group] if name not in NOT_READ and file[group][name].ndim == 1]
            for group in intervals
        } | {
            item.name[1:]: [b"data", b"timestamps"]
            for group in GROUPS
            for item in [file[group], *file[group].values()]
            if isinstance(item, h5py.Group) and "data" in item
        }


def main():
    from visbehavior.analysis.performance import TRIAL_COLUMNS, compute_performance_metrics

    names = list_names()
    trials = names["intervals/trials"]
    for_metrics = [name for name in trials if name.decode() in {*TRIAL_COLUMNS, "lick_times_index"}]
    rewards = next(group for group in names if group.startswith("processing/rewards"))

    def opened():
        return h5f.open(path.encode(), h5f.ACC_RDONLY)

    def open_trials_metrics():
        file = opened()
        made = table(columns(file, b"intervals/trials", trials))
        volumes = columns(file, rewards.encode(), [b"data"])["data"]
        response_window(file)
        return compute_performance_metrics(made, {"volume": volumes})

    def metrics():
        file = opened()
        read = columns(file, b"intervals/trials", for_metrics)
        index = read.pop("lick_times_index")
        lists = numpy.empty(len(index), dtype=object)
        lists[:] = numpy.split(read["lick_times"], index[:-1])
        response_window(file)
        volumes = columns(file, rewards.encode(), [b"data"])["data"]
        return compute_performance_metrics(read | {"lick_times": lists}, {"volume": volumes})

    def every_attribute():
        file = opened()
        made = {group: columns(file, group.encode(), listed) for group, listed in names.items()}
        lengths = {group: {len(values) for values in read.values()} for group, read in made.items()}
        tables = [table(read) for group, read in made.items() if len(lengths[group]) == 1 or "lick_times" in read]
        return tables, compute_performance_metrics(table(made["intervals/trials"]), {"volume": made[rewards]["data"]})

    started = time.perf_counter()
    open_trials_metrics()
    first = time.perf_counter() - started
    print(
        json.dumps(
            {
                "first_call": first,
                "open_trials_metrics": seconds(open_trials_metrics, 20),
                "metrics": seconds(metrics, 20),
                "open_every_attribute": seconds(every_attribute, 20),
            }
        )
    )


main()
