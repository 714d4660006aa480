"""Tests of `visbehavior.simulation.rig`: the simulated pickle against the tables that are read from it."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest

from tests.raw import reference
from tests.simulation.simulated import SESSION_TYPES, open_raw, simulated_session
from visbehavior import Mouse, simulate
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.simulation.rig import FRAME_INTERVAL, nest, sample_frame_intervals
from visbehavior.simulation.stages import parse_stage


@pytest.mark.parametrize("session_type", SESSION_TYPES)
def test_tables_agree_with_the_simulated_events(session_type: str) -> None:
    raw = simulate(session_type, minutes=10, seed=3)
    session = open_raw(raw)
    behavior = raw["items"]["behavior"]
    trials = session.trials
    assert len(trials) == len(behavior["trial_log"])
    events = [{event[0] for event in trial["events"]} for trial in behavior["trial_log"]]
    assert trials["aborted"].tolist() == ["abort" in names for names in events]
    assert trials["hit"].sum() == sum("hit" in names and "auto_reward" not in names for names in events)
    assert trials["reward_volume"].sum() == pytest.approx(behavior["volume_dispensed"])
    assert session.licks["frame"].tolist() == behavior["lick_sensors"][0]["lick_events"]
    assert session.metadata["session_type"] == session_type
    presentations = session.stimulus_presentations
    assert len(presentations) == len(raw["simulation"]["flash_frames"]) or not parse_stage(session_type).flashed
    assert presentations["is_change"].sum() == trials["is_change"].sum()
    assert presentations["omitted"].sum() == len(
        set(functools.reduce(operator.iadd, behavior["omitted_flash_frame_log"].values(), []))
    )
    assert presentations["stimulus_block_name"].str.startswith("change_detection_").all()


@pytest.mark.parametrize("session_type", ["OPHYS_4_images_B", "TRAINING_1_gratings", "OPHYS_5_images_B_passive"])
def test_trials_equal_the_reference(session_type: str) -> None:
    raw = simulate(session_type, minutes=4, seed=5)
    expected = reference.trials(raw, 0.02115)
    trials = open_raw(raw).trials
    for name in ("start_time", "change_frame", "go", "hit", "false_alarm", "response_latency", "change_image_name"):
        np.testing.assert_array_equal(trials[name].to_numpy(), np.array(expected[name]), err_msg=name)


def test_long_session_has_gray_screens_and_a_movie() -> None:
    session = simulated_session("OPHYS_6_images_A", minutes=30, seed=1)
    blocks = session.stimulus_presentations.groupby("stimulus_block")["stimulus_block_name"].first().tolist()
    assert blocks == [
        "initial_gray_screen_5min",
        "change_detection_behavior",
        "post_behavior_gray_screen_5min",
        "natural_movie_one",
    ]
    assert session.trials["start_time"].iloc[0] == pytest.approx(300, abs=1)


def test_frame_intervals_jitter_and_drop_frames_like_those_of_a_rig() -> None:
    """Published raw file: SD 0.021 ms and autocorrelation -0.46 without dropped frames; 8 longer intervals in 270,071."""
    intervals = sample_frame_intervals(1_000_000, np.random.default_rng(0))
    dropped = intervals > 1.5 * FRAME_INTERVAL
    assert 10 <= dropped.sum() <= 60
    np.testing.assert_allclose((intervals[dropped] + 1) % FRAME_INTERVAL, 1, atol=0.2)
    regular = intervals[~dropped]
    assert regular.mean() == pytest.approx(FRAME_INTERVAL, abs=0.001)
    assert regular.std() == pytest.approx(0.021, abs=0.002)
    assert np.corrcoef(regular[:-1], regular[1:])[0, 1] == pytest.approx(-0.46, abs=0.03)


def test_licks_on_gray_screens_belong_to_no_trial() -> None:
    raw = simulate("TRAINING_5_images_A_handoff_ready", mouse=Mouse(engagement=5), minutes=30, seed=1)
    session = open_raw(raw)
    trials, licks = session.trials, session.licks["timestamps"]
    assert (licks < trials["start_time"].iloc[0]).sum() > 5
    assert (licks > trials["stop_time"].iloc[-1] + 1).any()
    assert sum(len(times) for times in trials["lick_times"]) < len(licks)


def test_values_are_nested_by_the_keys_of_their_entries() -> None:
    values = {
        pickle.ENCODER_SIGNAL: [1.0],
        pickle.ENCODER_SUPPLY: [2.0],
        pickle.DRAW_LOG: [0],
        "params.task_id": "DoC",
        pickle.SESSION_UUID: "a",
    }
    behavior = {
        "encoders": [{"vsig": [1.0], "vin": [2.0]}],
        "stimuli": {"images": {"draw_log": [0]}},
        "params": {"task_id": "DoC"},
    }
    assert nest(values, "images") == {"items": {"behavior": behavior}, "session_uuid": "a"}


def logged_events(raws: list[dict], kind: str, auto: bool) -> list[dict[str, int]]:
    """Return the names and frames (from the change on) of the events of each trial with a kind of change."""
    trials = [
        {name: frame for name, _, _, frame in trial["events"]}
        for raw in raws
        for trial in raw["items"]["behavior"]["trial_log"]
        if trial["trial_params"]["auto_reward"] == auto
    ]
    return [{name: frame - events[kind] for name, frame in events.items()} for events in trials if kind in events]


def test_responses_are_logged_as_by_the_rig() -> None:
    """Early false alarms are logged with a rejection, free rewards with a miss, and early licks after a change not at all."""
    mouse = Mouse(impulsivity=1.5, engagement=3)
    raws = [simulate("TRAINING_5_images_A_handoff_ready", mouse=mouse, seed=seed, minutes=29) for seed in range(6)]
    catches = logged_events(raws, "sham_change", auto=False)
    early = [events for events in catches if events.get("false_alarm", 99) < 9]
    late = [events for events in catches if events.get("false_alarm", 0) > 10]
    assert early
    assert late
    assert all("rejection" in events for events in early)
    assert not any("rejection" in events for events in late)
    changes = logged_events(raws, "stimulus_changed", auto=False)
    assert all(events.get("hit", 9) >= 9 for events in changes)
    assert all(("hit" in events) != ("miss" in events) for events in changes)
    free = logged_events(raws, "stimulus_changed", auto=True)
    assert all("miss" in events and "hit" not in events for events in free)
