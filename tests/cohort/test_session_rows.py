from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visbehavior import BadValue, VisualBehaviorOphysProjectCache
from visbehavior.cohort.session_rows import add_last_times, read_session_rows, reduce_rate
from visbehavior.schema.cohort import stored_columns

Cache = VisualBehaviorOphysProjectCache


def test_the_flash_table_needs_no_running_speed(cache: Cache, ids: list[int], datasets_read: list[str]) -> None:
    reader = cache.get_behavior_session(ids[0])._reader
    rows, values = read_session_rows(reader, ["flashes"])
    assert not [path for path in datasets_read if "running" in path or "EyeTracking" in path]
    assert list(rows) == ["flashes"]
    assert list(rows["flashes"]) == [column.name for column in stored_columns("flashes", ["flashes"])]
    assert "mean_running_speed" not in rows["flashes"]
    assert values["trial_count"] == len(cache.get_behavior_session(ids[0]).trials)


@pytest.mark.parametrize(("rate", "step"), [(60.0, 6), (30.0, 3), (10.0, 1), (5.0, 1)])
def test_every_nth_sample_is_kept(rate: float, step: int) -> None:
    samples = pd.DataFrame({"timestamps": np.arange(100) / rate, "speed": np.arange(100.0)})
    pd.testing.assert_frame_equal(reduce_rate(samples), samples.iloc[::step])
    assert reduce_rate(samples.iloc[:0]).empty
    assert len(reduce_rate(samples.iloc[:1])) == 1


def test_times_that_are_no_events_are_reported() -> None:
    since = {f"time_from_last_{name}": [0.5, 1.0] for name in ("change", "omitted", "lick", "bout", "reward")}
    flashes = pd.DataFrame({"start_time": [1.0, 2.0], **since})
    with pytest.raises(BadValue, match="not those of an event"):
        add_last_times(flashes, pd.DataFrame({"timestamps": [0.5]}), pd.DataFrame({"timestamps": [0.5]}))
