"""Addresses of objects in partially downloaded HDF5 files: comparison with those that HDF5 returns."""

from __future__ import annotations

import pathlib
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FaultServer
from tests.store.objects import KEY, clear_network_environment, fetch_blocks, remote_object, requested_blocks
from visbehavior.errors import CorruptFile, MissingData
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.hdf5_lookup import ObjectLookup, require_root_header
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.not_here import NotHere
from visbehavior.store.remote_file import RemoteFile

T = TypeVar("T")
NAMES = st.lists(
    st.text(st.characters(max_codepoint=127, exclude_characters="/.\0"), min_size=1), max_size=60, unique=True
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with pytest.MonkeyPatch.context() as patch, FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        clear_network_environment(patch)
        yield server


@pytest.fixture
def path(server: FaultServer) -> pathlib.Path:
    return empty_path(server)


def empty_path(server: FaultServer) -> pathlib.Path:
    """Return the path of the object on the server, without a file."""
    path = server.folder / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server.reset()
    return path


def open_remote(server: FaultServer, folder: pathlib.Path, *, complete: bool = True) -> RemoteFile:
    remote = remote_object(server, folder)
    file = remote.open()
    if complete:
        fetch_blocks(remote, range(remote.partial.block_count))
    return file


def hdf5_addresses(path: pathlib.Path) -> dict[str, int]:
    """Return the address of every object, as HDF5 reports it."""
    addresses = {}

    def visit(name: bytes) -> None:
        addresses[name.decode()] = h5py.h5o.get_info(file.id, name).addr

    with h5py.File(path) as file:
        file.id.links.visit(visit)
    return addresses


def test_addresses_equal_those_of_hdf5(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A group with more than a thousand names has a tree of several levels, whose nodes were split repeatedly."""
    names = [f"{i:04d}" for i in range(1200)]
    random.Random(3).shuffle(names)
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_group(f"general/many/{name}")
        file["general/many/numbers"] = np.arange(3)
        file["general/numbers"] = np.arange(3)
    lookup = ObjectLookup(open_remote(server, tmp_path))
    expected = hdf5_addresses(path)
    assert len(expected) == 1204
    assert {name: lookup.address(name) for name in expected} == expected
    with h5py.File(path) as file:
        assert lookup.address("") == h5py.h5o.get_info(file.id).addr
    for absent in ("none", "general/none", "general/many/", "general/many/0000/none", "general/numbers/none", "a/b/c"):
        assert lookup.address(absent) is None


@settings(max_examples=30)
@given(NAMES, NAMES)
def test_any_ascii_names_are_found(
    server: FaultServer, tmp_path_factory: pytest.TempPathFactory, outer: list[str], inner: list[str]
) -> None:
    path = empty_path(server)
    with h5py.File(path, "w") as file:
        for name in outer:
            file.create_group(name)
        for name in inner if outer else ():
            file[outer[0]].create_group(name)
    lookup = ObjectLookup(open_remote(server, tmp_path_factory.mktemp("cache")))
    expected = hdf5_addresses(path)
    assert {name: lookup.address(name) for name in expected} == expected
    for name in inner:
        assert lookup.address(name) == expected.get(name)


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}, {"userblock_size": 512}])
def test_other_kinds_of_groups_are_left_to_hdf5(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path, options: dict[str, Any]
) -> None:
    with h5py.File(path, "w", **options) as file:
        file["general/subject/age"] = 1
    remote = open_remote(server, tmp_path)
    assert ObjectLookup(remote).address("general/subject") is None
    with Hdf5File("remote", remote) as opened:
        assert opened.small("general/subject", "age") == 1


def test_links_are_left_to_hdf5(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with h5py.File(path, "w") as file:
        file["general/subject/age"] = 1
        file["general/hard"] = file["general/subject"]
        file["general/soft"] = h5py.SoftLink("/general/subject")
        file["größe/subject/age"] = 1
    remote = open_remote(server, tmp_path)
    with Hdf5File("remote", remote) as opened:
        for name in ("general/subject", "general/hard", "general/soft", "größe/subject"):
            assert opened.small(name, "age") == 1
        with pytest.raises(MissingData, match="has no /general/none"):
            opened.small("general/none", "age")


def test_headers_of_parent_groups_are_not_requested(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """HDF5 puts parts of a new group into free space: some headers are a megabyte before the rest of their group."""
    with h5py.File(path, "w") as file:
        for i in range(12):
            file.create_dataset(f"data{i}", data=np.full(16 * BLOCK // 8, i, float))
            file.create_group(f"general{i}/task").attrs["window"] = [0.15, 0.75]
    headers = hdf5_addresses(path)

    def is_parent_skipped(cache: str, i: int) -> bool:
        server.reset()
        remote = open_remote(server, tmp_path / cache / str(i), complete=False)
        assert fetch(remote, lambda file: file.attribute(f"general{i}/task", "window")) == [0.15, 0.75]
        assert headers[f"general{i}/task"] // BLOCK in requested_blocks(server)
        return headers[f"general{i}"] // BLOCK not in requested_blocks(server)

    skipped = [is_parent_skipped("one", i) for i in range(12)]
    assert any(skipped)
    with ThreadPoolExecutor(1) as another_thread:
        assert list(another_thread.map(partial(is_parent_skipped, "other"), range(12))) == skipped


def test_hdf5_opens_a_file_when_all_parts_of_the_root_header_are_cached(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Attributes that are added later make the header continue elsewhere in the file."""
    with h5py.File(path, "w") as file:
        for i in range(12):
            file.create_dataset(f"data{i}", data=np.full(16 * BLOCK // 8, i, float))
            file.attrs[f"attribute{i}"] = np.full(25, i, float)
    remote, rounds = open_remote(server, tmp_path, complete=False), 0
    while True:
        try:
            require_root_header(remote)
            break
        except NotHere:
            remote.fetch()
            rounds += 1
    with Hdf5File("remote", remote) as opened:
        assert [opened.attribute("", f"attribute{i}") for i in range(12)] == [[float(i)] * 25 for i in range(12)]
    assert rounds > 1


def test_a_header_that_continues_with_itself_is_left_to_hdf5(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with h5py.File(path, "w") as file:
        for i in range(12):
            file.attrs[f"attribute{i}"] = np.full(25, i, float)
        header = h5py.h5o.get_info(file.id).addr
    content = bytearray(path.read_bytes())
    message = content.find(struct.pack("<HH4x", 16, 16), header)
    content[message + 8 : message + 24] = struct.pack("<QQ", header + 16, 256)
    path.write_bytes(content)
    remote = open_remote(server, tmp_path)
    require_root_header(remote)
    with pytest.raises(CorruptFile):
        Hdf5File("s3://bucket/session.nwb", remote)


def test_the_header_of_a_group_is_not_requested_to_know_that_it_exists(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with h5py.File(path, "w") as file:
        for i in range(12):
            file.create_dataset(f"data{i}", data=np.full(16 * BLOCK // 8, i, float))
            file.create_group(f"general{i}/task")
            file[f"link{i}"] = file[f"general{i}/task"]
    headers = hdf5_addresses(path)

    def exists(i: int, group: str) -> bool:
        server.reset()
        remote = open_remote(server, tmp_path / str(i), complete=False)
        return fetch(remote, lambda file: file.has(group))

    skipped = 0
    for i in range(12):
        assert exists(i, f"general{i}/task")
        skipped += headers[f"general{i}/task"] // BLOCK not in requested_blocks(server)
        assert exists(i, f"link{i}")
        assert not exists(i, f"general{i}/task/none")
    assert skipped


def fetch(remote: RemoteFile, read: Callable[[Hdf5File], T]) -> T:
    """Return what is read from a file after as many downloads as needed."""
    while True:
        try:
            with Hdf5File("remote", remote) as opened:
                return read(opened)
        except NotHere:
            remote.fetch()


def test_damaged_structures_are_left_to_hdf5(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Nothing is raised and nothing large is allocated, whatever is damaged."""
    with h5py.File(path, "w") as file:
        for i in range(40):
            file.create_group(f"general/{i:02d}")
    content, names = path.read_bytes(), list(hdf5_addresses(path))
    rng = random.Random(11)
    for i in range(100):
        damaged = bytearray(content)
        for _ in range(20):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        remote = open_remote(server, tmp_path / str(i))
        lookup = ObjectLookup(remote)
        tracemalloc.start()
        require_root_header(remote)
        addresses = [lookup.address(name) for name in names]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert all(address is None or address >= 0 for address in addresses)
        assert peak < 8 << 20
