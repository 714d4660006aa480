"""Opening of NWB files: accepted paths, rejected files, and reads of pieces."""

from __future__ import annotations

import os
import pathlib
import pickle
import sys
import threading
from functools import partial
from operator import methodcaller
from typing import Any

import h5py
import numpy as np
import pytest

from tests.nwb.damaged_files import opened
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession, ChangedFile, CorruptFile, NotFound, UnsupportedFile, VisBehaviorError
from visbehavior.nwb.file import NwbFile, optional
from visbehavior.nwb.open_file import OpenFile

SPEED = methodcaller("numbers", "processing/running", "speed/data")


@pytest.fixture
def copied_file(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "copy.nwb"
    path.write_bytes(newer_file.read_bytes())
    return path


def test_missing_file_is_not_found(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*none\.nwb\. Expected an NWB file") as caught:
        opened(tmp_path / "none.nwb")
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.path == str(tmp_path / "none.nwb")


def test_folder_is_unsupported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnsupportedFile, match=r"is a folder\. Expected"):
        opened(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_named_pipe_is_not_opened(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "s.nwb")
    with pytest.raises(UnsupportedFile, match="is a device or a pipe"):
        opened(tmp_path / "s.nwb")


def test_empty_file_is_corrupt(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s.nwb").touch()
    with pytest.raises(CorruptFile, match=r"is empty\. Download or copy the file again"):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize("content", [b"<html>404</html>", b"behavior_session_id,mouse_id\n", b"\x89HDF"])
def test_file_without_hdf5_signature_is_unsupported(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "s.nwb").write_bytes(content)
    with pytest.raises(UnsupportedFile, match=r"is not an HDF5 file: it begins with b'"):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_file_is_corrupt(newer_file: pathlib.Path, tmp_path: pathlib.Path, part: float) -> None:
    content = newer_file.read_bytes()
    kept = int(len(content) * part)
    (tmp_path / "s.nwb").write_bytes(content[:kept])
    with pytest.raises(CorruptFile, match=rf"is truncated: it has {kept} of \d+ bytes\. A download") as caught:
        opened(tmp_path / "s.nwb")
    assert (caught.value.size, caught.value.expected_size) == (kept, len(content))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root can read every file")
def test_file_without_read_permission_is_corrupt(copied_file: pathlib.Path) -> None:
    copied_file.chmod(0)
    with pytest.raises(CorruptFile, match="cannot be read: Permission denied"):
        opened(copied_file)


def test_hdf5_file_without_nwb_version_is_unsupported(tmp_path: pathlib.Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(UnsupportedFile, match="is HDF5, but not an NWB file: its root has no attribute nwb_version"):
        opened(tmp_path / "s.h5")


@pytest.mark.parametrize(
    ("group", "missing"), [("general/subject", "metadata"), ("general/metadata", "task_parameters")]
)
def test_nwb_file_of_another_data_set_is_unsupported(tmp_path: pathlib.Path, group: str, missing: str) -> None:
    with h5py.File(tmp_path / "s.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file.create_group(group)
    message = f"is an NWB file, but not a Visual Behavior session: it has no group /general/{missing}"
    with pytest.raises(UnsupportedFile, match=message):
        opened(tmp_path / "s.nwb")


@pytest.mark.parametrize("path", [None, 7, 1.5, ["s.nwb"], "a\0b"])
def test_invalid_paths_are_rejected(path: object) -> None:
    with pytest.raises(VisBehaviorError, match=r"is .*; expected a str or pathlib\.Path|embedded null"):
        BehaviorSession.from_nwb_path(path)  # type: ignore[arg-type]


def test_path_can_be_str_bytes_relative_or_in_the_home_folder(
    newer_file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(newer_file.parent)
    monkeypatch.setenv("HOME", str(newer_file.parent))
    for path in (str(newer_file), newer_file, os.fsencode(newer_file), newer_file.name, f"~/{newer_file.name}"):
        assert NwbFile(path).path == str(newer_file)  # type: ignore[arg-type]
        assert len(BehaviorSession.from_nwb_path(path).licks)  # type: ignore[arg-type]


def test_url_is_not_found() -> None:
    with pytest.raises(
        NotFound, match=r"^https://example\.org/behavior_session_1\.nwb is a URL, not a file\. .*streams it"
    ):
        BehaviorSession.from_nwb_path("https://example.org/behavior_session_1.nwb")


def test_errors_of_files_can_be_pickled(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound) as caught:
        opened(tmp_path / "none.nwb")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.path) == (str(caught.value), caught.value.path)
    assert isinstance(copy, VisBehaviorError)


def test_replaced_file_raises_changed_file(copied_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = opened(copied_file)
    licks = session.licks
    write_session(tmp_path / "other.nwb", make_session(9)).replace(copied_file)
    with pytest.raises(
        ChangedFile, match=r"was replaced or changed after the session was opened\. Open the session again"
    ):
        _ = session.trials
    with pytest.raises(ChangedFile):
        session.get_performance_metrics()
    assert session.licks is licks
    assert len(opened(copied_file).trials) == 40


def test_deleted_file_is_not_found(copied_file: pathlib.Path) -> None:
    session = opened(copied_file)
    copied_file.unlink()
    with pytest.raises(NotFound, match=r"no longer exists\. Restore it, or open another file"):
        _ = session.trials


def test_read_returns_the_value_of_each_piece(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    values = file.read({"speed": SPEED, "groups": methodcaller("names", "processing")})
    assert list(values) == ["speed", "groups"]
    np.testing.assert_array_equal(values["speed"], file.read_one(SPEED))
    assert "running" in values["groups"]


def test_opened_file_is_shared_by_the_reads_of_a_thread(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    in_other_thread: list[OpenFile] = []

    def read_in_other_thread() -> None:
        in_other_thread.append(file.read_one(lambda open_file: open_file))

    with file.opened() as open_file:
        assert file.read_one(lambda other: other) is open_file
        thread = threading.Thread(target=read_in_other_thread)
        thread.start()
        thread.join()
    assert in_other_thread[0] is not open_file
    assert file.read_one(lambda other: other) is not open_file


def test_file_is_closed_after_a_failed_read(copied_file: pathlib.Path) -> None:
    file = NwbFile(copied_file)

    def fail(open_file: Any) -> None:
        SPEED(open_file)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        file.read_one(fail)
    with h5py.File(copied_file, "a") as written:
        written["new"] = 1


def test_nwb_file_can_be_pickled(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    copy = pickle.loads(pickle.dumps(file))
    assert (copy.path, copy.local_path) == (file.path, str(newer_file))
    np.testing.assert_array_equal(copy.read_one(SPEED), file.read_one(SPEED))


def test_prefetch_does_nothing_for_local_files(newer_file: pathlib.Path) -> None:
    calls: list[int] = []
    NwbFile(newer_file).prefetch(partial(calls.append, 1))
    assert calls == []


def test_optional_piece_is_none_if_the_group_is_absent(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    assert file.read_one(optional(SPEED, "processing/none")) is None
    assert file.read_one(optional(SPEED, "processing/running")) is not None


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (
            "s3://bucket/behavior_sessions/behavior_session_11.nwb",
            "OphysProjectCache.from_s3_cache().get_behavior_session(11)",
        ),
        (
            "https://host/x/behavior_ophys_experiment_22.nwb",
            "OphysProjectCache.from_s3_cache().get_behavior_ophys_experiment(22)",
        ),
        ("https://host/33/ecephys_session_33.nwb", "NeuropixelsProjectCache.from_s3_cache().get_behavior_session(33)"),
        ("https://host/mine.nwb", "Download it and open the downloaded file."),
    ],
)
def test_url_is_answered_with_what_streams_it(url: str, answer: str) -> None:
    with pytest.raises(NotFound) as caught:
        BehaviorSession.from_nwb_path(url)
    assert "is a URL, not a file" in str(caught.value)
    assert answer in str(caught.value)
