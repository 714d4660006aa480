"""The task's rules, played flash by flash by a mouse; what happened, in frames.

Source of the rules: the parameters and event logs that a camstim pickle holds, and the technical white paper "Visual Behavior" of the
Allen Institute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation.licking import Licker
from visbehavior.simulation.stages import ORIENTATIONS, Stage

FLASH, CYCLE = 15, 45
"""Frames that an image is shown, and from one to the next."""
LATE = 0.13
"""Probability that the next image is a frame late."""

FLASHES_MAX = 8
"""A change comes at one of as many flashes, from the first at which it may come."""
CATCH_OF = 8
"""One trial in so many is a catch trial (12.5 %)."""
REPEATS = 5
"""A trial that was aborted is tried again at most as often."""
WARM_UP = 5
"""The first trials are rewarded for nothing."""
OMITTED = 0.05
"""Probability that an image is left out; never a change, nor the one before it."""

WINDOW = (10, 46)
"""Frames after a change in which a lick is a response (0.15 s, the grace period, to 0.75 s)."""
AUTO_REWARD = 10
"""Frames from a change to its free reward."""
CONSUMPTION = 257
"""Frames from a change to the end of its trial (response window, 3.5 s, a frame each)."""
TIMEOUT = 19
"""Frames from the last early lick to the end of an aborted trial (0.3 s, and a frame)."""
AUTO_REWARD_VOLUME = 0.005
"""mL."""
VOLUME_LIMIT = 5.0
"""mL: the session ends."""


@dataclass
class Trial:
    """A trial, in frames.

    Parameters
    ----------
    start, stop : int
        Its first frame, and that in which it ended.
    change_time : int
        Flashes from its start to its change, as planned.
    catch, auto : bool
        What it is.
    aborted : int or None
        The frame of the lick that ended it.
    change : int or None
        The frame of the change, or of the sham change.
    images : tuple of int
        Before and after.
    response : int or None
        The frame of the first lick within the response window.
    reward : tuple or None
        Volume (mL) and frame.
    """

    start: int
    change_time: int
    catch: bool
    auto: bool
    images: tuple[int, int]
    stop: int = 0
    aborted: int | None = None
    change: int | None = None
    response: int | None = None
    reward: tuple[float, int] | None = None


@dataclass
class Played:
    """What happened in a session, in frames from its first.

    Parameters
    ----------
    trials : list of Trial
        In order.
    flashes : list of tuple of int
        First frame, and image, of each that was shown or left out.
    omitted : list of int
        First frames of those that were left out.
    licks : list of int
        Frames.
    drinks : list of int
        Frames in which a reward began to be drunk.
    chosen : list of tuple of int
        Frame and image of each choice: the first one, and the changes.
    engaged : list of bool
        At each flash.
    end : int
        The frame after the last.
    """

    trials: list[Trial] = field(default_factory=list)
    flashes: list[tuple[int, int]] = field(default_factory=list)
    omitted: list[int] = field(default_factory=list)
    licks: list[int] = field(default_factory=list)
    drinks: list[int] = field(default_factory=list)
    chosen: list[tuple[int, int]] = field(default_factory=list)
    engaged: list[bool] = field(default_factory=list)
    end: int = 0


class Planner:
    """Draws what a trial is to be, and tries again what was aborted."""

    def __init__(self, stage: Stage, rng: np.random.Generator) -> None:
        self._stage, self._rng = stage, rng
        self._completed, self._again = 0, 0
        self._catches: list[bool] = []
        self._plan = 0, False, 0

    def next(self, image: int) -> tuple[int, bool, int]:
        """Flashes to the change, whether it is a sham one, and the image that comes."""
        if self._again == 0:
            self._plan = self._draw(image)
        return self._plan

    def was_aborted(self) -> None:
        """The same again, but not for ever."""
        self._again = (self._again + 1) % (REPEATS + 1)

    def was_completed(self) -> None:
        """Something else."""
        self._completed += 1
        self._again = 0

    @property
    def is_auto(self) -> bool:
        """Whether the next change is rewarded for nothing."""
        warm_up = self._completed < WARM_UP and not self._stage.passive
        return self._stage.auto_rewarded or warm_up

    def _draw(self, image: int) -> tuple[int, bool, int]:
        weights = self._stage.go_on ** np.arange(FLASHES_MAX)
        flashes = self._stage.fewest_flashes + int(self._rng.choice(FLASHES_MAX, p=weights / weights.sum()))
        catch = False if self.is_auto else self._next_catch()
        return flashes, catch, int(self._rng.choice(others(self._stage, image)))

    def _next_catch(self) -> bool:
        if not self._catches:
            block = np.arange(CATCH_OF) == 0
            self._catches = self._rng.permutation(block).tolist()
        return self._catches.pop()


def others(stage: Stage, image: int) -> NDArray[np.intp]:
    """What an image may change to; of gratings, those of the other group."""
    if stage.images:
        return np.delete(np.arange(len(stage.images)), image)
    sizes = [len(degrees) for degrees in ORIENTATIONS.values()]
    group = np.repeat(np.arange(len(sizes)), sizes)
    return np.flatnonzero(group != group[image])


def play(stage: Stage, licker: Licker, frames: int, rng: np.random.Generator) -> Played:
    """Play the task for so many frames; the last trial is played to its end."""
    return _Game(stage, licker, rng).play(frames)


class _Game:
    def __init__(self, stage: Stage, licker: Licker, rng: np.random.Generator) -> None:
        self._stage, self._licker, self._rng = stage, licker, rng
        self._planner = Planner(stage, rng)
        self._played = Played()
        self._volume = 0.0
        self._image = 0

    def play(self, frames: int) -> Played:
        onset = 0
        self._played.chosen.append((0, self._image))
        while onset < frames and self._volume < VOLUME_LIMIT:
            onset = self._play_trial(onset)
        self._played.end = onset
        return self._played

    def _play_trial(self, onset: int) -> int:
        """Play a trial that begins with the flash of this frame; the frame with which the next one begins."""
        flashes, catch, image = self._planner.next(self._image)
        auto = self._planner.is_auto
        trial = Trial(onset, flashes, catch, auto, (self._image, image))
        self._played.trials.append(trial)
        for ahead in range(flashes, 0, -1):
            early = self._flash(onset, may_be_omitted=ahead > 1)
            if early is not None:
                self._licker.bout(early, rewarded=False)
            # A bout that began before the trial ends it just as well.
            licks = self._licker.licks_from(onset)
            onset = self._next_onset(onset)
            if licks and licks[0] < onset and not self._stage.auto_rewarded:
                return self._abort(trial, licks[0], onset)
        return self._change(trial, onset)

    def _flash(self, onset: int, may_be_omitted: bool = True, change: tuple[int, int] | None = None) -> int | None:
        """Show or leave out an image; the frame of the lick with which a bout began, if one did."""
        self._played.flashes.append((onset, self._image))
        may_be_omitted &= self._stage.omits and len(self._played.flashes) > 1
        if may_be_omitted and self._rng.random() < OMITTED:
            self._played.omitted.append(onset)
        self._played.engaged.append(self._licker.engaged)
        return self._licker.at_flash(onset, change, self._volume)

    def _next_onset(self, onset: int) -> int:
        return onset + CYCLE + (1 if self._stage.flashed and self._rng.random() < LATE else 0)

    def _abort(self, trial: Trial, lick: int, onset: int) -> int:
        """Every further lick prolongs the timeout; the next trial waits for a flash."""
        trial.aborted = last = lick
        while True:
            for later in self._licker.licks_from(last + 1):
                if later > last + TIMEOUT:
                    break
                last = later
            trial.stop = last + TIMEOUT
            if onset > trial.stop:
                break
            self._idle(onset)
            onset = self._next_onset(onset)
        self._planner.was_aborted()
        return onset if self._stage.flashed else trial.stop + 1

    def _change(self, trial: Trial, onset: int) -> int:
        trial.change = onset
        before, after = trial.images
        changed = None if trial.catch else (before, after)
        if changed:
            self._image = after
            self._played.chosen.append((onset, after))
        lick = self._flash(onset, may_be_omitted=False, change=changed)
        if lick is not None and onset + WINDOW[0] <= lick <= onset + WINDOW[1]:
            trial.response = lick
        self._reward(trial, lick)
        trial.stop = onset + CONSUMPTION
        self._planner.was_completed()
        return self._until(trial.stop, self._next_onset(onset))

    def _reward(self, trial: Trial, lick: int | None) -> None:
        """What is given for a change, and how it is drunk."""
        assert trial.change is not None
        if trial.auto:
            trial.reward = AUTO_REWARD_VOLUME, trial.change + AUTO_REWARD
        elif trial.response is not None and not trial.catch:
            trial.reward = self._stage.reward_volume, trial.response
        if trial.reward is not None:
            self._volume += trial.reward[0]
        if lick is not None:
            self._licker.bout(lick, rewarded=trial.reward is not None)
        elif trial.reward is not None:
            self._licker.find_free_reward(trial.reward[1])

    def _until(self, stop: int, onset: int) -> int:
        """Let flashes go by until a trial has ended; the frame with which the next one begins."""
        while onset <= stop:
            self._idle(onset)
            onset = self._next_onset(onset)
        # Images that stay have no rhythm: the next trial begins at once.
        return onset if self._stage.flashed else stop + 1

    def _idle(self, onset: int) -> None:
        lick = self._flash(onset)
        if lick is not None:
            self._licker.bout(lick, rewarded=False)


def frames_of(minutes: float) -> int:
    """Frames of so many minutes."""
    return round(minutes * 60 * FRAME_RATE)


def outcome(trial: Trial) -> dict[str, Any]:
    """What came of a trial, by the names of the trials table."""
    aborted = trial.aborted is not None
    go, catch = (not aborted and not trial.auto and is_it for is_it in (not trial.catch, trial.catch))
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
