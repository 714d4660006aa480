"""Responses that the simulation plants in the cells of a plane are found again, with their sign and size."""

from __future__ import annotations

import numpy as np
import pytest

from visbehavior import (
    compute_event_triggered,
    compute_image_selectivity,
    compute_mean_response,
    compute_response_p_values,
)
from visbehavior.simulation.imaging import (
    CHANGE,
    IMAGE,
    OMISSION,
    ImagingParameters,
    TaskTimes,
    calcium_kernel,
    response_kernel,
    simulate_plane,
)

CELLS = 60
FIRST_FLASH = 250.0
IMAGES = ("im061", "im065", "im077")


def make_task():
    """Return 2,400 flashes in a fixed random order of images, with changes and omissions."""
    generator = np.random.default_rng(1)
    start = FIRST_FLASH + 0.75 * np.arange(2400)
    names = np.repeat(generator.choice(IMAGES, 240), 10)
    change = np.concatenate([[False], names[1:] != names[:-1]])
    omitted = (generator.random(len(start)) < 0.05) & ~change
    shown = {IMAGE + name: start[(names == name) & ~omitted] for name in IMAGES}
    events = {**shown, CHANGE: start[change], OMISSION: start[omitted]}
    return start, names, change, omitted, events


@pytest.fixture(scope="module")
def planted():
    start, names, change, omitted, events = make_task()
    task = TaskTimes(0.0, start[-1] + 5, events, np.empty(0), np.empty(0))
    plane = simulate_plane(task, CELLS, ImagingParameters(height=32, width=32), np.random.default_rng(2))
    return plane, start, names, change, omitted


def mean_responses(plane, events, duration):
    response = compute_event_triggered(plane.times, plane.dff, events, (-0.5, 1.0))
    return compute_mean_response(response, duration)["mean_response"].to_numpy().reshape(len(events), -1)


def expected_of_one(driver, parameters, duration):
    """Return the mean dF/F in the window that one event of a driver adds to a cell whose gain is 1."""
    rate = response_kernel(driver, parameters.frame_rate) / parameters.frame_rate
    trace = np.convolve(rate * parameters.event_amplitude, calcium_kernel(parameters.indicator, parameters.frame_rate))
    return trace[: int(duration * parameters.frame_rate) + 1].mean()


@pytest.mark.parametrize(("driver", "duration"), [(CHANGE, 0.5), (OMISSION, 0.75)])
def test_gains_are_found_again(planted, driver, duration) -> None:
    """The estimate is within three standard errors, and 10 %, of the gain that was planted, in 95 % of the cells."""
    plane, start, names, change, omitted = planted
    rows = change if driver == CHANGE else omitted
    events = start[rows]
    truth, parameters = plane.truth, plane.truth.parameters
    gains = truth.gains[truth.drivers.index(driver)]
    responses = mean_responses(plane, events, duration)
    image_gains = np.array([truth.gains[truth.drivers.index(IMAGE + name)] for name in IMAGES])
    # Other drivers add activity too, so take the mean of flashes that differ in this driver only.
    plain = ~change & ~omitted & ~np.roll(change, 1) & ~np.roll(omitted, 1)
    others = mean_responses(plane, start[plain], duration)
    before = {name: others[names[plain] == name] for name in IMAGES}
    reference = np.array([before[name].mean(axis=0) for name in names[rows]])
    error = np.sqrt(responses.var(axis=0) / len(responses) + others.var(axis=0) / len(others))
    unit = expected_of_one(driver, parameters, duration)
    found = (responses - reference).mean(axis=0) / unit
    # An omission lacks the image, so cells that an image drives are left out.
    clear = image_gains.sum(axis=0) == 0 if driver == OMISSION else np.ones(CELLS, dtype=bool)
    near = np.abs(found - gains) <= 3 * error / unit + 0.1 * gains
    assert clear.sum() > 10
    assert near[clear].mean() >= 0.95
    assert (found[clear & (gains > 1)] > 0).all()


def test_cells_prefer_the_image_that_was_planted(planted) -> None:
    plane, start, names, change, omitted = planted
    truth = plane.truth
    gains = np.array([truth.gains[truth.drivers.index(IMAGE + name)] for name in IMAGES])
    shown = ~omitted & ~change
    table = compute_image_selectivity(mean_responses(plane, start[shown], 0.5), names[shown])
    tuned = (gains > 0.5).sum(axis=0) == 1
    preferred = np.array(IMAGES)[gains.argmax(axis=0)]
    assert tuned.sum() > 5
    assert (table["preferred_image"].to_numpy() == preferred)[tuned & (gains.max(axis=0) > 1)].all()
    assert (table["selectivity"][tuned] > 0.2).mean() > 0.9


def test_driven_cells_are_significant_against_gray(planted) -> None:
    plane, start, _, change, _ = planted
    gains = plane.truth.gains[plane.truth.drivers.index(CHANGE)]
    responses = mean_responses(plane, start[change], 0.5)
    p_values = compute_response_p_values(plane.times, plane.dff, responses, FIRST_FLASH)
    significant = (p_values < 0.05).mean(axis=0)
    undriven = plane.truth.gains.sum(axis=0) == 0
    assert significant[gains > 1.5].min() > 0.4
    assert undriven.any()
    assert significant[undriven].max() < 0.2
