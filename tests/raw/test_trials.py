"""Tests of `visbehavior.raw.trials`: licks, rewards and trials of damaged and unusual pickles.

Correct pickles are compared with a reference in test_reader.py.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.rawfiles import changed_session, session_of
from visbehavior import BadValue, BehaviorSession, MissingData, VisBehaviorWarning, write_nwb

BEHAVIOR = r"\['items'\]\['behavior'\]"


def events_of(b: dict[str, Any], number: int) -> list[Any]:
    return b["trial_log"][number]["events"]


def set_frame(b: dict[str, Any], number: int, event: int, frame: Any) -> None:
    events_of(b, number)[event] = [*events_of(b, number)[event][:3], frame]


def swap_trials(b: dict[str, Any]) -> None:
    b["trial_log"][1], b["trial_log"][4] = b["trial_log"][4], b["trial_log"][1]


def give_two_outcomes(b: dict[str, Any]) -> None:
    missed = next(trial for trial in b["trial_log"] if "miss" in [event[0] for event in trial["events"]])
    missed["events"].append(["hit", "", 0.0, 1])
    missed["trial_params"]["auto_reward"] = False


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([5, 10**7], rf"{BEHAVIOR}\['lick_sensors'\]\[0\]\['lick_events'\] refers to frame 10000000; the session has"),
        ([9, 5], r"'lick_events'\] is out of order"),
        ([-4, 5], "refers to frame -4"),
        ([1.5], "contains numbers that are not whole"),
    ],
)
def test_invalid_licks_are_reported(raw: dict[str, Any], frames: list[float], message: str) -> None:
    session = changed_session(raw, lambda b: b["lick_sensors"][0].update(lick_events=frames))
    with pytest.raises(BadValue, match=message):
        _ = session.licks


def test_missing_lick_sensor_is_reported(raw: dict[str, Any]) -> None:
    with pytest.raises(MissingData, match=rf"has no {BEHAVIOR}\['lick_sensors'\]\[0\]: .+ is of type list"):
        _ = changed_session(raw, lambda b: b.update(lick_sensors=[])).licks


def test_lick_one_frame_after_the_last_frame_is_dropped(raw: dict[str, Any]) -> None:
    count = len(raw["items"]["behavior"]["intervalsms"]) + 1

    def add_late_lick(b: dict[str, Any]) -> None:
        frames = [frame for frame in b["lick_sensors"][0]["lick_events"] if frame < count]
        b["lick_sensors"][0]["lick_events"] = [*frames, count]

    assert changed_session(raw, add_late_lick).licks.equals(session_of(raw).licks)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda b: b.pop("trial_log"), MissingData, rf"has no {BEHAVIOR}\['trial_log'\]: {BEHAVIOR} contains "),
        (lambda b: b.update(trial_log=[]), BadValue, rf"{BEHAVIOR}\['trial_log'\] has no trials"),
        (swap_trials, BadValue, rf"{BEHAVIOR}\['trial_log'\]\[\d\] is out of order: it starts in frame \d+"),
        (
            lambda b: b["trial_log"].__setitem__(3, None),
            BadValue,
            rf"{BEHAVIOR}\['trial_log'\]\[3\] cannot be interpreted",
        ),
        (
            lambda b: b["trial_log"][2].pop("events"),
            BadValue,
            rf"{BEHAVIOR}\['trial_log'\]\[2\] cannot be interpreted \(KeyError: 'events'\)",
        ),
        (
            lambda b: events_of(b, 2).clear(),
            BadValue,
            r"\['trial_log'\]\[2\]\['events'\] has no event 'trial_start'",
        ),
        (lambda b: set_frame(b, 2, -1, 10**7), BadValue, r"\[2\]\['events'\] refers to frame 10000000"),
        (
            lambda b: set_frame(b, 2, 0, np.array([[1.0]])),
            BadValue,
            r"cannot be interpreted \(TypeError: expected a number, not an array of shape \(1, 1\)\)",
        ),
        (
            lambda b: set_frame(b, 2, 0, 7.5),
            BadValue,
            r"cannot be interpreted \(ValueError: 7.5 is not a whole number\)",
        ),
        (
            lambda b: b["stimuli"]["images"]["set_log"].__setitem__(1, ("Image", "im999", 0.0, 700)),
            BadValue,
            r"\['stimulus_changes'\] changes from im0\d+, but the set log has im999",
        ),
        (give_two_outcomes, BadValue, r"is hit and miss of hit, miss, .+; expected exactly one"),
        (
            lambda b: [trial.update(rewards=[(0.005, 0.0, 300)]) for trial in b["trial_log"]],
            BadValue,
            "has more than one reward between its start and stop",
        ),
    ],
)
def test_invalid_trials_are_reported_with_their_keys(
    raw: dict[str, Any], change: Any, error: type[Exception], message: str
) -> None:
    session = changed_session(raw, change)
    with pytest.raises(error, match=message):
        _ = session.trials


def test_reward_after_the_last_frame_is_reported(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: b["trial_log"][0].update(rewards=[(0.005, 0.0, 10**7)]))
    with pytest.raises(BadValue, match=r"\[0\]\['rewards'\] refers to frame"):
        _ = session.rewards


def trial_with(b: dict[str, Any], event: str) -> int:
    """Return the number of the first trial that has an event."""
    return next(n for n, trial in enumerate(b["trial_log"]) if event in [name for name, *_ in trial["events"]])


def test_of_an_event_that_was_logged_twice_the_last_counts(raw: dict[str, Any]) -> None:
    """As in AllenSDK."""

    def log_again(b: dict[str, Any]) -> None:
        events = events_of(b, 2)
        end = next(event for event in events if event[0] == "trial_end")
        events.insert(1, [*end[:3], end[3] - 5])

    assert changed_session(raw, log_again).trials.equals(session_of(raw).trials)


def test_a_trial_can_be_catch_and_auto_rewarded(raw: dict[str, Any]) -> None:
    number = trial_with(raw["items"]["behavior"], "stimulus_changed")
    session = changed_session(
        raw, lambda b: b["trial_log"][number]["trial_params"].update(catch=True, auto_reward=True)
    )
    row = session.trials.iloc[number]
    assert row[["catch", "auto_rewarded"]].all()
    assert not row[["go", "hit", "miss", "false_alarm", "correct_reject"]].any()
    assert np.isfinite(row["change_time"])


def renumber(b: dict[str, Any]) -> None:
    for trial in b["trial_log"][3:]:
        trial["index"] += 10


def test_trials_are_numbered_without_gaps_and_presentations_as_in_the_log(
    raw: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    """As in AllenSDK's NWB files: see docs/differences.md."""
    count = len(raw["items"]["behavior"]["trial_log"])
    session = changed_session(raw, renumber)
    written = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "behavior_session_1.nwb", templates=False))
    for opened in (session, written):
        assert opened.trials.index.tolist() == list(range(count))
        numbers = set(opened.stimulus_presentations["trials_id"]) - {-99}
        assert numbers <= {0, 1, 2, *range(13, count + 10)}
        assert max(numbers) >= 13


def test_a_go_trial_without_its_change_is_reported(raw: dict[str, Any]) -> None:
    number = trial_with(raw["items"]["behavior"], "hit")

    def forget(b: dict[str, Any]) -> None:
        b["trial_log"][number]["events"] = [e for e in events_of(b, number) if e[0] != "stimulus_changed"]

    with pytest.raises(BadValue, match=rf"\[{number}\]\['events'\] has no event 'stimulus_changed'"):
        _ = changed_session(raw, forget).trials


def test_a_change_that_disagrees_with_the_set_log_is_reported(raw: dict[str, Any]) -> None:
    number = trial_with(raw["items"]["behavior"], "hit")

    def rename(b: dict[str, Any]) -> None:
        change = b["trial_log"][number]["stimulus_changes"][0]
        b["trial_log"][number]["stimulus_changes"] = [(("im999", "im999"), *change[1:])]

    with pytest.raises(BadValue, match="changes from im999, but the set log has im"):
        _ = changed_session(raw, rename).trials


def cut_off_last_trial(b: dict[str, Any]) -> None:
    b["trial_log"][-1]["events"] = [e for e in b["trial_log"][-1]["events"] if e[0] != "trial_end"]


def test_a_last_trial_without_an_end_does_not_lose_the_others(raw: dict[str, Any]) -> None:
    expected = session_of(raw).trials.iloc[:-1]
    session = changed_session(raw, cut_off_last_trial)
    with pytest.warns(
        VisBehaviorWarning, match="The last trial of .+ has no end: the rig stopped in it. It is left out"
    ):
        trials = session.trials
    pd.testing.assert_frame_equal(trials, expected)
    assert session.get_performance_metrics()["trial_count"] == len(expected)


def test_another_trial_without_an_end_is_reported(raw: dict[str, Any]) -> None:
    def cut(b: dict[str, Any]) -> None:
        b["trial_log"][4]["events"] = [e for e in events_of(b, 4) if e[0] != "trial_end"]

    with pytest.raises(BadValue, match=r"\[4\]\['events'\] has no event 'trial_end'"):
        _ = changed_session(raw, cut).trials
