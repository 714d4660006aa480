"""Event-triggered responses of our functions under the names of the recordings of the field's own utilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior import BehaviorOphysExperiment
from visbehavior.analysis.alignment import compute_event_triggered
from visbehavior.analysis.engagement import compute_engagement, trailing_mean
from visbehavior.analysis.licking import compute_lick_rate
from visbehavior.analysis.pupil import interpolate_blinks, normalize_to_gray
from visbehavior.analysis.responses import compute_mean_response, compute_response_p_values
from visbehavior.analysis.spontaneous import find_spontaneous

Results = dict[str, Any]

FLASH = 0.75
FIRST = 24
PUPIL_ROWS = 3000
SHORT, LONG = (-0.5, 0.75), (-2.0, 2.1)
CASES = {
    "flashes/interp_native": ("flashes", SHORT, {}),
    "changes/interp_30hz": ("changes", LONG, {"sampling_rate": 30.0}),
    "flashes/nearest": ("flashes", SHORT, {"method": "nearest"}),
    "omissions/nearest": ("omissions", LONG, {"method": "nearest"}),
    "changes/interp_25hz_open": ("changes", (-1.0, 1.0), {"sampling_rate": 25.0}),
}
THREE_CASES = ("flashes/interp_native", "changes/interp_30hz", "omissions/nearest")
RESPONSES = {
    "bou/dff/images": ("dff", "images", SHORT, {}, 0.5),
    "bou/filtered_events/images": ("filtered_events", "images", SHORT, {}, 0.5),
    "bou/events/images": ("events", "images", SHORT, {}, 0.5),
    "bou/dff/changes_30hz": ("dff", "all changes", LONG, {"sampling_rate": 30.0}, 0.5),
    "msu/dff/changes_3s": ("dff", "all changes", (-3.0, 3.0), {}, 0.5),
    "bou_align/dff/images_nearest": ("dff", "images", SHORT, {"method": "nearest"}, 0.5),
    "bou/dff/omissions_30hz": ("dff", "all omissions", LONG, {"sampling_rate": 30.0}, 0.75),
}


class Plane:
    """A plane and the tables that several results need. Cells are in the order of their ROI ids."""

    def __init__(self, path: str) -> None:
        self.plane = BehaviorOphysExperiment.from_nwb_path(path)
        self.flashes = self.plane.get_flash_table()
        start, shown = self.flashes["start_time"], ~self.flashes["omitted"]
        changes, omissions = start[self.flashes["is_change"]], start[~shown]
        self.first_flash = float(start.iloc[0])
        self.events = {
            "flashes": start[shown][:FIRST],
            "changes": changes[:FIRST],
            "omissions": omissions[:FIRST],
            "images": start[shown],
            "all changes": changes,
            "all omissions": omissions,
        }
        self.cells = np.sort(self.plane.dff_traces["cell_roi_id"].to_numpy())
        self.traces = {
            "dff": self._by_roi(self.plane.dff_traces, "dff"),
            **{name: self._by_roi(self.plane.events, name) for name in ("events", "filtered_events")},
        }
        self.streams = self._streams()

    @property
    def frames(self) -> np.ndarray:
        return self.plane.ophys_timestamps

    def _by_roi(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Return frames x cells with the ROI ids as columns."""
        traces = np.array(list(table[name]), dtype=np.float64).reshape(len(table), len(self.frames))
        return pd.DataFrame(traces.T, columns=table["cell_roi_id"]).sort_index(axis=1)

    def _streams(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        plane, running = self.plane, self.plane.running_speed
        clock = plane.stimulus_timestamps
        frames = plane.licks["frame"].to_numpy(dtype=np.int64)
        streams = {
            "running_speed": (running["timestamps"].to_numpy(), running["speed"].to_numpy()),
            "lick_rate": (clock, compute_lick_rate(frames, len(clock))),
        }
        if len(plane.eye_tracking):
            streams["pupil_width"] = pupil(self)["normalised"]["pupil_width"]
        return streams


def responses(path: str) -> Results:
    """Return the recorded names of ``x.responses.npz``."""
    data = Plane(path)
    given: Results = {"facts": facts(data), "lick_rate": data.streams["lick_rate"][1]}
    given |= {f"events/{name}": data.events[name].to_frame() for name in ("flashes", "changes", "omissions")}
    given |= pupil_tables(data) | aligned(data) | tidy(data) | mean_responses(data)
    gray = find_spontaneous(data.frames, data.first_flash)
    given["spontaneous/before"] = {"first": gray.start, "last": gray.stop - 1, "count": gray.stop - gray.start}
    given |= {
        "p_value/dff/images": p_values(data, "dff", "images"),
        "p_value/dff/changes": p_values(data, "dff", "all changes"),
        "p_value/filtered_events/images": p_values(data, "filtered_events", "images"),
        "engagement/glm": glm(data),
        "flashes/bou_running": data.flashes[["mean_running_speed"]],
    }
    return given


def facts(data: Plane) -> Results:
    start = data.flashes["start_time"]
    return {
        "ophys_frames": len(data.frames),
        "mean_rate_hz": 1 / np.mean(np.diff(data.frames)),
        "cells_roi_id": data.cells[:3],
        "flashes": len(start),
        "changes": len(data.events["all changes"]),
        "omissions": len(data.events["all omissions"]),
        "first_flash": data.first_flash,
        "last_flash": start.iloc[-1],
    }


# Pupil


def pupil(data: Plane) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    eye = data.plane.eye_tracking
    times, blink = eye["timestamps"].to_numpy(), eye["likely_blink"].to_numpy()
    raw = {name: eye[name].to_numpy() for name in ("pupil_width", "pupil_area")}
    raw["pupil_radius"] = np.sqrt(raw["pupil_area"] / np.pi)
    interpolated = {name: interpolate_blinks(values, blink) for name, values in raw.items()}
    return {
        "interpolated": {name: (times, values) for name, values in interpolated.items()},
        "normalised": {
            name: (times, normalize_to_gray(times, values, data.first_flash)) for name, values in interpolated.items()
        },
    }


def pupil_tables(data: Plane) -> Results:
    if not len(data.plane.eye_tracking):
        return {}
    given: Results = {}
    for kind, traces in pupil(data).items():
        times = traces["pupil_width"][0]
        columns = {"timestamps": times, **{name: values for name, (_, values) in traces.items()}}
        given[f"pupil/{kind}"] = pd.DataFrame(columns)[:PUPIL_ROWS]
    times, width = pupil(data)["interpolated"]["pupil_width"]
    gray = width[find_spontaneous(times, data.first_flash)]
    mean = data.flashes[["mean_pupil_width"]] / (np.nanmean(gray) if len(gray) else np.nan)
    return given | {"flashes/pupil_mended": mean}


# Aligned traces


def align(times: np.ndarray, values: Any, events: Any, window: tuple[float, float], options: Results) -> Any:
    """Align, with the last value held after the end of the recording, as the utilities do."""
    aligned = compute_event_triggered(times, values, events, window, **options)
    if options.get("method") == "nearest":
        return aligned
    return aligned.copy(data=held_at_the_end(aligned.to_numpy(), aligned, times, np.asarray(values)))


def held_at_the_end(values: np.ndarray, aligned: Any, times: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Replace NaN after the last sample by its value, where the window has a sample."""
    event_times = aligned["event_time"].to_numpy()
    wanted = event_times[:, None] + aligned["time"].to_numpy()
    has_sample = event_times + aligned["time"].to_numpy()[0] <= times[-1]
    after = (wanted > times[-1]) & has_sample[:, None]
    before = (wanted < times[0]) & (wanted[:, -1:] >= times[0])
    values[after], values[before] = samples[-1], samples[0]
    return values


def aligned(data: Plane) -> Results:
    given: Results = {}
    first_event_cell = data.traces["events"].columns[:1]
    cells = {"dff": data.cells[:3], "events": first_event_cell, "filtered_events": first_event_cell}
    for name, selected in cells.items():
        cases = CASES if name == "dff" else THREE_CASES
        for cell in selected:
            trace = data.frames, data.traces[name][cell].to_numpy()
            given |= {f"etr/{name}/{cell}/{case}": entry for case, entry in one_trace(data, trace, cases).items()}
    for name, trace in data.streams.items():
        given |= {f"etr/{name}/{case}": entry for case, entry in one_trace(data, trace, THREE_CASES).items()}
    first = f"dff/{data.cells[0]}" if len(data.cells) else ""
    cases = ("flashes/interp_native", "changes/interp_30hz", "flashes/nearest")
    return given | {f"etr_msu/{first}/{case}": given[f"etr/{first}/{case}"] for case in cases if first}


def one_trace(data: Plane, trace: tuple[np.ndarray, np.ndarray], cases: Any) -> Results:
    given: Results = {}
    for case in cases:
        events, window, options = CASES[case]
        if not len(data.events[events]):
            continue
        response = align(*trace, data.events[events], window, options)
        if case.endswith("open"):
            response = response[:, :-1]
        given[case] = {"time": response["time"].to_numpy(), "values": response.to_numpy()}
    return given


def tidy(data: Plane) -> Results:
    events = data.events["flashes"][:3]
    trace = data.traces["dff"][data.cells[0]].to_numpy()
    response = align(data.frames, trace, events, SHORT, {})
    count = response.sizes["time"]
    columns = {"time": np.tile(response["time"], len(events)), "dff": response.to_numpy().ravel()}
    labels = np.repeat(events.index, count)
    number, time = np.repeat(np.arange(len(events)), count), np.repeat(events.to_numpy(), count)
    return {
        f"tidy/{source}": pd.DataFrame(
            {**columns, f"{word}_number": number, "stimulus_presentations_id": labels, f"{word}_time": time}
        )
        for source, word in (("bou", "event"), ("msu", "stim"))
    }


# Means and p values


def mean_responses(data: Plane) -> Results:
    given: Results = {}
    for name, (trace, events, window, options, duration) in RESPONSES.items():
        if not len(data.events[events]):
            continue
        response = responses_of_all_cells(data, trace, events, window, options)
        given[f"response_time/{name}"] = response["time"].to_numpy()
        given[f"response/{name}"] = compute_mean_response(response, duration).rename(
            columns={"event": "stimulus_presentations_id", "cell": "cell_roi_id"}
        )
    if not len(data.events["all changes"]):
        return given
    for name, trace in data.streams.items():
        response = align(*trace, data.events["all changes"], LONG, {"sampling_rate": 30.0})
        table = compute_mean_response(response).rename(columns={"event": "stimulus_presentations_id"})
        given[f"response_time/bou_align/{name}/changes_30hz"] = response["time"].to_numpy()
        given[f"response/bou_align/{name}/changes_30hz"] = table.assign(trace_id=0)
    return given


def responses_of_all_cells(data: Plane, trace: str, events: str, window: tuple[float, float], options: Results) -> Any:
    """Return the aligned traces; NaN for a cell without events."""
    traces = data.traces[trace].reindex(columns=data.cells)
    return align(data.frames, traces, data.events[events], window, options)


def p_values(data: Plane, trace: str, events: str) -> Results:
    traces = data.traces[trace]
    response = align(data.frames, traces, data.events[events], SHORT, {})
    means = compute_mean_response(response)["mean_response"]
    means = means.to_numpy().reshape(response.sizes["event"], traces.shape[1])
    rate = 1 / np.mean(np.diff(data.frames))
    return {
        "cells_roi_id": traces.columns.to_numpy(),
        "stimulus_presentations_id": data.events[events].index.to_numpy(),
        "mean_response": means,
        "p_value": compute_response_p_values(data.frames, traces.to_numpy(), means, data.first_flash),
        "window_frames": round(0.5 * rate),
    }


def glm(data: Plane) -> Results:
    """Return the engagement of each imaging frame: of the flash, and interpolated between flashes."""
    start = data.flashes["start_time"].to_numpy()
    engaged = compute_engagement(data.flashes, "glm").to_numpy()
    rate = trailing_mean(data.flashes["rewarded"].to_numpy()) / FLASH
    pins = np.column_stack([start, start + FLASH]).ravel()
    in_task = np.flatnonzero((data.frames >= start[0]) & (data.frames <= start[-1] + FLASH))
    order = np.argsort(pins, kind="stable")
    state = np.interp(data.frames[in_task], pins[order], np.repeat(engaged, 2)[order].astype(float)) > 0
    return {
        "engaged_on_imaging_clock": state.astype(float),
        "first_frame": in_task[0],
        "seconds_engaged": state.sum() / data.plane.metadata["ophys_frame_rate"],
        "rewarded": data.flashes["rewarded"],
        "reward_rate": rate,
        "engaged": engaged,
    }
