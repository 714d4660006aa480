"""The order of image changes and of catch trials, and the change times of trials.

- Images: a deck has every ordered pair of the images once. The pairs of an image with itself are the catch trials. The deck is
  shuffled so that each pair starts with the image that the pair before ended with, and is used up before a new one is shuffled.
- Gratings: each trial is a catch trial with `CATCH_PROBABILITY`, independently of the others.
- The change is at one of `CHANGE_FLASHES` consecutive flashes, with a truncated geometric distribution.
- The first `WARM_UP_TRIALS` completed trials have a free reward. In TRAINING_1 to TRAINING_4 so has the next change after
  `FREE_REWARD_MISSES` misses in a row.
- An aborted trial is repeated. It keeps its images. Its change time is drawn anew after `MAX_REPEATS` repeats.

Source: the published raw file 891635659, whose first 64 completed trials are the 64 pairs. The number of catch trials of the published
sessions with images has the mean and the variance of such decks if a catch trial that is dealt among the warm-up trials is
left out. In published sessions of TRAINING_1 and TRAINING_3 without a hit, one change in eleven is neither a go nor a catch trial.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.simulation.stages import ORIENTATIONS, Stage

CHANGE_FLASHES = 8
"""Number of flashes at which the change may be."""
CATCH_PROBABILITY = 0.125
"""Probability of a catch trial with gratings. A deck of eight images has the same fraction."""
MAX_REPEATS = 5
"""Number of repeats of an aborted trial with the same change time."""
WARM_UP_TRIALS = 5
"""Number of trials with a free reward at the start of the session."""
FREE_REWARD_MISSES = 10
"""Number of misses in a row before a free reward, in `FREE_REWARD_GROUPS`."""
FREE_REWARD_GROUPS = ("TRAINING_1", "TRAINING_2", "TRAINING_3", "TRAINING_4")

Pair = tuple[int, int]


class Plan(NamedTuple):
    """Planned parameters of a trial.

    Parameters
    ----------
    change_time : int
        Number of flashes from the start to the change.
    catch, auto : bool
        Whether it is a catch trial, and whether it has a free reward.
    images : tuple of int
        Images before and after the change.
    """

    change_time: int
    catch: bool
    auto: bool
    images: Pair


class TrialPlanner:
    """Plans the trials of a session.

    Parameters
    ----------
    stage : Stage
        Stage of the session.
    rng : numpy.random.Generator
        Random number generator.
    """

    def __init__(self, stage: Stage, rng: np.random.Generator) -> None:
        self._stage, self._rng = stage, rng
        self._completed = self._repeats = self._misses = 0
        self._deck: list[Pair] = []
        weights = stage.continuation_probability ** np.arange(CHANGE_FLASHES)
        self._change_time_cdf = np.cumsum(weights / weights.sum())
        self._pair = self._deal(0)
        self._change_time = self._sample_change_time()

    def plan(self) -> Plan:
        """Return the plan of the next trial."""
        catch = self._pair[0] == self._pair[1]
        free = self._misses >= FREE_REWARD_MISSES and self._stage.group in FREE_REWARD_GROUPS
        return Plan(self._change_time, catch, self._warm_up or (free and not catch), self._pair)

    def record_abort(self) -> None:
        """Repeat the trial, with another change time if it was repeated `MAX_REPEATS` times."""
        self._repeats = (self._repeats + 1) % (MAX_REPEATS + 1)
        if self._repeats == 0:
            self._change_time = self._sample_change_time()

    def record_completion(self, missed: bool = False) -> None:
        """Plan a new trial next.

        Parameters
        ----------
        missed : bool
            Whether the trial was a miss; a catch trial neither continues nor ends a row of misses.
        """
        if missed:
            self._misses += 1
        elif self._pair[0] != self._pair[1]:
            self._misses = 0
        self._completed += 1
        self._repeats = 0
        self._pair = self._deal(self._pair[1])
        self._change_time = self._sample_change_time()

    @property
    def _warm_up(self) -> bool:
        return self._stage.auto_rewarded or (self._completed < WARM_UP_TRIALS and not self._stage.passive)

    def _deal(self, image: int) -> Pair:
        """Return the next pair, which starts with `image`; it is no catch trial among the warm-up trials."""
        while True:
            before, after = self._deal_any(image)
            if before != after or not self._warm_up:
                return before, after

    def _deal_any(self, image: int) -> Pair:
        if not self._stage.images:
            catch = self._rng.random() < CATCH_PROBABILITY
            return image, image if catch else int(self._rng.choice(change_gratings(image)))
        if not self._deck:
            self._deck = shuffle_pairs(len(self._stage.images), image, self._rng)[::-1]
        return self._deck.pop()

    def _sample_change_time(self) -> int:
        delay = np.searchsorted(self._change_time_cdf, self._rng.random(), side="right")
        return self._stage.min_change_flashes + min(int(delay), CHANGE_FLASHES - 1)


def shuffle_pairs(count: int, first: int, rng: np.random.Generator) -> list[Pair]:
    """Return every ordered pair of `count` images once, in a random order in which each pair starts where the last one ended.

    This is a random Eulerian circuit of the complete directed graph with loops. Each image has its successors in random order.
    The circuit uses all pairs exactly if the last successors lead from every image to the first one, so other orders are rejected.

    Parameters
    ----------
    count : int
        Number of images.
    first : int
        Image before the first change; also the image after the last one.
    rng : numpy.random.Generator
        Random number generator.
    """
    while True:
        successors = [rng.permutation(count).tolist() for _ in range(count)]
        if all(_leads_to(first, image, successors) for image in range(count)):
            break
    pairs: list[Pair] = []
    image = first
    for _ in range(count * count):
        after = successors[image].pop(0)
        pairs.append((image, after))
        image = after
    return pairs


def _leads_to(goal: int, image: int, successors: list[list[int]]) -> bool:
    """Return whether the last successors lead from an image to the goal."""
    for _ in range(len(successors)):
        if image == goal:
            return True
        image = successors[image][-1]
    return False


def change_gratings(image: int) -> NDArray[np.intp]:
    """Return the gratings that a grating may change to: those of the other orientation."""
    sizes = [len(degrees) for degrees in ORIENTATIONS.values()]
    group = np.repeat(np.arange(len(sizes)), sizes)
    return np.flatnonzero(group != group[image])
