"""What is no session, or a damaged one: a named error that says what, where, what was expected and what to do."""

from __future__ import annotations

import os
import pathlib
import pickle
import sys
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from tests.nwbfiles import IMAGE_SET, TEXT
from visbehavior import (
    BadValue,
    BehaviorSession,
    CorruptFile,
    MissingData,
    NotFound,
    UnsupportedFile,
    VisBehaviorError,
)

PRESENTATIONS = f"intervals/{IMAGE_SET}_presentations"
TEMPLATES = f"stimulus/templates/{IMAGE_SET}.07.14"


def opened(path: pathlib.Path) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(path)


@pytest.fixture
def damaged(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> Callable[[Callable[[h5py.File], None]], pathlib.Path]:
    """Makes a copy of a good file that something was done to."""

    def make(damage: Callable[[h5py.File], None]) -> pathlib.Path:
        path = tmp_path / "damaged.nwb"
        path.write_bytes(newer_file.read_bytes())
        with h5py.File(path, "a") as file:
            damage(file)
        return path

    return make


def replaced(name: str, data: object, **options: object) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=data, **options)

    return damage


def deleted(name: str) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        del file[name]

    return damage


def test_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*none\.nwb\. Expected an NWB file") as caught:
        opened(tmp_path / "none.nwb")
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.path == str(tmp_path / "none.nwb")


def test_a_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnsupportedFile, match=r"is a folder\. Expected"):
        opened(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with a name in a folder")
def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "s.nwb")
    with pytest.raises(UnsupportedFile, match="is a device or a pipe"):
        opened(tmp_path / "s.nwb")


def test_an_empty_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s.nwb").touch()
    with pytest.raises(CorruptFile, match=r"is empty\. Get the file again"):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize("content", [b"<html>404</html>", b"behavior_session_id,mouse_id\n", b"\x89HDF"])
def test_not_hdf5(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "s.nwb").write_bytes(content)
    with pytest.raises(UnsupportedFile, match=r"is not an HDF5 file: it begins with b'"):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_cut_short(newer_file: pathlib.Path, tmp_path: pathlib.Path, part: float) -> None:
    whole = newer_file.read_bytes()
    kept = int(len(whole) * part)
    (tmp_path / "s.nwb").write_bytes(whole[:kept])
    with pytest.raises(CorruptFile, match=rf"is cut short: {kept} bytes of \d+ are there\. A download") as caught:
        opened(tmp_path / "s.nwb")
    assert (caught.value.size, caught.value.expected_size) == (kept, len(whole))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    path.chmod(0)
    with pytest.raises(CorruptFile, match="cannot be read: Permission denied"):
        opened(path)


def test_hdf5_without_nwb(tmp_path: pathlib.Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(UnsupportedFile, match="is HDF5, but no NWB file: its root has no attribute nwb_version"):
        opened(tmp_path / "s.h5")


def test_another_labs_nwb_file(tmp_path: pathlib.Path) -> None:
    with h5py.File(tmp_path / "s.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file.create_group("general/subject")
    with pytest.raises(
        UnsupportedFile, match="is an NWB file, but no Visual Behavior session: it has no group /general/metadata"
    ):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("intervals/trials", "trials"),
        ("intervals/trials/hit", "trials"),
        ("intervals/trials/id", "trials"),
        ("intervals/trials/lick_times", "trials"),
        ("processing/licking/licks/data", "licks"),
        ("processing/rewards/volume", "rewards"),
        ("processing/running", "running_speed"),
        ("processing/running/speed_unfiltered", "raw_running_speed"),
        ("processing/stimulus/timestamps/timestamps", "stimulus_timestamps"),
        (PRESENTATIONS, "stimulus_presentations"),
        (f"{PRESENTATIONS}/image_name", "stimulus_presentations"),
        (f"{PRESENTATIONS}/stop_time", "stimulus_presentations"),
        ("intervals", "stimulus_presentations"),
        (TEMPLATES, "stimulus_templates"),
        (f"{TEMPLATES}/unwarped", "stimulus_templates"),
        ("stimulus/templates", "stimulus_templates"),
        ("general/subject/subject_id", "metadata"),
        ("session_start_time", "metadata"),
        ("acquisition/EyeTracking/pupil_tracking", "eye_tracking"),
        ("acquisition/EyeTracking/eye_tracking/timestamps", "eye_tracking"),
    ],
)
def test_something_missing(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path], name: str, attribute: str
) -> None:
    session = opened(damaged(deleted(name)))
    with pytest.raises(MissingData, match=r"damaged\.nwb.*(The files of the release)") as caught:
        getattr(session, attribute)
    assert isinstance(caught.value, KeyError)
    assert not str(caught.value).startswith('"')


def test_something_missing_says_what_is_there(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    session = opened(damaged(deleted("processing/running/speed/data")))
    with pytest.raises(
        MissingData, match=r"has no /processing/running/speed/data \(/processing/running/speed holds timestamps\)"
    ):
        _ = session.running_speed


def test_a_column_missing_from_the_list_of_columns(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path],
) -> None:
    def damage(file: h5py.File) -> None:
        names = [name for name in file["intervals/trials"].attrs["colnames"] if name != "hit"]
        file["intervals/trials"].attrs["colnames"] = np.array(names, dtype=TEXT)

    with pytest.raises(MissingData, match=r"trials \(in /intervals/trials\) has no column hit; it has start_time"):
        _ = opened(damaged(damage)).trials


def test_missing_tables_leave_the_others_alone(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    session = opened(damaged(deleted("intervals/trials")))
    assert len(session.licks)
    assert len(session.stimulus_presentations)
    with pytest.raises(MissingData):
        session.get_performance_metrics()


@pytest.mark.parametrize(
    ("damage", "attribute", "message"),
    [
        (
            replaced("processing/running/speed/data", ["fast", "slow"], dtype=TEXT),
            "running_speed",
            "holds text, expected numbers",
        ),
        (
            replaced("intervals/trials/go", ["yes"] * 60, dtype=TEXT),
            "trials",
            "/intervals/trials/go holds text, expected numbers",
        ),
        (
            replaced("intervals/trials/change_image_name", np.arange(60)),
            "trials",
            "holds values of type int64, expected text",
        ),
        (
            replaced(f"{PRESENTATIONS}/image_name", np.arange(3)),
            "stimulus_presentations",
            "image_name holds values of type int64, expected text",
        ),
        (replaced("processing/licking/licks/data", np.zeros((3, 2))), "licks", "has 2 dimensions, expected 1"),
        (replaced(f"{TEMPLATES}/data", np.zeros((3, 2))), "stimulus_templates", "has 2 dimensions, expected 3"),
        (
            replaced("processing/licking/licks/data", np.arange(3)),
            "licks",
            r"have different lengths: timestamps \d+, frame 3",
        ),
        (replaced("processing/stimulus/timestamps/timestamps", np.zeros((2, 2))), "stimulus_timestamps", "expected 1"),
        (replaced("intervals/trials/hit", np.ones(59, dtype=bool)), "trials", "have different lengths: .*hit 59"),
        (replaced("intervals/trials/id", np.arange(61)), "trials", "have different lengths: id 61"),
        (
            replaced(f"{PRESENTATIONS}/duration", np.zeros(2)),
            "stimulus_presentations",
            "have different lengths: .*duration 2",
        ),
        (
            replaced("intervals/trials/lick_times_index", np.full(60, 3)),
            "trials",
            "does not fit /intervals/trials/lick_times: it ends at 3 of",
        ),
        (
            replaced("intervals/trials/lick_times", ["a"] * 9, dtype=TEXT),
            "trials",
            "lick_times holds text, expected numbers",
        ),
        (replaced("acquisition/EyeTracking/eye_tracking/area_raw", np.zeros(5)), "eye_tracking", "different lengths"),
        (
            replaced("acquisition/EyeTracking/pupil_tracking/data", np.zeros(300)),
            "eye_tracking",
            "has 1 dimensions, expected 2",
        ),
        (
            replaced("session_start_time", "yesterday", dtype=TEXT),
            "metadata",
            "date_of_acquisition .* is 'yesterday', expected datetime",
        ),
        (replaced("general/subject/sex", np.arange(2)), "metadata", "sex .*expected text"),
        (
            replaced("general/subject/age", np.zeros(2000)),
            "metadata",
            r"age has the shape \(2000,\), expected a value or a few",
        ),
        (replaced("intervals/trials/hit", h5py.Empty("f8")), "trials", "hit is empty"),
        (replaced("intervals/trials/change_image_name", "im065", dtype=TEXT), "trials", "has 0 dimensions, expected 1"),
        (replaced("intervals/trials/lick_times", "x", dtype=TEXT), "trials", "has 0 dimensions, expected 1"),
    ],
)
def test_something_wrong(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path],
    damage: Callable[[h5py.File], None],
    attribute: str,
    message: str,
) -> None:
    session = opened(damaged(damage))
    with pytest.raises(BadValue, match=message) as caught:
        getattr(session, attribute)
    assert isinstance(caught.value, ValueError)
    assert "damaged.nwb" in str(caught.value)


@pytest.mark.parametrize(
    ("group", "name", "value", "attribute"),
    [
        ("general/task_parameters", "response_window_sec", 0.15, "task_parameters"),
        ("general/task_parameters", "reward_volume", "much", "task_parameters"),
        ("general/task_parameters", "task", 7, "task_parameters"),
        ("general/metadata", "behavior_session_uuid", "no uuid", "metadata"),
        ("general/metadata", "behavior_session_id", "many", "behavior_session_id"),
        ("general/metadata", "stimulus_frame_rate", "60", "metadata"),
        ("general/metadata", "behavior_session_id", float("inf"), "behavior_session_id"),
        ("general/metadata", "behavior_session_id", 990.5, "behavior_session_id"),
        ("general/metadata", "behavior_session_id", h5py.Empty("i8"), "behavior_session_id"),
        ("general/metadata", "behavior_session_uuid", 7, "metadata"),
        ("general/metadata", "session_type", h5py.Empty(TEXT), "metadata"),
        ("general/task_parameters", "n_stimulus_frames", float("inf"), "task_parameters"),
        ("general/task_parameters", "response_window_sec", h5py.Empty("f8"), "get_reward_rate"),
        ("general/task_parameters", "response_window_sec", np.empty(0), "get_reward_rate"),
    ],
)
def test_an_attribute_of_the_wrong_type(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path], group: str, name: str, value: object, attribute: str
) -> None:
    def damage(file: h5py.File) -> None:
        file[group].attrs[name] = value

    session = opened(damaged(damage))
    with pytest.raises(BadValue, match=f"{name} .*is .*expected"):
        ask(session, attribute)


def ask(session: BehaviorSession, name: str) -> object:
    value = getattr(session, name)
    return value() if callable(value) else value


@pytest.mark.parametrize("value", [7, 1.5, "text", h5py.Empty(TEXT), np.array([1, 2]), np.zeros((2, 2))])
@pytest.mark.parametrize(
    ("group", "attribute"), [("intervals/trials", "trials"), (PRESENTATIONS, "stimulus_presentations")]
)
def test_names_of_columns_that_are_none(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path], group: str, attribute: str, value: object
) -> None:
    def damage(file: h5py.File) -> None:
        file[group].attrs["colnames"] = value

    session = opened(damaged(damage))
    with pytest.raises(BadValue, match=f"the attribute colnames of /{group} is .*expected the names of the columns"):
        getattr(session, attribute)
    assert "s.nwb" in repr(session) or "damaged.nwb" in repr(session)


def test_text_that_is_not_utf8(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    names = np.array([b"im065"] * 59 + [b"\xff\xfe"], dtype=object)
    session = opened(damaged(replaced("intervals/trials/change_image_name", names, dtype=h5py.string_dtype("ascii"))))
    with pytest.raises(BadValue, match="change_image_name holds text that is not UTF-8"):
        _ = session.trials


def test_more_values_than_the_file_has_bytes(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    def damage(file: h5py.File) -> None:
        del file["processing/running/speed/data"]
        data = file.create_dataset("processing/running/speed/data", shape=(1 << 50,), dtype="f8", chunks=(1024,))
        data[:5] = 1.0

    with pytest.raises(CorruptFile, match=r"/processing/running/speed/data claims \d+ bytes in a file of \d+"):
        _ = opened(damaged(damage)).running_speed


def test_a_text_that_claims_to_be_longer_than_the_file(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with h5py.File(newer_file) as file:
        offset = file["intervals/trials/change_image_name"].id.get_offset()
    content = bytearray(newer_file.read_bytes())
    content[offset : offset + 4] = (1 << 31).to_bytes(4, "little")
    (tmp_path / "s.nwb").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"change_image_name claims 2147483648 bytes"):
        _ = opened(tmp_path / "s.nwb").trials


def test_errors_survive_a_pool_of_processes(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound) as caught:
        opened(tmp_path / "none.nwb")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.path) == (str(caught.value), caught.value.path)
    assert isinstance(again, VisBehaviorError)


@pytest.mark.parametrize("path", [None, 7, 1.5, ["s.nwb"], "a\0b"])
def test_what_is_no_path(path: object) -> None:
    with pytest.raises(VisBehaviorError, match=r"is .*; expected a text or a pathlib\.Path|embedded null"):
        BehaviorSession.from_nwb_path(path)  # type: ignore[arg-type]


def test_paths_of_every_kind(newer_file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(newer_file.parent)
    monkeypatch.setenv("HOME", str(newer_file.parent))
    for path in (str(newer_file), newer_file, os.fsencode(newer_file), newer_file.name, f"~/{newer_file.name}"):
        assert len(BehaviorSession.from_nwb_path(path).licks)  # type: ignore[arg-type]


def test_an_address() -> None:
    with pytest.raises(NotFound, match=r"is an address, not a file\. Download it first"):
        BehaviorSession.from_nwb_path("https://example.org/behavior_session_1.nwb")


def test_the_class_called_with_a_path(newer_file: pathlib.Path) -> None:
    with pytest.raises(BadValue, match=r"open a file with BehaviorSession\.from_nwb_path"):
        BehaviorSession(str(newer_file))  # type: ignore[arg-type]


def test_values_of_another_file(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path], tmp_path: pathlib.Path
) -> None:
    """Read by offset, they would be whatever stands at that place of this file."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["padding"], other["speed"] = np.zeros(5000), np.arange(3.0)

    def damage(file: h5py.File) -> None:
        del file["processing/running/speed/data"]
        file["processing/running/speed/data"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/speed")

    with pytest.raises(BadValue, match="/processing/running/speed/data is a link to another file"):
        _ = opened(damaged(damage)).running_speed


def test_values_that_were_never_written(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    def damage(file: h5py.File) -> None:
        shape = file["processing/running/speed/data"].shape
        del file["processing/running/speed/data"]
        file.create_dataset("processing/running/speed/data", shape, "f8")

    with pytest.raises(BadValue, match="was never written"):
        _ = opened(damaged(damage)).running_speed


def test_a_part_of_the_file_that_is_missing_is_no_empty_table(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path],
) -> None:
    session = opened(damaged(deleted("processing")))
    with pytest.raises(MissingData, match="has no /processing"):
        _ = session.licks
    with pytest.raises(MissingData):
        session.get_performance_metrics()


def test_a_group_of_presentations_without_times(damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path]) -> None:
    def damage(file: h5py.File) -> None:
        file.copy(PRESENTATIONS, "intervals/more_presentations")
        file["intervals/more_presentations"].attrs["colnames"] = np.array(["stop_time"], dtype=TEXT)

    with pytest.raises(
        MissingData, match="/intervals/more_presentations names no column start_time; it names stop_time"
    ):
        _ = opened(damaged(damage)).stimulus_presentations


@pytest.mark.parametrize(
    ("name", "values", "attribute"),
    [
        ("intervals/trials/change_frame", np.full(60, np.inf), "trials"),
        ("intervals/trials/change_frame", np.full(60, 1.5), "trials"),
        ("intervals/trials/hit", np.full(60, np.nan), "trials"),
        ("intervals/trials/hit", np.full(60, 2), "get_performance_metrics"),
        ("intervals/trials/id", np.arange(60.0), "trials"),
        ("intervals/trials/lick_times_index", np.arange(60.0), "trials"),
    ],
)
def test_numbers_that_make_no_sense(
    damaged: Callable[[Callable[[h5py.File], None]], pathlib.Path], name: str, values: np.ndarray, attribute: str
) -> None:
    session = opened(damaged(replaced(name, values)))
    with pytest.raises(BadValue, match=name.rsplit("/", 1)[1]):
        ask(session, attribute)
