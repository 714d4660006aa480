"""Imaging planes: comparison with the content that a file was written from."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.imagingfiles import CELLS, OPHYS, RESOLUTION, SIZE, SyntheticPlane, make_plane, write_plane
from tests.nwbfiles import write_session
from tests.synthetic_session import make_eye_tracking, make_session
from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    MissingData,
    UnsupportedFile,
    VisBehaviorWarning,
)
from visbehavior.nwb.file import NwbFile
from visbehavior.schema.imaging import EXPERIMENT_ENTRIES

TABLES = {
    "dff_traces": ("dff", "dff"),
    "corrected_fluorescence_traces": ("corrected_fluorescence", "corrected_fluorescence"),
    "demixed_traces": ("demixed_trace", "demixed_trace"),
    "neuropil_traces": ("neuropil_trace", "neuropil_trace"),
}


@pytest.fixture(scope="module")
def plane() -> SyntheticPlane:
    return make_plane()


@pytest.fixture(scope="module")
def path(plane: SyntheticPlane, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_plane(tmp_path_factory.mktemp("plane") / "behavior_ophys_experiment_990000001.nwb", plane)


@pytest.fixture
def experiment(path: pathlib.Path) -> BehaviorOphysExperiment:
    return BehaviorOphysExperiment.from_nwb_path(path)


def opened(folder: pathlib.Path, plane: SyntheticPlane, **options: Any) -> BehaviorOphysExperiment:
    return BehaviorOphysExperiment.from_nwb_path(write_plane(folder / "plane.nwb", plane), **options)


@pytest.mark.parametrize("name", TABLES)
def test_traces_are_those_of_the_valid_cells(
    experiment: BehaviorOphysExperiment, plane: SyntheticPlane, name: str
) -> None:
    table, (column, stored) = getattr(experiment, name), TABLES[name]
    assert table.index.name == "cell_specimen_id"
    assert table.index.tolist() == plane.specimen_ids[plane.valid].tolist()
    assert table["cell_roi_id"].tolist() == plane.roi_ids[plane.valid].tolist()
    for trace, expected in zip(table[column], plane.traces[stored].T[plane.valid], strict=True):
        np.testing.assert_array_equal(trace, expected)


def test_invalid_cells_are_included_on_request(path: pathlib.Path, plane: SyntheticPlane) -> None:
    experiment = BehaviorOphysExperiment.from_nwb_path(path, exclude_invalid_rois=False)
    for name in ("cell_specimen_table", "roi_masks", *TABLES):
        assert getattr(experiment, name)["cell_roi_id"].tolist() == plane.roi_ids.tolist()
    np.testing.assert_array_equal(experiment.segmentation_mask_image.data, plane.masks.any(axis=0))
    assert experiment.cell_specimen_table["valid_roi"].tolist() == plane.valid.tolist()


def test_cell_table_and_masks(experiment: BehaviorOphysExperiment, plane: SyntheticPlane) -> None:
    table = experiment.cell_specimen_table
    assert list(table) == [
        *("cell_roi_id", "height", "mask_image_plane", "max_correction_down", "max_correction_left"),
        *("max_correction_right", "max_correction_up", "valid_roi", "width", "x", "y", "roi_mask"),
    ]
    rows = np.flatnonzero(plane.valid)
    assert table["x"].tolist() == (rows + 3).tolist()
    assert table["max_correction_up"].tolist() == (rows + 0.3).tolist()
    for masks in (table["roi_mask"], experiment.roi_masks["roi_mask"]):
        for mask, expected in zip(masks, plane.masks[rows], strict=True):
            assert mask.dtype == np.bool_
            np.testing.assert_array_equal(mask, expected)


def test_factor_and_error_of_the_neuropil(experiment: BehaviorOphysExperiment, plane: SyntheticPlane) -> None:
    table = experiment.corrected_fluorescence_traces
    rows = np.flatnonzero(plane.valid)
    assert list(table) == ["cell_roi_id", "corrected_fluorescence", "r", "RMSE"]
    assert table["r"].tolist() == rows.tolist()
    assert table["RMSE"].tolist() == (rows + 0.5).tolist()


@pytest.mark.parametrize(("scale", "count"), [(2 / 31, 20), (0.3, 7), (0.05, 1)])
def test_events_are_filtered_as_the_reference(
    path: pathlib.Path, plane: SyntheticPlane, scale: float, count: int
) -> None:
    experiment = BehaviorOphysExperiment.from_nwb_path(
        path, events_filter_scale_seconds=scale, events_filter_n_time_steps=count
    )
    table = experiment.events
    with_events = [row for row in plane.event_rows if plane.valid[row]]
    assert table["cell_roi_id"].tolist() == plane.roi_ids[with_events].tolist()
    assert table.index.tolist() == plane.specimen_ids[with_events].tolist()
    weights = stats.halfnorm(loc=0, scale=scale * 31.0).pdf(np.arange(count))
    weights = weights / np.sum(weights)
    for row, (_, cell) in zip(with_events, table.iterrows(), strict=True):
        trace = plane.events[:, row]
        np.testing.assert_array_equal(cell["events"], trace)
        expected = [sum(weights[lag] * trace[i - lag] for lag in range(min(count, i + 1))) for i in range(len(trace))]
        np.testing.assert_allclose(cell["filtered_events"], expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(cell["filtered_events"], np.convolve(trace, weights)[: len(trace)])
        assert (cell["lambda"], cell["noise_std"]) == (row / 3.0, row / 7.0)


def test_images_have_the_size_of_their_pixels(experiment: BehaviorOphysExperiment, plane: SyntheticPlane) -> None:
    image = experiment.max_projection
    assert image.data.dtype == np.uint8
    assert image.data.shape == SIZE
    assert image.spacing == [RESOLUTION * 10, RESOLUTION * 10]
    assert image.unit == "mm"
    np.testing.assert_array_equal(np.asarray(experiment.average_projection), image.data + np.uint8(1))
    union = experiment.segmentation_mask_image
    assert union.data.dtype == np.int64
    np.testing.assert_array_equal(union.data, plane.masks[plane.valid].any(axis=0))
    assert experiment.get_segmentation_mask_image() is union
    assert repr(image) == "Image(24 x 30 pixels of 0.00078125 x 0.00078125 mm, uint8)"


def test_times_and_motion(experiment: BehaviorOphysExperiment, plane: SyntheticPlane) -> None:
    np.testing.assert_array_equal(experiment.ophys_timestamps, plane.timestamps)
    motion = experiment.motion_correction
    assert list(motion) == ["x", "y"]
    assert motion["y"].tolist() == (-np.arange(len(plane.timestamps))).tolist()


def test_metadata_have_the_entries_of_session_and_plane(
    experiment: BehaviorOphysExperiment, path: pathlib.Path
) -> None:
    behavior = BehaviorSession.from_nwb_path(path).metadata
    assert list(experiment.metadata) == [*behavior, *EXPERIMENT_ENTRIES]
    assert experiment.metadata["targeted_structure"] == "VISp"
    assert experiment.metadata["imaging_plane_group"] is None
    assert experiment.metadata["indicator"] == "GCaMP6f"
    assert (experiment.ophys_experiment_id, experiment.ophys_session_id) == (990000001, 990020001)


def test_behavior_is_that_of_the_session(experiment: BehaviorOphysExperiment, path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(path)
    pd.testing.assert_frame_equal(experiment.trials, session.trials)
    assert experiment.get_performance_metrics() == session.get_performance_metrics()
    assert set(session.list_data_attributes_and_methods()) < set(experiment.list_data_attributes_and_methods())
    assert all(hasattr(type(experiment), name) for name in experiment.list_data_attributes_and_methods())


def test_cells_are_found_by_id(experiment: BehaviorOphysExperiment, plane: SyntheticPlane) -> None:
    ids = experiment.get_cell_specimen_ids().tolist()
    assert ids == plane.specimen_ids[plane.valid].tolist()
    assert experiment.get_cell_specimen_indices(ids[::-1]) == list(range(len(ids)))[::-1]
    times, traces = experiment.get_dff_traces()
    assert traces.shape == (len(ids), len(times))
    np.testing.assert_array_equal(experiment.get_dff_traces([ids[1]])[1], traces[1:2])
    with pytest.warns(VisBehaviorWarning, match="1 of 2 cells are not in this imaging plane, such as 7"):
        np.testing.assert_array_equal(experiment.get_dff_traces([ids[0], 7])[1], traces[:1])
    for call in (experiment.get_dff_traces, experiment.get_cell_specimen_indices):
        with pytest.raises(BadValue, match=r"There is no cell 7 .+get_cell_specimen_ids\(\) lists its cells"):
            call([7])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda ids: np.full(len(ids), -1), [None] * 4),
        (lambda ids: np.where(np.arange(len(ids)) == 2, np.nan, ids), [True, np.nan, True, True]),
        (lambda ids: np.where(np.arange(len(ids)) == 2, -1, ids), [True, None, True, True]),
    ],
    ids=["none matched", "one NaN", "one -1"],
)
def test_cells_without_an_id_do_not_break_lookups(
    plane: SyntheticPlane, tmp_path: pathlib.Path, change: Any, expected: Any
) -> None:
    changed = make_plane()
    changed.specimen_ids = change(plane.specimen_ids)
    experiment = opened(tmp_path, changed)
    ids = experiment.dff_traces.index.tolist()
    for number, (label, wanted) in enumerate(zip(ids, expected, strict=True)):
        if wanted is True:
            assert experiment.get_cell_specimen_indices([label]) == [number]
        else:
            assert label is None if wanted is None else np.isnan(label)
    assert len(experiment.get_dff_traces()[1]) == 4


@pytest.mark.parametrize("cells", [0, 1, 2])
def test_planes_with_few_or_no_valid_cells_open(tmp_path: pathlib.Path, cells: int) -> None:
    plane = make_plane(cells=cells)
    plane.valid[:] = False
    experiment = opened(tmp_path, plane)
    for name in ("cell_specimen_table", "roi_masks", "events", *TABLES):
        assert len(getattr(experiment, name)) == 0
    assert experiment.get_dff_traces()[1].shape == (0, len(plane.timestamps))
    assert not experiment.segmentation_mask_image.data.any()
    assert experiment.segmentation_mask_image.data.shape == SIZE


def test_nan_in_traces_is_kept(tmp_path: pathlib.Path) -> None:
    plane = make_plane(dtype=np.float32)
    plane.traces["dff"][10:20, 0] = np.nan
    plane.events[5, 0] = np.nan
    experiment = opened(tmp_path, plane)
    trace = experiment.dff_traces["dff"].iloc[0]
    assert trace.dtype == np.float32
    assert np.flatnonzero(np.isnan(trace)).tolist() == list(range(10, 20))
    filtered = experiment.events["filtered_events"].iloc[0]
    assert filtered.dtype == np.float64
    assert np.flatnonzero(np.isnan(filtered)).tolist() == list(range(5, 25))


def test_traces_of_a_local_file_are_views_of_it(experiment: BehaviorOphysExperiment, path: pathlib.Path) -> None:
    traces = experiment.dff_traces["dff"].tolist()
    assert all(trace.base is not None and not trace.flags.owndata for trace in traces)
    before = path.read_bytes()
    traces[0][:] = 7
    assert path.read_bytes() == before


def test_opening_reads_no_trace(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = NwbFile.read_array
    monkeypatch.setattr(
        NwbFile, "read_array", lambda self, group, *rest: read.append(group) or original(self, group, *rest)
    )
    experiment = BehaviorOphysExperiment.from_nwb_path(path)
    _ = experiment.trials, experiment.metadata, experiment.get_cell_specimen_ids()
    assert read == []
    _ = experiment.dff_traces
    assert read == [f"{OPHYS}/dff/traces"]


def test_older_files_have_no_demixed_and_neuropil_traces(plane: SyntheticPlane, tmp_path: pathlib.Path) -> None:
    path = write_plane(tmp_path / "old.nwb", plane, "1.0")
    experiment = BehaviorOphysExperiment.from_nwb_path(path)
    assert experiment.demixed_traces is None
    assert experiment.neuropil_traces is None
    assert list(experiment.corrected_fluorescence_traces) == ["cell_roi_id", "corrected_fluorescence"]
    assert experiment.metadata["ophys_container_id"] is None
    older = BehaviorOphysExperiment.from_nwb_path(path, allensdk_version="2.10")
    assert older.metadata["experiment_container_id"] == 990030001
    assert isinstance(older.dff_traces["dff"].iloc[0], list)
    assert older.events["cell_roi_id"].tolist() == plane.roi_ids[plane.event_rows].tolist()


def test_an_experiment_is_pickled_with_its_options(path: pathlib.Path) -> None:
    experiment = BehaviorOphysExperiment.from_nwb_path(path, exclude_invalid_rois=False, events_filter_n_time_steps=3)
    copy = pickle.loads(pickle.dumps(experiment))
    pd.testing.assert_frame_equal(copy.events, experiment.events)
    assert len(copy.dff_traces) == 5


def test_the_file_of_a_behavior_session_is_refused(plane: SyntheticPlane, tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "behavior_session_1.nwb", plane.session)
    with pytest.raises(UnsupportedFile, match=r"expected that of an imaging plane.+BehaviorSession opens it"):
        BehaviorOphysExperiment.from_nwb_path(path)


@pytest.mark.parametrize(
    "options",
    [
        {"events_filter_scale_seconds": 0},
        {"events_filter_scale_seconds": float("nan")},
        {"events_filter_n_time_steps": 0},
        {"events_filter_n_time_steps": 2.5},
    ],
)
def test_invalid_options_are_rejected(path: pathlib.Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=next(iter(options))):
        BehaviorOphysExperiment.from_nwb_path(path, **options)


@pytest.mark.parametrize(
    ("member", "attribute", "error", "message"),
    [
        (f"{OPHYS}/dff/traces/data", "dff_traces", MissingData, "has no /processing/ophys/dff/traces/data"),
        (f"{OPHYS}/ophys_motion_correction_x", "motion_correction", MissingData, "ophys_motion_correction_x"),
        (f"{CELLS}/valid_roi", "dff_traces", MissingData, "valid_roi"),
        (f"{OPHYS}/images/max_projection", "max_projection", MissingData, "max_projection"),
        (f"{OPHYS}/event_detection", "events", MissingData, "event_detection"),
    ],
)
def test_missing_members_are_reported(
    path: pathlib.Path, tmp_path: pathlib.Path, member: str, attribute: str, error: type[Exception], message: str
) -> None:
    damaged = tmp_path / "damaged.nwb"
    damaged.write_bytes(path.read_bytes())
    with h5py.File(damaged, "r+") as file:
        del file[member]
    with pytest.raises(error, match=message):
        getattr(BehaviorOphysExperiment.from_nwb_path(damaged), attribute)


@pytest.mark.parametrize(
    ("dataset", "attribute"),
    [(f"{OPHYS}/dff/traces/data", "dff_traces"), (f"{OPHYS}/event_detection/data", "events")],
)
def test_a_matrix_that_does_not_match_its_times_is_reported(
    path: pathlib.Path, tmp_path: pathlib.Path, dataset: str, attribute: str
) -> None:
    damaged = tmp_path / "damaged.nwb"
    damaged.write_bytes(path.read_bytes())
    with h5py.File(damaged, "r+") as file:
        values = file[dataset][:-1]
        del file[dataset]
        file[dataset] = values
    with pytest.raises(BadValue, match=r"has the shape \(199, \d\); expected \(200, \d\), frames x cells"):
        getattr(BehaviorOphysExperiment.from_nwb_path(damaged), attribute)


def test_events_of_unknown_rows_are_reported(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    damaged = tmp_path / "damaged.nwb"
    damaged.write_bytes(path.read_bytes())
    with h5py.File(damaged, "r+") as file:
        file[f"{OPHYS}/event_detection/rois"][-1] = 99
    with pytest.raises(BadValue, match=r"events refers to row 99 .+ 5 rows"):
        _ = BehaviorOphysExperiment.from_nwb_path(damaged).events


KINDS = {
    "dff": "dff",
    "corrected": "corrected_fluorescence",
    "demixed": "demixed_trace",
    "neuropil": "neuropil_trace",
}


@pytest.mark.parametrize("kind", KINDS)
def test_traces_are_labelled_by_cell_and_time(
    experiment: BehaviorOphysExperiment, plane: SyntheticPlane, kind: str
) -> None:
    traces, valid = experiment.traces(kind), plane.valid
    assert (traces.dims, traces.name) == (("cell", "time"), kind)
    np.testing.assert_array_equal(traces.values, plane.traces[KINDS[kind]].T[valid])
    np.testing.assert_array_equal(traces["time"], plane.timestamps)
    assert traces["time"].attrs["units"] == "s"
    assert traces["cell_roi_id"].values.tolist() == plane.roi_ids[valid].tolist()
    assert traces["cell_specimen_id"].values.tolist() == plane.specimen_ids[valid].tolist()
    np.testing.assert_array_equal(traces["x"], experiment.cell_specimen_table["x"])
    assert traces.attrs["pixel_size"] == experiment.max_projection.spacing[0]
    one = traces.sel(cell_specimen_id=plane.specimen_ids[3]).sel(time=slice(6, 7))
    in_range = (plane.timestamps >= 6) & (plane.timestamps <= 7)
    np.testing.assert_array_equal(one, plane.traces[KINDS[kind]][in_range, 3])


INDEXES = [
    (slice(None), slice(50, 60)),
    (1, slice(None)),
    (slice(None), 5),
    (slice(None, None, -1), slice(60, 50, -3)),
    (slice(0, 0), slice(None)),
    (slice(None), slice(7, 7)),
    ([2, 0], slice(0, 30)),
    (2, 199),
]


@pytest.mark.parametrize("index", INDEXES, ids=str)
def test_filtered_events_do_not_depend_on_what_is_indexed(experiment: BehaviorOphysExperiment, index: Any) -> None:
    expected = np.stack(experiment.events["filtered_events"].tolist())
    np.testing.assert_allclose(experiment.traces("filtered_events")[index], expected[index], atol=1e-15)
    events = np.stack(experiment.events["events"].tolist())
    np.testing.assert_array_equal(experiment.traces("events")[index], events[index])


def test_cell_without_specimen_id_can_be_selected_by_roi(tmp_path: pathlib.Path) -> None:
    plane = make_plane()
    plane.specimen_ids[:3] = -1
    experiment = opened(tmp_path, plane)
    traces = experiment.traces("dff")
    assert traces["cell_specimen_id"].values.tolist()[:2] == [-1, -1]
    np.testing.assert_array_equal(experiment.dff_trace(cell_roi_id=1002), plane.traces["dff"][:, 2])
    np.testing.assert_array_equal(
        experiment.dff_trace(int(plane.specimen_ids[4]), start=6, stop=6.5),
        plane.traces["dff"][(plane.timestamps >= 6) & (plane.timestamps <= 6.5), 4],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs cell_specimen_id or cell_roi_id, and not both"),
        ({"cell_specimen_id": 1, "cell_roi_id": 1000}, "and not both"),
        ({"cell_roi_id": 5}, "There is no cell 5"),
        ({"cell_roi_id": 1000, "start": "a"}, "start is 'a'; expected a number"),
    ],
)
def test_bad_cell_or_time_is_reported(
    experiment: BehaviorOphysExperiment, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadValue, match=message):
        experiment.dff_trace(**arguments)


def test_unknown_and_absent_kinds_of_traces_are_reported(
    experiment: BehaviorOphysExperiment, tmp_path: pathlib.Path, plane: SyntheticPlane
) -> None:
    with pytest.raises(BadValue, match="kind is 'speed'; expected one of dff, events"):
        experiment.traces("speed")
    older = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "old.nwb", plane, "1.0"))
    with pytest.raises(MissingData, match="has no neuropil traces"):
        older.traces("neuropil")


def with_eye_tracking(folder: pathlib.Path) -> BehaviorOphysExperiment:
    plane = make_plane()
    return opened(folder, dataclasses.replace(plane, session=plane.session.replace(eye=make_eye_tracking())))


def test_pupil_diameter_is_that_of_a_circle(tmp_path: pathlib.Path) -> None:
    experiment = with_eye_tracking(tmp_path)
    pupil, eye = experiment.pupil_diameter, experiment.eye_tracking
    np.testing.assert_allclose(pupil["pupil_diameter"], [2 * (area / np.pi) ** 0.5 for area in eye["pupil_area"]])
    assert pupil["timestamps"].tolist() == eye["timestamps"].tolist()
    assert pupil["pupil_diameter"].isna().tolist() == eye["likely_blink"].tolist()
    without = BehaviorSession.from_nwb_path(write_session(tmp_path / "s.nwb", make_session(passive=True)))
    with pytest.warns(VisBehaviorWarning, match="without eye tracking"):
        assert without.pupil_diameter.shape == (0, 2)


def test_pynapple_objects_have_the_values_of_the_tables(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("pynapple")
    experiment = with_eye_tracking(tmp_path)
    made = experiment.to_pynapple()
    assert list(made) == [
        "licks",
        "rewards",
        "running_speed",
        "pupil_diameter",
        "trials",
        "stimulus_presentations",
        "dff",
        "events",
    ]
    np.testing.assert_allclose(made["licks"].t, experiment.licks["timestamps"], atol=1e-9)
    np.testing.assert_allclose(made["running_speed"].d, experiment.running_speed["speed"])
    np.testing.assert_allclose(made["trials"].start, experiment.trials["start_time"], atol=1e-9)
    assert made["trials"]["hit"].tolist() == experiment.trials["hit"].tolist()
    np.testing.assert_array_equal(made["dff"].d, experiment.traces("dff").values.T)
    assert list(made["dff"].columns) == experiment.traces("dff")["cell_roi_id"].values.tolist()
    assert list(experiment.to_pynapple("neuropil", "licks")) == ["neuropil", "licks"]
    with pytest.raises(BadValue, match="names is 'speed'; expected one of licks"):
        experiment.to_pynapple("speed")
