"""Releases with imaging planes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess

import pandas as pd
import pytest

from tests.imagingfiles import SyntheticPlane, make_plane, write_plane
from tests.oracle import PYTHON, needs_allensdk
from tests.publish.simulated_release import open_release
from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    ImagingParameters,
    build_release,
    check_release,
    simulate,
    simulate_imaging,
    write_nwb,
)

SMALL = ImagingParameters(height=32, width=32)


def plane_file(folder: pathlib.Path, number: int, seed: int = 0) -> pathlib.Path:
    made = make_plane(seed)
    ids = made.roi_ids + 1000 * number
    plane: SyntheticPlane = dataclasses.replace(made, experiment_id=number, roi_ids=ids, session=make_plane(0).session)
    return write_plane(folder / f"plane{number}.nwb", plane)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A release of two planes of a session as files, a simulated plane in memory, and a session without imaging."""
    folder = tmp_path_factory.mktemp("planes")
    behavior = BehaviorSession.from_json({"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=2, seed=1)})
    items = [
        simulate("TRAINING_1_gratings", minutes=2, seed=2),
        simulate_imaging(behavior, cells=3, seed=1, parameters=SMALL),
        plane_file(folder, 502, 1),
        plane_file(folder, 501),
    ]
    build_release(items, folder / "bucket")
    return folder / "bucket"


def test_tables_list_planes_and_cells(released: pathlib.Path) -> None:
    cache = open_release(released)
    sessions, planes = cache.get_behavior_session_table(), cache.get_ophys_experiment_table()
    imaging, cells = cache.get_ophys_session_table(), cache.get_ophys_cells_table()
    assert len(sessions) == 3
    assert len(planes) == 3
    assert set(imaging.index) == set(sessions["ophys_session_id"].dropna())
    row = sessions[sessions["ophys_experiment_id"].map(lambda ids: ids == [501, 502])].iloc[0]
    assert (row["file_id"], row["num_targeted_structures"], row["num_depths_per_area"]) == (-999, 1, 1)
    for number in planes.index:
        experiment = cache.get_behavior_ophys_experiment(number)
        assert experiment.ophys_experiment_id == number
        of_plane = cells[cells["ophys_experiment_id"] == number]
        assert of_plane.index.tolist() == experiment.cell_specimen_table["cell_roi_id"].tolist()
        assert of_plane["cell_specimen_id"].tolist() == experiment.get_cell_specimen_ids().tolist()
        for name in ("targeted_structure", "imaging_depth", "ophys_session_id", "behavior_session_id"):
            assert planes.at[number, name] == experiment.metadata[name]
    assert planes["passive"].tolist() == [False] * 3


def test_behavior_of_an_imaging_session_is_read_from_a_plane(released: pathlib.Path) -> None:
    cache = open_release(released)
    table = cache.get_performance_table(progress=False)
    for number in table.index:
        session = cache.get_behavior_session(number)
        assert session.behavior_session_id == number
        assert session.get_performance_metrics()["trial_count"] == table.at[number, "trial_count"]


def test_release_has_no_problems_until_a_file_is_changed(released: pathlib.Path) -> None:
    assert check_release(released) == []


def test_building_again_adds_nothing(released: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plane = plane_file(tmp_path, 501)
    first = build_release([plane], tmp_path / "bucket")
    second = build_release([plane], tmp_path / "bucket")
    files = [json.loads(path.read_text())["data_files"] for path in (first, second)]
    assert files[0] == files[1]
    assert len(list((tmp_path / "bucket").rglob("behavior_ophys_experiment_501.nwb"))) == 1


def test_plane_in_memory_is_written_as_it_is(tmp_path: pathlib.Path) -> None:
    behavior = BehaviorSession.from_json({"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=2, seed=1)})
    plane = simulate_imaging(behavior, cells=3, seed=1, parameters=SMALL)
    build_release([plane], tmp_path / "bucket")
    read = open_release(tmp_path / "bucket").get_behavior_ophys_experiment(plane.ophys_experiment_id)
    pd.testing.assert_frame_equal(read.dff_traces, plane.dff_traces)
    build_release([plane], tmp_path / "bucket")


def test_session_with_planes_has_no_other_file(tmp_path: pathlib.Path) -> None:
    plane = plane_file(tmp_path, 501)
    alone = write_nwb(BehaviorOphysExperiment.from_nwb_path(plane), tmp_path / "b.nwb", include_imaging=False)
    with pytest.raises(BadValue, match="Two sessions have the id of"):
        build_release([plane, alone], tmp_path / "bucket")
    (tmp_path / "other").mkdir()
    with pytest.raises(BadValue):
        build_release([plane, plane_file(tmp_path / "other", 501, seed=5)], tmp_path / "bucket2")


def test_cells_of_two_planes_have_different_ids(tmp_path: pathlib.Path) -> None:
    files = []
    for number in (501, 502):
        plane = dataclasses.replace(make_plane(0), experiment_id=number)
        files.append(write_plane(tmp_path / f"{number}.nwb", plane))
    with pytest.raises(BadValue, match="planes 501 and 502 have a cell of the same cell_roi_id, 1000"):
        build_release(files, tmp_path / "bucket")


def test_planes_are_refused_for_neuropixels(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match="is an imaging plane, which visual-behavior-neuropixels does not have"):
        build_release([plane_file(tmp_path, 501)], tmp_path / "bucket", project="neuropixels")


CHILD = """
import sys, warnings
warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache as Cache
cache = Cache.from_local_cache(cache_dir=sys.argv[1], use_static_cache=True)
planes = cache.get_ophys_experiment_table()
for number in planes.index:
    experiment = cache.get_behavior_ophys_experiment(number)
    print(number, len(experiment.dff_traces), experiment.metadata["ophys_session_id"], experiment.max_projection.data.shape)
print(len(cache.get_ophys_cells_table()), len(cache.get_ophys_session_table()), len(cache.get_behavior_session_table()))
"""


@needs_allensdk
def test_allensdk_opens_the_planes_of_a_release(tmp_path: pathlib.Path) -> None:
    behavior = BehaviorSession.from_json(
        {"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=2, seed=1, images=True)}
    )
    plane = simulate_imaging(behavior, cells=3, seed=1, parameters=SMALL)
    build_release([plane], tmp_path / "bucket")
    done = subprocess.run([PYTHON, "-c", CHILD, tmp_path / "bucket"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        f"{plane.ophys_experiment_id} 3 {plane.ophys_session_id} (32, 32)",
        "3 1 1",
    ]
