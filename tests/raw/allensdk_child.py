"""Read a session from a stimulus pickle and from an NWB file, and pickle its tables as lists.

Usage, with AllenSDK's own Python: ``python allensdk_child.py SESSION_DATA.json FILE.nwb TARGET.pkl``. Requests to the institute's network are
replaced (`allensdk_stubs`).
"""

import hashlib
import json
import pathlib
import pickle
import sys
import warnings

TABLES = ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations")
DICTIONARIES = ("metadata", "task_parameters")


def plain(value):
    """Return a value without pandas and numpy types; None for missing values that are not numbers."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None if type(value).__name__ == "NAType" else str(value)


def plain_column(column):
    """Return dtype and values of a column; the dtype of text depends on the version of pandas."""
    if column.dtype.kind in "biuf" and str(column.dtype) != "boolean":
        return str(column.dtype), column.tolist()
    values = [None if isinstance(value, float) else plain(value) for value in column]
    return ("boolean" if str(column.dtype) == "boolean" else "object"), values


def plain_session(session):
    """Return all values to compare."""
    tables = {name: getattr(session, name) for name in TABLES}
    values = {name: {column: plain_column(table[column]) for column in table} for name, table in tables.items()}
    values |= {f"{name}.index": table.index.tolist() for name, table in tables.items()}
    for name in DICTIONARIES:
        values[name] = {key: plain(value) for key, value in getattr(session, name).items()}
    values["stimulus_timestamps"] = session.stimulus_timestamps.tolist()
    values["metrics"] = {key: plain(value) for key, value in session.get_performance_metrics().items()}
    return values


def plain_images(session):
    """Return name, kind, dtype, shape and hash of each image; the images themselves have 100 MB."""
    table = session.stimulus_templates
    arrays = [(name, kind, table.at[name, kind]) for name in table.index for kind in ("warped", "unwarped")]
    return [
        (name, kind, str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest())
        for name, kind, array in arrays
    ]


def main():
    warnings.simplefilter("ignore")
    from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession
    from allensdk_stubs import replace_requests

    session_data, path, target = sys.argv[1:4]
    data = json.loads(pathlib.Path(session_data).read_text())
    stored = BehaviorSession.from_nwb_path(path)
    values = {"nwb": plain_session(stored)}
    values["images"] = plain_images(stored) if "image_set_file" in data else []
    replace_requests(data)
    values["raw"] = plain_session(BehaviorSession.from_json(data))
    pathlib.Path(target).write_bytes(pickle.dumps(values, protocol=4))


if __name__ == "__main__":
    main()
