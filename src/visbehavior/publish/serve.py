"""Serving a folder as an S3 bucket on the loopback interface, for demonstrations, courses and tests.

The server supports only what readers of a public bucket use: objects, ranges, conditional requests and listings. It is written
here because the existing ones are too large for that: moto needs more than 60 MB of dependencies, and rclone is a separate
binary. Neither should be required at run time. It is tested with boto3 and obstore as clients.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from visbehavior.errors import NotFound
from visbehavior.project.manifest import UNVERSIONED
from visbehavior.settings import BUCKET

LOOPBACK = "127.0.0.1"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
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
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise NotFound(f"There is no folder {root} to serve.", path=str(root))
    with ThreadingHTTPServer((LOOPBACK, port), partial(_Handler, root, bucket)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that headers and body are sent together. Otherwise the client's delayed acknowledgement slows every response.
    wbufsize = -1

    def __init__(self, root: Path, bucket: str, *arguments: object) -> None:
        self._root, self._bucket = root, bucket
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send an object, a range of one, or a listing."""
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != self._bucket:
            self._send_error(404, "NoSuchBucket")
        elif key:
            self._send_object(key)
        else:
            self._send_listing(parse_qs(parts.query, keep_blank_values=True))

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _send_object(self, key: str) -> None:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            self._send_error(404, "NoSuchKey")
            return
        size, etag = path.stat().st_size, _etag(path)
        if self.headers.get("If-Match", etag) != etag:
            self._send_error(412, "PreconditionFailed")
            return
        requested = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(requested[1]) if requested else 0
        stop = min(int(requested[2]) + 1, size) if requested and requested[2] else size
        if requested and start >= size:
            self._send_error(416, "InvalidRange")
            return
        self._send_headers(206 if requested else 200, stop - start, etag=etag, modified=path.stat().st_mtime)
        if requested:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if self.command == "GET":
            self._send_bytes(path, start, stop)

    def _send_bytes(self, path: Path, start: int, stop: int) -> None:
        with open(path, "rb") as file:
            file.seek(start)
            while start < stop and (chunk := file.read(min(_CHUNK, stop - start))):
                self.wfile.write(chunk)
                start += len(chunk)

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
        folder = (self._root / prefix.rpartition("/")[0]).resolve()
        if not folder.is_relative_to(self._root) or not folder.is_dir():
            return []
        keys = (path.relative_to(self._root).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(key for key in keys if key.startswith(prefix))

    def _list_entry(self, key: str, entry: str, version: str) -> str:
        path = self._root / key
        status = path.stat()
        modified = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<{entry}><Key>{escape(key)}</Key>{version}<LastModified>{modified}</LastModified>"
            f"<ETag>{escape(_etag(path))}</ETag><Size>{status.st_size}</Size></{entry}>"
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


def _etag(path: Path) -> str:
    status = path.stat()
    identity = f"{path} {status.st_size} {status.st_mtime_ns}"
    return '"' + hashlib.blake2b(identity.encode(), digest_size=16).hexdigest() + '"'
