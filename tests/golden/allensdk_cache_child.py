"""Run by AllenSDK's own Python: opens a cache folder and prints, as JSON, its tables' types of index and their rows, then the metrics
of a session."""

import json
import sys
import warnings

warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache  # noqa: E402

folder, session_id = sys.argv[1:3]
cache = VisualBehaviorOphysProjectCache.from_s3_cache(folder)
tables = [cache.get_behavior_session_table(), cache.get_ophys_session_table(), cache.get_ophys_experiment_table()]
tables.append(cache.get_ophys_cells_table())
metrics = cache.get_behavior_session(int(session_id)).get_performance_metrics()
numbers = [*map(len, tables), *(float(value) for value in metrics.values())]
sys.stdout.write("\n" + json.dumps([[str(table.index.dtype) for table in tables], numbers]) + "\n")
