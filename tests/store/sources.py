"""Objects, servers and checks for the tests of sources."""

from __future__ import annotations

import pathlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
from obstore.store import MemoryStore

from tests.faultserver import BUCKET, FaultServer
from tests.servers import http_request, moto_server, nginx, put_object, put_versions, rclone
from visbehavior.store.address import Bucket, Folder, Mirror
from visbehavior.store.source import ObjectSource

CONTENT = random.Random(1).randbytes(200_000)
LARGE = random.Random(2).randbytes(5 << 19)
OLD, NEW = b"the old version", b"the new one"
SIZE = len(CONTENT)

KEY = "some folder/content.bin"
EMPTY = "empty.bin"
VERSIONED = "some folder/new.bin"
# Unusual file names that Windows allows, because most of the servers serve a folder.
UNUSUAL_NAMES = [
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
    "some folder/deeper/content.bin": b"in another folder",
} | {f"unusual/{name}": name.encode() for name in UNUSUAL_NAMES}

# A range of CONTENT.
START, STOP = 1000, 9000
PART = CONTENT[START:STOP]


def write(folder: pathlib.Path, key: str, content: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def read(source: ObjectSource, key: str = KEY, start: int = 0, stop: int = 10, **options: str | None) -> bytes:
    return bytes(source.read(key, start, stop, **options)[0])


def read_stream(source: ObjectSource, key: str = KEY, **options: str | None) -> bytes:
    return b"".join(source.stream(key, **options)[1])


# All ways to request an object.
REQUESTS = [
    lambda source: source.info(KEY),
    lambda source: source.info(KEY, "some version"),
    lambda source: read(source),
    lambda source: read(source, version="some version"),
    lambda source: read_stream(source),
    lambda source: read_stream(source, version="some version"),
]


@dataclass(frozen=True)
class Backend:
    """A place with OBJECTS and its capabilities."""

    open: Callable[[], ObjectSource]
    put: Callable[[str, bytes], object]
    old_version: str | None = None
    has_ranges: bool = True
    has_conditions: bool = True
    is_picklable: bool = True


@contextmanager
def moto_backend(folder: pathlib.Path) -> Iterator[Backend]:
    with moto_server() as server:
        for key, content in OBJECTS.items():
            put_object(server, key, content)
        old, _ = put_versions(server, VERSIONED, OLD, NEW)
        yield Backend(
            lambda: ObjectSource(Bucket(server.bucket, server.endpoint)),
            lambda key, content: put_object(server, key, content),
            old_version=old,
        )


@contextmanager
def fault_server_backend(folder: pathlib.Path) -> Iterator[Backend]:
    write(folder.parent, "old.bin", OLD)
    with FaultServer(folder) as server:
        server.versions[VERSIONED] = {"new": folder / VERSIONED, "old": folder.parent / "old.bin"}
        yield Backend(
            lambda: ObjectSource(Bucket(server.bucket, server.endpoint)),
            lambda key, content: write(folder, key, content),
            old_version="old",
        )


@contextmanager
def nginx_backend(folder: pathlib.Path) -> Iterator[Backend]:
    with nginx(folder) as server:
        yield Backend(lambda: ObjectSource(Mirror(server.endpoint)), lambda key, content: write(folder, key, content))


@contextmanager
def rclone_backend(folder: pathlib.Path) -> Iterator[Backend]:
    with rclone(folder) as server:
        # Version 1.75 has neither ranges nor conditions; later ones may.
        has_ranges = http_request(server, f"/{BUCKET}/large.bin", Range="bytes=1-2")[0] == 206
        has_conditions = http_request(server, f"/{BUCKET}/large.bin", If_Match='"other"')[0] == 412
        yield Backend(
            lambda: ObjectSource(Bucket(server.bucket, server.endpoint)),
            lambda key, content: write(folder, key, content),
            has_ranges=has_ranges,
            has_conditions=has_conditions,
        )


@contextmanager
def folder_backend(folder: pathlib.Path) -> Iterator[Backend]:
    yield Backend(lambda: ObjectSource(Folder(str(folder))), lambda key, content: write(folder, key, content))


@contextmanager
def memory_backend(folder: pathlib.Path) -> Iterator[Backend]:
    store = MemoryStore()
    for key, content in OBJECTS.items():
        obstore.put(store, key, content)
    yield Backend(
        lambda: ObjectSource(Bucket("memory"), store),
        lambda key, content: obstore.put(store, key, content),
        is_picklable=False,
    )


BACKENDS: dict[str, Callable[[pathlib.Path], AbstractContextManager[Backend]]] = {
    "moto": moto_backend,
    "faultserver": fault_server_backend,
    "nginx": nginx_backend,
    "rclone": rclone_backend,
    "folder": folder_backend,
    "memory": memory_backend,
}


@contextmanager
def answering_server(answer: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[str]:
    """Endpoint of a server that gives every request the same answer."""

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
    defaults = {"Content_Length": str(len(content)), "Last_Modified": handler.date_time_string(0), "ETag": '"one"'}
    for name, text in (defaults | headers).items():
        handler.send_header(name.replace("_", "-"), text)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(content)


def s3_and_mirror(endpoint: str) -> list[ObjectSource]:
    """The sources of a server, as S3 and as an HTTP mirror."""
    return [ObjectSource(Bucket(BUCKET, endpoint)), ObjectSource(Mirror(endpoint))]


def faults_of(server: FaultServer) -> list[str]:
    """The faults that occurred."""
    return [request.fault for request in server.requests if request.fault]


def assert_message(error: Exception, source: ObjectSource, *texts: str) -> None:
    """The message is one line with the key, the source and some texts, and without obstore's debug output."""
    for text in (KEY, str(source), *texts):
        assert text in str(error)
    assert "Debug" not in str(error)
    assert "\n" not in str(error)
