"""Run by AllenSDK's own Python: opens a cache folder and prints rows of its tables and the metrics of a session."""

import sys
import warnings

warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache  # noqa: E402

folder, session_id = sys.argv[1:3]
cache = VisualBehaviorOphysProjectCache.from_s3_cache(folder)
tables = [cache.get_behavior_session_table(), cache.get_ophys_session_table(), cache.get_ophys_experiment_table()]
metrics = cache.get_behavior_session(int(session_id)).get_performance_metrics()
rows = [*map(len, tables), len(cache.get_ophys_cells_table())]
sys.stdout.write("\n" + " ".join(map(str, [*rows, *metrics.values()])) + "\n")
