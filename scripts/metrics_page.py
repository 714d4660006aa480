"""Write docs/metrics.md, the reference of metrics, from `visbehavior.schema.metrics`. A test fails when the page is stale.

Usage: ``python scripts/metrics_page.py > docs/metrics.md``.
"""

from __future__ import annotations

from collections.abc import Iterable

from visbehavior.schema.metrics import PERFORMANCE_METRICS, ROLLING_METRICS, SESSION_RATES, Metric

HEAD = """# The metrics

Definitions are those of AllenSDK 2.16 (`dprime.py`, `data_objects/trials/trials.py`, `behavior_session.py`), except for the session rates at the end, which are this package's.

Two kinds of rates exist. AllenSDK's metrics are means of *rolling* rates: every trial counts with the rate of the 100 trials up to it. Session rates are plain: hits / go
trials. The two differ, sometimes by a lot.

## get_performance_metrics()

A dictionary. A trial is engaged if its reward rate is above a threshold, 2 rewards per minute by default. Means and maxima ignore trials without a value and are NaN if no trial has one.

"""

ROLLING = """
## get_rolling_performance_df()

One row per trial, index `trials_id`. All columns but the reward rate are NaN on aborted trials. `get_reward_rate()` returns the first column as an array.

"""

RATES = """
## compute_session_rates(trials)

A dictionary. NaN if there is no trial to compute a rate from.

"""

EXAMPLE = """
```python
import visbehavior

session = visbehavior.BehaviorSession.from_nwb_path("behavior_session_891635659.nwb")
session.get_performance_metrics()["max_dprime"]
visbehavior.compute_session_rates(session.trials)["hit_rate"]
```
"""


def page() -> str:
    """Return the page."""
    return HEAD + table(PERFORMANCE_METRICS) + ROLLING + table(ROLLING_METRICS) + RATES + table(SESSION_RATES) + EXAMPLE


def table(metrics: Iterable[Metric]) -> str:
    """Return metrics as a table."""
    rows = "".join(f"| `{m.name}` | {m.unit} | {m.meaning} | {m.formula} |\n" for m in metrics)
    return f"| name | unit | meaning | formula |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    print(page(), end="")
