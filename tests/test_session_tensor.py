"""Tensors: comparison with the aligned streams, exclusions, parts, and planes with several clocks."""

from __future__ import annotations

import math
import pathlib

import h5py
import numpy as np
import pytest

from tests.imagingfiles import make_plane, write_plane
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    compute_session_response,
    compute_tensor,
    iterate_tensor,
)

WINDOW = (-0.2, 0.4)
OPTIONS = {"window": WINDOW, "rate": 20.0, "streams": ("running", "licks")}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> BehaviorSession:
    file = write_session(tmp_path_factory.mktemp("session") / "session.nwb", make_session(seed=1, trials=60))
    return BehaviorSession.from_nwb_path(file)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> BehaviorOphysExperiment:
    return BehaviorOphysExperiment.from_nwb_path(
        write_plane(tmp_path_factory.mktemp("plane") / "plane.nwb", make_plane())
    )


def test_values_are_those_of_the_aligned_streams(session: BehaviorSession) -> None:
    tensor = compute_tensor(session, "changes", **OPTIONS)
    assert tensor.values.dtype == np.float32
    assert tensor.features["stream"].tolist() == ["running", "licks"]
    for number, stream in enumerate(OPTIONS["streams"]):
        response = compute_session_response(session, stream, "changes", WINDOW, sampling_rate=20)
        kept = response.sel(event=tensor.labels.index)
        np.testing.assert_allclose(tensor.values[:, :, number], kept, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(tensor.time, response["time"])
    changes = session.get_flash_table().query("is_change")
    assert len(tensor.labels) + sum(tensor.excluded.values()) == len(changes)
    assert tensor.labels["image_name"].tolist() == changes.loc[tensor.labels.index, "image_name"].tolist()


def test_events_outside_a_recording_are_counted(plane: BehaviorOphysExperiment) -> None:
    tensor = compute_tensor(plane, "flashes", window=WINDOW, streams=("dff", "running"))
    flashes = plane.get_flash_table().query("not omitted")
    first, last = plane.ophys_timestamps[[0, -1]]
    inside = (flashes["start_time"] + WINDOW[0] >= first) & (flashes["start_time"] + WINDOW[1] <= last)
    assert set(tensor.labels.index) <= set(flashes.index[inside])
    assert len(tensor.labels) + sum(tensor.excluded.values()) == len(flashes)
    assert all(reason.split(": ")[0] in ("dff", "running") for reason in tensor.excluded)
    assert not np.isnan(tensor.values).any()
    cells = tensor.features.query("stream == 'dff'")
    assert cells["cell_roi_id"].tolist() == plane.dff_traces["cell_roi_id"].tolist()
    assert set(cells["ophys_experiment_id"]) == {plane.ophys_experiment_id}


def test_method_of_a_plane_returns_the_same_tensor(plane: BehaviorOphysExperiment) -> None:
    tensor = plane.tensor("flashes", ("dff",), window=WINDOW)
    expected = compute_tensor(plane, "flashes", window=WINDOW, streams=("dff",))
    np.testing.assert_array_equal(tensor.values, expected.values)


def test_parts_make_the_whole_tensor(session: BehaviorSession) -> None:
    whole = compute_tensor(session, "flashes", **OPTIONS)
    per_event = whole.values[0].nbytes
    parts = list(iterate_tensor(session, "flashes", **OPTIONS, max_bytes=7 * per_event))
    assert max(part.values.nbytes for part in parts) <= 7 * per_event
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), whole.values)
    assert [label for part in parts for label in part.labels.index] == whole.labels.index.tolist()
    excluded: dict[str, int] = {}
    for part in parts:
        excluded |= {reason: excluded.get(reason, 0) + count for reason, count in part.excluded.items()}
    assert excluded == whole.excluded


def test_tensor_that_is_too_large_raises(session: BehaviorSession) -> None:
    with pytest.raises(BadValue, match="use iterate_tensor"):
        compute_tensor(session, "flashes", **OPTIONS, max_bytes=1000)
    with pytest.raises(BadValue, match="the size of one event"):
        iterate_tensor(session, "flashes", **OPTIONS, max_bytes=10)


def test_planes_are_merged_only_at_a_stated_rate(plane: BehaviorOphysExperiment, tmp_path: pathlib.Path) -> None:
    other_file = write_plane(tmp_path / "other.nwb", make_plane(seed=2))
    with h5py.File(other_file, "r+") as file:
        file["general/metadata"].attrs["ophys_experiment_id"] = 5
    other = BehaviorOphysExperiment.from_nwb_path(other_file)
    with pytest.raises(BadValue, match="several clocks"):
        compute_tensor([plane, other], "flashes", window=WINDOW, streams=("dff",))
    tensor = compute_tensor([plane, other], "flashes", window=WINDOW, rate=10, streams=("dff", "running"))
    counts = tensor.features["ophys_experiment_id"].value_counts()
    assert counts.to_dict() == {plane.ophys_experiment_id: len(plane.dff_traces), 5: len(other.dff_traces)}
    assert tensor.features["stream"].tolist()[-1] == "running"


def test_planes_of_several_sessions_raise(session: BehaviorSession, tmp_path: pathlib.Path) -> None:
    synthetic = make_session(seed=2, trials=20).replace(behavior_session_id=7)
    other = BehaviorSession.from_nwb_path(write_session(tmp_path / "other.nwb", synthetic))
    with pytest.raises(BadValue, match="planes of one session"):
        compute_tensor([session, other], **OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"streams": ()}, "one or more different streams"),
        ({"streams": ("running", "running")}, "one or more different streams"),
        ({"streams": ("speed",)}, "expected one of running"),
        ({"rate": None}, "several clocks"),
        ({"rate": math.inf}, "rate is inf"),
        ({"window": (0, 1e9)}, "too many samples"),
    ],
)
def test_unusable_options_raise(session: BehaviorSession, options: dict, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        compute_tensor(session, **(OPTIONS | options))
