"""Tests of `visbehavior.raw.clock`: frame intervals, sync files and the monitor delay."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rawfiles import changed_session, session_of
from visbehavior import BadValue, CorruptFile, MissingData, NotFound, VisBehaviorError
from visbehavior.raw.clock import RIG_MONITOR_DELAYS, SyncFile, measure_monitor_delay

INTERVALS = r"\['items'\]\['behavior'\]\['intervalsms'\]"
SAMPLE_FREQUENCY = 100_000.0
LINES = ["stim_vsync", "stim_photodiode"]


def write_sync(path: pathlib.Path, edges: list[tuple[float, int]], lines: list[str] = LINES, start: int = 0) -> str:
    """Write a sync file; an edge is a time and the line that changes at it."""
    counts, states, state = [start], [0], 0
    for time, line in sorted(edges):
        state ^= 1 << line
        counts.append((start + round(time * SAMPLE_FREQUENCY)) % 2**32)
        states.append(state)
    with h5py.File(path, "w") as file:
        file["meta"] = repr({"line_labels": lines, "ni_daq": {"sample_freq": SAMPLE_FREQUENCY}})
        file["data"] = np.array([counts, states], dtype=np.uint32).T
    return str(path)


def vsync_edges(frames: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Return edges of the vsync line that fall at the times of frames."""
    return [(float(time) + offset, 0) for time in frames for offset in (-0.005, 0.0)]


def photodiode_edges(times: NDArray[np.float64]) -> list[tuple[float, int]]:
    return [(float(time), 1) for time in times]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(intervalsms=[]), f"{INTERVALS} is empty; expected the intervals between stimulus frames"),
        (lambda b: b["intervalsms"].__setitem__(9, -3.0), f"{INTERVALS} contains -3; intervals must be 0 or more"),
        (lambda b: b["intervalsms"].__setitem__(9, np.nan), f"{INTERVALS} contains nan"),
        (lambda b: b.update(intervalsms="none"), INTERVALS),
        (lambda b: b.update(intervalsms=[[1.0], [2.0]]), "has 2 dimensions; expected a list of numbers"),
    ],
)
def test_invalid_frame_intervals_are_reported(raw: dict[str, Any], change: Any, message: str) -> None:
    session = changed_session(raw, change)
    with pytest.raises(BadValue, match=message):
        _ = session.licks


def test_monitor_delay_must_be_a_number(raw: dict[str, Any]) -> None:
    with pytest.raises(VisBehaviorError, match=r"monitor_delay.* is 'late'; expected seconds"):
        _ = session_of(raw, monitor_delay="late").trials


def test_missing_sync_file_is_reported(raw: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match=r"no sync file nowhere.h5. Correct 'sync_file', or remove it"):
        _ = session_of(raw, sync_file="nowhere.h5").licks


def test_edges_are_read_across_the_wrap_of_the_counter(tmp_path: pathlib.Path) -> None:
    frames = np.arange(1, 100) / 60
    sync = SyncFile(write_sync(tmp_path / "a.h5", vsync_edges(frames), start=2**32 - 50_000))
    times = sync.falling_edges(("stim_vsync", "vsync_stim")) - (2**32 - 50_000) / SAMPLE_FREQUENCY
    np.testing.assert_allclose(times, frames, atol=1e-5)
    np.testing.assert_allclose(
        sync.rising_edges(("absent", "stim_vsync")), sync.falling_edges(LINES[:1]) - 0.005, atol=2e-5
    )


def test_missing_sync_line_is_reported(tmp_path: pathlib.Path) -> None:
    sync = SyncFile(write_sync(tmp_path / "a.h5", [], lines=["", "stim_vsync"]))
    with pytest.raises(MissingData, match=r"has no line stim_photodiode or photodiode; it has stim_vsync\."):
        sync.rising_edges(("stim_photodiode", "photodiode"))


def test_damaged_sync_file_is_reported(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"not HDF5")
    with pytest.raises(CorruptFile, match="is not a sync file, or is damaged"):
        SyncFile(tmp_path / "a.h5").rising_edges(("stim_vsync",))


def test_monitor_delay_is_the_mean_delay_of_the_photodiode(tmp_path: pathlib.Path) -> None:
    frames = np.arange(1, 1200) / 60
    changes = frames[::60]
    # The first edges are irregular. An edge that another one follows 50 ms later is ignored.
    edges = photodiode_edges(np.concatenate([changes + 0.03, [changes[8] + 0.08, 0.0, 0.01]]))
    sync = SyncFile(write_sync(tmp_path / "a.h5", vsync_edges(frames) + edges))
    assert measure_monitor_delay(sync, frames, "unknown") == pytest.approx(0.03 + 0.05 / len(changes), abs=1e-5)


def test_known_delay_of_the_rig_replaces_an_unusable_photodiode(tmp_path: pathlib.Path) -> None:
    frames = np.arange(1, 1200) / 60
    sync = SyncFile(write_sync(tmp_path / "a.h5", vsync_edges(frames) + photodiode_edges(frames[:5])))
    assert measure_monitor_delay(sync, frames, "MESO.1") == RIG_MONITOR_DELAYS["MESO.1"]
    with pytest.raises(BadValue, match=r"cannot be measured from the photodiode .+ rig 'SIM'. Set 'monitor_delay'"):
        measure_monitor_delay(sync, frames, "SIM")


def test_pulses_that_do_not_match_the_samples_name_the_sync_file_and_both_counts(
    raw: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    count = len(raw["items"]["behavior"]["intervalsms"]) + 1
    frames = np.arange(1, count + 4) / 60
    path = write_sync(tmp_path / "other.h5", vsync_edges(frames))
    with pytest.raises(BadValue, match=rf"other.h5 has {count + 3} pulses .+ has \d+ encoder samples"):
        _ = session_of(raw, sync_file=str(path), monitor_delay=0.03).running_speed
