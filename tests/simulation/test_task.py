"""The rules of the task, as they were played."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import simulation_page as page
from visbehavior import Mouse
from visbehavior.simulation.licking import Licker
from visbehavior.simulation.mouse import draw_drivers
from visbehavior.simulation.stages import CURRICULUM, parse_stage
from visbehavior.simulation.task import (
    AUTO_REWARD,
    CATCH_OF,
    CONSUMPTION,
    CYCLE,
    FLASHES_MAX,
    REPEATS,
    TIMEOUT,
    WARM_UP,
    WINDOW,
    Played,
    frames_of,
    outcome,
    play,
)

STAGES = [name for name, _ in CURRICULUM]


def played(session_type: str, seed: int = 0, minutes: float = 20, **traits: float) -> Played:
    rng = np.random.default_rng(seed)
    stage = parse_stage(session_type)
    licker = Licker(draw_drivers(Mouse(**traits), session_type, rng), rng, present=not stage.passive)
    found = play(stage, licker, frames_of(minutes), rng)
    found.licks = licker.licks
    return found


@settings(deadline=None, max_examples=40)
@given(session_type=st.sampled_from(STAGES), seed=st.integers(0, 10_000), eager=st.sampled_from([-2.0, 0.0, 2.0]))
def test_every_trial_follows_the_rules(session_type: str, seed: int, eager: float) -> None:
    stage = parse_stage(session_type)
    found = played(session_type, seed, minutes=8, impulsivity=eager)
    licks = np.array(found.licks)
    assert (np.diff(licks) >= 0).all()
    completed = 0
    for trial, after in zip(found.trials, [*found.trials[1:], None], strict=True):
        assert stage.fewest_flashes <= trial.change_time < stage.fewest_flashes + FLASHES_MAX
        assert (
            sum(outcome(trial)[k] for k in ("aborted", "auto_rewarded", "hit", "miss", "false_alarm", "correct_reject"))
            == 1
        )
        assert trial.auto == (stage.auto_rewarded or (completed < WARM_UP and not stage.passive))
        before = licks[(licks >= trial.start) & (licks < (trial.change or trial.stop))]
        if trial.aborted is not None:
            assert before[0] == trial.aborted
            assert trial.stop == [x for x in before if x <= trial.stop][-1] + TIMEOUT
            assert trial.change is None
            assert trial.reward is None
        else:
            assert stage.auto_rewarded or not len(before)
            flashes = trial.change_time * CYCLE
            assert flashes <= trial.change - trial.start <= flashes + trial.change_time
            assert trial.stop == trial.change + CONSUMPTION
            inside = licks[(licks >= trial.change + WINDOW[0]) & (licks <= trial.change + WINDOW[1])]
            assert trial.response is None or trial.response == inside[0]
            completed += 1
        if trial.reward is not None:
            volume, frame = trial.reward
            assert not trial.catch
            assert frame == (trial.change + AUTO_REWARD if trial.auto else trial.response)
            assert volume == (0.005 if trial.auto else stage.reward_volume)
        assert after is None or after.start > trial.stop


def test_trials_begin_with_a_image_where_images_flash() -> None:
    found = played("OPHYS_3_images_A")
    onsets = {frame for frame, _ in found.flashes}
    assert {trial.start for trial in found.trials} <= onsets
    assert set(np.diff(sorted(onsets))) == {CYCLE, CYCLE + 1}
    still = played("TRAINING_1_gratings")
    assert all(b.start == a.stop + 1 for a, b in zip(still.trials, still.trials[1:], strict=False))


def test_an_aborted_trial_is_tried_again_but_not_for_ever() -> None:
    trials = played("TRAINING_5_images_A_handoff_ready", minutes=60, impulsivity=3).trials
    plans = [(trial.change_time, trial.catch, trial.images, trial.aborted is not None) for trial in trials]
    tries = 1
    longest = 1
    for one, following in itertools.pairwise(plans):
        if one[3] and tries <= REPEATS:
            assert following[:3] == one[:3]
            tries += 1
        else:
            tries = 1
        longest = max(longest, tries)
    assert longest == REPEATS + 1


def test_one_trial_in_eight_is_a_catch_trial_when_none_is_aborted() -> None:
    trials = played("OPHYS_5_images_B_passive", minutes=60).trials
    catches = np.array([trial.catch for trial in trials])
    whole = catches[: len(catches) // CATCH_OF * CATCH_OF].reshape(-1, CATCH_OF)
    assert (whole.sum(axis=1) == 1).all()
    assert len({tuple(row) for row in whole.tolist()}) > 3


def test_change_times_are_geometric_and_truncated() -> None:
    drawn = np.concatenate(
        [[t.change_time for t in played("OPHYS_5_images_B_passive", seed, minutes=60).trials] for seed in range(5)]
    )
    share = np.bincount(drawn, minlength=12)[4:12] / len(drawn)
    expected = 0.7 ** np.arange(8)
    np.testing.assert_allclose(share, expected / expected.sum(), atol=0.03)


def test_omissions_are_no_changes_nor_just_before_one() -> None:
    found = played("OPHYS_4_images_B", minutes=60, impulsivity=-2)
    onsets = [frame for frame, _ in found.flashes]
    omitted = np.isin(onsets, found.omitted)
    changes = np.isin(onsets, [trial.change for trial in found.trials if trial.change is not None])
    assert not (omitted & changes).any()
    assert not (omitted[:-1] & changes[1:]).any()
    free = ~changes & ~np.append(changes[1:], False)
    assert 0.03 < omitted[free].mean() < 0.07
    assert not played("OPHYS_0_images_A_habituation").omitted


def test_images_change_to_others_and_gratings_to_the_other_orientation() -> None:
    for session_type, groups in (
        ("OPHYS_1_images_A", np.arange(8)),
        ("TRAINING_2_gratings_flashed", np.array([0, 0, 1, 1])),
    ):
        found = played(session_type, minutes=60)
        pairs = [trial.images for trial in found.trials]
        assert all(groups[a] != groups[b] for a, b in pairs)
        assert {b for _, b in pairs} == set(range(len(groups)))
        shown = [image for _, image in found.chosen]
        changed = [t.images[1] for t in found.trials if t.change is not None and not t.catch]
        assert shown[1:] == changed


def test_what_drives_a_mouse_is_what_it_does() -> None:
    def share(kind: str, of: str, **traits: float) -> float:
        outcomes = [outcome(t) for seed in range(4) for t in played("OPHYS_3_images_A", seed, 40, **traits).trials]
        return sum(one[kind] for one in outcomes) / max(sum(one[of] for one in outcomes), 1)

    assert share("hit", "go", sensitivity=2.5, engagement=3) > share("hit", "go", sensitivity=-1.5, engagement=3) + 0.2
    assert share("false_alarm", "catch", impulsivity=3, engagement=3) > share(
        "false_alarm", "catch", impulsivity=-2, engagement=3
    )
    assert share("hit", "go", engagement=4) > share("hit", "go", engagement=-2) + 0.2
    assert not played("OPHYS_2_images_A_passive", impulsivity=9).licks


def test_a_mouse_that_has_drunk_takes_part_less() -> None:
    early, late = [], []
    for seed in range(25):
        engaged = played("TRAINING_3_images_A_10uL_reward", seed, 60, sensitivity=2).engaged
        third = len(engaged) // 3
        early.append(np.mean(engaged[:third]))
        late.append(np.mean(engaged[-third:]))
    assert np.mean(late) < np.mean(early) - 0.05


@pytest.mark.calibration
@pytest.mark.parametrize("group", page.TYPES)
def test_sessions_are_as_the_published_ones_are(group: str) -> None:
    """Medians within the published quartiles, distances between quartiles within a factor of 1.5."""
    published = page.json.loads(page.OUTCOMES.read_text())[group]
    simulated = page.simulated_outcomes(group, sessions=60)
    for name, (low, _, high) in published.items():
        first, median, last = simulated[name]
        assert low <= median <= high, name
        assert (high - low) / 1.5 <= last - first <= (high - low) * 1.5, name


@pytest.mark.calibration
def test_a_session_is_as_the_published_raw_file_is() -> None:
    published = page.json.loads(page.SESSION.read_text())
    simulated = page.simulated_session(sessions=4)
    for name, (low, _, high) in published.items():
        assert low <= simulated[name][1] <= high, name
