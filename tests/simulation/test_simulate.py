"""Tests of `visbehavior.simulation.simulate`: seeds, the sessions of a mouse and invalid arguments."""

from __future__ import annotations

import datetime
import itertools
import pickle

import numpy as np
import pytest

from tests.simulation.simulated import open_raw
from visbehavior import BadValue, Mouse, simulate, simulate_mouse
from visbehavior.simulation.stages import parse_stage


def test_other_mice_dates_and_durations_have_other_ids() -> None:
    raws = [
        simulate("OPHYS_2_images_A_passive", mouse=Mouse(mouse_id=mouse_id), date=date, minutes=minutes, seed=1)
        for mouse_id, date, minutes in (
            ("1", None, 1),
            ("2", None, 1),
            ("1", datetime.datetime(2025, 1, 1), 1),
            ("1", None, 2),
        )
    ]
    assert len({raw["session_uuid"] for raw in raws}) == 4
    assert len({raw["session_data"]["behavior_session_id"] for raw in raws}) == 4


def test_equal_seeds_give_equal_sessions() -> None:
    first, same, other = (simulate("OPHYS_1_images_A", minutes=3, seed=seed) for seed in (1, 1, 2))
    assert pickle.dumps(first) == pickle.dumps(same)
    assert first["session_uuid"] != other["session_uuid"]
    random = [simulate("OPHYS_1_images_A", minutes=3)["session_uuid"] for _ in range(2)]
    assert random[0] != random[1]


def test_the_true_running_speed_is_that_of_the_encoder() -> None:
    raw = simulate("TRAINING_1_gratings", mouse=Mouse(running_speed=30), minutes=5, seed=1)
    planted = raw["simulation"]["running_speed"]
    measured = open_raw(raw).running_speed["speed"].to_numpy()
    assert len(planted) == len(measured)
    assert np.corrcoef(planted, measured)[0, 1] > 0.98
    assert abs(planted.mean() - measured.mean()) < 1


def test_drifting_weights_are_found_again_by_a_fit() -> None:
    mouse = Mouse(engagement=4, impulsivity=1.5, weight_drift=2.5)
    raw = simulate("OPHYS_3_images_A", mouse=mouse, minutes=60, seed=1)
    session = open_raw(raw)
    fitted = session.fit_strategy().weights
    rows = fitted.index.to_numpy() - session.get_flash_table().index[0]
    planted = raw["simulation"]["weights"]
    for regressor, name in {"bias": "bias", "task0": "sensitivity"}.items():
        assert np.corrcoef(fitted[regressor], planted[name][rows])[0, 1] > 0.6, name


def test_sessions_of_a_mouse_follow_the_curriculum() -> None:
    raws = list(simulate_mouse(Mouse(mouse_id="7", age_in_days=80), minutes=1, seed=4))
    assert 21 <= len(raws) <= 120
    sessions = [open_raw(raw) for raw in raws]
    assert sessions[0].metadata["session_type"] == "TRAINING_0_gratings_autorewards_15min"
    assert {session.metadata["mouse_id"] for session in sessions} == {"7"}
    dates = [session.metadata["date_of_acquisition"] for session in sessions]
    assert dates == sorted(dates)
    assert all(date.weekday() < 5 for date in dates)
    assert sessions[-1].metadata["age_in_days"] == 80 + (dates[-1] - dates[0]).days
    types = [session.metadata["session_type"] for session in sessions]
    stages = [parse_stage(name).group for name in types]
    assert [stage for stage, _ in itertools.groupby(stages) if stage.startswith("TRAINING")] == [
        f"TRAINING_{number}" for number in range(6)
    ]
    assert {name[:7] for name in types} >= {f"OPHYS_{number}" for number in range(7)}
    seen: set[str] = set()
    for session in sessions:
        image_set = parse_stage(session.metadata["session_type"]).image_set
        novel = session.stimulus_presentations["is_image_novel"].fillna(False)
        assert novel.any() == (image_set not in seen or not image_set)
        seen.add(image_set)


def test_the_slow_state_connects_the_sessions_of_a_mouse() -> None:
    raws = list(simulate_mouse(sessions=["TRAINING_0_gratings_autorewards_15min"] * 12, minutes=1, seed=2))
    drift = np.array([raw["simulation"]["mouse"]["drift"] for raw in raws])
    assert np.abs(np.diff(drift, axis=0)).max() < 1.5
    assert len({raw["simulation"]["mouse"]["sensitivity"] for raw in raws}) == 1
    again = list(simulate_mouse(sessions=["TRAINING_0_gratings_autorewards_15min"] * 12, minutes=1, seed=2))
    assert pickle.dumps(raws) == pickle.dumps(again)


def test_a_mouse_with_earlier_sessions_may_start_at_any_stage() -> None:
    mouse = Mouse(seen=("TRAINING_0_gratings_autorewards_15min", "TRAINING_5_images_A_handoff_ready"))
    first_date = datetime.datetime(2025, 3, 3, 9)
    (raw,) = simulate_mouse(mouse, sessions=["OPHYS_1_images_A"], minutes=1, seed=1, first_date=first_date)
    assert open_raw(raw).metadata["date_of_acquisition"].date() == datetime.date(2025, 3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate("OPHYS_7_images_A"), "no session type 'OPHYS_7_images_A'"),
        (lambda: simulate("TRAINING_1_images_A"), "no session type"),
        (lambda: simulate("OPHYS_2_images_A"), "no session type"),
        (lambda: simulate(5), "no session type 5"),
        (lambda: simulate("OPHYS_1_images_A", minutes=0), "minutes is 0; expected a number from 1 to 60"),
        (lambda: simulate("OPHYS_1_images_A", minutes=float("nan")), "minutes is nan"),
        (lambda: simulate("OPHYS_1_images_A", minutes="60"), "minutes is '60'"),
        (lambda: simulate("OPHYS_1_images_A", seed=-1), "seed is -1"),
        (lambda: simulate("OPHYS_1_images_A", seed=1.5), "seed is 1.5"),
        (lambda: simulate("OPHYS_1_images_A", mouse="445002"), "mouse is '445002'; expected a visbehavior.Mouse"),
        (
            lambda: simulate_mouse(sessions=["OPHYS_1_images_A"]),
            "Mouse 1 has no earlier sessions, and its first session is OPHYS_1_images_A",
        ),
        (lambda: simulate_mouse(sessions=["nothing"]), "no session type 'nothing'"),
        (lambda: simulate_mouse(minutes=1000), "minutes is 1000"),
    ],
)
def test_invalid_arguments_are_reported_before_the_simulation(call, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        call()
