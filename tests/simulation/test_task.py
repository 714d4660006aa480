"""Tests of `visbehavior.simulation.task`: the rules of the task."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.simulated import SESSION_TYPES, simulated_log
from visbehavior.simulation.sequencer import (
    CHANGE_FLASHES,
    FREE_REWARD_GROUPS,
    FREE_REWARD_MISSES,
    WARM_UP_TRIALS,
)
from visbehavior.simulation.stages import Stage, parse_stage
from visbehavior.simulation.task import (
    FLASH_INTERVAL_FRAMES,
    TIMEOUTS,
    TRIAL_STOPS,
    WINDOW_STARTS,
    WINDOW_STOPS,
    Trial,
    classify_trial,
)

OUTCOMES = ("aborted", "auto_rewarded", "hit", "miss", "false_alarm", "correct_reject")


@settings(deadline=None, max_examples=40)
@given(
    session_type=st.sampled_from(SESSION_TYPES),
    seed=st.integers(0, 10_000),
    impulsivity=st.sampled_from([-2.0, 0.0, 2.0]),
)
def test_every_trial_follows_the_rules(session_type: str, seed: int, impulsivity: float) -> None:
    stage = parse_stage(session_type)
    log = simulated_log(session_type, seed, minutes=8, impulsivity=impulsivity)
    licks = np.array(log.licks)
    assert (np.diff(licks) >= 0).all()
    completed = misses = 0
    frees = stage.group in FREE_REWARD_GROUPS
    for trial, following in zip(log.trials, [*log.trials[1:], None], strict=True):
        assert stage.min_change_flashes <= trial.change_time < stage.min_change_flashes + CHANGE_FLASHES
        assert sum(classify_trial(trial)[name] for name in OUTCOMES) == 1
        warm_up = stage.auto_rewarded or (completed < WARM_UP_TRIALS and not stage.passive)
        assert trial.auto == (warm_up or (misses >= FREE_REWARD_MISSES and frees and not trial.catch))
        early = licks[(licks >= trial.start) & (licks < (trial.change or trial.stop))]
        if trial.aborted is None:
            check_completed(trial, licks, early, stage)
            completed += 1
            if not trial.catch:
                misses = misses + 1 if classify_trial(trial)["miss"] else 0
        else:
            check_aborted(trial, early)
        check_reward(trial, stage)
        assert following is None or following.start > trial.stop


def check_aborted(trial: Trial, early: np.ndarray) -> None:
    assert early[0] == trial.aborted
    assert trial.stop - early[early <= trial.stop][-1] in TIMEOUTS
    assert trial.change is None
    assert trial.reward is None


def check_completed(trial: Trial, licks: np.ndarray, early: np.ndarray, stage: Stage) -> None:
    assert stage.auto_rewarded or not len(early)
    flashes = trial.change_time * FLASH_INTERVAL_FRAMES
    assert flashes <= trial.change - trial.start <= flashes + trial.change_time
    assert trial.stop - trial.change in TRIAL_STOPS
    first, last = trial.window
    assert first - trial.change in WINDOW_STARTS
    assert last - trial.change in WINDOW_STOPS
    responses = licks[(licks >= (trial.change if trial.catch else first)) & (licks <= last)]
    assert trial.auto or trial.response == (responses[0] if len(responses) else None)


def check_reward(trial: Trial, stage: Stage) -> None:
    if trial.reward is not None:
        volume, frame = trial.reward
        assert not trial.catch
        assert frame == (trial.window[0] if trial.auto else trial.response)
        assert volume == (0.005 if trial.auto else stage.reward_volume)


def test_trials_start_with_a_flash_if_images_are_flashed() -> None:
    log = simulated_log("OPHYS_3_images_A")
    onsets = {frame for frame, _ in log.flashes}
    assert {trial.start for trial in log.trials} <= onsets
    assert set(np.diff(sorted(onsets))) == {FLASH_INTERVAL_FRAMES, FLASH_INTERVAL_FRAMES + 1}
    static = simulated_log("TRAINING_1_gratings")
    assert all(b.start == a.stop + 1 for a, b in itertools.pairwise(static.trials))


def test_omissions_are_neither_changes_nor_before_changes() -> None:
    log = simulated_log("OPHYS_4_images_B", minutes=60, impulsivity=-2)
    onsets = [frame for frame, _ in log.flashes]
    omitted = np.isin(onsets, log.omissions)
    changes = np.isin(onsets, [trial.change for trial in log.trials if trial.change is not None])
    assert not (omitted & changes).any()
    assert not (omitted[:-1] & changes[1:]).any()
    others = ~changes & ~np.append(changes[1:], False)
    assert 0.03 < omitted[others].mean() < 0.07
    assert not simulated_log("OPHYS_0_images_A_habituation").omissions


def test_the_image_stays_until_the_next_change() -> None:
    for session_type in ("OPHYS_1_images_A", "TRAINING_2_gratings_flashed"):
        log = simulated_log(session_type, minutes=60)
        selected = [image for _, image in log.selections]
        changed = [trial.images[1] for trial in log.trials if trial.change is not None and not trial.catch]
        assert selected[1:] == changed
        assert all(before.images == after.images for before, after in itertools.pairwise(log.trials) if before.aborted)
