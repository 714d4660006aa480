"""One contract for all places that bytes come from, and what becomes of each fault on the way."""

from __future__ import annotations

import os
import pathlib
import pickle
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from tests.faultserver import BUCKET, FOREVER, Fault, FaultServer
from tests.servers import NGINX, RCLONE, ask, moto_server, nginx, put_object, put_versions, rclone
from tests.store.objects import be_direct, retry_at_once
from visbehavior.errors import BadValue, ChangedFile, NotFound, TransferFailed
from visbehavior.store import source as module
from visbehavior.store.source import Address, ObjectSource

CONTENT = random.Random(1).randbytes(200_000)
LARGE = random.Random(2).randbytes(5 << 19)
OLD, NEW = b"what it was before", b"what it is"

KEY = "some folder/content.bin"
NAMES_IN_FOLDER = ["content.bin", "new.bin"]
EMPTY = "empty.bin"
VERSIONED = "some folder/new.bin"
# What Windows allows in a name, as most of the servers show a folder.
ODD = [
    "with  spaces .bin",
    "a+b.bin",
    "100%.bin",
    "%41%2F.bin",
    "%.bin",
    "ä, ß, 日本語 and 🐭.bin",
    "(1) [2] {3}.bin",
    "a&b=c;d'e~f!g@h$i#j^k`l.bin",
    "&amp;.bin",
    "..two dots.bin",
]
OBJECTS = {
    KEY: CONTENT,
    VERSIONED: NEW,
    EMPTY: b"",
    "large.bin": LARGE,
    "one.bin": b"1",
    "some folder/deeper/content.bin": b"not of the folder above",
} | {f"odd/{name}": name.encode() for name in ODD}


@dataclass(frozen=True)
class Place:
    """Where objects lie, and what is known there."""

    open: Callable[[], ObjectSource]
    put: Callable[[str, bytes], object]
    old_version: str | None = None
    has_ranges: bool = True
    has_conditions: bool = True
    is_picklable: bool = True


def write(folder: pathlib.Path, key: str, content: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@contextmanager
def on_moto(folder: pathlib.Path) -> Iterator[Place]:
    with moto_server() as server:
        for key, content in OBJECTS.items():
            put_object(server, key, content)
        old, _ = put_versions(server, VERSIONED, OLD, NEW)
        yield Place(
            lambda: ObjectSource(Address(server.bucket, server.endpoint)),
            lambda key, content: put_object(server, key, content),
            old_version=old,
        )


@contextmanager
def on_faultserver(folder: pathlib.Path) -> Iterator[Place]:
    write(folder.parent, "old.bin", OLD)
    with FaultServer(folder) as server:
        server.versions[VERSIONED] = {"new": folder / VERSIONED, "old": folder.parent / "old.bin"}
        yield Place(
            lambda: ObjectSource(Address(server.bucket, server.endpoint)),
            lambda key, content: write(folder, key, content),
            old_version="old",
        )


@contextmanager
def on_nginx(folder: pathlib.Path) -> Iterator[Place]:
    with nginx(folder) as server:
        yield Place(lambda: ObjectSource(Address(server.endpoint)), lambda key, content: write(folder, key, content))


@contextmanager
def on_rclone(folder: pathlib.Path) -> Iterator[Place]:
    with rclone(folder) as server:
        # Other releases of it may know more than 1.75.
        knows_ranges = ask(server, f"/{BUCKET}/large.bin", Range="bytes=1-2")[0] == 206
        knows_conditions = ask(server, f"/{BUCKET}/large.bin", If_Match='"other"')[0] == 412
        yield Place(
            lambda: ObjectSource(Address(server.bucket, server.endpoint)),
            lambda key, content: write(folder, key, content),
            has_ranges=knows_ranges,
            has_conditions=knows_conditions,
        )


@contextmanager
def in_folder(folder: pathlib.Path) -> Iterator[Place]:
    yield Place(lambda: ObjectSource(Address(str(folder))), lambda key, content: write(folder, key, content))


@contextmanager
def in_memory(folder: pathlib.Path) -> Iterator[Place]:
    store = MemoryStore()
    for key, content in OBJECTS.items():
        obstore.put(store, key, content)
    yield Place(
        lambda: ObjectSource(Address("memory"), store),
        lambda key, content: obstore.put(store, key, content),
        is_picklable=False,
    )


PLACES: dict[str, Callable[[pathlib.Path], AbstractContextManager[Place]]] = {
    "moto": on_moto,
    "faultserver": on_faultserver,
    "nginx": on_nginx,
    "rclone": on_rclone,
    "folder": in_folder,
    "memory": in_memory,
}
MARKS = {"nginx": NGINX, "rclone": RCLONE}


@pytest.fixture(scope="class", params=[pytest.param(name, marks=MARKS.get(name, ())) for name in PLACES])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each place in turn, with the same objects."""
    folder = tmp_path_factory.mktemp("place") / "objects"
    for key, content in OBJECTS.items():
        write(folder, key, content)
    with PLACES[request.param](folder) as place:
        yield place


def read(source: ObjectSource, key: str = KEY, start: int = 0, stop: int = 10, **options: str | None) -> bytes:
    return bytes(source.read(key, start, stop, **options)[0])


def read_in_one(source: ObjectSource, key: str = KEY, **options: str | None) -> bytes:
    return b"".join(source.stream(key, **options)[1])


ABSENT = ["none", "some folder/none", "none/none", f"{KEY}.not"]
SIZE = len(CONTENT)


class TestEachPlace:
    """What holds wherever the bytes lie."""

    def test_an_object_has_a_size_and_an_identity(self, place: Place) -> None:
        source = place.open()
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
    def test_a_range_is_that_part_of_the_object(self, place: Place, start: int, length: int) -> None:
        source = place.open()
        content, info = source.read(KEY, start, start + length)
        assert bytes(content) == CONTENT[start : start + length]
        assert info.size == SIZE
        assert not content or source.has_ranges == place.has_ranges
        if place.has_ranges:
            assert source.bytes == len(content)

    @pytest.mark.parametrize("length", [1, 2, 1 << 20, 3 << 20])
    def test_a_range_of_a_large_object_too(self, place: Place, length: int) -> None:
        source = place.open()
        for start in (0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 1, len(LARGE) - 2):
            assert read(source, "large.bin", start, start + length) == LARGE[start : start + length]

    def test_requests_and_bytes_are_counted(self, place: Place) -> None:
        source = place.open()
        assert (source.requests, source.bytes) == (0, 0)
        source.info(KEY)
        source.list("odd")
        assert (source.requests, source.bytes) == (2, 0)
        read_in_one(source)
        assert (source.requests, source.bytes) == (3, SIZE)
        for stop in (1, 10, 100):
            read(source, KEY, 0, stop)
        if place.has_ranges:
            assert (source.requests, source.bytes) == (6, SIZE + 111)
        else:
            assert source.bytes >= SIZE + 111

    @pytest.mark.parametrize("key", [KEY, "large.bin", EMPTY, "one.bin"])
    def test_the_whole_comes_in_pieces(self, place: Place, key: str) -> None:
        source = place.open()
        info, pieces = source.stream(key)
        assert info.size == len(OBJECTS[key])
        assert b"".join(pieces) == OBJECTS[key]
        assert source.bytes == len(OBJECTS[key])

    def test_an_empty_object_is_no_fault_and_says_nothing_of_ranges(self, place: Place) -> None:
        source = place.open()
        content, info = source.read(EMPTY, 0, 65536)
        assert (bytes(content), info.size) == (b"", 0)
        assert source.has_ranges

    @pytest.mark.parametrize("key", ABSENT)
    def test_an_absent_object_is_not_found(self, place: Place, key: str) -> None:
        source = place.open()
        for call in (ObjectSource.info, read, read_in_one):
            with pytest.raises(NotFound) as raised:
                call(source, key)
            assert raised.value.key == key
            assert key in str(raised.value)
            assert str(source) in str(raised.value)

    @pytest.mark.parametrize("name", ODD)
    def test_an_odd_name_is_a_name(self, place: Place, name: str) -> None:
        source = place.open()
        key = f"odd/{name}"
        assert read(source, key, 1, 1000) == OBJECTS[key][1:]
        assert read_in_one(source, key) == OBJECTS[key]
        assert source.info(key).size == len(OBJECTS[key])

    def test_a_listing_has_the_names_in_a_folder_alone(self, place: Place) -> None:
        source = place.open()
        assert sorted(source.list("some folder")) == NAMES_IN_FOLDER
        assert source.list("some folder/deeper") == ["content.bin"]

    def test_odd_names_are_listed_as_they_are(self, place: Place) -> None:
        source = place.open()
        hidden = {name for name in ODD if name.startswith(".")} if source.is_http else set()
        assert sorted(source.list("odd")) == sorted(set(ODD) - hidden)

    def test_an_absent_folder_has_no_names(self, place: Place) -> None:
        source = place.open()
        if source.is_http:
            with pytest.raises(TransferFailed, match=r"no page of none.*version="):
                source.list("none")
        else:
            assert source.list("none") == []

    def test_what_has_the_mark_that_is_expected_comes(self, place: Place) -> None:
        source = place.open()
        etag = source.info(KEY).etag
        assert read(source, KEY, 5, 50, if_match=etag) == CONTENT[5:50]
        assert read_in_one(source, if_match=etag) == CONTENT

    def test_what_was_replaced_is_noticed(self, place: Place) -> None:
        source = place.open()
        place.put("changing.bin", b"one")
        etag = source.info("changing.bin").etag
        place.put("changing.bin", b"another")
        if place.has_conditions:
            for call in (read, read_in_one):
                with pytest.raises(ChangedFile, match=r"changing\.bin was replaced in .* Open the session again"):
                    call(source, "changing.bin", if_match=etag)
        now = source.info("changing.bin").etag
        assert now != etag
        assert read_in_one(source, "changing.bin", if_match=now) == b"another"

    def test_a_version_is_that_version_where_there_are_any(self, place: Place) -> None:
        source = place.open()
        expected = NEW if place.old_version is None else OLD
        version = place.old_version or "some version"
        for _ in range(2):
            assert read(source, VERSIONED, 0, 100, version=version) == expected
        assert read(source, VERSIONED, 5, 9, version=version) == expected[5:9]
        assert read_in_one(source, VERSIONED, version=version) == expected
        info = source.info(VERSIONED, version)
        assert (info.size, info.version) == (len(expected), place.old_version)
        assert read(source, VERSIONED, 0, 100) == NEW

    def test_a_version_that_never_was_is_not_found_where_there_are_any(self, place: Place) -> None:
        source = place.open()
        if place.old_version is None:
            assert read(source, VERSIONED, 0, 100, version="never") == NEW
        else:
            with pytest.raises(NotFound):
                read(source, VERSIONED, 0, 100, version="never")

    def test_a_pickled_copy_works_and_counts_anew(self, place: Place) -> None:
        source = place.open()
        read(source)
        if not place.is_picklable:
            with pytest.raises(TypeError, match="cannot pickle 'MemoryStore'"):
                pickle.dumps(source)
            return
        copy = pickle.loads(pickle.dumps(source))
        assert (copy.address, copy.requests, copy.bytes) == (source.address, 0, 0)
        assert read(copy) == CONTENT[:10]
        if place.has_ranges:
            assert (copy.requests, copy.bytes) == (1, 10)

    def test_threads_may_share_it(self, place: Place) -> None:
        source = place.open()
        together = threading.Barrier(16)

        def read_some(first: int) -> list[bool]:
            together.wait()
            starts = range(first * 1000, SIZE, 50_000)
            return [read(source, KEY, start, start + 777) == CONTENT[start : start + 777] for start in starts]

        with ThreadPoolExecutor(16) as pool:
            found = [right for rights in pool.map(read_some, range(16)) for right in rights]
        assert found == [True] * 64
        if place.has_ranges:
            assert (source.requests, source.bytes) == (64, 64 * 777)


# Bad weather

START, STOP = 1000, 9000
PART = CONTENT[START:STOP]
REPLACED = bytes(byte ^ 0x55 for byte in CONTENT)


@pytest.fixture(autouse=True)
def _direct_and_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_direct(monkeypatch)
    retry_at_once(monkeypatch)


@pytest.fixture
def faulty(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    folder = tmp_path / "objects"
    write(folder, KEY, CONTENT)
    with FaultServer(folder, hold=3600) as server:
        yield server


@pytest.fixture
def s3(faulty: FaultServer) -> ObjectSource:
    return ObjectSource(Address(faulty.bucket, faulty.endpoint))


@pytest.fixture
def mirror(faulty: FaultServer) -> ObjectSource:
    return ObjectSource(Address(f"{faulty.endpoint}/{faulty.bucket}"))


@pytest.fixture(params=["s3", "mirror"])
def source(request: pytest.FixtureRequest) -> ObjectSource:
    """The same server, spoken to in S3 and in plain HTTP."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, ObjectSource)
    return found


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that refuses: taken, so that nobody else gets it, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[str]:
    """The address of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def answer(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    handler.send_response(status)
    always = {"Content_Length": str(len(content)), "Last_Modified": handler.date_time_string(0), "ETag": '"one"'}
    for name, text in (always | headers).items():
        handler.send_header(name.replace("_", "-"), text)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(content)


def both_ways(endpoint: str) -> list[ObjectSource]:
    """A server as S3 and as a mirror."""
    return [ObjectSource(Address(BUCKET, endpoint)), ObjectSource(Address(endpoint))]


def struck(faulty: FaultServer) -> list[str]:
    return [request.fault for request in faulty.requests if request.fault]


def check_says(error: Exception, source: ObjectSource, *words: str) -> None:
    """The message says what, where, and a way out."""
    for word in (KEY, str(source), *words):
        assert word in str(error)
    # Of what obstore says, most is for its developers.
    assert "Debug" not in str(error)
    assert "\n" not in str(error)


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
def test_what_passes_is_waited_for(
    faulty: FaultServer, source: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, times: int
) -> None:
    retry_at_once(monkeypatch, read_timeout="500ms" if kind == "hang" else "10s")
    faulty.faults.append(Fault(kind, times=times))
    assert read(source, KEY, START, STOP) == PART
    assert struck(faulty) == [kind] * times
    assert source.bytes == len(PART)
    assert source.has_ranges


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("503", "503 Service Unavailable"),
        ("500", "500 Internal Server Error"),
        ("hang", "error sending request"),
        ("cut", "body error"),
        ("cut-long", "body error"),
        ("wrong-range", f"Requested {START}..{STOP}, got {STOP}..{2 * STOP - START}"),
        ("short", f"Requested {START}..{STOP}, got {START}..{(START + STOP) // 2}"),
        ("redirect", "redirect without LOCATION"),
    ],
)
def test_what_stays_is_told(
    faulty: FaultServer, source: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    retry_at_once(monkeypatch, read_timeout="100ms" if kind == "hang" else "10s")
    faulty.faults.append(Fault(kind, times=FOREVER, method="*"))
    with pytest.raises(TransferFailed) as raised:
        read(source, KEY, START, STOP)
    check_says(raised.value, source, words, "try again, or check the network")
    assert len(struck(faulty)) > 1
    assert source.bytes == 0
    assert source.has_ranges


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_a_whole_that_breaks_off_goes_on_where_it_was(faulty: FaultServer, source: ObjectSource, kind: str) -> None:
    faulty.faults.append(Fault(kind, times=3))
    assert read_in_one(source) == CONTENT
    assert struck(faulty) == [kind] * 3
    assert source.bytes == len(CONTENT)
    # Of whole objects every byte would be sent again.
    assert sum(request.sent for request in faulty.requests) < 2 * len(CONTENT)


def test_a_whole_is_not_waited_for_to_its_end(faulty: FaultServer, source: ObjectSource) -> None:
    write(faulty.folder, "large.bin", LARGE)
    _, pieces = source.stream("large.bin")
    assert len(next(pieces)) < len(LARGE)


@pytest.mark.parametrize("if_match", [False, True])
def test_a_whole_that_always_breaks_off_is_told(faulty: FaultServer, source: ObjectSource, if_match: bool) -> None:
    etag = source.info(KEY).etag if if_match else None
    faulty.faults.append(Fault("cut-long", times=FOREVER))
    with pytest.raises(TransferFailed) as raised:
        read_in_one(source, if_match=etag)
    check_says(raised.value, source, "body error", "try again, or check the network")


CALLS = [
    lambda source: source.info(KEY),
    lambda source: source.info(KEY, "some version"),
    lambda source: read(source),
    lambda source: read(source, version="some version"),
    lambda source: read_in_one(source),
    lambda source: read_in_one(source, version="some version"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_told_at_once(
    faulty: FaultServer, source: ObjectSource, call: Callable[[ObjectSource], object]
) -> None:
    faulty.faults.append(Fault("403", times=FOREVER, method="*"))
    with pytest.raises(TransferFailed) as raised:
        call(source)
    check_says(raised.value, source, "access denied", "Check the bucket's name and the endpoint")
    assert raised.value.denied
    assert [request.status for request in faulty.requests] == [403]


@pytest.mark.parametrize("call", CALLS)
def test_what_is_absent_is_asked_for_once(
    faulty: FaultServer, source: ObjectSource, call: Callable[[ObjectSource], object]
) -> None:
    (faulty.folder / KEY).unlink()
    with pytest.raises(NotFound):
        call(source)
    assert [request.status for request in faulty.requests] == [404]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ["access denied", "Check the bucket's name and the endpoint"]),
        (501, ["501", "try again, or check the network"]),
    ],
)
def test_a_server_that_does_nothing_for_us_is_told(
    call: Callable[[ObjectSource], object], status: int, words: list[str]
) -> None:
    with answering(lambda handler: handler.send_error(status)) as endpoint:
        for source in both_ways(endpoint):
            with pytest.raises(TransferFailed) as raised:
                call(source)
            check_says(raised.value, source, *words)


def test_fewer_bytes_than_the_answer_says_are_told() -> None:
    label = f"bytes {START}-{STOP - 1}/{SIZE}"
    with answering(lambda handler: answer(handler, 206, PART[:-1], Content_Range=label)) as endpoint:
        for source in both_ways(endpoint):
            with pytest.raises(TransferFailed) as raised:
                read(source, KEY, START, STOP)
            check_says(raised.value, source, "other bytes", f"expected {START} to {STOP}", "Another mirror")


def test_nobody_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "third")
    asked = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers)
        answer(handler, 200, PART)

    with answering(note) as endpoint:
        for source in both_ways(endpoint):
            assert read_in_one(source) == PART
    assert len(asked) == 2
    assert [name for headers in asked for name in headers if name.lower().startswith(("authorization", "x-amz"))] == []


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200"])
def test_a_server_that_knows_no_ranges_gives_the_whole(faulty: FaultServer, source: ObjectSource, kind: str) -> None:
    faulty.faults.append(Fault(kind, times=FOREVER))
    etag = source.info(KEY).etag
    for options in ({}, {"if_match": etag}):
        assert read(source, KEY, START, STOP, **options) == PART
        assert not source.has_ranges
    with pytest.raises(ChangedFile):
        read(source, KEY, START, STOP, if_match='"other"')


def test_other_bytes_under_the_right_name_cannot_be_noticed_here(faulty: FaultServer, source: ObjectSource) -> None:
    faulty.faults.append(Fault("lying-range"))
    assert read(source, KEY, START, STOP) == CONTENT[STOP : 2 * STOP - START]


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200", "wrong-range"])
def test_what_comes_from_elsewhere_after_a_break_is_never_joined(
    faulty: FaultServer, source: ObjectSource, kind: str
) -> None:
    faulty.faults += [Fault("cut"), Fault(kind)]
    assert read(source, KEY, START, STOP) == PART
    assert struck(faulty) == ["cut", kind]

    faulty.faults += [Fault("cut"), Fault(kind)]
    with suppress(TransferFailed):
        assert read_in_one(source) == CONTENT


# Replaced while it is read


@pytest.mark.parametrize("faults", [["replaced"], ["cut", "replaced"], ["cut-long", "replaced"], ["short", "replaced"]])
@pytest.mark.parametrize("call", [lambda *args, **options: read(*args, START, STOP, **options), read_in_one])
def test_an_object_that_is_replaced_meanwhile_is_noticed(
    faulty: FaultServer, source: ObjectSource, faults: list[str], call: Callable[..., bytes]
) -> None:
    etag = source.read(KEY, 0, 10)[1].etag
    faulty.faults += [Fault(kind) for kind in faults]
    with pytest.raises(ChangedFile) as raised:
        call(source, KEY, if_match=etag)
    check_says(raised.value, source, "replaced", "Open the session again")
    assert source.info(KEY).etag != etag


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_halves_of_two_objects_are_never_joined(faulty: FaultServer, source: ObjectSource, kind: str) -> None:
    faulty.faults += [Fault(kind), Fault("replaced")]
    content, info = source.read(KEY, START, STOP)
    assert bytes(content) == REPLACED[START:STOP]
    assert info == source.info(KEY)


@pytest.mark.parametrize("kind", ["cut", "cut-long"])
def test_halves_of_two_wholes_are_never_joined(faulty: FaultServer, source: ObjectSource, kind: str) -> None:
    faulty.faults += [Fault(kind), Fault("replaced")]
    with pytest.raises(TransferFailed):
        read_in_one(source)


# Versions


def test_a_server_that_knows_no_versions_is_asked_for_one_only_at_first(faulty: FaultServer, s3: ObjectSource) -> None:
    faulty.faults.append(Fault("501", times=FOREVER, method="*"))
    assert read(s3, version="some version") == CONTENT[:10]
    asked = [request.version for request in faulty.requests]
    assert (set(asked[:-1]), asked[-1]) == ({"some version"}, None)
    assert len(asked) <= 3
    faulty.requests.clear()
    assert read(s3, version="another version") == CONTENT[:10]
    assert read_in_one(s3, version="another version") == CONTENT
    assert s3.info(KEY, "another version").size == SIZE
    assert [(request.version, request.status) for request in faulty.requests] == [(None, 206), (None, 200), (None, 200)]


def test_a_storm_does_not_make_a_server_one_without_versions(faulty: FaultServer, s3: ObjectSource) -> None:
    write(faulty.folder.parent, "old.bin", OLD)
    faulty.versions[KEY] = {"new": faulty.folder / KEY, "old": faulty.folder.parent / "old.bin"}
    faulty.faults.append(Fault("503", times=5))
    assert read(s3, version="old") == OLD[:10]
    assert {request.version for request in faulty.requests} == {"old"}
    assert read_in_one(s3, version="old") == OLD


def test_threads_that_ask_for_a_version_first_agree(faulty: FaultServer, s3: ObjectSource) -> None:
    faulty.faults.append(Fault("501", times=FOREVER))
    together = threading.Barrier(16)

    def read_one(start: int) -> bool:
        together.wait()
        return read(s3, KEY, start, start + 10, version="some version") == CONTENT[start : start + 10]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read_one, range(16)))


# Nobody there, and listings


@pytest.mark.parametrize("call", [*CALLS, lambda source: source.list(KEY)])
def test_where_nobody_answers_that_is_told(
    nowhere: str, call: Callable[[ObjectSource], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows takes its time before it says that nobody listens.
    monkeypatch.setattr(module, "_PATIENT", module._PATIENT | {"max_retries": 0})
    for source in both_ways(nowhere):
        with pytest.raises(TransferFailed) as raised:
            call(source)
        check_says(raised.value, source)
        assert raised.value.offline


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("503", ["503 Service Unavailable", "try again, or check the network"]),
        ("hang", ["error sending request", "try again, or check the network"]),
        ("403", ["access denied", "Check the bucket's name and the endpoint"]),
    ],
)
def test_a_listing_that_fails_is_told(
    faulty: FaultServer, s3: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, words: list[str]
) -> None:
    retry_at_once(monkeypatch, read_timeout="100ms" if kind == "hang" else "10s")
    faulty.faults.append(Fault(kind, key="", times=FOREVER))
    with pytest.raises(TransferFailed) as raised:
        s3.list("some folder")
    for word in ("some folder", str(s3), *words):
        assert word in str(raised.value)
    # Who waits for a listing only wants to know whether there is something newer.
    assert len(faulty.requests) <= 2


def test_a_listing_survives_a_hiccup(faulty: FaultServer, s3: ObjectSource) -> None:
    faulty.faults.append(Fault("503", key=""))
    assert s3.list("some folder") == ["content.bin"]


def test_a_listing_of_a_server_that_lists_nothing_is_empty(faulty: FaultServer, s3: ObjectSource) -> None:
    faulty.faults.append(Fault("list-empty"))
    assert s3.list("some folder") == []


def test_a_listing_of_a_bucket_that_is_not_there_is_not_found(faulty: FaultServer) -> None:
    source = ObjectSource(Address("another-bucket", faulty.endpoint))
    with pytest.raises((NotFound, TransferFailed), match="another-bucket"):
        source.list("some folder")


PAGE = b"""<html><head><title>Index of /a folder</title></head><body>
<a href="?C=N;O=D">Name</a> <a href="/">Parent Directory</a> <a href="../">..</a> <a href="deeper/">deeper/</a>
<a class="new" href="v1.0.json">v1.0.json</a> <A HREF="a&amp;b%20%25.json">a&amp;b %.json</A>
</body></html>"""


def test_of_the_page_of_a_mirror_the_files_are_listed() -> None:
    with answering(lambda handler: answer(handler, 200, PAGE)) as endpoint:
        assert ObjectSource(Address(endpoint)).list("a folder") == ["v1.0.json", "a&b %.json"]


@pytest.mark.parametrize("fault", [None, "503", "403"])
def test_a_mirror_without_a_page_says_so_and_is_not_offline(
    faulty: FaultServer, mirror: ObjectSource, fault: str | None
) -> None:
    if fault:
        faulty.faults.append(Fault(fault))
    with pytest.raises(
        TransferFailed, match=r"shows no page of some folder .*Name the release with version="
    ) as raised:
        mirror.list("some folder")
    assert str(mirror) in str(raised.value)
    assert not raised.value.offline
    assert raised.value.__cause__.closed


# The environment

ENDPOINTS = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_of_the_environment_is_used(
    faulty: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, faulty.endpoint)
    source = ObjectSource(Address(faulty.bucket))
    assert read(source) == CONTENT[:10]
    assert faulty.endpoint in str(source)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_what_the_environment_names_may_know_no_versions(
    faulty: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, faulty.endpoint)
    faulty.faults.append(Fault("501", times=FOREVER))
    assert read(ObjectSource(Address(faulty.bucket)), version="some version") == CONTENT[:10]
    # With the patience that Amazon's server is due it would be asked many times.
    assert len(faulty.requests) <= 3


def test_of_two_endpoints_of_the_environment_the_one_for_s3_is_used(
    faulty: FaultServer, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faulty.endpoint)
    assert read(ObjectSource(Address(faulty.bucket))) == CONTENT[:10]


@pytest.mark.parametrize("names", [ENDPOINTS[:1], ENDPOINTS[1:], ENDPOINTS, [*ENDPOINTS, "AWS_ENDPOINT"]])
def test_an_endpoint_that_is_given_is_used_whatever_the_environment_says(
    faulty: FaultServer, s3: ObjectSource, nowhere: str, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, nowhere)
    assert read(s3) == CONTENT[:10]
    assert s3.list("some folder") == ["content.bin"]


@pytest.mark.parametrize(
    "settings",
    [
        {"AWS_ACCESS_KEY_ID": "half"},
        {"AWS_SECRET_ACCESS_KEY": "half"},
        {"AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "third"},
        {"AWS_SESSION_TOKEN": "alone"},
        {"AWS_REGION": "mars", "AWS_DEFAULT_REGION": "venus", "AWS_PROFILE": "none"},
        {"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true", "AWS_S3_EXPRESS": "true", "AWS_SKIP_SIGNATURE": "false"},
        {"AWS_BUCKET": "other", "AWS_BUCKET_NAME": "other", "AWS_ALLOW_HTTP": "false"},
    ],
)
def test_what_else_the_environment_says_does_no_harm(
    s3: ObjectSource, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    assert read(s3) == CONTENT[:10]
    assert s3.list("some folder") == ["content.bin"]


def test_an_endpoint_of_the_environment_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    source = ObjectSource(Address(BUCKET))
    for call in (read, lambda source: source.list("some folder")):
        with pytest.raises(BadValue, match=r"endpoint is 'localhost:9000'.*AWS_ENDPOINT_URL"):
            call(source)


def test_a_setting_that_obstore_refuses_is_told(s3: ObjectSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "nonsense")
    for call in (read, lambda source: source.list(KEY)):
        with pytest.raises(TransferFailed, match="nonsense") as raised:
            call(s3)
        check_says(raised.value, s3)


# Other processes

FORK = """
import multiprocessing, sys
from visbehavior.errors import TransferFailed
from visbehavior.store.source import Address, ObjectSource

place, endpoint, key, when, whose = sys.argv[1:]

def read(source):
    try:
        print(bytes(source.read(key, 0, 5)[0]).hex(), flush=True)
    except TransferFailed as error:
        print(error, flush=True)

address = Address(place, endpoint or None)
source = ObjectSource(address)
if when == "after":
    read(source)
child = multiprocessing.get_context("fork").Process(target=read, args=(source if whose == "old" else ObjectSource(address),))
child.start()
child.join(60)
if child.is_alive():
    child.kill()
    child.join()
    print("hangs", flush=True)
read(source)
"""
UNPICKLE = """
import pickle, sys
source = pickle.load(sys.stdin.buffer)
print(bytes(source.read(sys.argv[1], 0, 5)[0]).hex(), source.requests)
"""
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
FIRST = CONTENT[:5].hex()


def lines_of(script: str, *arguments: str, stdin: bytes = b"") -> list[str]:
    """What a script says in a process of its own: this one has used obstore for long."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]


@FORKS
@pytest.mark.parametrize("whose", ["old", "new"])
@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_after_a_fork_it_refuses_at_once_and_advises(faulty: FaultServer, kind: str, whose: str) -> None:
    address = (faulty.bucket, faulty.endpoint) if kind == "s3" else (str(faulty.folder), "")
    before, in_child, later = lines_of(FORK, *address, KEY, "after", whose)
    assert (before, later) == (FIRST, FIRST)
    assert address[0] in in_child
    assert "forked" in in_child
    assert "multiprocessing.get_context('spawn')" in in_child


@FORKS
@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_what_was_forked_before_the_first_use_works(faulty: FaultServer, kind: str) -> None:
    address = (faulty.bucket, faulty.endpoint) if kind == "s3" else (str(faulty.folder), "")
    assert lines_of(FORK, *address, KEY, "before", "old") == [FIRST, FIRST]


def test_a_process_that_was_spawned_may_use_a_pickled_copy(s3: ObjectSource) -> None:
    read(s3)
    assert lines_of(UNPICKLE, KEY, stdin=pickle.dumps(s3)) == [f"{FIRST} 1"]


# Addresses


@pytest.mark.parametrize(
    "place",
    [
        "",
        5,
        None,
        b"bucket",
        pathlib.PurePosixPath("bucket"),
        "ftp://x",
        "s3://",
        "s3://bucket/folder",
        "a b",
        "bücket",
        "localhost:9000",
        "http:mirror",
        "https://",
        "https:///folder",
        "http://[",
        "http://mirror:99999",
        "http://mirror:port",
        "http://a b/",
    ],
)
def test_a_place_that_is_none_is_told(place: object) -> None:
    with pytest.raises(BadValue, match="expected a bucket's name, s3://bucket, https://mirror or a folder") as raised:
        ObjectSource(Address(place))  # type: ignore[arg-type]
    assert repr(place) in str(raised.value)
    assert raised.value.place == place


@pytest.mark.parametrize(
    "endpoint",
    ["", 5, "localhost:9000", "localhost", "ftp://x", "http://", "http://[", "http://a b", "http://ä", "http://x:0"],
)
def test_an_endpoint_that_is_none_is_told(endpoint: object) -> None:
    with pytest.raises(BadValue, match=r"expected an address such as https://s3\.example\.org") as raised:
        ObjectSource(Address(BUCKET, endpoint))  # type: ignore[arg-type]
    assert repr(endpoint) in str(raised.value)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_that_is_not_there_is_not_found(tmp_path: pathlib.Path, scheme: str) -> None:
    folder = (tmp_path / "none").as_posix()
    source = ObjectSource(Address(scheme + folder))
    for call in (read, read_in_one, lambda source: source.info(KEY), lambda source: source.list("")):
        with pytest.raises(NotFound, match="There is no folder") as raised:
            call(source)
        assert pathlib.Path(folder) == pathlib.Path(raised.value.path)


@pytest.mark.parametrize("written", ["{}", "s3://{}", "s3://{}/"])
def test_ways_to_write_a_bucket(faulty: FaultServer, written: str) -> None:
    source = ObjectSource(Address(written.format(faulty.bucket), faulty.endpoint))
    assert read(source) == CONTENT[:10]


@pytest.mark.parametrize("ending", ["", "/"])
def test_ways_to_write_an_endpoint_or_a_mirror(faulty: FaultServer, ending: str) -> None:
    for address in (
        Address(faulty.bucket, faulty.endpoint + ending),
        Address(f"{faulty.endpoint}/{faulty.bucket}{ending}"),
    ):
        assert read(ObjectSource(address)) == CONTENT[:10]


@NGINX
@pytest.mark.parametrize("written", ["some folder", "some%20folder/", "some folder/"])
def test_ways_to_write_a_folder_of_a_mirror(faulty: FaultServer, written: str) -> None:
    with nginx(faulty.folder) as server:
        source = ObjectSource(Address(f"{server.endpoint}/{written}"))
        assert read(source, "content.bin") == CONTENT[:10]
        assert ObjectSource(Address(server.endpoint)).list("some folder") == ["content.bin"]


def test_ways_to_write_a_folder(faulty: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = faulty.folder / "some folder"
    monkeypatch.chdir(faulty.folder)
    for written in (str(folder), folder.as_posix() + "/", folder.as_uri(), f".{os.sep}some folder"):
        assert read(ObjectSource(Address(written)), "content.bin") == CONTENT[:10]
