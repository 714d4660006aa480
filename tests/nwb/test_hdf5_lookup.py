"""Where objects lie, against what HDF5 itself says of the same file."""

from __future__ import annotations

import pathlib
import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FaultServer
from tests.store.objects import KEY, asked_for, be_direct, remote_of
from visbehavior.errors import MissingData
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.hdf5_lookup import ObjectLookup
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.remote_file import NotHere, RemoteFile

NAMES = st.lists(
    st.text(st.characters(max_codepoint=127, exclude_characters="/.\0"), min_size=1), max_size=60, unique=True
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with pytest.MonkeyPatch.context() as patch, FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        be_direct(patch)
        yield server


@pytest.fixture
def path(server: FaultServer) -> pathlib.Path:
    return path_of(server)


def path_of(server: FaultServer) -> pathlib.Path:
    path = server.folder / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server.reset()
    return path


def opened(server: FaultServer, folder: pathlib.Path, *, whole: bool = True) -> RemoteFile:
    remote = remote_of(server, folder)
    file = remote.open()
    if whole:
        remote.fetch(range(remote.blocks.count))
    return file


def objects_of(path: pathlib.Path) -> dict[str, int]:
    """The address of every object, by HDF5."""
    found = {}

    def note(name: bytes) -> None:
        found[name.decode()] = h5py.h5o.get_info(file.id, name).addr

    with h5py.File(path) as file:
        file.id.links.visit(note)
    return found


def test_objects_are_where_hdf5_finds_them(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """More than a thousand names in one group: a tree of several levels, whose nodes were split again and again."""
    names = [f"{at:04d}" for at in range(1200)]
    random.Random(3).shuffle(names)
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_group(f"general/many/{name}")
        file["general/many/numbers"] = np.arange(3)
        file["general/numbers"] = np.arange(3)
    tables = ObjectLookup(opened(server, tmp_path))
    expected = objects_of(path)
    assert len(expected) == 1204
    assert {name: tables.address(name) for name in expected} == expected
    assert tables.address("") == h5py.h5o.get_info(h5py.File(path).id).addr
    for absent in ("none", "general/none", "general/many/", "general/many/0000/none", "general/numbers/none", "a/b/c"):
        assert tables.address(absent) is None


@settings(max_examples=30)
@given(NAMES, NAMES)
def test_any_names(
    server: FaultServer, tmp_path_factory: pytest.TempPathFactory, outer: list[str], inner: list[str]
) -> None:
    path = path_of(server)
    with h5py.File(path, "w") as file:
        for name in outer:
            file.create_group(name)
        for name in inner if outer else ():
            file[outer[0]].create_group(name)
    tables = ObjectLookup(opened(server, tmp_path_factory.mktemp("cache")))
    expected = objects_of(path)
    assert {name: tables.address(name) for name in expected} == expected
    for name in inner:
        assert tables.address(name) == expected.get(name)


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}, {"userblock_size": 512}])
def test_groups_of_another_kind_are_left_to_hdf5(
    server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path, options: dict[str, Any]
) -> None:
    with h5py.File(path, "w", **options) as file:
        file["general/subject/age"] = 1
    remote = opened(server, tmp_path)
    assert ObjectLookup(remote).address("general/subject") is None
    with Hdf5File("remote", remote) as handle:
        assert handle.small("general/subject", "age") == 1


def test_links_are_left_to_hdf5(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with h5py.File(path, "w") as file:
        file["general/subject/age"] = 1
        file["general/hard"] = file["general/subject"]
        file["general/soft"] = h5py.SoftLink("/general/subject")
        file["größe/subject/age"] = 1
    remote = opened(server, tmp_path)
    with Hdf5File("remote", remote) as handle:
        for name in ("general/subject", "general/hard", "general/soft", "größe/subject"):
            assert handle.small(name, "age") == 1
        with pytest.raises(MissingData, match="has no /general/none"):
            handle.small("general/none", "age")


def test_headers_on_the_way_are_not_asked_for(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """HDF5 puts the parts of a new group where there is room: of some, the header lies a megabyte before the rest."""
    with h5py.File(path, "w") as file:
        for at in range(12):
            file.create_dataset(f"data{at}", data=np.full(16 * BLOCK // 8, at, float))
            file.create_group(f"general{at}/task").attrs["window"] = [0.15, 0.75]
    headers = objects_of(path)
    spared = []
    for at in range(12):
        server.reset()
        assert windows_of(opened(server, tmp_path / str(at), whole=False), f"general{at}/task") == [0.15, 0.75]
        assert headers[f"general{at}/task"] // BLOCK in asked_for(server)
        spared.append(headers[f"general{at}"] // BLOCK not in asked_for(server))
    assert any(spared)


def windows_of(file: RemoteFile, group: str) -> Any:
    """An attribute, as often fetched for as need be."""
    while True:
        try:
            with Hdf5File("remote", file) as handle:
                return handle.attribute(group, "window")
        except NotHere:
            file.fetch()


def test_damage_is_left_to_hdf5(server: FaultServer, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Whatever is damaged, there is an address or none: nothing is raised, and nothing large is allocated."""
    with h5py.File(path, "w") as file:
        for at in range(40):
            file.create_group(f"general/{at:02d}")
    content, names = path.read_bytes(), list(objects_of(path))
    rng = random.Random(11)
    for at in range(100):
        damaged = bytearray(content)
        for _ in range(20):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        tables = ObjectLookup(opened(server, tmp_path / str(at)))
        tracemalloc.start()
        found = [tables.address(name) for name in names]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert all(address is None or address >= 0 for address in found)
        assert peak < 8 << 20
