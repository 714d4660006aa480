"""Sessions written as NWB: what is read back is what was written, by our reader, by pynwb and by AllenSDK."""

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

from tests.nwbfiles import as_session, make_eye, make_session, write_session
from tests.oracle import PYTHON, needs_allensdk
from visbehavior import BadValue, BehaviorSession, CannotWrite, DiskFull, MissingData, write_nwb
from visbehavior._version import __version__

FRAMES = ["licks", "rewards", "running_speed", "raw_running_speed", "encoder", "stimulus_presentations", "trials"]
# What the inspector finds in the release's own layout: names of modules, images as a series without times, gray as a table
# of a single row, truth values with missing ones as floats. The rest would be ours.
OF_THE_LAYOUT = {
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
        expected, got = getattr(written, name), getattr(read, name)
        if not len(expected):
            assert got.empty
            continue
        pd.testing.assert_frame_equal(got, expected, check_exact=True, check_names=True, obj=name)
    np.testing.assert_array_equal(read.stimulus_timestamps, written.stimulus_timestamps)
    assert read.metadata == written.metadata
    assert read.task_parameters == written.task_parameters
    if written.stimulus_templates is not None:
        assert read.stimulus_templates.name == written.stimulus_templates.name
        for column in ("warped", "unwarped"):
            for ours, theirs in zip(read.stimulus_templates[column], written.stimulus_templates[column], strict=True):
                np.testing.assert_array_equal(ours, theirs)
                assert ours.dtype == theirs.dtype
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
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    trials: int,
    outcomes: str,
    passive: bool,
    blocks: int,
    eye: bool,
) -> None:
    made = make_session(seed, trials, outcomes, passive, blocks).but(eye=make_eye(seed) if eye else None)
    written = as_session(made, templates=seed % 2 == 0)
    path = write_nwb(written, tmp_path_factory.mktemp("w") / "s.nwb", templates=seed % 2 == 0)
    assert_same_session(BehaviorSession.from_nwb_path(path), written)


def test_a_session_that_was_read_is_written_again(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = BehaviorSession.from_nwb_path(newer_file)
    path = write_nwb(first, tmp_path / "again.nwb")
    assert_same_session(BehaviorSession.from_nwb_path(path), first)


@pytest.mark.parametrize("layout", ["0", "1.0"])
def test_a_session_of_an_older_file(tmp_path: pathlib.Path, layout: str) -> None:
    old = write_session(tmp_path / "old.nwb", make_session(3, 50), layout)
    first = BehaviorSession.from_nwb_path(old)
    second = BehaviorSession.from_nwb_path(write_nwb(first, tmp_path / "new.nwb"))
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(second, name), getattr(first, name), check_exact=True)


def test_columns_that_nobody_declared_are_written_too(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    session.trials["mood"] = np.arange(20) / 2
    session.stimulus_presentations["note"] = "x"
    read = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "s.nwb"))
    assert read.trials["mood"].tolist() == session.trials["mood"].tolist()
    assert set(read.stimulus_presentations["note"]) == {"x"}


def test_as_many_licks_as_trials(tmp_path: pathlib.Path) -> None:
    """The sessions that AllenSDK's own writer garbles."""
    made = make_session(1, 30, outcomes="a")
    session = as_session(made)
    assert session.trials["lick_times"].map(len).sum() == 30
    read = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "s.nwb"))
    assert [list(times) for times in read.trials["lick_times"]] == [
        list(times) for times in session.trials["lick_times"]
    ]
    with h5py.File(tmp_path / "s.nwb") as file:
        assert "lick_times_index" in file["intervals/trials"]


def test_a_session_without_encoder_has_nan_for_it(tmp_path: pathlib.Path) -> None:
    session = as_session(make_session(2, 20))
    del session.encoder
    read = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "s.nwb"))
    assert read.encoder[["dx", "v_sig", "v_in"]].isna().all(axis=None)
    np.testing.assert_array_equal(read.encoder["timestamps"], session.stimulus_timestamps)


@pytest.mark.parametrize(
    "name", ["age_in_days", "sex", "reporter_line", "behavior_session_uuid", "driver_line", "full_genotype"]
)
def test_metadata_that_are_none_stay_none(tmp_path: pathlib.Path, name: str) -> None:
    session = as_session(make_session(2, 20))
    session.metadata[name] = None
    read = BehaviorSession.from_nwb_path(write_nwb(session, tmp_path / "s.nwb"))
    assert read.metadata[name] is None


@pytest.mark.parametrize("blocks", [1, 4])
def test_pynwb_and_the_inspector_find_nothing_wrong_that_is_ours(tmp_path: pathlib.Path, blocks: int) -> None:
    path = write_nwb(as_session(make_session(2, 60, blocks=blocks).but(eye=make_eye())), tmp_path / "s.nwb")
    assert pynwb.validate(path=str(path)) == []
    found = {
        (message.check_function_name, message.location, message.message)
        for message in inspect_nwbfile(nwbfile_path=path)
    }
    assert [message for message in found if message[0] not in OF_THE_LAYOUT] == []


def test_to_nwb_gives_a_pynwb_file(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(newer_file)
    file = session.to_nwb()
    assert isinstance(file, pynwb.NWBFile)
    assert file.trials.to_dataframe()["hit"].tolist() == session.trials["hit"].tolist()
    with pynwb.NWBHDF5IO(str(tmp_path / "s.nwb"), "w") as io:
        io.write(file)
    assert_same_session(BehaviorSession.from_nwb_path(tmp_path / "s.nwb"), session)


def test_the_file_says_what_wrote_it_and_from_where(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = write_nwb(BehaviorSession.from_nwb_path(newer_file), tmp_path / "s.nwb")
    with h5py.File(path) as file:
        said = file["general/source_script"][()].decode()
    assert said == f"written by visbehavior {__version__} from {newer_file}"


def test_the_names_of_2_10_cannot_be_written(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(newer_file, allensdk_version="2.10")
    with pytest.raises(BadValue, match=r"names of AllenSDK 2\.10.*Open it with allensdk_version='2\.16'"):
        write_nwb(session, tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: delattr(s, "licks"), "has no attribute licks"),
        (lambda s: s.trials.pop("hit"), "trials have no column hit"),
        (lambda s: s.running_speed.pop("speed"), "running_speed have no column speed"),
        (lambda s: s.metadata.pop("mouse_id"), "metadata have no mouse_id"),
        (lambda s: s.task_parameters.pop("reward_volume"), "task_parameters have no reward_volume"),
    ],
)
def test_what_is_missing_is_named_and_nothing_written(tmp_path: pathlib.Path, damage: Any, message: str) -> None:
    session = as_session(make_session(2, 20))
    damage(session)
    with pytest.raises(MissingData, match=message):
        write_nwb(session, tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CannotWrite, match=r"There is no folder .*none to write"):
        write_nwb(as_session(make_session(2, 20)), tmp_path / "none" / "s.nwb")


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    root = pathlib.Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=root
    )


WRITE = (
    "import sys, visbehavior\nfrom tests.nwbfiles import as_session, make_session\n"
    "session = as_session(make_session(2, 200), templates=False)\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_disk_that_fills_leaves_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s.nwb").write_bytes(b"older")
    done = run(
        WRITE + "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try: visbehavior.write_nwb(session, sys.argv[1], templates=False, overwrite=True)\n"
        "except visbehavior.DiskFull as error: print('full', error)",
        tmp_path / "s.nwb",
    )
    assert done.stdout.startswith("full"), done.stderr
    assert "its disk is full. Nothing was left of it" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["s.nwb"]
    assert (tmp_path / "s.nwb").read_bytes() == b"older"


def test_too_little_room_is_said_before(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DiskFull, match=r"needs [\d,]+ bytes, and its disk has 1,000 free"):
        write_nwb(as_session(make_session(2, 20)), tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


def test_a_crash_leaves_no_file_of_the_name(tmp_path: pathlib.Path) -> None:
    done = run(
        WRITE + "import os, h5py\nplain = h5py.Group.create_dataset\nmade = []\n"
        "def dying(*a, **k):\n    made.append(1)\n    os._exit(9) if len(made) > 20 else None\n    return plain(*a, **k)\n"
        "h5py.Group.create_dataset = dying\nvisbehavior.write_nwb(session, sys.argv[1], templates=False)",
        tmp_path / "s.nwb",
    )
    assert done.returncode == 9
    assert not (tmp_path / "s.nwb").exists()


@needs_allensdk
@pytest.mark.parametrize("case", ["active", "passive", "eye", "many licks", "no encoder"])
def test_allensdk_opens_what_we_wrote(tmp_path: pathlib.Path, case: str) -> None:
    """In its own environment, in a child process, the tables on the way back as pickled arrays."""
    made = make_session(5, 80, passive=case == "passive", blocks=4 if case == "eye" else 1)
    session = as_session(
        made.but(eye=make_eye() if case == "eye" else None)
        if case != "many licks"
        else make_session(1, 30, outcomes="ah")
    )
    if case == "no encoder":
        del session.encoder
    path = write_nwb(session, tmp_path / "s.nwb")
    child = pathlib.Path(__file__).with_name("allensdk_child.py")
    done = subprocess.run([PYTHON, child, path, tmp_path / "out.npz"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    read = BehaviorSession.from_nwb_path(path)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as theirs:
        for name in ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations"):
            frame = getattr(read, name)
            names = {key.split("/")[1] for key in theirs.files if key.startswith(f"{name}/")}
            assert names == set(frame.columns)
            for column in names:
                expected, got = theirs[f"{name}/{column}"], frame[column]
                if column == "lick_times":
                    got = pd.Series(np.concatenate([np.r_[len(times), times] for times in got]), dtype=float)
                if expected.dtype.kind == "U":
                    assert got.astype(object).where(got.notna(), "<NA>").astype(str).tolist() == expected.tolist()
                else:
                    np.testing.assert_array_equal(
                        got.to_numpy(dtype=expected.dtype, na_value=np.nan) if expected.dtype.kind == "f" else got,
                        expected,
                    )
        metrics = read.get_performance_metrics()
        np.testing.assert_allclose(
            [float(theirs[f"metrics/{name}"]) for name in metrics], list(metrics.values()), rtol=1e-12
        )
        if case == "eye":
            np.testing.assert_array_equal(theirs["eye"], read.eye_tracking.to_numpy(dtype=float))


def test_no_file_is_replaced_unasked(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "s.nwb"
    target.write_bytes(newer_file.read_bytes())
    session = BehaviorSession.from_nwb_path(target)
    for overwrite in (True, False):
        with pytest.raises(CannotWrite, match="is the file that the session is read from"):
            write_nwb(session, target, overwrite=overwrite)
    assert target.read_bytes() == newer_file.read_bytes()
    other = BehaviorSession.from_nwb_path(newer_file)
    with pytest.raises(CannotWrite, match="is there already"):
        write_nwb(other, target)
    assert target.read_bytes() == newer_file.read_bytes()
    write_nwb(other, target, templates=False, overwrite=True)
    assert target.stat().st_size != newer_file.stat().st_size
