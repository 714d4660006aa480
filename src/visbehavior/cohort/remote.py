"""A cohort store in a bucket or on a web server, read by DuckDB through our own source."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from visbehavior.cohort.store import Description, PartFile
from visbehavior.errors import CorruptFile, NotFound, VisBehaviorError
from visbehavior.extras import import_extra
from visbehavior.store.source import ObjectSource

PROTOCOL = "cohort"
_BLOCK = 128 * 1024
_CACHED_BLOCKS = 1024
# Parts never change under their names.
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)


class RemoteParts:
    """Reads parts of a remote store. The ends of parts, which every query needs, are read in one request a table.

    Parameters
    ----------
    source : ObjectSource
    prefix : str
        Folder of the store in the source, "" or with a slash at the end.
    description : Description
    """

    def __init__(self, source: ObjectSource, prefix: str, description: Description) -> None:
        self.files: Mapping[str, PartFile] = {
            file.path: file for name in description.names for file in description.files(name)
        }
        self.origin = source, prefix
        self._source, self._prefix = source, prefix
        self._description = description
        # Of many equal errors of one query, one is enough.
        self.failures: deque[VisBehaviorError] = deque(maxlen=100)
        self._ends: dict[str, bytes] = {}
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._table_locks = {name: threading.Lock() for name in description.footers}

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Return bytes of a part."""
        file = self.files[path]
        stop = min(stop, file.size)
        if start >= file.size - file.end and path.partition("/")[0] in self._description.footers:
            content = self._end(path)
            return content[start - file.size + file.end : stop - file.size + file.end]
        first, last = start // _BLOCK, -(-stop // _BLOCK)
        content = b"".join(self._read_blocks(file, first, last))
        return content[start - first * _BLOCK : stop - first * _BLOCK]

    def _read_blocks(self, file: PartFile, first: int, last: int) -> list[bytes]:
        """Return blocks of a part; those that are not kept are read in one request."""
        with self._lock:
            kept = {n: self._blocks[file.path, n] for n in range(first, last) if (file.path, n) in self._blocks}
        missing = [n for n in range(first, last) if n not in kept]
        if missing:
            content = self._fetch(file.path, missing[0] * _BLOCK, min((missing[-1] + 1) * _BLOCK, file.size))
            for n in range(missing[0], missing[-1] + 1):
                kept[n] = content[(n - missing[0]) * _BLOCK : (n - missing[0] + 1) * _BLOCK]
            with self._lock:
                self._blocks.update({(file.path, n): block for n, block in kept.items()})
                while len(self._blocks) > _CACHED_BLOCKS:
                    self._blocks.popitem(last=False)
        return [kept[n] for n in range(first, last)]

    def _end(self, path: str) -> bytes:
        table = path.partition("/")[0]
        with self._table_locks[table]:
            if path not in self._ends:
                files = self._description.files(table)
                content = self._fetch(self._description.footers[table], 0, sum(file.end for file in files))
                start = 0
                for file in files:
                    self._ends[file.path] = content[start : start + file.end]
                    start += file.end
        return self._ends[path]

    def _fetch(self, path: str, start: int, stop: int) -> bytes:
        try:
            return self._read_exactly(path, start, stop)
        except VisBehaviorError as error:
            self.failures.append(error)
            raise

    def _read_exactly(self, path: str, start: int, stop: int) -> bytes:
        try:
            content, _ = self._source.read(self._prefix + path, start, stop)
        except NotFound as error:
            raise CorruptFile(
                f"The cohort in {self._source} has no {path}: it is incomplete, or was built again meanwhile. Open it again, or copy it completely.",
                path=path,
            ) from error
        if len(content) != stop - start:
            raise CorruptFile(
                f"{path} of the cohort in {self._source} ends after {start + len(content):,} bytes; expected {stop:,} or more. Copy it again.",
                path=path,
            )
        return bytes(content)


def make_file_system(parts: RemoteParts) -> Any:
    """Return the store as a file system of fsspec, which DuckDB uses.

    Raises
    ------
    MissingExtra
        If fsspec is not installed.
    """
    base: Any = import_extra("fsspec").AbstractFileSystem

    class CohortFileSystem(base):  # type: ignore[misc]
        protocol = PROTOCOL
        cachable = False

        def _open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
            return _RemoteFile(parts, _strip(path))

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": parts.files[_strip(path)].size, "type": "file"}

        def exists(self, path: str, **_: Any) -> bool:
            return _strip(path) in parts.files

        def glob(self, path: str, **_: Any) -> list[str]:
            return [path] if self.exists(path) else []

        def created(self, path: str) -> datetime:
            return _CREATED

        modified = created

    return CohortFileSystem()


def _strip(path: str) -> str:
    return path.removeprefix(f"{PROTOCOL}://")


class _RemoteFile(io.RawIOBase):
    def __init__(self, parts: RemoteParts, path: str) -> None:
        if path not in parts.files:
            raise FileNotFoundError(path)
        self._parts, self._path, self._position = parts, path, 0
        self.size = parts.files[path].size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        stop = self.size if size is None or size < 0 else min(self._position + size, self.size)
        if stop <= self._position:
            return b""
        content = self._parts.read(self._path, self._position, stop)
        self._position = stop
        return content

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
