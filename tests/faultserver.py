"""An S3 server on loopback that records its requests and fails on demand.

It implements the part of S3 that readers need: GET and HEAD with ranges, conditions and versions, and ListObjectsV2.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import sys
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import formatdate
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.loopback_http import LoopbackServer

BUCKET = "visual-behavior-ophys-data"
FOREVER = sys.maxsize

# Error codes of S3.
ERROR_CODES = {
    301: "PermanentRedirect",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
}
ANY_REQUEST_FAULTS = {"503", "500", "403", "redirect", "hang", "cut", "cut-long"}
OBJECT_FAULTS = {"corrupt", "replaced"}
RANGE_FAULTS = {"wrong-range", "lying-range", "ignore-range", "range-as-200", "short"}
KINDS = ANY_REQUEST_FAULTS | OBJECT_FAULTS | RANGE_FAULTS | {"501", "list-empty"}


@dataclass
class Fault:
    """A fault of ``times`` matching requests, after the first ``after`` matching ones.

    ``key`` and ``method`` are patterns of fnmatch. The key of a listing is empty: ``"?*"`` matches each object and ``""``
    each listing. A fault matches only requests that it can affect. The kinds:

    503, 500, 403, 501    an error with the code of S3; 501 only for requests of a version
    redirect              301 without a location
    hang                  no response until the server stops, is reset, or ``hold`` seconds have passed
    cut, cut-long         the body ends in the middle, or after its first kilobyte
    corrupt               the byte in the middle of the body is wrong
    replaced              other bytes and another ETag from this request on
    wrong-range           other bytes than requested, with their Content-Range
    lying-range           other bytes than requested, with the requested Content-Range
    short                 half of the requested bytes, with their Content-Range
    ignore-range          status 200 with the complete object
    range-as-200          the requested bytes and their Content-Range, but status 200
    list-empty            an empty listing
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
    """A request and its response; status 0 means no response.

    ``range`` is the requested one, without its stop, not clipped to the object. ``sent`` counts bytes of the body before
    they are given to the socket, so that bytes that a client has received are always counted.
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
class _Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None


def _error(status: int, code: str = "", **headers: str) -> _Response:
    code = code or ERROR_CODES[status]
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return _Response(status, {"Content-Type": "application/xml"} | headers, body.encode())


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Start and stop; None without a range and, as HTTP requires, for an invalid one."""
    if not (match := re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())) or header.strip() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, stop = int(first), int(last) + 1 if last else size
    return None if last and stop <= start else (start, stop)


def _other_range(start: int, stop: int, size: int) -> tuple[int, int] | None:
    """Another range of the same length, the next one if possible."""
    for shift in (stop - start, start - stop, 1, -1):
        if start + shift >= 0 and stop + shift <= size:
            return start + shift, stop + shift
    return None


class FaultServer:
    """Serves the files of a folder, and of ``versions`` (key, version id, file), as one bucket.

    Requests without a version get the first version of the object. ``hold`` is the maximum duration of a "hang" in seconds,
    ``page`` the maximum number of entries in the response to a listing.
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
        self._http = _FaultHttpServer(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.close_connections()
        self._http.server_close()
        if self._http.errors and error is None:
            raise self._http.errors[0]

    def reset(self) -> None:
        """Return to the initial state, except for ``versions``. Hanging requests end."""
        with self._lock:
            self.requests.clear()
            self.faults.clear()
            self._generations.clear()
            self._released.set()
            self._released = threading.Event()

    def wait(self) -> None:
        """Wait for the end of a hanging request."""
        self._released.wait(self.hold)

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, _Response | None]:
        """The recorded request and its response; None means no response."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        with self._lock:
            request = Request(method, key, version=query.get("versionId"))
            stored = self._find(request) if key and bucket == self.bucket else None
            size = stored.size if stored else 0
            request.range = _parse_range(headers.get("Range", ""), size)
            request.fault = self._next_fault(request, size)
            if request.fault == "replaced" and stored:
                self._generations[stored.path] = stored.generation + 1
                stored = replace(stored, generation=stored.generation + 1)
            response: _Response | None
            if request.fault == "hang":
                response = None
            elif request.fault == "redirect" or request.fault.isdigit():
                response = _error(301 if request.fault == "redirect" else int(request.fault))
            elif bucket != self.bucket:
                response = _error(404, "NoSuchBucket")
            elif not key:
                response = self._listing(query, empty=request.fault == "list-empty")
            else:
                response = self._object(request, stored, headers.get("If-Match", ""))
            if response:
                response = _with_body_fault(response, request.fault)
                request.status = response.status
            self.requests.append(request)
        return request, response

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
            if not _can_affect(fault.kind, request, size):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif fault.times > 0:
                fault.times -= 1
                return fault.kind
        return ""

    def _object(self, request: Request, stored: _Object | None, if_match: str) -> _Response:
        if stored is None:
            return _error(404, "NoSuchVersion" if request.version is not None else "NoSuchKey")
        if if_match and if_match != "*" and stored.etag not in [tag.strip() for tag in if_match.split(",")]:
            return _error(412)
        size = stored.size
        headers = {
            "ETag": stored.etag,
            "Last-Modified": formatdate(stored.modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if stored.version is not None:
            headers["x-amz-version-id"] = stored.version
        if request.range is None or request.fault == "ignore-range":
            return _Response(200, headers, stored.read(0, size))
        start, stop = request.range
        if start >= size:
            return _error(416, **{"Content-Range": f"bytes */{size}"})
        announced = part = (start, min(stop, size))
        if request.fault in ("wrong-range", "lying-range"):
            part = _other_range(*part, size) or part
            announced = part if request.fault == "wrong-range" else announced
        elif request.fault == "short":
            announced = part = (start, start + (part[1] - start) // 2)
        headers["Content-Range"] = f"bytes {announced[0]}-{announced[1] - 1}/{size}"
        # rclone 1.75 behaves as "range-as-200".
        return _Response(200 if request.fault == "range-as-200" else 206, headers, stored.read(*part))

    def _listing(self, query: dict[str, str], empty: bool) -> _Response:
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
        return _Response(200, {"Content-Type": "application/xml"}, body.encode())

    def _keys(self) -> set[str]:
        folders = os.walk(self.folder, followlinks=True)
        files = {
            pathlib.Path(folder, name).relative_to(self.folder).as_posix()
            for folder, _, names in folders
            for name in names
        }
        return files | {key for key, versions in self.versions.items() if versions}

    def _entry(self, key: str) -> str:
        if (stored := self._find(Request("GET", key))) is None:
            return ""
        modified = datetime.fromtimestamp(int(stored.modified), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        tags = {
            "Key": key,
            "LastModified": modified,
            "ETag": stored.etag,
            "Size": stored.size,
            "StorageClass": "STANDARD",
        }
        return f"<Contents>{''.join(_tag(name, text) for name, text in tags.items())}</Contents>"


def _tag(name: str, text: object) -> str:
    return f"<{name}>{escape(str(text))}</{name}>"


def _can_affect(kind: str, request: Request, size: int) -> bool:
    if kind == "501":
        return request.version is not None
    if kind == "list-empty":
        return not request.key
    if kind in OBJECT_FAULTS:
        return size > 0
    if kind not in RANGE_FAULTS:
        return True
    if request.range is None or request.range[0] >= size:
        return False
    start, stop = request.range[0], min(request.range[1], size)
    if kind == "short":
        return stop - start > 1
    return kind == "range-as-200" or (start, stop) != (0, size)


def _with_body_fault(response: _Response, fault: str) -> _Response:
    """The response, with a fault of its body."""
    size = len(response.body)
    if fault == "corrupt" and response.status < 300:
        middle = size // 2
        body = response.body[:middle] + bytes([response.body[middle] ^ 0xFF]) + response.body[middle + 1 :]
        return replace(response, body=body)
    if fault == "cut":
        return replace(response, cut_after=size // 2)
    if fault == "cut-long":
        return replace(response, cut_after=min(1024, size // 2))
    return response


class _FaultHttpServer(LoopbackServer):
    def __init__(self, fault_server: FaultServer) -> None:
        self.fault_server = fault_server
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _FaultHttpServer

    def do_GET(self) -> None:
        request, response = self.server.fault_server.answer(self.command, self.path, self.headers)
        if response is None:
            self.server.fault_server.wait()
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, text in response.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.close_connection = self.close_connection or response.cut_after is not None
        body = memoryview(response.body)[: response.cut_after]
        for start in range(0, len(body), 1 << 16):
            part = body[start : start + (1 << 16)]
            request.sent += len(part)
            self.wfile.write(part)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass
