from __future__ import annotations

import pathlib
import shutil

import pytest

from tests.faultserver import FaultServer
from visbehavior import CorruptFile
from visbehavior.cohort.remote import RemoteParts, make_file_system
from visbehavior.cohort.store import read_description
from visbehavior.store.address import Bucket
from visbehavior.store.source import ObjectSource


@pytest.fixture
def folder(store: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(store, tmp_path / "store")


def open_parts(server: FaultServer, folder: pathlib.Path) -> RemoteParts:
    description = read_description(folder)
    assert description is not None
    return RemoteParts(ObjectSource(Bucket("visual-behavior-ophys-data", server.endpoint)), "store/", description)


def test_all_ranges_are_those_of_the_file_with_zeros_before_its_end(folder: pathlib.Path) -> None:
    with FaultServer(folder.parent) as server:
        parts = open_parts(server, folder)
        system = make_file_system(parts)
        path = next(path for path in parts.files if path.startswith("licks/"))
        stored, end = (folder / path).read_bytes(), parts.files[path].end
        content = stored[:-end] + bytes(max(0, 16384 - end)) + stored[-end:]
        assert end < 16384 < len(content)
        for start in (0, 5, len(stored) - end - 10, len(content) - end - 10, len(content) - end, len(content) - 8):
            for length in (1, 20, len(content)):
                file = system.open(f"cohort://{path}", "rb")
                file.seek(start)
                assert file.read(length) == content[start : start + length]
                assert file.tell() == min(start + length, len(content))


def test_ends_of_all_parts_are_one_request(folder: pathlib.Path) -> None:
    with FaultServer(folder.parent) as server:
        parts = open_parts(server, folder)
        for path in parts.files:
            if path.startswith("trials/"):
                for _ in range(2):
                    parts.read(path, parts.size(path) - 16384, parts.size(path))
        assert len(server.requests) == 1


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_damaged_ends_are_reported(folder: pathlib.Path, damage: str) -> None:
    (ends,) = (folder / "licks").glob("*.footers")
    ends.unlink() if damage == "missing" else ends.write_bytes(b"x" * 100)
    with FaultServer(folder.parent) as server:
        parts = open_parts(server, folder)
        path = next(path for path in parts.files if path.startswith("licks/"))
        with pytest.raises(CorruptFile, match="is missing or damaged"):
            parts.read(path, parts.size(path) - 8, parts.size(path))
        assert len(parts.failures) == 1


def test_small_reads_near_each_other_are_one_request(folder: pathlib.Path) -> None:
    with FaultServer(folder.parent) as server:
        parts = open_parts(server, folder)
        path = next(path for path in parts.files if path.startswith("trials/"))
        content = (folder / path).read_bytes()
        for start in (4, 300, 100, 1000):
            assert parts.read(path, start, start + 50) == content[start : start + 50]
        assert len(server.requests) == 1
