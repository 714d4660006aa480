"""Tables of a rig's pickle against the slow reference: made-up pickles, and the recorded ones where they are at hand."""

from __future__ import annotations

import gzip
import json
import math
import os
import pathlib
import pickle as pickles
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import slowraw
from tests.rawfiles import IMAGES, make_raw, session_data, write_raw
from visbehavior import BehaviorSession

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", ROOT.parent / "shared" / "golden"))
RECORDED = [path for path in sorted((GOLDEN / "raw").glob("*.input.json")) if "sync_file" not in path.read_text()]

CASES: dict[str, dict[str, Any]] = {
    "images": {},
    "images, another seed": {"seed": 1},
    "no gray before": {"gray_before": False, "seed": 2},
    "gray before, no movie": {"movie": False, "seed": 14},
    "no movie": {"movie": False, "gray_before": False, "seed": 3},
    "no omissions": {"omissions": False, "seed": 4},
    "an omission first": {"begins_with_omission": True, "seed": 5},
    "an omission first, no gray before": {"begins_with_omission": True, "gray_before": False, "seed": 6},
    "no licks": {"licks": False, "seed": 7},
    "passive": {"passive": True, "seed": 8},
    "gratings that stay": {"stimulus": "gratings", "omissions": False, "movie": False, "gray_before": False, "seed": 9},
    "gratings and a movie": {"stimulus": "gratings", "omissions": False, "seed": 10},
    "gratings that flash": {"stimulus": "gratings", "movie": False, "gray_before": False, "seed": 11},
    "the wheel backward, a surplus voltage": {"backward": True, "surplus": 1, "gray_before": False, "seed": 12},
    "many trials": {"trials": 100, "movie": False, "gray_before": False, "seed": 13},
}


def plain(value: Any) -> Any:
    """The value as the reference has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def dtype_of(values: list[Any]) -> str:
    """The type of a column that holds these."""
    kinds = {type(plain(value)) for value in values}
    if str in kinds or list in kinds:
        return "text" if str in kinds else "object"
    if bool in kinds:
        return "boolean" if type(None) in kinds else "bool"
    return "int64" if kinds == {int} else "float64"


def same(got: Any, wanted: Any) -> bool:
    """Equal to the last bit and the sign of 0; what is missing is missing in both."""
    return got is pd.NA or got is None or got != got if wanted is None else repr(got) == repr(wanted)


def check_column(column: pd.Series, wanted: list[Any], what: str) -> None:
    dtype = dtype_of(wanted)
    assert len(column) == len(wanted), what
    assert pd.api.types.is_string_dtype(column.dtype) if dtype == "text" else column.dtype == dtype, what
    # A whole number among others stands in a column of floats.
    values = [float(value) if dtype == "float64" else plain(value) for value in wanted]
    pairs = zip((plain(value) for value in column), values, strict=True)
    assert [(row, *pair) for row, pair in enumerate(pairs) if not same(*pair)][:5] == [], what


def check_table(got: pd.DataFrame, wanted: slowraw.Table, what: str) -> None:
    assert list(got.columns) == list(wanted), what
    for name, values in wanted.items():
        check_column(got[name], values, f"{what}.{name}")


def check(data: dict[str, Any], pickle: slowraw.Pickle, names: list[Any]) -> None:
    """Every table that is made of the pickle, and the clock."""
    delay = data.get("monitor_delay", slowraw.DELAY)
    session = BehaviorSession.from_json(data)
    assert session.stimulus_timestamps.tolist() == slowraw.clocks(pickle, delay)[2]
    for name in ("licks", "rewards", "raw_running_speed", "running_speed"):
        check_table(getattr(session, name), getattr(slowraw, name)(pickle), name)
    trials = slowraw.trials(pickle, delay)
    assert session.trials.index.tolist() == trials.pop("trials_id")
    check_table(session.trials, trials, "trials")
    shown = slowraw.presentations(pickle, delay, data.get("prior_images_shown", ()), names, data.get("project_code"))
    check_table(session.stimulus_presentations, shown, "stimulus_presentations")
    assert session.stimulus_presentations.index.tolist() == list(range(len(shown["start_time"])))
    # repr tells 0 from 0.0, and NaN equals itself in it.
    assert repr(session.task_parameters) == repr(slowraw.task_parameters(pickle))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_every_table_is_the_definitions(tmp_path: pathlib.Path, options: dict[str, Any]) -> None:
    pickle = make_raw(**options)
    check(session_data(write_raw(tmp_path / "a.pkl", pickle)), pickle, list(IMAGES))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_every_form_of_the_file(tmp_path: pathlib.Path, protocol: int) -> None:
    pickle = make_raw(gray_before=False, seed=20 + protocol)
    check(session_data(write_raw(tmp_path / "a.pkl.gz", pickle, protocol)), pickle, list(IMAGES))


@pytest.mark.parametrize(
    "more",
    [{"monitor_delay": 0.0361}, {"monitor_delay": 0.0}, {"project_code": None}, {"prior_images_shown": []}],
    ids=["a long delay", "no delay", "no project", "no earlier session"],
)
def test_what_the_session_data_say(tmp_path: pathlib.Path, more: dict[str, Any]) -> None:
    pickle = make_raw(seed=30)
    data = session_data(write_raw(tmp_path / "a.pkl", pickle), **more)
    check({key: value for key, value in data.items() if value is not None}, pickle, list(IMAGES))


def test_each_outcome_is_in_the_made_up_session() -> None:
    """Else the comparisons above would compare little."""
    trials = slowraw.trials(make_raw())
    for name in ("hit", "miss", "false_alarm", "correct_reject", "aborted", "auto_rewarded"):
        assert any(trials[name]), name
    assert any(latency < 0 for latency in trials["response_latency"])
    speeds = slowraw.raw_running_speed(make_raw())["speed"]
    assert sum(math.isnan(speed) for speed in speeds) > 3
    assert any(slowraw.presentations(make_raw(), names=IMAGES)["is_sham_change"])


@pytest.mark.skipif(
    not RECORDED,
    reason=f"AllenSDK's recordings are not at {GOLDEN}: no rig's pickle was read (set VISBEHAVIOR_GOLDEN)",
)
@pytest.mark.parametrize("inputs", RECORDED, ids=lambda path: path.name.removesuffix(".input.json"))
def test_every_table_of_a_recorded_pickle(inputs: pathlib.Path) -> None:
    data = json.loads(inputs.read_text())
    for key in ("behavior_stimulus_file", "image_set_file", "grating_images_dir"):
        if key in data:
            data[key] = str(inputs.parent / data[key])
    with gzip.open(data["behavior_stimulus_file"]) as file:
        pickle = pickles.load(file, encoding="latin1")
    check(data, pickle, names_in(data.get("image_set_file")))


def names_in(path: str | None) -> list[Any]:
    """Names of the images of a set, in its order."""
    if path is None:
        return []
    with gzip.open(path) as file:
        return [name for category in pickles.load(file, encoding="bytes").values() for name in category]
