"""The change detection task: trials, flashes and rewards, in stimulus frames.

Rules of the task:

- `visbehavior.simulation.sequencer` plans the images and the time of the change. A catch trial has a sham change.
- A lick before the change aborts the trial. After a timeout, which further licks prolong, the same trial is repeated.
- The first lick in the response window after a change is a hit, and is rewarded. Earlier licks after the change have no effect.
- The first lick after a sham change and up to the end of the response window is a false alarm, even before the window.
- The first completed trials have a free reward. The rig logs them as misses even if the mouse responds.
- A trial ends 3.5 s after the response window. The next trial starts at the next flash.
- The task ends after the set time or after `VOLUME_LIMIT`.

Source: the parameters and event logs in camstim pickles, and the technical white paper "Visual Behavior" of the Allen Institute.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation.licking import LickingModel
from visbehavior.simulation.sampling import sample_value
from visbehavior.simulation.sequencer import TrialPlanner
from visbehavior.simulation.stages import Stage

FLASH_FRAMES, FLASH_INTERVAL_FRAMES = 15, 45
"""Duration of a flash, and time from one flash to the next (frames)."""
LATE_FLASH_PROBABILITY = 0.13
"""Probability that a flash is one frame late."""

OMISSION_PROBABILITY = 0.05
"""Probability that an image is omitted; never a change or the flash before it."""

WINDOW_STARTS = {9: 0.39, 10: 0.61}
WINDOW_STOPS = {45: 0.07, 46: 0.64, 47: 0.29}
"""First and last frame of the response window after the change (0.15 to 0.75 s), with their probabilities."""
TRIAL_STOPS = {256: 0.38, 257: 0.52, 258: 0.10}
"""Time from a change to the end of its trial (frames): the response window and 3.5 s; with probabilities."""
TIMEOUTS = {18: 0.13, 19: 0.87}
"""Time from the last early lick to the end of an aborted trial (frames): 0.3 s; with probabilities."""
AUTO_REWARD_VOLUME = 0.005
"""Volume of a free reward (mL)."""
VOLUME_LIMIT = 5.0
"""Total reward volume at which the task ends (mL)."""


@dataclass
class Trial:
    """A trial; times are frames from the start of the task.

    Parameters
    ----------
    start, stop : int
        First and last frame.
    change_time : int
        Planned number of flashes from the start to the change.
    catch, auto : bool
        Whether it is a catch trial, and whether it has a free reward.
    images : tuple of int
        Images before and after the change.
    aborted : int or None
        Frame of the early lick that aborted the trial.
    change : int or None
        Frame of the change or sham change.
    window : tuple of int
        First and last frame of the response window.
    response : int or None
        Frame of the lick that counts as the response.
    reward : tuple or None
        Volume (mL) and frame of the reward.
    """

    start: int
    change_time: int
    catch: bool
    auto: bool
    images: tuple[int, int]
    stop: int = 0
    aborted: int | None = None
    change: int | None = None
    window: tuple[int, int] = (0, 0)
    response: int | None = None
    reward: tuple[float, int] | None = None


@dataclass
class SessionLog:
    """Events of a session; times are frames from the start of the task.

    Parameters
    ----------
    trials : list of Trial
        Trials, in order.
    flashes : list of tuple of int
        First frame and image of each flash, including omitted ones.
    omissions : list of int
        First frames of the omitted flashes.
    selections : list of tuple of int
        Frame and image of each selection: the first image, and each change.
    engaged : list of bool
        Whether the mouse was engaged at each flash.
    log_odds : list of float
        Log-odds of a lick bout at each flash; NaN where none can start.
    weights : list of tuple of float
        Bias, timing and sensitivity at each flash.
    licks : list of int
        Frames of the licks.
    consumptions : list of int
        Frames in which the mouse started to drink a reward.
    n_frames : int
        Number of frames.
    """

    trials: list[Trial] = field(default_factory=list)
    flashes: list[tuple[int, int]] = field(default_factory=list)
    omissions: list[int] = field(default_factory=list)
    selections: list[tuple[int, int]] = field(default_factory=list)
    engaged: list[bool] = field(default_factory=list)
    log_odds: list[float] = field(default_factory=list)
    weights: list[tuple[float, float, float]] = field(default_factory=list)
    licks: list[int] = field(default_factory=list)
    consumptions: list[int] = field(default_factory=list)
    n_frames: int = 0


def run_task(stage: Stage, licking: LickingModel, minutes: float, rng: np.random.Generator) -> SessionLog:
    """Simulate the task for some minutes; the last trial is completed.

    Parameters
    ----------
    stage : Stage
        Stage of the session.
    licking : LickingModel
        Licking model of the mouse.
    minutes : float
        Duration (min).
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    SessionLog
        Events of the session. A lick bout may continue after the last trial; these licks are left out.
    """
    log = _Task(stage, licking, rng).run(round(minutes * 60 * FRAME_RATE))
    log.log_odds, log.weights = licking.log_odds, licking.weights
    log.licks = [frame for frame in licking.licks if frame < log.n_frames]
    log.consumptions = [frame for frame in licking.consumptions if frame < log.n_frames]
    return log


class _Task:
    def __init__(self, stage: Stage, licking: LickingModel, rng: np.random.Generator) -> None:
        self._stage, self._licking, self._rng = stage, licking, rng
        self._planner = TrialPlanner(stage, rng)
        self._log = SessionLog()
        self._volume = 0.0
        self._image = 0

    def run(self, n_frames: int) -> SessionLog:
        onset = 0
        self._log.selections.append((0, self._image))
        while onset < n_frames and self._volume < VOLUME_LIMIT:
            onset = self._run_trial(onset)
        self._log.n_frames = onset
        return self._log

    def _run_trial(self, onset: int) -> int:
        """Run the trial that starts with the flash at `onset`; return the onset of the next trial."""
        trial = Trial(onset, *self._planner.plan())
        self._log.trials.append(trial)
        for remaining in range(trial.change_time, 0, -1):
            first_lick = self._show_flash(onset, may_be_omitted=remaining > 1)
            if first_lick is not None:
                self._licking.add_bout(first_lick)
            # A bout that started before the trial also aborts it.
            licks = self._licking.licks_since(onset)
            onset = self._next_onset(onset)
            if licks and licks[0] < onset and not self._stage.auto_rewarded:
                return self._abort(trial, licks[0], onset)
        return self._complete(trial, onset)

    def _show_flash(self, onset: int, may_be_omitted: bool = True, change: tuple[int, int] | None = None) -> int | None:
        """Show or omit the image; return the first lick of a bout that starts at the flash, or None."""
        self._log.flashes.append((onset, self._image))
        may_be_omitted &= self._stage.has_omissions and len(self._log.flashes) > 1
        omitted = may_be_omitted and self._rng.random() < OMISSION_PROBABILITY
        if omitted:
            self._log.omissions.append(onset)
        lick = self._licking.sample_bout_start(onset, change, self._volume, omitted=omitted)
        self._log.engaged.append(self._licking.engaged)
        return lick

    def _next_onset(self, onset: int) -> int:
        late = self._stage.flashed and self._rng.random() < LATE_FLASH_PROBABILITY
        return onset + FLASH_INTERVAL_FRAMES + (1 if late else 0)

    def _abort(self, trial: Trial, lick: int, onset: int) -> int:
        """Abort a trial and wait for the timeout; return the onset of the next trial."""
        trial.aborted = last = lick
        timeout = sample_value(TIMEOUTS, self._rng)
        while True:
            for later in self._licking.licks_since(last + 1):
                if later > last + timeout:
                    break
                last = later
            trial.stop = last + timeout
            if onset > trial.stop:
                break
            self._show_idle_flash(onset)
            onset = self._next_onset(onset)
        self._planner.record_abort()
        return onset if self._stage.flashed else trial.stop + 1

    def _complete(self, trial: Trial, onset: int) -> int:
        """Run a trial from its change or sham change to its end; return the onset of the next trial."""
        trial.change = onset
        trial.window = onset + sample_value(WINDOW_STARTS, self._rng), onset + sample_value(WINDOW_STOPS, self._rng)
        change = None if trial.catch else trial.images
        if change:
            self._image = change[1]
            self._log.selections.append((onset, self._image))
        lick = self._show_flash(onset, may_be_omitted=False, change=change)
        if lick is not None:
            self._licking.add_bout(lick)
        trial.response = self._find_response(trial)
        following = self._next_onset(onset)
        if trial.response is None and following <= trial.window[1]:
            # The response window ends shortly after the next flash has started.
            self._show_idle_flash(following)
            trial.response = self._find_response(trial)
            following = self._next_onset(following)
        self._deliver_reward(trial)
        trial.stop = onset + sample_value(TRIAL_STOPS, self._rng)
        self._planner.record_completion(missed=classify_trial(trial)["miss"])
        return self._run_to_end(trial, following)

    def _find_response(self, trial: Trial) -> int | None:
        """Return the frame of the first lick after a sham change, or of the first lick in the response window."""
        first, last = trial.window
        licks = self._licking.licks_since(trial.change or 0 if trial.catch else first)
        return licks[0] if licks and licks[0] <= last else None

    def _deliver_reward(self, trial: Trial) -> None:
        """Deliver the reward of a completed trial, if any, which the mouse may drink."""
        if trial.auto:
            trial.reward = AUTO_REWARD_VOLUME, trial.window[0]
        elif trial.response is not None and not trial.catch:
            trial.reward = self._stage.reward_volume, trial.response
        if trial.reward is None:
            return
        self._volume += trial.reward[0]
        if trial.response is None:
            self._licking.find_free_reward(trial.reward[1])
        else:
            self._licking.drink(trial.response)

    def _run_to_end(self, trial: Trial, onset: int) -> int:
        """Show flashes until a trial has ended; return the onset of the next trial."""
        while onset <= trial.stop:
            self._show_idle_flash(onset)
            onset = self._next_onset(onset)
        # Without flashes the next trial starts immediately.
        return onset if self._stage.flashed else trial.stop + 1

    def _show_idle_flash(self, onset: int) -> None:
        """Show a flash between trials."""
        lick = self._show_flash(onset)
        if lick is not None:
            self._licking.add_bout(lick)


def classify_trial(trial: Trial) -> dict[str, bool]:
    """Return the outcome of a trial, with the column names of the trials table."""
    aborted = trial.aborted is not None
    scored = not aborted and not trial.auto
    go, catch = scored and not trial.catch, scored and trial.catch
    responded = trial.response is not None
    return {
        "aborted": aborted,
        "auto_rewarded": trial.auto and not aborted,
        "go": go,
        "catch": catch,
        "hit": go and responded,
        "miss": go and not responded,
        "false_alarm": catch and responded,
        "correct_reject": catch and not responded,
    }
