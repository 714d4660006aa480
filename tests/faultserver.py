"""An S3 server on loopback that counts what it is asked and fails as it is told to.

It speaks as much of S3 as reading needs: GET and HEAD with ranges, conditions and versions, and ListObjectsV2.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import formatdate
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "visual-behavior-ophys-data"
FOREVER = sys.maxsize

# What S3 calls each refusal.
REFUSALS = {
    301: "PermanentRedirect",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
}
OF_ANY = {"503", "500", "403", "redirect", "hang", "cut", "cut-long"}
OF_OBJECTS = {"corrupt", "replaced"}
OF_RANGES = {"wrong-range", "lying-range", "ignore-range", "range-as-200", "short"}
KINDS = OF_ANY | OF_OBJECTS | OF_RANGES | {"501", "list-empty"}


@dataclass
class Fault:
    """What goes wrong: ``kind`` for the ``times`` next requests that match, after the first ``after`` of them.

    ``key`` and ``method`` are patterns of fnmatch; the key of a listing is empty, so ``"?*"`` is each object and
    ``""`` each listing. A request that a kind cannot harm is no match. The kinds:

    503, 500, 403, 501    refused with S3's reason; 501 only where a version is asked for
    redirect              301 that says not where to
    hang                  no answer until the server stops, is reset, or ``hold`` seconds have passed
    cut, cut-long         the body breaks off in the middle, or after its first kilobyte
    corrupt               the byte in the middle of the body is another
    replaced              from this request on, other bytes and another ETag
    wrong-range           other bytes than asked for, and Content-Range says so
    lying-range           other bytes than asked for, and Content-Range does not say so
    short                 half the bytes asked for, and Content-Range says so
    ignore-range          200 with the whole object
    range-as-200          the bytes asked for and their Content-Range, but status 200
    list-empty            a listing of nothing
    """

    kind: str
    key: str = "*"
    times: int = 1
    after: int = 0
    method: str = "GET"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Fault.kind is {self.kind!r}; expected one of {sorted(KINDS)}")


@dataclass
class Request:
    """What was asked and what came of it; status 0 is no answer at all.

    ``range`` is what was asked for, stop excluded, not clipped to the object. ``sent`` counts bytes of the body as they
    are given to the socket, so whoever has received a byte finds it counted.
    """

    method: str
    key: str
    range: tuple[int, int] | None = None
    version: str | None = None
    status: int = 0
    sent: int = 0
    fault: str = ""


@dataclass(frozen=True)
class _Object:
    path: pathlib.Path
    version: str | None
    generation: int

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def modified(self) -> float:
        return self.path.stat().st_mtime + self.generation

    @property
    def etag(self) -> str:
        stat = self.path.stat()
        text = f"{self.path} {stat.st_size} {stat.st_mtime_ns} {self.generation}"
        return f'"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'

    def read(self, start: int, stop: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            content = file.read(stop - start)
        mask = 0x55 * self.generation % 256
        return content.translate(bytes(byte ^ mask for byte in range(256))) if mask else content


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    breaks_off: int | None = None


def _refusal(status: int, code: str = "", **headers: str) -> _Answer:
    code = code or REFUSALS[status]
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return _Answer(status, {"Content-Type": "application/xml"} | headers, body.encode())


def _asked_range(header: str, size: int) -> tuple[int, int] | None:
    """Half-open; None for no range and, as HTTP wants it, for one that makes no sense."""
    if not (match := re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())) or header.strip() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, stop = int(first), int(last) + 1 if last else size
    return None if last and stop <= start else (start, stop)


def _neighbour(start: int, stop: int, size: int) -> tuple[int, int] | None:
    """Another range of the same length, the next one if there is room."""
    for shift in (stop - start, start - stop, 1, -1):
        if start + shift >= 0 and stop + shift <= size:
            return start + shift, stop + shift
    return None


class FaultServer:
    """Serves the files of ``folder``, and of ``versions`` (key, version id, file), as one bucket.

    A plain request to a key with versions gets the first of them. ``hold`` is how many seconds a "hang" lasts at most,
    ``page`` how many entries a listing gives at a time.
    """

    def __init__(self, folder: pathlib.Path, bucket: str = BUCKET, *, hold: float = 60, page: int = 1000) -> None:
        self.folder, self.bucket, self.hold, self.page = folder, bucket, hold, page
        self.versions: dict[str, dict[str, pathlib.Path]] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.endpoint = ""
        self._generations: dict[pathlib.Path, int] = {}
        self._released = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()
        if self._http.errors and error is None:
            raise self._http.errors[0]

    def reset(self) -> None:
        """As at the start, but for ``versions``: no requests, no faults, nothing replaced, nobody kept waiting."""
        with self._lock:
            self.requests.clear()
            self.faults.clear()
            self._generations.clear()
            self._released.set()
            self._released = threading.Event()

    def wait(self) -> None:
        """Wait as long as a hanging request does."""
        self._released.wait(self.hold)

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, _Answer | None]:
        """The request as recorded, and its answer; None is none."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        with self._lock:
            request = Request(method, key, version=query.get("versionId"))
            found = self._find(request) if key and bucket == self.bucket else None
            size = found.size if found else 0
            request.range = _asked_range(headers.get("Range", ""), size)
            request.fault = self._next_fault(request, size)
            if request.fault == "replaced" and found:
                self._generations[found.path] = found.generation + 1
                found = replace(found, generation=found.generation + 1)
            answer: _Answer | None
            if request.fault == "hang":
                answer = None
            elif request.fault == "redirect" or request.fault.isdigit():
                answer = _refusal(301 if request.fault == "redirect" else int(request.fault))
            elif bucket != self.bucket:
                answer = _refusal(404, "NoSuchBucket")
            elif not key:
                answer = self._listing(query, empty=request.fault == "list-empty")
            else:
                answer = self._object(request, found, headers.get("If-Match", ""))
            if answer:
                answer = _spoilt(answer, request.fault)
                request.status = answer.status
            self.requests.append(request)
        return request, answer

    def _find(self, request: Request) -> _Object | None:
        versions = self.versions.get(request.key, {})
        version = request.version if request.version is not None else next(iter(versions), None)
        path = self.folder / request.key if version is None else versions.get(version)
        if path is None or ".." in request.key.split("/") or not path.is_file():
            return None
        return _Object(path, version, self._generations.get(path, 0))

    def _next_fault(self, request: Request, size: int) -> str:
        for fault in self.faults:
            if not (fnmatchcase(request.key, fault.key) and fnmatchcase(request.method, fault.method)):
                continue
            if not _can_harm(fault.kind, request, size):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif fault.times > 0:
                fault.times -= 1
                return fault.kind
        return ""

    def _object(self, request: Request, found: _Object | None, if_match: str) -> _Answer:
        if found is None:
            return _refusal(404, "NoSuchVersion" if request.version is not None else "NoSuchKey")
        if if_match and if_match != "*" and found.etag not in [tag.strip() for tag in if_match.split(",")]:
            return _refusal(412)
        size = found.size
        headers = {
            "ETag": found.etag,
            "Last-Modified": formatdate(found.modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if found.version is not None:
            headers["x-amz-version-id"] = found.version
        if request.range is None or request.fault == "ignore-range":
            return _Answer(200, headers, found.read(0, size))
        start, stop = request.range
        if start >= size:
            return _refusal(416, **{"Content-Range": f"bytes */{size}"})
        label = part = (start, min(stop, size))
        if request.fault in ("wrong-range", "lying-range"):
            part = _neighbour(*part, size) or part
            label = part if request.fault == "wrong-range" else label
        elif request.fault == "short":
            label = part = (start, start + (part[1] - start) // 2)
        headers["Content-Range"] = f"bytes {label[0]}-{label[1] - 1}/{size}"
        # "range-as-200" is what rclone 1.75 does: all is right but the status.
        return _Answer(200 if request.fault == "range-as-200" else 206, headers, found.read(*part))

    def _listing(self, query: dict[str, str], empty: bool) -> _Answer:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries: dict[str, str] = {}
        for key in () if empty else self._keys():
            if not key.startswith(prefix) or key <= query.get("start-after", ""):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key if cut < 0 else key[: cut + len(delimiter)]
            entries[name] = self._entry(key) if cut < 0 else f"<CommonPrefixes>{_tag('Prefix', name)}</CommonPrefixes>"
        names = sorted(name for name in entries if name > query.get("continuation-token", ""))
        page = names[: min(self.page, int(query.get("max-keys", 1000)))]
        more = len(page) < len(names)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            + _tag("Name", self.bucket)
            + _tag("Prefix", prefix)
            + _tag("KeyCount", len(page))
            + _tag("IsTruncated", "true" if more else "false")
            + (_tag("NextContinuationToken", page[-1]) if more else "")
            + "".join(entries[name] for name in page)
            + "</ListBucketResult>"
        )
        return _Answer(200, {"Content-Type": "application/xml"}, body.encode())

    def _keys(self) -> set[str]:
        folders = os.walk(self.folder, followlinks=True)
        files = {
            pathlib.Path(at, name).relative_to(self.folder).as_posix() for at, _, names in folders for name in names
        }
        return files | {key for key, versions in self.versions.items() if versions}

    def _entry(self, key: str) -> str:
        if (found := self._find(Request("GET", key))) is None:
            return ""
        modified = datetime.fromtimestamp(int(found.modified), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        tags = {
            "Key": key,
            "LastModified": modified,
            "ETag": found.etag,
            "Size": found.size,
            "StorageClass": "STANDARD",
        }
        return f"<Contents>{''.join(_tag(name, text) for name, text in tags.items())}</Contents>"


def _tag(name: str, text: object) -> str:
    return f"<{name}>{escape(str(text))}</{name}>"


def _can_harm(kind: str, request: Request, size: int) -> bool:
    if kind == "501":
        return request.version is not None
    if kind == "list-empty":
        return not request.key
    if kind in OF_OBJECTS:
        return size > 0
    if kind not in OF_RANGES:
        return True
    if request.range is None or request.range[0] >= size:
        return False
    start, stop = request.range[0], min(request.range[1], size)
    if kind == "short":
        return stop - start > 1
    return kind == "range-as-200" or (start, stop) != (0, size)


def _spoilt(answer: _Answer, fault: str) -> _Answer:
    """The answer with the faults that strike on the way."""
    size = len(answer.body)
    if fault == "corrupt" and answer.status < 300:
        middle = size // 2
        body = answer.body[:middle] + bytes([answer.body[middle] ^ 0xFF]) + answer.body[middle + 1 :]
        return replace(answer, body=body)
    if fault == "cut":
        return replace(answer, breaks_off=size // 2)
    if fault == "cut-long":
        return replace(answer, breaks_off=min(1024, size // 2))
    return answer


class _Http(ThreadingHTTPServer):
    # Threads are joined at the end: none may outlive its test.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, faulty: FaultServer) -> None:
        self.faulty = faulty
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks a name server what this machine is called.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive; their threads would wait for ever."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that goes away is its own affair; anything else must fail the test, not only its request.
        if not isinstance(error := sys.exc_info()[1], ConnectionError) and error is not None:
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        request, answer = self.server.faulty.answer(self.command, self.path, self.headers)
        if answer is None:
            self.server.faulty.wait()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.close_connection = self.close_connection or answer.breaks_off is not None
        body = memoryview(answer.body)[: answer.breaks_off]
        for start in range(0, len(body), 1 << 16):
            part = body[start : start + (1 << 16)]
            request.sent += len(part)
            self.wfile.write(part)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass
