"""Requests of objects, the same for every kind of server."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.servers import NGINX, RCLONE
from tests.store.sources import (
    BACKENDS,
    CONTENT,
    EMPTY,
    KEY,
    LARGE,
    NEW,
    OBJECTS,
    OLD,
    SIZE,
    UNUSUAL_NAMES,
    VERSIONED,
    Backend,
    read,
    read_stream,
    write,
)
from visbehavior.errors import ChangedFile, NotFound, TransferFailed
from visbehavior.store.source import ObjectSource

MARKS = {"nginx": NGINX, "rclone": RCLONE}


@pytest.fixture(scope="class", params=[pytest.param(name, marks=MARKS.get(name, ())) for name in BACKENDS])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Each backend, with the same objects."""
    folder = tmp_path_factory.mktemp("backend") / "objects"
    for key, content in OBJECTS.items():
        write(folder, key, content)
    with BACKENDS[request.param](folder) as backend:
        yield backend


class TestEachBackend:
    """Tests of all backends; with a class the fixture starts each server once."""

    def test_info_returns_size_and_identity(self, backend: Backend) -> None:
        source = backend.open()
        for key in (KEY, EMPTY, "one.bin"):
            info = source.info(key)
            assert info.size == len(OBJECTS[key])
            assert info.etag
        assert source.info(KEY) == source.info(KEY) == source.read(KEY, 5, 6)[1] == source.stream(KEY)[0]
        assert source.info(KEY) != source.info("one.bin")

    @given(start=st.integers(0, SIZE - 1), length=st.integers(1, SIZE))
    @example(start=0, length=1)
    @example(start=0, length=SIZE)
    @example(start=0, length=SIZE + 1)
    @example(start=SIZE // 2, length=1)
    @example(start=SIZE // 2, length=65536)
    @example(start=SIZE - 1, length=1)
    @example(start=SIZE - 1, length=2)
    @example(start=SIZE - 100, length=100)
    @example(start=SIZE - 100, length=10 * SIZE)
    @example(start=SIZE, length=1)
    @example(start=SIZE + 5, length=10)
    def test_read_returns_a_range(self, backend: Backend, start: int, length: int) -> None:
        source = backend.open()
        content, info = source.read(KEY, start, start + length)
        assert bytes(content) == CONTENT[start : start + length]
        assert info.size == SIZE
        assert not content or source.has_ranges == backend.has_ranges
        if backend.has_ranges:
            assert source.bytes == len(content)

    @pytest.mark.parametrize("length", [1, 2, 1 << 20, 3 << 20])
    def test_read_returns_a_range_of_a_large_object(self, backend: Backend, length: int) -> None:
        source = backend.open()
        for start in (0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 1, len(LARGE) - 2):
            assert read(source, "large.bin", start, start + length) == LARGE[start : start + length]

    def test_requests_and_bytes_are_counted(self, backend: Backend) -> None:
        source = backend.open()
        assert (source.requests, source.bytes) == (0, 0)
        source.info(KEY)
        source.list("unusual")
        assert (source.requests, source.bytes) == (2, 0)
        read_stream(source)
        assert (source.requests, source.bytes) == (3, SIZE)
        for stop in (1, 10, 100):
            read(source, KEY, 0, stop)
        if backend.has_ranges:
            assert (source.requests, source.bytes) == (6, SIZE + 111)
        else:
            assert source.bytes >= SIZE + 111

    @pytest.mark.parametrize("key", [KEY, "large.bin", EMPTY, "one.bin"])
    def test_stream_returns_the_complete_object(self, backend: Backend, key: str) -> None:
        source = backend.open()
        info, chunks = source.stream(key)
        assert info.size == len(OBJECTS[key])
        assert b"".join(chunks) == OBJECTS[key]
        assert source.bytes == len(OBJECTS[key])

    def test_an_empty_object_can_be_read_and_does_not_change_has_ranges(self, backend: Backend) -> None:
        source = backend.open()
        content, info = source.read(EMPTY, 0, 65536)
        assert (bytes(content), info.size) == (b"", 0)
        assert source.has_ranges

    @pytest.mark.parametrize("key", ["none", "some folder/none", "none/none", f"{KEY}.not"])
    def test_an_absent_object_is_not_found(self, backend: Backend, key: str) -> None:
        source = backend.open()
        for request in (ObjectSource.info, read, read_stream):
            with pytest.raises(NotFound) as raised:
                request(source, key)
            assert raised.value.key == key
            assert key in str(raised.value)
            assert str(source) in str(raised.value)

    @pytest.mark.parametrize("name", UNUSUAL_NAMES)
    def test_objects_with_unusual_names(self, backend: Backend, name: str) -> None:
        source = backend.open()
        key = f"unusual/{name}"
        assert read(source, key, 1, 1000) == OBJECTS[key][1:]
        assert read_stream(source, key) == OBJECTS[key]
        assert source.info(key).size == len(OBJECTS[key])

    def test_list_returns_the_names_in_one_folder(self, backend: Backend) -> None:
        source = backend.open()
        assert sorted(source.list("some folder")) == ["content.bin", "new.bin"]
        assert source.list("some folder/deeper") == ["content.bin"]

    def test_list_returns_unusual_names(self, backend: Backend) -> None:
        source = backend.open()
        hidden = {name for name in UNUSUAL_NAMES if name.startswith(".")} if source.is_http else set()
        assert sorted(source.list("unusual")) == sorted(set(UNUSUAL_NAMES) - hidden)

    def test_an_absent_folder_has_no_names(self, backend: Backend) -> None:
        source = backend.open()
        if source.is_http:
            with pytest.raises(TransferFailed, match=r"no index page of none.*version="):
                source.list("none")
        else:
            assert source.list("none") == []

    def test_an_object_with_the_expected_etag_is_returned(self, backend: Backend) -> None:
        source = backend.open()
        etag = source.info(KEY).etag
        assert read(source, KEY, 5, 50, if_match=etag) == CONTENT[5:50]
        assert read_stream(source, if_match=etag) == CONTENT

    def test_an_object_with_another_etag_raises(self, backend: Backend) -> None:
        source = backend.open()
        backend.put("changing.bin", b"one")
        etag = source.info("changing.bin").etag
        backend.put("changing.bin", b"another")
        if backend.has_conditions:
            for request in (read, read_stream):
                with pytest.raises(ChangedFile, match=r"changing\.bin was replaced in .* Open the session again"):
                    request(source, "changing.bin", if_match=etag)
        new_etag = source.info("changing.bin").etag
        assert new_etag != etag
        assert read_stream(source, "changing.bin", if_match=new_etag) == b"another"

    def test_a_version_is_returned_if_the_server_keeps_versions(self, backend: Backend) -> None:
        source = backend.open()
        expected = NEW if backend.old_version is None else OLD
        version = backend.old_version or "some version"
        for _ in range(2):
            assert read(source, VERSIONED, 0, 100, version=version) == expected
        assert read(source, VERSIONED, 5, 9, version=version) == expected[5:9]
        assert read_stream(source, VERSIONED, version=version) == expected
        info = source.info(VERSIONED, version)
        assert (info.size, info.version) == (len(expected), backend.old_version)
        assert read(source, VERSIONED, 0, 100) == NEW

    def test_an_absent_version_is_not_found_if_the_server_keeps_versions(self, backend: Backend) -> None:
        source = backend.open()
        if backend.old_version is None:
            assert read(source, VERSIONED, 0, 100, version="never") == NEW
        else:
            with pytest.raises(NotFound):
                read(source, VERSIONED, 0, 100, version="never")

    def test_a_pickled_copy_works_with_counts_of_zero(self, backend: Backend) -> None:
        source = backend.open()
        read(source)
        if not backend.is_picklable:
            with pytest.raises(TypeError, match="cannot pickle 'MemoryStore'"):
                pickle.dumps(source)
            return
        copy = pickle.loads(pickle.dumps(source))
        assert (copy.location, copy.requests, copy.bytes) == (source.location, 0, 0)
        assert read(copy) == CONTENT[:10]
        if backend.has_ranges:
            assert (copy.requests, copy.bytes) == (1, 10)

    def test_threads_share_a_source(self, backend: Backend) -> None:
        source = backend.open()
        barrier = threading.Barrier(16)

        def read_some(first: int) -> list[bool]:
            barrier.wait()
            starts = range(first * 1000, SIZE, 50_000)
            return [read(source, KEY, start, start + 777) == CONTENT[start : start + 777] for start in starts]

        with ThreadPoolExecutor(16) as pool:
            are_right = [is_right for results in pool.map(read_some, range(16)) for is_right in results]
        assert are_right == [True] * 64
        if backend.has_ranges:
            assert (source.requests, source.bytes) == (64, 64 * 777)
