"""Times one way from a rig's pickle to tables and to an NWB file, and prints the figures as JSON. Run by ``benchmarks`` in each environment.

Usage: ``python raw_child.py visbehavior|allensdk SESSION_DATA.json FOLDER``. numpy, pandas, scipy.signal, h5py and pynwb are imported before
anything is timed. What AllenSDK asks its institute's network for is answered from the session's data.
"""

import json
import pathlib
import sys
import time
import warnings

import h5py  # noqa: F401
import numpy
import pandas
import pynwb
import scipy.signal  # noqa: F401

warnings.simplefilter("ignore")


def allensdk_session(data):
    from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession

    sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests" / "raw"))
    from allensdk_stubs import replace_requests

    replace_requests(data)
    return lambda: BehaviorSession.from_json(data)


def our_session(data):
    from visbehavior import BehaviorSession

    return lambda: BehaviorSession.from_json(data)


def tables(session, without=()):
    """Every attribute that is a table or array."""
    kept = [getattr(session, name) for name in session.list_data_attributes_and_methods() if name not in without]
    return [value for value in kept if isinstance(value, (pandas.DataFrame, numpy.ndarray, dict))]


def write(session, path):
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session.to_nwb())


def timed(function, *arguments):
    started = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - started, result


def main():
    who, session_data, folder = sys.argv[1:4]
    data = json.loads(pathlib.Path(session_data).read_text())
    figures = {}
    if who == "visbehavior":
        from visbehavior import write_nwb

        make = our_session(data)
        figures["raw_to_tables_without_images"] = timed(lambda: tables(make(), ["stimulus_templates"]))[0]
        store = write_nwb
    else:
        make, store = allensdk_session(data), write
    figures["raw_to_tables"], session = timed(lambda: (lambda made: (made, tables(made))[0])(make()))
    figures["tables_to_nwb"] = timed(store, session, pathlib.Path(folder) / f"{who}.nwb")[0]
    figures["raw_to_nwb"] = figures["raw_to_tables"] + figures["tables_to_nwb"]
    if who == "visbehavior":
        figures["raw_to_nwb"] = timed(lambda: store(make(), pathlib.Path(folder) / "again.nwb"))[0]
    print(json.dumps(figures))


main()
