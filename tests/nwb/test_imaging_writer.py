"""Written imaging planes equal those that they were written from."""

from __future__ import annotations

import pathlib
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.imagingfiles import make_plane, write_plane
from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    Image,
    MissingData,
    UnsupportedFile,
    write_nwb,
)

NAMES = [
    *("cell_specimen_table", "roi_masks", "dff_traces", "corrected_fluorescence_traces", "demixed_traces"),
    *("neuropil_traces", "events", "motion_correction", "ophys_timestamps", "max_projection", "average_projection"),
    *("segmentation_mask_image", "metadata", "ophys_experiment_id", "ophys_session_id", "trials", "licks"),
]


def assert_equal(value: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(value, expected)
    elif isinstance(expected, Image):
        np.testing.assert_array_equal(value.data, expected.data)
        assert (value.spacing, value.unit, value.data.dtype) == (expected.spacing, expected.unit, expected.data.dtype)
    elif isinstance(expected, dict):
        assert value == expected
    else:
        np.testing.assert_array_equal(value, expected)


def planes() -> dict[str, Any]:
    unmatched, none_valid = make_plane(3), make_plane(4)
    unmatched.specimen_ids[1:3] = -1
    none_valid.valid[:] = False
    narrow = make_plane(2, cells=1, dtype=np.float32)
    return {"ordinary": make_plane(1), "one cell": narrow, "unmatched": unmatched, "none valid": none_valid}


@pytest.mark.parametrize("case", planes())
@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_written_plane_has_equal_tables(tmp_path: pathlib.Path, case: str, layout: str) -> None:
    source = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "a.nwb", planes()[case], layout))
    path = write_nwb(source, tmp_path / "b.nwb")
    for options in ({}, {"exclude_invalid_rois": False}):
        written = BehaviorOphysExperiment.from_nwb_path(path, **options)
        expected = BehaviorOphysExperiment.from_nwb_path(tmp_path / "a.nwb", **options)
        for name in NAMES:
            if getattr(expected, name) is None:
                assert getattr(written, name) is None
            else:
                assert_equal(getattr(written, name), getattr(expected, name))


def test_matrices_are_contiguous(tmp_path: pathlib.Path) -> None:
    source = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "a.nwb", make_plane()))
    with h5py.File(write_nwb(source, tmp_path / "b.nwb")) as file:
        assert file["processing/ophys/dff/traces/data"].chunks is None
        assert file["identifier"][()].decode() == str(source.ophys_experiment_id)


def test_behavior_can_be_written_alone(tmp_path: pathlib.Path) -> None:
    source = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "a.nwb", make_plane()))
    path = write_nwb(source, tmp_path / "b.nwb", include_imaging=False)
    with h5py.File(path) as file:
        assert "ophys" not in file["processing"]
    written = BehaviorSession.from_nwb_path(path)
    pd.testing.assert_frame_equal(written.trials, source.trials)
    assert written.behavior_session_id == source.behavior_session_id
    with pytest.raises(UnsupportedFile, match="is the file of a behavior session"):
        BehaviorOphysExperiment.from_nwb_path(path)


def as_object(experiment: BehaviorOphysExperiment, **changes: Any) -> Any:
    """Return an object with the attributes of a plane."""
    names = [name for name in dir(experiment) if not name.startswith(("get_", "from_", "to_", "with_", "list_"))]
    values = {name: getattr(experiment, name) for name in names if not callable(getattr(experiment, name))}

    class Plane(SimpleNamespace):
        cell_specimen_table = None

    return Plane(**values | changes)


@pytest.mark.filterwarnings("ignore:A session without eye tracking")
def test_any_object_with_the_attributes_can_be_written(tmp_path: pathlib.Path) -> None:
    source = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "a.nwb", make_plane()))
    dff = source.dff_traces.assign(dff=[trace * 2 for trace in source.dff_traces["dff"]])
    written = BehaviorOphysExperiment.from_nwb_path(write_nwb(as_object(source, dff_traces=dff), tmp_path / "b.nwb"))
    pd.testing.assert_frame_equal(written.dff_traces, dff)
    assert written.get_cell_specimen_ids().tolist() == source.get_cell_specimen_ids().tolist()


@pytest.mark.filterwarnings("ignore:A session without eye tracking")
def test_tables_that_do_not_fit_are_reported(tmp_path: pathlib.Path) -> None:
    source = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "a.nwb", make_plane()))
    short = source.dff_traces.assign(dff=[trace[:5] for trace in source.dff_traces["dff"]])
    for changes, error, message in (
        ({"dff_traces": source.dff_traces.iloc[::-1]}, BadValue, "dff_traces has other cells than the cell table"),
        ({"dff_traces": short}, BadValue, "dff has traces that have not 200 values"),
        (
            {"events": source.events.assign(cell_roi_id=5)},
            BadValue,
            "events has the cell 5, which is not in the cell table",
        ),
        ({"motion_correction": source.motion_correction[["x"]]}, MissingData, "no column y"),
        ({"metadata": {**source.metadata, "ophys_session_id": None}}, MissingData, "has no ophys_session_id"),
        ({"metadata": {**source.metadata, "excitation_lambda": None}}, MissingData, "has no excitation_lambda"),
    ):
        with pytest.raises(error, match=message):
            write_nwb(as_object(source, **changes), tmp_path / "b.nwb")  # type: ignore[arg-type]
    assert not (tmp_path / "b.nwb").exists()
