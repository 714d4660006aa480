"""Simulated sessions take the reader of real ones, and their tables say what happened."""

from __future__ import annotations

import datetime
import functools
import operator
import pickle
from dataclasses import replace

import numpy as np
import pytest

from tests import slowraw
from visbehavior import BadValue, BehaviorSession, Mouse, simulate, simulate_mouse
from visbehavior.schema.stimulus_pickle import ENTRIES
from visbehavior.simulation.mouse import LEARNED, draw_drivers, learned, novelty
from visbehavior.simulation.stages import CURRICULUM, parse_stage

STAGES = [name for name, _ in CURRICULUM]


def session_of(raw: dict) -> BehaviorSession:
    return BehaviorSession.from_json({"behavior_stimulus_file": raw})


@pytest.mark.parametrize("session_type", STAGES)
def test_the_tables_say_what_happened(session_type: str) -> None:
    raw = simulate(session_type, minutes=10, seed=3)
    session = session_of(raw)
    behavior = raw["items"]["behavior"]
    trials = session.trials
    assert len(trials) == len(behavior["trial_log"])
    names = [{event[0] for event in trial["events"]} for trial in behavior["trial_log"]]
    assert trials["aborted"].tolist() == ["abort" in one for one in names]
    assert trials["hit"].sum() == sum("hit" in one and "auto_reward" not in one for one in names)
    assert trials["reward_volume"].sum() == pytest.approx(behavior["volume_dispensed"])
    assert session.licks["frame"].tolist() == behavior["lick_sensors"][0]["lick_events"]
    assert session.metadata["session_type"] == session_type
    shown = session.stimulus_presentations
    assert len(shown) == len(raw["simulation"]["flash_frames"]) or not parse_stage(session_type).flashed
    assert shown["is_change"].sum() == trials["is_change"].sum()
    assert shown["omitted"].sum() == len(
        set(functools.reduce(operator.iadd, behavior["omitted_flash_frame_log"].values(), []))
    )
    assert shown["stimulus_block_name"].str.startswith("change_detection_").all()


@pytest.mark.parametrize("session_type", ["OPHYS_4_images_B", "TRAINING_1_gratings", "OPHYS_5_images_B_passive"])
def test_the_slow_reference_reads_the_same(session_type: str) -> None:
    raw = simulate(session_type, minutes=4, seed=5)
    expected = slowraw.trials(raw, 0.02115)
    trials = session_of(raw).trials
    for name in ("start_time", "change_frame", "go", "hit", "false_alarm", "response_latency", "change_image_name"):
        np.testing.assert_array_equal(trials[name].to_numpy(), np.array(expected[name]), err_msg=name)


def test_a_full_session_has_gray_and_a_movie_around_it() -> None:
    session = session_of(simulate("OPHYS_6_images_A", minutes=30, seed=1))
    blocks = session.stimulus_presentations.groupby("stimulus_block")["stimulus_block_name"].first().tolist()
    assert blocks == [
        "initial_gray_screen_5min",
        "change_detection_behavior",
        "post_behavior_gray_screen_5min",
        "natural_movie_one",
    ]
    assert session.trials["start_time"].iloc[0] == pytest.approx(300, abs=1)


def test_the_speed_is_what_the_mouse_ran() -> None:
    """Through the encoder's voltage, which wraps, and back."""
    fast = session_of(simulate("TRAINING_4_images_A_training", mouse=Mouse(running_speed=40), minutes=5, seed=2))
    slow = session_of(simulate("TRAINING_4_images_A_training", mouse=Mouse(running_speed=0), minutes=5, seed=2))
    speed = fast.running_speed["speed"]
    assert speed.quantile(0.9) == pytest.approx(48, abs=12)
    assert speed.min() > -5
    assert slow.running_speed["speed"].abs().max() < 1
    rewards = fast.rewards["timestamps"]
    times = fast.running_speed["timestamps"]
    near = [speed[(times > t + 1) & (times < t + 2)].mean() for t in rewards]
    assert np.mean(near) < 0.5 * speed.mean()


@pytest.mark.parametrize("seed", [25, 35, 108, 140])
def test_a_bout_ends_before_a_free_reward_is_drunk(seed: int) -> None:
    """TRAINING_0 aborts no trial, so that a mouse may be licking when a reward comes."""
    session = session_of(simulate("TRAINING_0_gratings_autorewards_15min", seed=seed))
    assert session.licks["frame"].is_monotonic_increasing


def test_running_does_not_foretell_a_reward() -> None:
    """A mouse that runs on slows down at the first lick of what it drinks, not before."""
    before, after = [], []
    for seed in range(3):
        session = session_of(
            simulate("TRAINING_0_gratings_autorewards_15min", mouse=Mouse(engagement=5), minutes=15, seed=seed)
        )
        times, speed = session.running_speed["timestamps"].to_numpy(), session.running_speed["speed"].to_numpy()
        for reward in session.rewards["timestamps"]:
            before.append(np.interp(reward - 0.1, times, speed) - np.interp(reward - 0.6, times, speed))
            after.append(np.interp(reward + 1.5, times, speed) - np.interp(reward - 0.6, times, speed))
    assert np.mean(after) < -8
    assert abs(np.mean(before)) < 2


def test_another_mouse_date_or_length_is_another_session() -> None:
    common = {"minutes": 1, "seed": 1}
    made = [
        simulate("OPHYS_2_images_A_passive", mouse=Mouse(mouse_id=name), date=date, **common | more)
        for name, date, more in (
            ("1", None, {}),
            ("2", None, {}),
            ("1", datetime.datetime(2025, 1, 1), {}),
            ("1", None, {"minutes": 2}),
        )
    ]
    assert len({raw["session_uuid"] for raw in made}) == 4
    assert len({raw["session_data"]["behavior_session_id"] for raw in made}) == 4


def test_chance_is_the_seed() -> None:
    one, same, other = (simulate("OPHYS_1_images_A", minutes=3, seed=seed) for seed in (1, 1, 2))
    assert pickle.dumps(one) == pickle.dumps(same)
    assert one["session_uuid"] != other["session_uuid"]
    assert (
        simulate("OPHYS_1_images_A", minutes=3)["session_uuid"]
        != simulate("OPHYS_1_images_A", minutes=3)["session_uuid"]
    )


def test_images_come_when_they_are_asked_for() -> None:
    raw = simulate("OPHYS_1_images_B", minutes=1, seed=1, images=True)
    templates = session_of(raw).stimulus_templates
    assert list(templates.index) == list(parse_stage("OPHYS_1_images_B").images)
    assert templates["warped"].iloc[0].shape == (1200, 1920)
    assert len({array.tobytes() for array in templates["warped"]}) == 8
    again = simulate("OPHYS_1_images_B", minutes=1, seed=2, images=True)["image_set"]
    assert all((again[name][name] == raw["image_set"][name][name]).all() for name in again)
    assert "image_set" not in simulate("OPHYS_1_images_B", minutes=1, seed=1)


def test_it_holds_what_a_pickle_is_declared_to_hold() -> None:
    raw = simulate("OPHYS_1_images_A", minutes=30, seed=1)
    for entry in ENTRIES:
        if entry.path in ("stimuli.<name>.phase", "stimuli.<name>.sf", "/image_set"):
            continue
        found = raw if entry.path.startswith("/") else raw["items"]["behavior"]
        for key in entry.path.strip("/").replace("[0]", ".0").replace("<name>", "images").split("."):
            found = found[int(key) if key.isdigit() else key]
        assert found is not None, entry.path


def test_a_mouse_lives_its_days() -> None:
    days = list(simulate_mouse(Mouse(mouse_id="7", age_in_days=80), minutes=2, seed=4))
    assert len(days) == sum(count for _, count in CURRICULUM)
    sessions = [session_of(day) for day in days]
    assert sessions[0].metadata["session_type"] == "TRAINING_0_gratings_autorewards_15min"
    assert {session.metadata["mouse_id"] for session in sessions} == {"7"}
    dates = [session.metadata["date_of_acquisition"] for session in sessions]
    assert dates == sorted(dates)
    assert all(date.weekday() < 5 for date in dates)
    assert sessions[-1].metadata["age_in_days"] == 80 + (dates[-1] - dates[0]).days
    seen: set[str] = set()
    for session in sessions:
        letter = parse_stage(session.metadata["session_type"]).image_set
        novel = session.stimulus_presentations["is_image_novel"].fillna(False)
        assert novel.any() == (letter not in seen or not letter)
        seen.add(letter)


def test_days_teach_and_new_images_cost() -> None:
    fresh = Mouse(seen=("TRAINING_0_gratings_autorewards_15min",))
    trained = replace(fresh, seen=fresh.seen + ("TRAINING_1_gratings",) * 6)
    assert learned(fresh, "TRAINING_1_gratings") < 0 < learned(trained, "TRAINING_1_gratings")
    assert learned(Mouse(), "TRAINING_1_gratings") == 0
    life = [name for name, count in CURRICULUM for _ in range(count)]
    taught = [learned(Mouse(seen=tuple(life[:day])), life[day]) for day in range(1, len(life))]
    images = [bool(parse_stage(name).image_set) for name in life[1:]]
    for shown in (False, True):
        of_kind = [value for value, has in zip(taught, images, strict=True) if has == shown]
        assert (np.diff(of_kind) > 0).all()
    assert max(taught) - min(taught) <= LEARNED
    # What a mouse has learned of images does not begin anew under the microscope.
    assert learned(Mouse(seen=tuple(life[:25])), "OPHYS_1_images_A") > learned(Mouse(seen=tuple(life[:22])), life[22])
    knows = Mouse(seen=("TRAINING_3_images_A_10uL_reward",))
    assert novelty(knows, "OPHYS_4_images_B") > 0
    assert novelty(knows, "OPHYS_3_images_A") == 0
    rng = np.random.default_rng
    assert (
        draw_drivers(knows, "OPHYS_4_images_A", rng(0)).sensitivity
        > draw_drivers(knows, "OPHYS_4_images_B", rng(0)).sensitivity
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
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
        (lambda: Mouse(latency=2), "Mouse.latency is 2; expected a number from 0.15 to 0.7"),
        (lambda: Mouse(engagement=float("nan")), "Mouse.engagement is nan; expected a number"),
        (lambda: Mouse(running_speed=-3), "Mouse.running_speed is -3; expected a number"),
        (lambda: Mouse(seen=("OPHYS_9",)), "no session type 'OPHYS_9'"),
        (lambda: Mouse(mouse_id=445002), "Mouse.mouse_id is 445002; expected text"),
        (
            lambda: simulate_mouse(sessions=["OPHYS_1_images_A"]),
            "Mouse 1 has no first day: its first session is OPHYS_1_images_A",
        ),
        (lambda: simulate_mouse(sessions=["nothing"]), "no session type 'nothing'"),
        (lambda: simulate_mouse(minutes=1000), "minutes is 1000"),
    ],
)
def test_bad_input_is_named_before_anything_is_simulated(wrong, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        wrong()


def test_a_mouse_with_a_past_needs_no_first_day() -> None:
    past = Mouse(seen=("TRAINING_0_gratings_autorewards_15min", "TRAINING_5_images_A_handoff_ready"))
    (day,) = simulate_mouse(
        past, sessions=["OPHYS_1_images_A"], minutes=1, seed=1, first_date=datetime.datetime(2025, 3, 3, 9)
    )
    assert session_of(day).metadata["date_of_acquisition"].date() == datetime.date(2025, 3, 3)
