"""Pickles that are not as a rig writes them: each is named, with the keys of what is wrong."""

from __future__ import annotations

import contextlib
import copy
import functools
import gzip
import pathlib
import pickle
import random
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rawfiles import make_raw, session_data, write_raw
from visbehavior import (
    BadValue,
    BehaviorSession,
    CorruptFile,
    MissingData,
    NotFound,
    UnsupportedFile,
    VisBehaviorError,
)

B = r"\['items'\]\['behavior'\]"
TABLES = (
    "licks",
    "rewards",
    "trials",
    "stimulus_presentations",
    "raw_running_speed",
    "running_speed",
    "encoder",
    "metadata",
    "task_parameters",
    "stimulus_timestamps",
)


@functools.cache
def whole_raw() -> dict[str, Any]:
    return make_raw(gray_before=False, seed=1)


@pytest.fixture
def raw() -> dict[str, Any]:
    return whole_raw()


def broken(raw: dict[str, Any], change: Any) -> BehaviorSession:
    """A session of a pickle in which something was changed."""
    mine = copy.deepcopy(raw)
    change(mine["items"]["behavior"])
    return BehaviorSession.from_json(in_memory(mine))


def in_memory(raw: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The session's data, of a pickle that is no file."""
    return session_data(pathlib.Path(), **{"behavior_stimulus_file": raw, **more})


def swap_trials(b: dict[str, Any]) -> None:
    b["trial_log"][1], b["trial_log"][4] = b["trial_log"][4], b["trial_log"][1]


def give_two_outcomes(b: dict[str, Any]) -> None:
    missed = next(trial for trial in b["trial_log"] if "miss" in [event[0] for event in trial["events"]])
    missed["events"].append(["hit", "", 0.0, 1])
    missed["trial_params"]["auto_reward"] = False


def events_of(b: dict[str, Any], number: int) -> list[Any]:
    return b["trial_log"][number]["events"]


@pytest.mark.parametrize(
    ("change", "table", "error", "says"),
    [
        (swap_trials, "trials", BadValue, rf"{B}\['trial_log'\]\[\d\] begins in frame \d+, after the next trial"),
        (
            lambda b: b.update(intervalsms=[]),
            "licks",
            BadValue,
            rf"{B}\['intervalsms'\] is empty: the session has no frames",
        ),
        (
            lambda b: b["intervalsms"].__setitem__(9, -3.0),
            "licks",
            BadValue,
            rf"{B}\['intervalsms'\] holds -3: the clock runs backwards",
        ),
        (lambda b: b["intervalsms"].__setitem__(9, np.nan), "licks", BadValue, rf"{B}\['intervalsms'\] holds nan"),
        (lambda b: b.update(intervalsms="none"), "licks", BadValue, rf"{B}\['intervalsms'\]"),
        (
            lambda b: b.update(intervalsms=[[1.0], [2.0]]),
            "licks",
            BadValue,
            "has 2 dimensions, expected a list of numbers",
        ),
        (
            lambda b: b["lick_sensors"][0].update(lick_events=[5, 10**7]),
            "licks",
            BadValue,
            rf"{B}\['lick_sensors'\]\[0\]\['lick_events'\] names frame 10000000; the session has",
        ),
        (
            lambda b: b["lick_sensors"][0].update(lick_events=[9, 5]),
            "licks",
            BadValue,
            "'lick_events'\\] is out of order",
        ),
        (lambda b: b["lick_sensors"][0].update(lick_events=[-4, 5]), "licks", BadValue, "names frame -4"),
        (
            lambda b: b["lick_sensors"][0].update(lick_events=[1.5]),
            "licks",
            BadValue,
            "holds numbers that are not whole",
        ),
        (
            lambda b: b.update(lick_sensors=[]),
            "licks",
            MissingData,
            rf"has no {B}\['lick_sensors'\]\[0\]; at that place it has list",
        ),
        (
            lambda b: events_of(b, 2).__setitem__(0, [*events_of(b, 2)[0][:3], np.array([[1.0]])]),
            "trials",
            BadValue,
            r"is not as a rig writes it \(TypeError: an array of the shape \(1, 1\) is no number\)",
        ),
        (
            lambda b: events_of(b, 2).__setitem__(0, [*events_of(b, 2)[0][:3], 7.5]),
            "trials",
            BadValue,
            r"is not as a rig writes it \(ValueError: 7.5 is not whole\)",
        ),
        (lambda b: b.pop("trial_log"), "trials", MissingData, rf"has no {B}\['trial_log'\]; at that place it has"),
        (lambda b: b.update(trial_log=[]), "trials", BadValue, rf"{B}\['trial_log'\] holds no trials"),
        (
            lambda b: b["trial_log"][2].pop("events"),
            "trials",
            BadValue,
            rf"{B}\['trial_log'\]\[2\] is not as a rig writes it \(KeyError: 'events'\)",
        ),
        (
            lambda b: b["trial_log"].__setitem__(3, None),
            "trials",
            BadValue,
            rf"{B}\['trial_log'\]\[3\] is not as a rig",
        ),
        (
            lambda b: events_of(b, 2).clear(),
            "trials",
            BadValue,
            r"\['trial_log'\]\[2\]\['events'\] has no event 'trial_start'",
        ),
        (
            lambda b: events_of(b, 2)[-1].__setitem__(3, 10**7),
            "trials",
            BadValue,
            r"\[2\]\['events'\] names frame 10000000",
        ),
        (
            give_two_outcomes,
            "trials",
            BadValue,
            r"is hit and miss of hit, miss, .+; expected exactly one",
        ),
        (
            lambda b: [trial.update(rewards=[(0.005, 0.0, 300)]) for trial in b["trial_log"]],
            "trials",
            BadValue,
            "more than one reward within its time",
        ),
        (
            lambda b: b["trial_log"][0].update(rewards=[(0.005, 0.0, 10**7)]),
            "rewards",
            BadValue,
            r"\[0\]\['rewards'\] names frame",
        ),
        (
            lambda b: b["encoders"][0].update(vsig=[1.0]),
            "running_speed",
            BadValue,
            r"\['vsig'\] has 1 values; the session has \d+ frames",
        ),
        (lambda b: b["encoders"].clear(), "running_speed", MissingData, rf"has no {B}\['encoders'\]\[0\]"),
        (lambda b: b["stimuli"].clear(), "stimulus_presentations", BadValue, rf"{B}\['stimuli'\] holds no stimulus"),
        (
            lambda b: b["stimuli"]["images"].pop("draw_log"),
            "stimulus_presentations",
            MissingData,
            r"\['images'\]\['draw_log'\]",
        ),
        (
            lambda b: b["stimuli"]["images"]["draw_log"].__setitem__(slice(-20, None), [1] * 20),
            "stimulus_presentations",
            BadValue,
            "lasts to the last frame",
        ),
        (
            lambda b: b["stimuli"]["images"]["set_log"].reverse(),
            "stimulus_presentations",
            BadValue,
            r"\['set_log'\] is out of order",
        ),
        (
            lambda b: b["stimuli"]["images"]["set_log"].__setitem__(1, ("Image", "im999", 0.0, 700)),
            "stimulus_presentations",
            BadValue,
            "shows im999, which the image set does not hold: it has im0",
        ),
        (
            lambda b: b["omitted_flash_frame_log"].update(x=[10**7]),
            "stimulus_presentations",
            BadValue,
            "'omitted_flash_frame_log'\\] names frame",
        ),
        (
            lambda b: b.update(omitted_flash_frame_log=[1]),
            "stimulus_presentations",
            BadValue,
            "'omitted_flash_frame_log'\\] is not as",
        ),
        (
            lambda b: b["items"]["fingerprint"].pop("frame_indices"),
            "stimulus_presentations",
            MissingData,
            "'frame_indices'",
        ),
        (
            lambda b: b["items"]["fingerprint"]["static_stimulus"].update(runs=0),
            "stimulus_presentations",
            BadValue,
            "ZeroDivisionError",
        ),
        (lambda b: b["params"].update(stage="another"), "metadata", BadValue, "does not agree with cl_params"),
        (lambda b: b["config"].pop("DoC"), "task_parameters", MissingData, rf"has no {B}\['config'\]\['DoC'\]"),
        (lambda b: b["config"]["DoC"].update(response_window="x"), "task_parameters", BadValue, "'response_window'\\]"),
    ],
)
def test_what_is_wrong_is_named_with_its_keys(
    raw: dict[str, Any], change: Any, table: str, error: type[Exception], says: str
) -> None:
    session = broken(raw, change)
    with pytest.raises(error, match=says):
        getattr(session, table)


def test_other_tables_can_still_be_read(raw: dict[str, Any]) -> None:
    session = broken(raw, lambda b: (b["encoders"].clear(), b.pop("trial_log")))
    whole = BehaviorSession.from_json(in_memory(raw))
    assert session.licks.equals(whole.licks)


@pytest.mark.parametrize(
    ("key", "value", "table", "says"),
    [
        ("behavior_session_id", "abc", "metadata", "behavior_session_id.* is 'abc'; expected a whole number"),
        ("age", "old", "metadata", "age is 'old'; expected days, such as P114"),
        (
            "date_of_acquisition",
            "yesterday",
            "metadata",
            "date_of_acquisition is 'yesterday'; expected a date and time",
        ),
        ("monitor_delay", "late", "trials", "monitor_delay.* is 'late'; expected seconds"),
        ("image_set_file", __file__, "stimulus_presentations", "is no pickle that can be read"),
        ("sync_file", "nowhere.h5", "licks", "no sync file nowhere.h5. Leave 'sync_file' out"),
    ],
)
def test_what_a_lab_says_is_looked_at(raw: dict[str, Any], key: str, value: Any, table: str, says: str) -> None:
    with pytest.raises(VisBehaviorError, match=says):
        getattr(BehaviorSession.from_json(in_memory(raw, **{key: value})), table)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "session_data has no 'behavior_stimulus_file'; it has nothing"),
        ({"sex": "F"}, "it has 'sex'. Give the path of the pickle"),
        ("a.pkl", "session_data is str; expected a dictionary"),
    ],
)
def test_session_data_must_name_a_pickle(data: Any, says: str) -> None:
    with pytest.raises(VisBehaviorError, match=says):
        BehaviorSession.from_json(data)


def test_files_that_are_no_pickles_of_the_task(tmp_path: pathlib.Path, raw: dict[str, Any]) -> None:
    whole = write_raw(tmp_path / "whole.pkl.gz", raw).read_bytes()
    cases = {
        "text.pkl": (b"frames,licks\n1,2\n", UnsupportedFile, "is no pickle that can be read"),
        "empty.pkl": (b"", CorruptFile, "is cut short or damaged"),
        "cut.pkl.gz": (whole[: len(whole) // 2], CorruptFile, "is cut short"),
        "plain.pkl": (gzip.decompress(whole)[:-500], CorruptFile, "is cut short"),
        "other.pkl": (pickle.dumps({"items": {"sync": 1}}, 2), MissingData, rf"has no {B}; at that place it has sync"),
        "list.pkl": (
            pickle.dumps([1, 2], 2),
            MissingData,
            r"has no \['items'\]; at that place it has list. Expected the stimulus pickle",
        ),
    }
    for name, (data, error, says) in cases.items():
        (tmp_path / name).write_bytes(data)
        session = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / name})
        with pytest.raises(error, match=says) as found:
            _ = session.licks
        assert re.search(re.escape(name), str(found.value))
    with pytest.raises(NotFound, match="no file"):
        _ = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / "absent.pkl"}).licks


def test_a_rig_has_its_quirks(raw: dict[str, Any]) -> None:
    """A lick one frame past the end, omissions shown after all, none logged at all, a value too many of the encoder."""
    count = len(raw["items"]["behavior"]["intervalsms"]) + 1
    whole = BehaviorSession.from_json(in_memory(raw))

    def late_lick(b: dict[str, Any]) -> None:
        frames = [frame for frame in b["lick_sensors"][0]["lick_events"] if frame < count]
        b["lick_sensors"][0]["lick_events"] = [*frames, count]

    assert broken(raw, late_lick).licks.equals(whole.licks)
    shown = whole.stimulus_presentations
    first = int(shown.loc[shown["image_name"].notna(), "start_frame"].iloc[3])
    log = [frame for part in raw["items"]["behavior"]["omitted_flash_frame_log"].values() for frame in part]
    near = broken(raw, lambda b: b.update(omitted_flash_frame_log={"a": log, "b": [*log, first + 2, first - 3]}))
    assert near.stimulus_presentations.equals(shown)
    without = broken(raw, lambda b: b.pop("omitted_flash_frame_log")).stimulus_presentations
    assert not without["omitted"].fillna(False).any()
    extra = broken(
        raw, lambda b: [b["encoders"][0].update({k: [*b["encoders"][0][k], 1.0]}) for k in ("vsig", "vin", "dx")]
    )
    assert len(extra.running_speed) == count


def paths_in(value: Any, depth: int = 5) -> list[tuple[Any, ...]]:
    """The keys of everything in a pickle, not too deep; of a list its first entries."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    found = []
    for key, inner in items:
        found.append((key,))
        found += [(key, *rest) for rest in paths_in(inner, depth - 1)] if depth else []
    return found


REPLACEMENTS = (None, -1, 10**9, 0.5, float("nan"), "x", b"x", [], {}, [None], True, [1, 2, 3], np.array([[1.0]]))


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_changed_is_read_or_named(seed: int) -> None:
    """No table raises anything but this package's errors, whatever stands in an entry."""
    chance = random.Random(seed)
    small = copy.deepcopy(whole_raw())
    *above, last = chance.choice(paths_in(small["items"]))
    place = small["items"]
    for key in above:
        place = place[key]
    if isinstance(place, dict) and chance.random() < 0.2:
        del place[last]
    else:
        place[last] = copy.deepcopy(chance.choice(REPLACEMENTS))
    with contextlib.suppress(VisBehaviorError):
        session = BehaviorSession.from_json(in_memory(small))
        for name in TABLES:
            with contextlib.suppress(VisBehaviorError):
                getattr(session, name)
