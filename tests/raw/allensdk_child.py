"""Run by AllenSDK's own Python: opens a session from the rig's pickle, and one from an NWB file, and pickles their tables as plain lists.

Usage: ``python allensdk_child.py SESSION_DATA.json FILE.nwb TARGET.pkl``. The images are not read, and what AllenSDK asks its institute's
network for is answered from the session's data.
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
    """A value of a column, without the types of a pandas or a numpy; None for what is missing in a column that holds no numbers."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None if type(value).__name__ == "NAType" else str(value)


def plain_column(column):
    """Its type and its values; text is of another type in each pandas."""
    if column.dtype.kind in "biuf" and str(column.dtype) != "boolean":
        return str(column.dtype), column.tolist()
    values = [None if isinstance(value, float) else plain(value) for value in column]
    return ("boolean" if str(column.dtype) == "boolean" else "object"), values


def plain_session(session):
    """Everything that is compared."""
    found = {name: {column: plain_column(table[column]) for column in table} for name, table in tables_of(session)}
    found |= {f"{name}.index": table.index.tolist() for name, table in tables_of(session)}
    for name in DICTIONARIES:
        found[name] = {key: plain(value) for key, value in getattr(session, name).items()}
    found["stimulus_timestamps"] = session.stimulus_timestamps.tolist()
    found["metrics"] = {key: plain(value) for key, value in session.get_performance_metrics().items()}
    return found


def tables_of(session):
    return [(name, getattr(session, name)) for name in TABLES]


def plain_images(session):
    """Names, and of each image type, shape and a digest: some 100 MB otherwise."""
    table = session.stimulus_templates
    arrays = [(name, kind, table.at[name, kind]) for name in table.index for kind in ("warped", "unwarped")]
    return [
        (name, kind, str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest())
        for name, kind, array in arrays
    ]


def main():
    warnings.simplefilter("ignore")
    from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession
    from standin import stand_in

    session_data, path, target = sys.argv[1:4]
    data = json.loads(pathlib.Path(session_data).read_text())
    stored = BehaviorSession.from_nwb_path(path)
    found = {"nwb": plain_session(stored)}
    found["images"] = plain_images(stored) if "image_set_file" in data else []
    stand_in(data)
    found["raw"] = plain_session(BehaviorSession.from_json(data))
    pathlib.Path(target).write_bytes(pickle.dumps(found, protocol=4))


if __name__ == "__main__":
    main()
