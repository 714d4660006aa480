"""Tests of `visbehavior.raw.trials`: licks, rewards and trials of damaged and unusual pickles.

Correct pickles are compared with a reference in test_reader.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rawfiles import changed_session, session_of
from visbehavior import BadValue, MissingData

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
