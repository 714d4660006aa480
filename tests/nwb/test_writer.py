"""`write_nwb`: files are read back by this package, by pynwb and by AllenSDK, and are complete or absent."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nwbinspector import inspect_nwbfile

from tests.nwb.damaged_files import opened
from tests.nwbfiles import TEMPLATES, write_session
from tests.oracle import PYTHON, needs_allensdk
from tests.synthetic_session import as_session, make_eye_tracking, make_session
from visbehavior import BadValue, BehaviorSession, CannotWrite, DiskFull, MissingData, write_nwb
from visbehavior.nwb.writer import _stack

FRAMES = ["licks", "rewards", "running_speed", "raw_running_speed", "encoder", "stimulus_presentations", "trials"]
# Findings of the inspector in the release's own layout: names of modules, images as a series without times, gray as a table
# of a single row, truth values with missing ones as floats.
FINDINGS_IN_RELEASE = {
    "check_processing_module_name",
    "check_regular_timestamps",
    "check_timestamps_without_nans",
    "check_data_orientation",
    "check_single_row",
    "check_column_binary_capability",
    "check_experimenter_exists",
    "check_small_dataset_compression",
}


def assert_same_session(read: BehaviorSession, written: Any) -> None:
    for name in FRAMES:
        expected, actual = getattr(written, name), getattr(read, name)
        if not len(expected):
            assert actual.empty
            continue
        pd.testing.assert_frame_equal(actual, expected, check_exact=True, check_names=True, obj=name)
    np.testing.assert_array_equal(read.stimulus_timestamps, written.stimulus_timestamps)
    assert read.metadata == written.metadata
    assert read.task_parameters == written.task_parameters
    if written.stimulus_templates is not None:
        assert read.stimulus_templates.name == written.stimulus_templates.name
        for column in ("warped", "unwarped"):
            images = zip(read.stimulus_templates[column], written.stimulus_templates[column], strict=True)
            for actual, expected in images:
                np.testing.assert_array_equal(actual, expected)
                assert actual.dtype == expected.dtype
    if len(written.eye_tracking):
        pd.testing.assert_frame_equal(read.eye_tracking, written.eye_tracking, check_exact=True, check_index_type=False)
        assert read.eye_tracking_rig_geometry == written.eye_tracking_rig_geometry


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    trials=st.integers(1, 300),
    outcomes=st.sampled_from(["hmcfaA", "a", "hm", "A", "aaaah"]),
    passive=st.booleans(),
    blocks=st.sampled_from([1, 4]),
    eye=st.booleans(),
)
def test_session_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    trials: int,
    outcomes: str,
    passive: bool,
    blocks: int,
    eye: bool,
) -> None:
    synthetic = make_session(seed, trials, outcomes, passive, blocks)
    synthetic = synthetic.replace(eye=make_eye_tracking(seed) if eye else None)
    written = as_session(synthetic, templates=seed % 2 == 0)
    path = write_nwb(written, tmp_path_factory.mktemp("w") / "s.nwb", templates=seed % 2 == 0)
    assert_same_session(opened(path), written)


def test_session_that_was_read_can_be_written(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = opened(newer_file)
    path = write_nwb(first, tmp_path / "again.nwb")
    assert_same_session(opened(path), first)


@pytest.mark.parametrize("layout", ["0", "1.0"])
def test_session_of_an_older_file_can_be_written(tmp_path: pathlib.Path, layout: str) -> None:
    first = opened(write_session(tmp_path / "old.nwb", make_session(3, 50), layout))
    second = opened(write_nwb(first, tmp_path / "new.nwb"))
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(second, name), getattr(first, name), check_exact=True)


def test_undeclared_columns_are_written(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    session.trials["mood"] = np.arange(20) / 2
    session.stimulus_presentations["note"] = "x"
    read = opened(write_nwb(session, tmp_path / "s.nwb"))
    assert read.trials["mood"].tolist() == session.trials["mood"].tolist()
    assert set(read.stimulus_presentations["note"]) == {"x"}


def test_licks_of_trials_have_an_index_if_there_is_one_per_trial(tmp_path: pathlib.Path) -> None:
    """AllenSDK's writer omits the index in this case."""
    session = as_session(make_session(1, 30, outcomes="a"))
    assert session.trials["lick_times"].map(len).sum() == 30
    read = opened(write_nwb(session, tmp_path / "s.nwb"))
    assert [list(times) for times in read.trials["lick_times"]] == [
        list(times) for times in session.trials["lick_times"]
    ]
    with h5py.File(tmp_path / "s.nwb") as file:
        assert "lick_times_index" in file["intervals/trials"]


def test_session_without_encoder_is_written_with_nan(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    del session.encoder
    read = opened(write_nwb(session, tmp_path / "s.nwb"))
    assert read.encoder[["dx", "v_sig", "v_in"]].isna().all(axis=None)
    np.testing.assert_array_equal(read.encoder["timestamps"], session.stimulus_timestamps)


@pytest.mark.parametrize("blocks", [1, 4])
def test_pynwb_and_nwbinspector_find_no_errors(tmp_path: pathlib.Path, blocks: int) -> None:
    synthetic = make_session(2, 60, blocks=blocks).replace(eye=make_eye_tracking())
    path = write_nwb(as_session(synthetic), tmp_path / "s.nwb")
    assert pynwb.validate(path=str(path)) == []
    findings = {
        (message.check_function_name, message.location, message.message)
        for message in inspect_nwbfile(nwbfile_path=path)
    }
    assert [finding for finding in findings if finding[0] not in FINDINGS_IN_RELEASE] == []


def test_to_nwb_returns_a_pynwb_file(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = opened(newer_file)
    file = session.to_nwb()
    assert isinstance(file, pynwb.NWBFile)
    assert file.trials.to_dataframe()["hit"].tolist() == session.trials["hit"].tolist()
    with pynwb.NWBHDF5IO(str(tmp_path / "s.nwb"), "w") as io:
        io.write(file)
    assert_same_session(opened(tmp_path / "s.nwb"), session)


def test_names_of_2_10_cannot_be_written(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = opened(newer_file, allensdk_version="2.10")
    with pytest.raises(BadValue, match=r"names of AllenSDK 2\.10.*Open it with allensdk_version='2\.16'"):
        write_nwb(session, tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: delattr(s, "licks"), "has no attribute licks; write_nwb needs"),
        (lambda s: s.trials.pop("hit"), r"trials of the session has no column hit\. Add it"),
        (lambda s: s.running_speed.pop("speed"), r"running_speed of the session has no column speed\. Add it"),
        (
            lambda s: s.stimulus_presentations.pop("end_time"),
            r"presentations of the session has no column end_time\. Add it",
        ),
        (lambda s: s.stimulus_presentations.pop("image_name"), "presentations of the session has no column image_name"),
        (lambda s: s.metadata.pop("mouse_id"), r"metadata of the session has no mouse_id\. Add it"),
        (
            lambda s: s.task_parameters.pop("reward_volume"),
            r"task_parameters of the session has no reward_volume\. Add it",
        ),
        (
            lambda s: s.eye_tracking_rig_geometry.update(equipment="x"),
            "eye_tracking_rig_geometry of the session has no ",
        ),
    ],
)
def test_missing_content_is_named_and_no_file_is_written(tmp_path: pathlib.Path, damage: Any, message: str) -> None:
    session = as_session(make_session(2, 20))
    damage(session)
    with pytest.raises(MissingData, match=message):
        write_nwb(session, tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


def test_missing_templates_are_an_error_if_they_were_requested(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    del session.stimulus_templates
    with pytest.raises(MissingData, match="has no attribute stimulus_templates"):
        write_nwb(session, tmp_path / "s.nwb", templates=True)
    with h5py.File(write_nwb(session, tmp_path / "s.nwb")) as file:
        assert "stimulus/templates" not in file or not len(file["stimulus/templates"])


def test_templates_can_be_compressed(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    path = write_nwb(session, tmp_path / "s.nwb", compress_templates=True)
    assert_same_session(opened(path), session)
    with h5py.File(path) as file:
        assert file[f"{TEMPLATES}/data"].compression == "gzip"


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_images_of_an_array_are_stacked_as_by_numpy(rows: list[int], halved: bool, converted: bool) -> None:
    images = np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)[:, :: 2 if halved else 1]
    chosen = [images[row].astype(float) if converted and row == 2 else images[row] for row in rows]
    np.testing.assert_array_equal(_stack(chosen), np.stack(chosen))


def test_mapped_images_are_written_without_a_copy(newer_file: pathlib.Path) -> None:
    images = list(BehaviorSession.from_nwb_path(newer_file).stimulus_templates["warped"])
    assert np.shares_memory(_stack(images), images[0])
    assert not np.shares_memory(_stack(images[::-1]), images[0])


def test_datasets_are_contiguous(newer_file: pathlib.Path) -> None:
    """Contiguous values can be mapped and read by their offset."""
    chunked: list[str] = []
    with h5py.File(newer_file) as file:
        file.visititems(lambda name, item: chunked.append(name) if getattr(item, "chunks", None) else None)
    # hdmf writes the cached specifications in chunks.
    assert [name for name in chunked if not name.startswith("specifications")] == []


def test_folder_must_exist(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CannotWrite, match=r"There is no folder .*none to write s\.nwb to\. Create it first"):
        write_nwb(as_session(make_session(2, 20)), tmp_path / "none" / "s.nwb")


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    root = pathlib.Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=root
    )


WRITE = (
    "import sys, visbehavior\nfrom tests.synthetic_session import as_session, make_session\n"
    "session = as_session(make_session(2, 200), templates=False)\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
def test_full_disk_leaves_the_existing_file_only(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s.nwb").write_bytes(b"older")
    process = run(
        WRITE + "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try: visbehavior.write_nwb(session, sys.argv[1], templates=False, overwrite=True)\n"
        "except visbehavior.DiskFull as error: print('full', error)",
        tmp_path / "s.nwb",
    )
    assert process.stdout.startswith("full"), process.stderr
    assert "its disk is full. No incomplete file is left." in process.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["s.nwb"]
    assert (tmp_path / "s.nwb").read_bytes() == b"older"


def test_free_space_is_checked_before_writing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DiskFull, match=r"needs [\d,]+ bytes, and its disk has 1,000 free"):
        write_nwb(as_session(make_session(2, 20)), tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


def test_crash_leaves_no_file_under_the_name(tmp_path: pathlib.Path) -> None:
    process = run(
        WRITE + "import os, h5py\ncreate_dataset = h5py.Group.create_dataset\ncalls = []\n"
        "def crash(*a, **k):\n    calls.append(1)\n    os._exit(9) if len(calls) > 20 else None\n"
        "    return create_dataset(*a, **k)\n"
        "h5py.Group.create_dataset = crash\nvisbehavior.write_nwb(session, sys.argv[1], templates=False)",
        tmp_path / "s.nwb",
    )
    assert process.returncode == 9
    assert not (tmp_path / "s.nwb").exists()


@needs_allensdk
@pytest.mark.parametrize("case", ["active", "passive", "eye", "many licks", "no encoder"])
def test_allensdk_reads_the_same_tables(tmp_path: pathlib.Path, case: str) -> None:
    synthetic = make_session(5, 80, passive=case == "passive", blocks=4 if case == "eye" else 1)
    if case == "many licks":
        synthetic = make_session(1, 30, outcomes="ah")
    session = as_session(synthetic.replace(eye=make_eye_tracking() if case == "eye" else None))
    if case == "no encoder":
        del session.encoder
    path = write_nwb(session, tmp_path / "s.nwb")
    child = pathlib.Path(__file__).with_name("allensdk_child.py")
    command = [PYTHON, child, path, tmp_path / "out.npz"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    read = opened(path)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as expected:
        for name in ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations"):
            columns = {key.split("/")[1]: expected[key] for key in expected.files if key.startswith(f"{name}/")}
            assert_same_columns(getattr(read, name), columns)
        metrics = read.get_performance_metrics()
        expected_metrics = [float(expected[f"metrics/{name}"]) for name in metrics]
        np.testing.assert_allclose(expected_metrics, list(metrics.values()), rtol=1e-12)
        if case == "eye":
            np.testing.assert_array_equal(expected["eye"], read.eye_tracking.to_numpy(dtype=float))


def assert_same_columns(frame: pd.DataFrame, expected: dict[str, np.ndarray]) -> None:
    """Compare a table with the arrays that the child process saved."""
    assert set(frame) == set(expected)
    for name, values in expected.items():
        column = frame[name]
        if name == "lick_times":
            column = pd.Series(np.concatenate([np.r_[len(times), times] for times in column]), dtype=float)
        if values.dtype.kind == "U":
            assert column.astype(object).where(column.notna(), "<NA>").astype(str).tolist() == values.tolist()
        elif values.dtype.kind == "f":
            np.testing.assert_array_equal(column.to_numpy(dtype=values.dtype, na_value=np.nan), values)
        else:
            np.testing.assert_array_equal(column, values)


def test_existing_files_are_replaced_only_on_request(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "s.nwb"
    target.write_bytes(newer_file.read_bytes())
    session = opened(target)
    for overwrite in (True, False):
        with pytest.raises(CannotWrite, match="is the file that the session is read from"):
            write_nwb(session, target, overwrite=overwrite)
    assert target.read_bytes() == newer_file.read_bytes()
    other = opened(newer_file)
    with pytest.raises(CannotWrite, match=r"exists\. Choose another name, or pass overwrite=True"):
        write_nwb(other, target)
    assert target.read_bytes() == newer_file.read_bytes()
    write_nwb(other, target, templates=False, overwrite=True)
    assert target.stat().st_size != newer_file.stat().st_size


def test_rig_geometry_is_kept_without_eye_tracking_rows(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(newer_file)
    geometry = session.eye_tracking_rig_geometry
    assert geometry

    def empty(file: h5py.File) -> None:
        for series in file["acquisition/EyeTracking"].values():
            for name, dataset in list(series.items()):
                if isinstance(dataset, h5py.Dataset) and dataset.shape:
                    values = dataset[:0]
                    del series[name]
                    series.create_dataset(name, data=values)

    path = tmp_path / "empty_eye.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "r+") as file:
        empty(file)
    opened = BehaviorSession.from_nwb_path(path)
    assert not len(opened.eye_tracking)
    again = BehaviorSession.from_nwb_path(write_nwb(opened, tmp_path / "again.nwb"))
    assert again.eye_tracking_rig_geometry == geometry


def test_without_templates_no_image_is_needed(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "no_images.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["stimulus/templates"]
    session = BehaviorSession.from_nwb_path(path)
    again = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "again.nwb", templates=False))
    pd.testing.assert_frame_equal(again.stimulus_presentations, session.stimulus_presentations)


def test_presentations_without_a_stop_time_are_written(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "no_stop.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "r+") as file:
        for group in file["intervals"].values():
            if "presentations" in group.name:
                group["stop_time"][...] = np.nan
    session = BehaviorSession.from_nwb_path(path)
    again = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "again.nwb"))
    pd.testing.assert_frame_equal(again.stimulus_presentations, session.stimulus_presentations)
    assert again.stimulus_presentations["end_time"].isna().all()
