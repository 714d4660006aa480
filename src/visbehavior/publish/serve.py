"""A folder served as an S3 bucket, on this machine alone: for demonstrations, courses and tests."""

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
_PIECE = 1 << 20


@contextmanager
def serve_bucket(folder: str | Path, *, bucket: str = BUCKET, port: int = 0) -> Iterator[str]:
    """Serve a folder as a bucket while the block runs: objects, ranges and listings; nothing can be written.

    Parameters
    ----------
    folder : str or pathlib.Path
        What `build_release` made, or any folder.
    bucket : str
        Its name.
    port : int
        0: a free one.

    Yields
    ------
    str
        The endpoint, such as "http://127.0.0.1:41234": for `from_s3_cache(endpoint=...)`, or AWS_ENDPOINT_URL.

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
    # A header and its body go out together, or a client waits for an acknowledgement.
    wbufsize = -1

    def __init__(self, root: Path, bucket: str, *given: object) -> None:
        self._root, self._bucket = root, bucket
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """An object, a range of one, or a listing."""
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != self._bucket:
            self._refuse(404, "NoSuchBucket")
        elif key:
            self._send_object(key)
        else:
            self._send_listing(parse_qs(parts.query, keep_blank_values=True))

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _send_object(self, key: str) -> None:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            self._refuse(404, "NoSuchKey")
            return
        size, etag = path.stat().st_size, _etag(path)
        if self.headers.get("If-Match", etag) != etag:
            self._refuse(412, "PreconditionFailed")
            return
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        stop = min(int(asked[2]) + 1, size) if asked and asked[2] else size
        if asked and start >= size:
            self._refuse(416, "InvalidRange")
            return
        self._head(206 if asked else 200, stop - start, etag=etag, modified=path.stat().st_mtime)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if self.command == "GET":
            self._send_bytes(path, start, stop)

    def _send_bytes(self, path: Path, start: int, stop: int) -> None:
        with open(path, "rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(_PIECE, stop - start))):
                self.wfile.write(piece)
                start += len(piece)

    def _send_listing(self, query: dict[str, list[str]]) -> None:
        """The objects whose keys begin so; AllenSDK asks for their versions, of which there is one each."""
        prefix = query.get("prefix", [""])[0]
        folder = (self._root / prefix.rpartition("/")[0]).resolve()
        inside = folder.is_relative_to(self._root) and folder.is_dir()
        keys = (
            sorted(path.relative_to(self._root).as_posix() for path in folder.rglob("*") if path.is_file())
            if inside
            else []
        )
        of_versions = "versions" in query
        kind, entry = ("ListVersionsResult", "Version") if of_versions else ("ListBucketResult", "Contents")
        version = f"<VersionId>{UNVERSIONED}</VersionId><IsLatest>true</IsLatest>" if of_versions else ""
        rows = "".join(self._listed(key, entry, version) for key in keys if key.startswith(prefix))
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{escape(self._bucket)}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>{rows}</{kind}>"
        )
        self._answer(200, body.encode())

    def _listed(self, key: str, entry: str, version: str) -> str:
        path = self._root / key
        stat = path.stat()
        when = datetime.fromtimestamp(stat.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<{entry}><Key>{escape(key)}</Key>{version}<LastModified>{when}</LastModified>"
            f"<ETag>{escape(_etag(path))}</ETag><Size>{stat.st_size}</Size></{entry}>"
        )

    def _refuse(self, status: int, code: str) -> None:
        self._answer(
            status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        )

    def _answer(self, status: int, body: bytes) -> None:
        self._head(status, len(body), kind="application/xml")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _head(
        self,
        status: int,
        length: int,
        *,
        kind: str = "binary/octet-stream",
        etag: str = "",
        modified: float | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        if etag:
            self.send_header("ETag", etag)
        if modified is not None:
            self.send_header("Last-Modified", formatdate(modified, usegmt=True))


def _etag(path: Path) -> str:
    stat = path.stat()
    return '"' + hashlib.blake2b(f"{path} {stat.st_size} {stat.st_mtime_ns}".encode(), digest_size=16).hexdigest() + '"'
