"""Write the values that AllenSDK reads from a release. Usage, in AllenSDK's environment: ``python build_child.py FOLDER OUT.json``."""

import json
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")

from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache  # noqa: E402

folder, out = sys.argv[1:3]
cache = VisualBehaviorOphysProjectCache.from_local_cache(folder, use_static_cache=True)
table = cache.get_behavior_session_table()
sessions = {}
for number in table.index:
    session = cache.get_behavior_session(int(number))
    sessions[str(number)] = {
        "start_time": session.trials["start_time"].tolist(),
        "licks": session.licks["timestamps"].tolist(),
        "speed": session.running_speed["speed"].tolist(),
        "metrics": {name: float(value) for name, value in session.get_performance_metrics().items()},
    }
rows = {str(number): {name: str(row[name]) for name in table.columns} for number, row in table.iterrows()}
types = {name: str(table[name].dtype) for name in table.columns}
pathlib.Path(out).write_text(json.dumps({"types": types, "table": rows, "sessions": sessions}))
