"""Sources with faulty servers: transient errors, missing ranges, replaced objects, missing versions, listings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.store.objects import retry_without_delay
from tests.store.sources import (
    CONTENT,
    KEY,
    LARGE,
    OLD,
    PART,
    SIZE,
    START,
    STOP,
    answer,
    answering_server,
    assert_message,
    faults_of,
    read,
    read_stream,
    write,
)
from visbehavior.errors import ChangedFile, TransferFailed
from visbehavior.store.address import Mirror
from visbehavior.store.source import ObjectSource

REPLACED = bytes(byte ^ 0x55 for byte in CONTENT)


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("503", 5),
        ("500", 1),
        ("hang", 1),
        ("cut", 1),
        ("cut", 3),
        ("cut-long", 1),
        ("cut-long", 3),
        ("wrong-range", 1),
        ("wrong-range", 2),
        ("short", 1),
        ("short", 2),
        ("redirect", 1),
    ],
)
def test_transient_errors_are_retried(
    fault_server: FaultServer, source: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, times: int
) -> None:
    retry_without_delay(monkeypatch, read_timeout="500ms" if kind == "hang" else "10s")
    fault_server.faults.append(Fault(kind, times=times))
    assert read(source, KEY, START, STOP) == PART
    assert faults_of(fault_server) == [kind] * times
    assert source.bytes == len(PART)
    assert source.has_ranges


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_a_broken_stream_is_resumed(fault_server: FaultServer, source: ObjectSource, kind: str) -> None:
    fault_server.faults.append(Fault(kind, times=3))
    assert read_stream(source) == CONTENT
    assert faults_of(fault_server) == [kind] * 3
    assert source.bytes == len(CONTENT)
    # It is not sent again from the beginning.
    assert sum(request.sent for request in fault_server.requests) < 2 * len(CONTENT)


def test_a_stream_returns_chunks_before_its_end(fault_server: FaultServer, source: ObjectSource) -> None:
    write(fault_server.folder, "large.bin", LARGE)
    _, chunks = source.stream("large.bin")
    assert len(next(chunks)) < len(LARGE)


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200"])
def test_ranges_are_read_from_complete_objects_if_the_server_has_no_ranges(
    fault_server: FaultServer, source: ObjectSource, kind: str
) -> None:
    fault_server.faults.append(Fault(kind, times=FOREVER))
    etag = source.info(KEY).etag
    for options in ({}, {"if_match": etag}):
        assert read(source, KEY, START, STOP, **options) == PART
        assert not source.has_ranges
    with pytest.raises(ChangedFile):
        read(source, KEY, START, STOP, if_match='"other"')


def test_a_wrong_range_with_the_right_content_range_is_not_noticed(
    fault_server: FaultServer, source: ObjectSource
) -> None:
    """Only the hash of the complete file shows it."""
    fault_server.faults.append(Fault("lying-range"))
    assert read(source, KEY, START, STOP) == CONTENT[STOP : 2 * STOP - START]


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200", "wrong-range"])
def test_other_bytes_are_not_joined_when_a_response_is_resumed(
    fault_server: FaultServer, source: ObjectSource, kind: str
) -> None:
    fault_server.faults += [Fault("cut"), Fault(kind)]
    assert read(source, KEY, START, STOP) == PART
    assert faults_of(fault_server) == ["cut", kind]

    fault_server.faults += [Fault("cut"), Fault(kind)]
    with suppress(TransferFailed):
        assert read_stream(source) == CONTENT


@pytest.mark.parametrize("faults", [["replaced"], ["cut", "replaced"], ["cut-long", "replaced"], ["short", "replaced"]])
@pytest.mark.parametrize("call", [lambda *args, **options: read(*args, START, STOP, **options), read_stream])
def test_an_object_replaced_during_a_read_raises(
    fault_server: FaultServer, source: ObjectSource, faults: list[str], call: Callable[..., bytes]
) -> None:
    etag = source.read(KEY, 0, 10)[1].etag
    fault_server.faults += [Fault(kind) for kind in faults]
    with pytest.raises(ChangedFile) as raised:
        call(source, KEY, if_match=etag)
    assert_message(raised.value, source, "replaced", "Open the session again")
    assert source.info(KEY).etag != etag


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_a_range_is_never_joined_from_two_objects(fault_server: FaultServer, source: ObjectSource, kind: str) -> None:
    fault_server.faults += [Fault(kind), Fault("replaced")]
    content, info = source.read(KEY, START, STOP)
    assert bytes(content) == REPLACED[START:STOP]
    assert info == source.info(KEY)


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_a_stream_is_never_joined_from_two_objects(fault_server: FaultServer, source: ObjectSource, kind: str) -> None:
    fault_server.faults += [Fault(kind), Fault("replaced")]
    with pytest.raises(TransferFailed):
        read_stream(source)


def test_a_server_without_versions_is_asked_for_one_only_once(fault_server: FaultServer, s3: ObjectSource) -> None:
    fault_server.faults.append(Fault("501", times=FOREVER, method="*"))
    assert read(s3, version="some version") == CONTENT[:10]
    versions = [request.version for request in fault_server.requests]
    assert (set(versions[:-1]), versions[-1]) == ({"some version"}, None)
    assert len(versions) <= 3
    fault_server.requests.clear()
    assert read(s3, version="another version") == CONTENT[:10]
    assert read_stream(s3, version="another version") == CONTENT
    assert s3.info(KEY, "another version").size == SIZE
    requests = [(request.version, request.status) for request in fault_server.requests]
    assert requests == [(None, 206), (None, 200), (None, 200)]


def test_transient_errors_do_not_mean_that_a_server_has_no_versions(
    fault_server: FaultServer, s3: ObjectSource
) -> None:
    write(fault_server.folder.parent, "old.bin", OLD)
    fault_server.versions[KEY] = {"new": fault_server.folder / KEY, "old": fault_server.folder.parent / "old.bin"}
    fault_server.faults.append(Fault("503", times=5))
    assert read(s3, version="old") == OLD[:10]
    assert {request.version for request in fault_server.requests} == {"old"}
    assert read_stream(s3, version="old") == OLD


def test_threads_discover_simultaneously_that_a_server_has_no_versions(
    fault_server: FaultServer, s3: ObjectSource
) -> None:
    fault_server.faults.append(Fault("501", times=FOREVER))
    barrier = threading.Barrier(16)

    def is_right(start: int) -> bool:
        barrier.wait()
        return read(s3, KEY, start, start + 10, version="some version") == CONTENT[start : start + 10]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(is_right, range(16)))


def test_a_listing_is_retried_once(fault_server: FaultServer, s3: ObjectSource) -> None:
    fault_server.faults.append(Fault("503", key=""))
    assert s3.list("some folder") == ["content.bin"]


def test_an_empty_listing(fault_server: FaultServer, s3: ObjectSource) -> None:
    fault_server.faults.append(Fault("list-empty"))
    assert s3.list("some folder") == []


INDEX_PAGE = b"""<html><head><title>Index of /a folder</title></head><body>
<a href="?C=N;O=D">Name</a> <a href="/">Parent Directory</a> <a href="../">..</a> <a href="deeper/">deeper/</a>
<a class="new" href="v1.0.json">v1.0.json</a> <A HREF="a&amp;b%20%25.json">a&amp;b %.json</A>
</body></html>"""


def test_the_files_of_an_index_page_are_listed() -> None:
    with answering_server(lambda handler: answer(handler, 200, INDEX_PAGE)) as endpoint:
        assert ObjectSource(Mirror(endpoint)).list("a folder") == ["v1.0.json", "a&b %.json"]


@pytest.mark.parametrize("fault", [None, "503", "403"])
def test_a_mirror_without_index_page_raises_and_is_not_offline(
    fault_server: FaultServer, mirror: ObjectSource, fault: str | None
) -> None:
    if fault:
        fault_server.faults.append(Fault(fault))
    with pytest.raises(
        TransferFailed, match=r"has no index page of some folder .*Choose the release with version="
    ) as raised:
        mirror.list("some folder")
    assert str(mirror) in str(raised.value)
    assert not raised.value.offline
    assert raised.value.__cause__.closed
