"""Serving a folder as an S3 bucket on the loopback interface, for demonstrations, courses and tests.

The server supports only what readers of a public bucket use: objects, ranges, conditional requests and listings. It is written
here because the existing ones are too large for that: moto needs more than 60 MB of dependencies, and rclone is a separate
binary. Neither should be required at run time. It is tested with boto3 and obstore as clients.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, unquote_to_bytes, urlsplit
from xml.sax.saxutils import escape

from visbehavior.errors import BadValue, NotFound, brief_repr
from visbehavior.paths import is_inside, join_inside
from visbehavior.project.manifest import UNVERSIONED
from visbehavior.settings import BUCKET

LOOPBACK = "127.0.0.1"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE | re.ASCII)
_CHUNK = 1 << 20


@contextmanager
def serve_bucket(folder: str | Path, *, bucket: str = BUCKET, port: int = 0) -> Iterator[str]:
    """Serve a folder as a read-only bucket until the end of the ``with`` block.

    Parameters
    ----------
    folder : str or pathlib.Path
        Folder of `build_release`, or any other.
    bucket : str
        Name of the bucket.
    port : int
        Port; 0: a free one.

    Yields
    ------
    str
        The endpoint, such as "http://127.0.0.1:41234", for `from_s3_cache(endpoint=...)` or AWS_ENDPOINT_URL.

    Raises
    ------
    NotFound
        If there is no such folder.
    BadValue
        If the port cannot be used.
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise NotFound(f"There is no folder {root} to serve.", path=str(root))
    with _open_server(partial(_Handler, root, bucket), port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _open_server(handler: Callable[..., BaseHTTPRequestHandler], port: int) -> _Server:
    try:
        return _Server((LOOPBACK, port), handler)
    except (OSError, OverflowError, TypeError) as error:
        raise BadValue(
            f"The port {brief_repr(port)} cannot be used ({error}). Choose another one, or 0 for a free one.",
            value=port,
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing: the client closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that headers and body are sent together. Otherwise the client's delayed acknowledgement slows every response.
    wbufsize = -1
    # A client that sends nothing does not keep its thread for ever.
    timeout = 60

    def __init__(self, root: Path, bucket: str, *arguments: object) -> None:
        self._root, self._bucket = root, bucket
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send an object, a range of one, or a listing."""
        if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
            # The body is not read, so that the connection cannot be used again.
            self.close_connection = True
        parts = _split_target(self.path)
        if parts is None:
            self._send_error(400, "InvalidURI")
        elif not _LOCAL_HOST.fullmatch(self.headers.get("Host", LOOPBACK)):
            # A web page that names its own host, which resolves to this computer, must not read the data.
            self._send_error(403, "AccessDenied")
        elif parts[0] != self._bucket:
            self._send_error(404, "NoSuchBucket")
        elif parts[1]:
            self._send_object(parts[1])
        else:
            self._send_listing(parse_qs(parts[2], keep_blank_values=True))

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _send_object(self, key: str) -> None:
        path = self._find(key)
        if path is None:
            self._send_error(404, "NoSuchKey")
            return
        try:
            file = open(path, "rb")  # noqa: SIM115
        except OSError:
            self._send_error(403, "AccessDenied")
            return
        with file:
            self._send_file(file, path)

    def _send_file(self, file: BinaryIO, path: Path) -> None:
        status = os.fstat(file.fileno())
        size, etag = status.st_size, _etag(path, status)
        if self.headers.get("If-Match", etag) not in (etag, "*"):
            self._send_error(412, "PreconditionFailed")
            return
        span = _parse_range(self.headers.get("Range", ""), size)
        start, stop = span or (0, size)
        if span and start >= size:
            self._send_error(416, "InvalidRange")
            return
        self._send_headers(206 if span else 200, stop - start, etag=etag, modified=status.st_mtime)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if self.command == "GET":
            self._send_bytes(file, start, stop)

    def _send_bytes(self, file: BinaryIO, start: int, stop: int) -> None:
        file.seek(start)
        while start < stop:
            chunk = file.read(min(_CHUNK, stop - start))
            if not chunk:
                # The file was cut off meanwhile: the announced bytes will not come.
                self.close_connection = True
                return
            self.wfile.write(chunk)
            start += len(chunk)

    def _find(self, key: str) -> Path | None:
        """Return the file of a key; None if there is none inside the folder."""
        if not is_inside(key):
            return None
        path = join_inside(self._root, key).resolve()
        return path if path.is_relative_to(self._root) and path.is_file() else None

    def _send_listing(self, query: dict[str, list[str]]) -> None:
        """List the objects whose keys have a prefix. AllenSDK requests their versions; each object has one."""
        prefix = query.get("prefix", [""])[0]
        is_versions = "versions" in query
        kind, entry = ("ListVersionsResult", "Version") if is_versions else ("ListBucketResult", "Contents")
        version = f"<VersionId>{UNVERSIONED}</VersionId><IsLatest>true</IsLatest>" if is_versions else ""
        rows = "".join(self._list_entry(key, entry, version) for key in self._keys(prefix))
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{escape(self._bucket)}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>{rows}</{kind}>"
        )
        self._send_xml(200, body)

    def _keys(self, prefix: str) -> list[str]:
        below = prefix.rpartition("/")[0]
        if below and not is_inside(below):
            return []
        folder = join_inside(self._root, below) if below else self._root
        keys = (path.relative_to(self._root).as_posix() for path in folder.rglob("*"))
        # Only what can be requested is listed: no links out of the folder, and no names that are not text.
        return sorted(key for key in keys if key.startswith(prefix) and self._find(key))

    def _list_entry(self, key: str, entry: str, version: str) -> str:
        path = join_inside(self._root, key)
        try:
            status = path.stat()
        except FileNotFoundError:
            # It was deleted meanwhile.
            return ""
        modified = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<{entry}><Key>{escape(key)}</Key>{version}<LastModified>{modified}</LastModified>"
            f"<ETag>{escape(_etag(path, status))}</ETag><Size>{status.st_size}</Size></{entry}>"
        )

    def _send_error(self, status: int, code: str) -> None:
        self._send_xml(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def _send_xml(self, status: int, text: str) -> None:
        body = text.encode()
        self._send_headers(status, len(body), content_type="application/xml")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_headers(
        self,
        status: int,
        length: int,
        *,
        content_type: str = "binary/octet-stream",
        etag: str = "",
        modified: float | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        if etag:
            self.send_header("ETag", etag)
        if modified is not None:
            self.send_header("Last-Modified", formatdate(modified, usegmt=True))


def _split_target(target: str) -> tuple[str, str, str] | None:
    """Return bucket, key and query of a request's target; None if it is not a path of UTF-8 text."""
    try:
        parts = urlsplit(target.encode("latin-1"))
        bucket, _, key = unquote_to_bytes(parts.path).decode().lstrip("/").partition("/")
        query = parts.query.decode()
        is_text = not any(unicodedata.category(c) in ("Cc", "Cs") for c in f"{bucket}{key}{unquote(query)}")
    except ValueError:
        return None
    return (bucket, key, query) if is_text else None


def _parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the start and stop of a range; None if the header is absent or not understood, and is to be ignored."""
    match = _RANGE.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        count = min(int(match[2]), size)
        # An empty range starts at the end, where no byte is.
        return (size - count, size)
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    if match[2] and stop <= start:
        return None
    return start, min(stop, size)


def _etag(path: Path, status: os.stat_result) -> str:
    identity = f"{path} {status.st_size} {status.st_mtime_ns}"
    return '"' + hashlib.blake2b(identity.encode(), digest_size=16).hexdigest() + '"'
