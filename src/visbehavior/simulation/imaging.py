"""Simulation of an imaging plane: cells tuned to the task, calcium, neuropil, motion, masks, images and the eye.

A cell has events at a rate that is its baseline and, after each task event that it is tuned to, a kernel. Events raise
calcium, which rises and falls as the indicator does. The times to peak and the half decays are those after one action
potential in mouse visual cortex: Chen et al. 2013, https://doi.org/10.1038/nature12354.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.arguments import check_choice, check_number, check_whole_number

Floats = NDArray[np.float64]

KINETICS = {"GCaMP6f": (0.045, 0.142), "GCaMP6s": (0.179, 0.550)}
"""Indicator: time to peak and half decay (s)."""
OMISSION, CHANGE, LICK, REWARD, RUNNING, IMAGE = "omission", "change", "lick", "reward", "running", "image "
"""Drivers of activity. That of an image is IMAGE and its name."""
_TASK_DRIVERS = (CHANGE, OMISSION, LICK, REWARD, RUNNING)
_KERNEL_SECONDS = 1.5


@dataclass(frozen=True, kw_only=True)
class ImagingParameters:
    """Parameters of a simulated plane.

    Parameters
    ----------
    frame_rate : float
        Imaging frames per second.
    indicator : str
        "GCaMP6f" or "GCaMP6s".
    baseline_rate : float
        Events per second of a cell that nothing drives.
    driven_rate : float
        Mean over cells of the events per second at the peak of the kernel of what drives them.
    event_amplitude : float
        Mean dF/F at the peak after one event.
    noise : float
        Standard deviation of the noise of dF/F.
    neuropil_factor : float
        Mean fraction of the neuropil's fluorescence that is in a cell's.
    motion : float
        Standard deviation of the motion (pixels).
    height, width : int
        Field of view (pixels).
    pixel_size : float
        Size of a pixel (mm).
    """

    frame_rate: float = 31.0
    indicator: str = "GCaMP6f"
    baseline_rate: float = 0.05
    driven_rate: float = 2.0
    event_amplitude: float = 0.3
    noise: float = 0.1
    neuropil_factor: float = 0.7
    motion: float = 1.5
    height: int = 512
    width: int = 512
    pixel_size: float = 0.00078125

    def __post_init__(self) -> None:
        check_choice("indicator", self.indicator, KINETICS)
        check_number("frame_rate", self.frame_rate, 1, 200, unit="Hz")
        for name in ("baseline_rate", "driven_rate", "event_amplitude", "noise", "motion"):
            check_number(name, getattr(self, name), 0, 1000)
        for name in ("height", "width"):
            check_whole_number(name, getattr(self, name), 16, 4096, unit="pixels")
        check_number("neuropil_factor", self.neuropil_factor, -10, 10)
        check_number("pixel_size", self.pixel_size, above=0, unit="mm")


@dataclass(frozen=True)
class TaskTimes:
    """Inputs of the activity: times of events by driver (s), and the running speed.

    Parameters
    ----------
    first, last : float
        Range of the recording (s).
    events : mapping of str to numpy.ndarray
        Times of the events of each driver.
    running_times, running_speed : numpy.ndarray
        Times (s) and speed (cm/s).
    """

    first: float
    last: float
    events: Mapping[str, Floats]
    running_times: Floats
    running_speed: Floats


@dataclass(frozen=True)
class PlaneTruth:
    """Ground truth of a simulated plane.

    Parameters
    ----------
    parameters : ImagingParameters
    drivers : tuple of str
        Names of the rows of `gains`.
    gains : numpy.ndarray
        Drivers x cells: events per second at the peak of the driver's kernel; of running, per 10 cm/s.
    events : numpy.ndarray
        Frames x cells: peak dF/F of the events in each frame.
    neuropil_factor : numpy.ndarray
        Fraction of the neuropil in each cell's fluorescence.
    """

    parameters: ImagingParameters
    drivers: tuple[str, ...]
    gains: Floats
    events: Floats
    neuropil_factor: Floats


@dataclass(frozen=True)
class SimulatedPlane:
    """The content of a simulated plane: traces are frames x cells."""

    truth: PlaneTruth
    times: Floats
    dff: Floats
    corrected: Floats
    demixed: Floats
    neuropil: Floats
    motion: NDArray[np.int64]
    masks: NDArray[np.bool_]
    max_projection: NDArray[np.uint8]
    average_image: NDArray[np.uint8]


def simulate_plane(
    task: TaskTimes, cells: int, parameters: ImagingParameters, rng: np.random.Generator
) -> SimulatedPlane:
    """Simulate the cells of a plane during a session."""
    count = int((task.last - task.first) * parameters.frame_rate)
    times = task.first + (np.arange(count) + rng.uniform(-0.01, 0.01, count)) / parameters.frame_rate
    drivers = (*(name for name in task.events if name.startswith(IMAGE)), *_TASK_DRIVERS)
    gains = _draw_gains(drivers, cells, parameters, rng)
    rates = np.maximum(parameters.baseline_rate + _drive(task, drivers, times, parameters) @ gains, 0)
    events = _draw_events(rates, parameters, rng)
    clean = _convolve(events, calcium_kernel(parameters.indicator, parameters.frame_rate))
    dff = clean + rng.normal(0, parameters.noise, clean.shape)
    baseline, factor = rng.uniform(200, 800, cells), rng.normal(parameters.neuropil_factor, 0.05, cells)
    corrected = baseline * (1 + dff)
    neuropil = _simulate_neuropil(clean, baseline, parameters, rng)
    masks = make_masks(cells, parameters, rng)
    average, maximum = _make_images(masks, clean, rng)
    return SimulatedPlane(
        truth=PlaneTruth(parameters, drivers, gains, events, factor),
        times=times,
        dff=dff,
        corrected=corrected,
        demixed=corrected + factor * neuropil,
        neuropil=neuropil,
        motion=_simulate_motion(count, parameters, rng),
        masks=masks,
        max_projection=maximum,
        average_image=average,
    )


def calcium_kernel(indicator: str, frame_rate: float) -> Floats:
    """Return dF/F after an event that peaks at 1, sampled at the imaging frames: a rise, and an exponential decay."""
    time_to_peak, half_decay = KINETICS[indicator]
    decay = half_decay / np.log(2)
    rise = _rise_for_peak(time_to_peak, decay)
    time = np.arange(int(6 * decay * frame_rate) + 2) / frame_rate
    # The mean over a frame, because a rise may be shorter than a frame.
    fine = (time[:, np.newaxis] + (np.arange(20) + 0.5) / 20 / frame_rate).ravel()
    curve = np.exp(-fine / decay) - np.exp(-fine / rise)
    kernel: Floats = curve.reshape(len(time), -1).mean(axis=1)
    peak: float = kernel.max()
    return kernel / peak


def _rise_for_peak(time_to_peak: float, decay: float) -> float:
    """Return the time constant of the rise with which a difference of exponentials peaks at a time."""
    candidates = np.geomspace(1e-4, 0.99, 4000) * decay
    peaks = np.log(decay / candidates) * decay * candidates / (decay - candidates)
    return float(candidates[np.argmin(np.abs(peaks - time_to_peak))])


def response_kernel(driver: str, frame_rate: float) -> Floats:
    """Return the kernel of a driver, which peaks at 1: a short response; after an omission a ramp that ends at 0.75 s."""
    time = np.arange(int(_KERNEL_SECONDS * frame_rate)) / frame_rate
    if driver == OMISSION:
        return np.where(time < 0.75, time / 0.75, 0.0)
    delay = 0.15 if driver in (LICK, REWARD) else 0.2
    kernel: Floats = time / delay * np.exp(1 - time / delay)
    return kernel


def _draw_gains(
    drivers: tuple[str, ...], cells: int, parameters: ImagingParameters, rng: np.random.Generator
) -> Floats:
    """Tune each cell to one driver, half of the cells to a second one, and a tenth to none."""
    gains = np.zeros((len(drivers), cells))
    for cell in range(cells):
        tuned = rng.choice(len(drivers), size=min(1 + int(rng.random() < 0.5), len(drivers)), replace=False)
        if rng.random() > 0.1:
            gains[tuned, cell] = parameters.driven_rate * rng.gamma(4, 0.25, len(tuned))
    return gains


def _drive(task: TaskTimes, drivers: tuple[str, ...], times: Floats, parameters: ImagingParameters) -> Floats:
    """Return frames x drivers: the sum of the kernels after the events of each driver."""
    drive = np.zeros((len(times), len(drivers)))
    for column, driver in enumerate(drivers):
        if driver == RUNNING:
            if len(task.running_times):
                drive[:, column] = np.interp(times, task.running_times, task.running_speed) / 10
            continue
        frames = np.searchsorted(times, task.events.get(driver, np.empty(0)))
        impulses = np.bincount(frames[frames < len(times)], minlength=len(times)).astype(np.float64)
        drive[:, column] = np.convolve(impulses, response_kernel(driver, parameters.frame_rate))[: len(times)]
    return drive


def _draw_events(rates: Floats, parameters: ImagingParameters, rng: np.random.Generator) -> Floats:
    counts = rng.poisson(rates / parameters.frame_rate)
    amplitudes: Floats = np.zeros(counts.shape)
    active = counts > 0
    amplitudes[active] = rng.gamma(8 * counts[active], parameters.event_amplitude / 8)
    return amplitudes


def _convolve(events: Floats, kernel: Floats) -> Floats:
    filtered = np.empty_like(events)
    for cell in range(events.shape[1]):
        filtered[:, cell] = np.convolve(events[:, cell], kernel)[: len(events)]
    return filtered


def _simulate_neuropil(
    clean: Floats, baseline: Floats, parameters: ImagingParameters, rng: np.random.Generator
) -> Floats:
    """Return the fluorescence around each cell: the mean of all cells, and slow fluctuations that they share."""
    shared = clean.mean(axis=1) if clean.shape[1] else np.zeros(len(clean))
    slow = np.cumsum(rng.normal(0, 0.02 / np.sqrt(parameters.frame_rate), len(clean)))
    level = 0.5 * baseline * rng.uniform(0.8, 1.2, len(baseline))
    noise = rng.normal(0, parameters.noise / 4, clean.shape)
    neuropil: Floats = level * (1 + (shared + slow)[:, np.newaxis] + noise)
    return neuropil


def _simulate_motion(count: int, parameters: ImagingParameters, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return frames x 2: shifts to the right and down (pixels), which return to 0."""
    shifts, state = np.empty((count, 2)), np.zeros(2)
    steps = rng.normal(0, parameters.motion * np.sqrt(1 - 0.98**2), (count, 2))
    for frame in range(count):
        state = 0.98 * state + steps[frame]
        shifts[frame] = state
    return np.rint(shifts).astype(np.int64)


def make_masks(cells: int, parameters: ImagingParameters, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return one ellipse per cell on a jittered grid: cells x height x width."""
    height, width = parameters.height, parameters.width
    columns = max(int(np.ceil(np.sqrt(cells * width / height))), 1)
    rows = max(-(-cells // columns), 1)
    y, x = np.ogrid[:height, :width]
    step_y, step_x = height / rows, width / columns
    masks = np.zeros((cells, height, width), np.bool_)
    for cell in range(cells):
        row, column = divmod(cell, columns)
        radius = rng.uniform(0.5, 1.0, 2) * min(9.0, step_y / 2.5, step_x / 2.5)
        center = (row + rng.uniform(0.3, 0.7)) * step_y, (column + rng.uniform(0.3, 0.7)) * step_x
        masks[cell] = ((y - center[0]) / radius[0]) ** 2 + ((x - center[1]) / radius[1]) ** 2 <= 1
    return masks


def _make_images(
    masks: NDArray[np.bool_], clean: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the average and the maximum image: cells as bright as their activity, on an uneven background."""
    shape = masks.shape[1:]
    y, x = np.ogrid[: shape[0], : shape[1]]
    background = 50 + 20 * np.sin(3 * x / shape[1]) * np.cos(2 * y / shape[0]) + rng.normal(0, 6, shape)
    images = []
    for brightness in (40 + 60 * clean.mean(axis=0), 80 + 100 * clean.max(axis=0, initial=0)):
        cells = np.tensordot(brightness, masks, 1) if len(masks) else np.zeros(shape)
        images.append(np.clip(background + cells, 0, 255).astype(np.uint8))
    return images[0], images[1]


def simulate_eye(first: float, last: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return the stored columns of an eye tracking table, at 30 frames per second, with blinks."""
    times = np.arange(first, last, 1 / 30.0)
    slow = np.convolve(rng.normal(0, 1, len(times)), np.hanning(151) / np.hanning(151).sum(), "same")
    radius = {"eye": (110.0, 80.0), "pupil": (28.0, 27.0), "cr": (6.0, 5.5)}
    columns: dict[str, Any] = {"timestamps": times}
    is_blink = rng.random(len(times)) < 0.003
    for part, (width, height) in radius.items():
        scale = 1 + 2.0 * slow if part == "pupil" else np.ones(len(times))
        scale = np.where(is_blink, np.nan, scale * rng.normal(1, 0.01, len(times)))
        columns |= {f"{part}_width": width * scale, f"{part}_height": height * scale}
        for axis, center in zip("xy", (320.0, 240.0), strict=True):
            columns[f"{part}_center_{axis}"] = center + rng.normal(0, 1, len(times))
        columns[f"{part}_phi"] = rng.normal(0, 0.05, len(times))
        larger = np.maximum(columns[f"{part}_width"], columns[f"{part}_height"])
        other = larger if part == "pupil" else columns[f"{part}_height"]
        columns[f"{part}_area_raw"] = np.pi * (larger if part == "pupil" else columns[f"{part}_width"]) * other
    return columns
