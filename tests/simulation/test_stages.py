"""Session types of both data sets."""

from __future__ import annotations

import pytest

from tests.simulation.simulated import simulated_session
from visbehavior import BadValue, Mouse, simulate_mouse
from visbehavior.simulation.stages import IMAGES, NEUROPIXELS_CURRICULUM, parse_stage


@pytest.mark.parametrize(
    ("session_type", "group", "reward_volume", "has_omissions", "has_movie"),
    [
        ("TRAINING_0_gratings_autorewards_15min_0uL_reward", "TRAINING_0", 0.0, False, False),
        ("TRAINING_2_gratings_flashed_10uL_reward", "TRAINING_2", 0.010, False, False),
        ("TRAINING_4_images_G_training_7uL_reward", "TRAINING_4", 0.007, False, False),
        ("HABITUATION_5_images_G_handoff_ready_3uL_reward", "TRAINING_5", 0.003, False, False),
        ("EPHYS_1_images_H_5uL_reward", "OPHYS_active", 0.005, True, False),
        ("EPHYS_1_images_G", "OPHYS_active", 0.007, True, False),
        ("OPHYS_3_images_A", "OPHYS_active", 0.007, True, True),
        ("TRAINING_3_images_A_10uL_reward", "TRAINING_3", 0.010, False, False),
        ("TRAINING_5_images_A_epilogue", "TRAINING_5", 0.007, False, True),
    ],
)
def test_stages_of_both_data_sets(
    session_type: str, group: str, reward_volume: float, has_omissions: bool, has_movie: bool
) -> None:
    stage = parse_stage(session_type)
    assert (stage.group, stage.reward_volume) == (group, reward_volume)
    assert (stage.has_omissions, stage.has_movie) == (has_omissions, has_movie)
    assert not stage.passive


@pytest.mark.parametrize(
    "session_type",
    ["EPHYS_2_images_G", "EPHYS_1_gratings", "HABITUATION_4_images_G", "HABITUATION_5_gratings", "REPLAY_1_images_G"],
)
def test_other_session_types_do_not_exist(session_type: str) -> None:
    with pytest.raises(BadValue, match="There is no session type"):
        parse_stage(session_type)


def test_recording_days_are_simulated() -> None:
    session = simulated_session("EPHYS_1_images_G_5uL_reward", minutes=3, seed=2)
    shown = set(session.stimulus_presentations["image_name"]) - {"omitted"}
    assert shown <= set(IMAGES["G"])
    assert all(name.endswith("_r") for name in shown)
    assert session.task_parameters["reward_volume"] == 0.005
    assert session.task_parameters["image_set"] == "images_G"
    assert set(session.stimulus_presentations["stimulus_block"]) == {0}


def test_a_mouse_can_pass_all_stages_of_the_recordings() -> None:
    types = [name for name, _ in NEUROPIXELS_CURRICULUM]
    raws = list(simulate_mouse(Mouse(), sessions=types, minutes=1, seed=1))
    assert len(raws) == len(types)
