"""The least that reading a session takes: h5py's low-level interface, pandas, and nothing else, written by hand for one file.

It reads what the attributes of a session are made of: tables, metadata, and images, which are mapped. Nothing is checked, no column is
computed, and no table is cached. `main` prints the seconds of each question as JSON: ``python floor.py FILE``.
"""

import json
import subprocess
import sys
import time

import h5py
import numpy
import pandas
from child_timing import seconds
from h5py import h5a, h5d, h5f, h5g, h5s, h5t

path = sys.argv[1]
GROUPS = ("processing/licking/licks", "processing/running", "processing/stimulus/timestamps", "processing/rewards")
SUBJECT = (b"age", b"description", b"genotype", b"sex", b"species", b"subject_id")
NOT_READ = ("tags", "tags_index", "timeseries", "timeseries_index", "image_set")


def dataset(group, name):
    data = h5d.open(group, name)
    values = numpy.empty(data.shape, dtype=data.dtype)
    data.read(h5s.ALL, h5s.ALL, values)
    return [value.decode() for value in values.ravel().tolist()] if values.dtype.kind == "O" else values


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


def read_attribute(attribute):
    kind, mtype = attribute.dtype, h5t.py_create(attribute.dtype)
    values = numpy.empty(attribute.shape + kind.shape, kind.base)
    attribute.read(values, mtype=mtype)
    return values


def response_window(file):
    return read_attribute(h5a.open(h5g.open(file, b"general/task_parameters"), b"response_window_sec"))


def metadata(file):
    """The attributes and texts from which metadata and task parameters are made."""
    read = {}
    for name in (b"general/metadata", b"general/task_parameters", b"general/subject"):
        group = h5g.open(file, name)
        for position in range(h5a.get_num_attrs(group)):
            attribute = h5a.open(group, index=position)
            read[attribute.name] = read_attribute(attribute)
    for name in SUBJECT:
        read[name] = dataset(h5g.open(file, b"general/subject"), name)
    return read | {"date": dataset(file, b"session_start_time"), "keywords": dataset(file, b"general/keywords")}


def images(file, name):
    """The images, mapped as the session's are, and their names."""
    group = h5g.open(file, name)
    frame = pandas.DataFrame(index=dataset(group, b"control_description"))
    for column in (b"data", b"unwarped"):
        data = h5d.open(group, column)
        frame[column] = list(numpy.memmap(path, data.dtype, "c", data.get_offset(), data.shape))
    return frame


def list_names():
    """The names of the columns of each group, and of the image sets."""
    with h5py.File(path) as file:
        intervals = [f"intervals/{name}" for name in file["intervals"]]
        columns = {
            group: [name for name in file[group] if name not in NOT_READ and file[group][name].ndim == 1]
            for group in intervals
        } | {
            item.name[1:]: ["data", "timestamps"]
            for group in GROUPS
            for item in [file[group], *file[group].values()]
            if isinstance(item, h5py.Group) and "data" in item
        }
        return columns, [f"stimulus/templates/{name}" for name in file["stimulus/templates"]]


def known_names():
    """The names, listed by another process: in this one, the first call finds the HDF5 library unused, as a user's does."""
    done = subprocess.run([sys.executable, __file__, path, "names"], capture_output=True, text=True, check=True)
    columns, image_sets = json.loads(done.stdout)
    encoded = {group: [name.encode() for name in names] for group, names in columns.items()}
    return encoded, [name.encode() for name in image_sets]


def main():
    from visbehavior.analysis.performance import TRIAL_COLUMNS, compute_performance_metrics

    names, image_sets = known_names()
    trials = names["intervals/trials"]
    presentations = [group for group in names if group.endswith("_presentations")]
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
        presented = [made.pop(group) for group in presentations]
        shown = pandas.concat([table(read) for read in presented]).sort_values("start_time")
        tables = [table(read) for group, read in made.items() if len(lengths[group]) == 1 or "lick_times" in read]
        tables += [shown, metadata(file), *(images(file, name) for name in image_sets)]
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


if sys.argv[2:] == ["names"]:
    print(json.dumps(list_names()))
else:
    main()
