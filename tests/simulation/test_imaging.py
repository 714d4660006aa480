"""Simulated cells: kinetics, tuning, masks, motion and the eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visbehavior.simulation.imaging import (
    CHANGE,
    IMAGE,
    KINETICS,
    LICK,
    OMISSION,
    REWARD,
    RUNNING,
    ImagingParameters,
    SimulatedPlane,
    TaskTimes,
    calcium_kernel,
    response_kernel,
    simulate_eye,
    simulate_plane,
)

SMALL = ImagingParameters(height=64, width=48)


def make_task(seconds: float = 200.0) -> TaskTimes:
    flashes = np.arange(5, seconds - 5, 0.75)
    events = {
        f"{IMAGE}im000": flashes[::2],
        f"{IMAGE}im031": flashes[1::2],
        CHANGE: flashes[::12],
        OMISSION: flashes[7::20] + 0.3,
        LICK: np.sort(np.random.default_rng(0).uniform(0, seconds, 100)),
        REWARD: flashes[5::30],
    }
    times = np.arange(0, seconds, 1 / 60)
    return TaskTimes(0.0, seconds, events, times, 10 + 10 * np.sin(times / 20))


def simulated(seed: int = 0, cells: int = 12, **changes: Any) -> SimulatedPlane:
    parameters = ImagingParameters(**{"height": 64, "width": 48, **changes})
    return simulate_plane(make_task(), cells, parameters, np.random.default_rng(seed))


@pytest.mark.parametrize("indicator", KINETICS)
def test_calcium_rises_and_decays_as_the_indicator(indicator: str) -> None:
    rate = 1000.0
    kernel, (time_to_peak, half_decay) = calcium_kernel(indicator, rate), KINETICS[indicator]
    peak = int(kernel.argmax())
    assert kernel[peak] == 1
    assert peak / rate == pytest.approx(time_to_peak, abs=0.003)
    late = peak + int(4 * half_decay * rate)
    assert kernel[late + int(half_decay * rate)] / kernel[late] == pytest.approx(0.5, abs=0.02)


def test_responses_peak_at_one() -> None:
    for driver in (f"{IMAGE}x", CHANGE, OMISSION, LICK, REWARD):
        kernel = response_kernel(driver, 1000.0)
        assert kernel.max() == pytest.approx(1, abs=0.01)
        assert kernel[0] == 0


def test_planes_are_reproducible_and_differ_by_seed() -> None:
    first, same, other = simulated(1), simulated(1), simulated(2)
    np.testing.assert_array_equal(first.dff, same.dff)
    np.testing.assert_array_equal(first.masks, same.masks)
    assert not np.array_equal(first.dff, other.dff)


def test_dff_is_events_convolved_with_the_kernel_plus_noise() -> None:
    plane, kernel = simulated(noise=0.0), calcium_kernel("GCaMP6f", 31.0)
    for cell in (0, 5):
        slow = np.zeros(len(plane.times))
        for frame in np.flatnonzero(plane.truth.events[:, cell]):
            stop = min(frame + len(kernel), len(slow))
            slow[frame:stop] += plane.truth.events[frame, cell] * kernel[: stop - frame]
        np.testing.assert_allclose(plane.dff[:, cell], slow, atol=1e-12)
    assert np.std(simulated(noise=0.2).dff - plane.dff) == pytest.approx(0.2, rel=0.01)


def test_traces_are_consistent() -> None:
    plane = simulated()
    baseline = plane.corrected / (1 + plane.dff)
    np.testing.assert_allclose(baseline, np.broadcast_to(baseline[0], baseline.shape))
    np.testing.assert_allclose(plane.demixed, plane.corrected + plane.truth.neuropil_factor * plane.neuropil)
    assert (np.diff(plane.times) > 0).all()
    assert 1 / np.diff(plane.times).mean() == pytest.approx(31, rel=1e-3)


def test_planted_tuning_is_in_the_events() -> None:
    """Cells tuned to one driver alone: the mean number of events after it is the integral of the kernel."""
    task = make_task(4000.0)
    parameters = ImagingParameters(height=64, width=64, driven_rate=3.0)
    plane = simulate_plane(task, 60, parameters, np.random.default_rng(3))
    counts = plane.truth.events > 0
    checked = 0
    for row, driver in enumerate(plane.truth.drivers):
        alone = (plane.truth.gains[row] > 0) & (np.count_nonzero(plane.truth.gains, axis=0) == 1)
        if driver == RUNNING or not alone.any():
            continue
        window = len(response_kernel(driver, 31.0))
        # Events that are further apart than the kernel is long, so that their responses do not overlap.
        times = task.events[driver]
        apart = times[(np.diff(times, prepend=-9) > 1.6) & (np.diff(times, append=1e9) > 1.6)]
        if len(apart) < 100:
            continue
        frames = np.searchsorted(plane.times, apart)
        frames = frames[frames + window < len(plane.times)]
        for cell in np.flatnonzero(alone):
            found = np.mean([counts[frame : frame + window, cell].sum() for frame in frames])
            rates = parameters.baseline_rate + plane.truth.gains[row, cell] * response_kernel(driver, 31.0)
            expected = (1 - np.exp(-rates / 31.0)).sum()
            assert found == pytest.approx(expected, abs=4 * np.sqrt(expected / len(frames)))
            checked += 1
    assert checked > 5


def test_cells_have_separate_masks_inside_the_image() -> None:
    plane = simulated(cells=20)
    assert plane.masks.shape == (20, 64, 48)
    assert plane.masks.any(axis=(1, 2)).all()
    assert plane.masks.sum(axis=0).max() == 1
    inside = plane.max_projection[plane.masks.any(axis=0)].mean()
    assert inside > plane.max_projection[~plane.masks.any(axis=0)].mean() + 50


def test_motion_has_the_stated_spread_and_returns() -> None:
    motion = simulate_plane(make_task(2000.0), 0, SMALL, np.random.default_rng(0)).motion
    assert motion.std() == pytest.approx(SMALL.motion, rel=0.2)
    assert abs(motion.mean()) < 0.5


def test_plane_without_cells_has_empty_traces() -> None:
    plane = simulated(cells=0)
    assert plane.dff.shape == (len(plane.times), 0)
    assert plane.max_projection.shape == (64, 48)


def test_eye_has_blinks_and_areas_of_its_axes() -> None:
    eye = simulate_eye(0.0, 100.0, np.random.default_rng(0))
    blinks = np.isnan(eye["eye_area_raw"])
    assert 0 < blinks.sum() < 60
    larger = np.maximum(eye["pupil_width"], eye["pupil_height"])
    np.testing.assert_allclose(eye["pupil_area_raw"], np.pi * larger**2)
