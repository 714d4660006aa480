"""A cohort store in a bucket or on a web server, read by DuckDB through our own source."""

from __future__ import annotations

import io
import threading
import zlib
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from visbehavior.cohort.store import Description, PartFile
from visbehavior.errors import CorruptFile, NotFound, VisBehaviorError
from visbehavior.extras import import_extra
from visbehavior.store.source import ObjectSource

PROTOCOL = "cohort"
_LARGEST = 1 << 30
"""Bytes of the largest file with the ends of parts."""
_WINDOW = 12 << 10
"""Bytes of a small read. Narrow columns are together at the beginning of a part, so that one request reads several."""
_LEAST_END = 16 << 10
"""Bytes at the end of a file that DuckDB reads first. If they contained values, each part would need one more request."""
# Parts never change under their names.
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)


class RemoteParts:
    """Reads parts of a remote store. The ends of parts, which every query needs, are read in one request a table.

    DuckDB is shown zeros before a short end. Positions in a Parquet file count from its beginning, so they stay right.

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
        # Bounded, because many requests of one query can fail with the same error.
        self.failures: deque[VisBehaviorError] = deque(maxlen=100)
        self._ends: dict[str, bytes] = {}
        self._windows: dict[str, tuple[int, bytes]] = {}
        self._table_locks = {name: threading.Lock() for name in description.footers}

    def size(self, path: str) -> int:
        """Return the bytes of a part, with the zeros before its end."""
        return self.files[path].size + self._zeros(path)

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Return bytes of a part, with the zeros before its end."""
        file = self.files[path]
        if not self._has_ends(path):
            return self._read_values(path, start, min(stop, file.size), file.size)
        start_of_end = file.size - file.end
        values = self._read_values(path, start, min(stop, start_of_end), start_of_end) if start < start_of_end else b""
        if stop <= start_of_end:
            return values
        end = bytes(self._zeros(path)) + self._end(path)
        return values + end[max(start - start_of_end, 0) : stop - start_of_end]

    def _has_ends(self, path: str) -> bool:
        """Return True if the store has a file with the ends of all parts of the table."""
        return path.partition("/")[0] in self._description.footers

    def _zeros(self, path: str) -> int:
        return max(0, _LEAST_END - self.files[path].end) if self._has_ends(path) else 0

    def _read_values(self, path: str, start: int, stop: int, limit: int) -> bytes:
        """Return bytes of the file. A small read also fetches what follows, up to a limit."""
        if stop - start >= _WINDOW:
            return self._fetch(path, start, stop)
        first, content = self._windows.get(path, (0, b""))
        if not first <= start <= stop <= first + len(content):
            first, content = start, self._fetch(path, start, max(stop, min(start + _WINDOW, limit)))
            self._windows[path] = first, content
        return content[start - first : stop - first]

    def _end(self, path: str) -> bytes:
        table = path.partition("/")[0]
        with self._table_locks[table]:
            if path not in self._ends:
                self._ends |= self._read_ends(table)
        return self._ends[path]

    def _read_ends(self, table: str) -> dict[str, bytes]:
        files, name = self._description.files(table), self._description.footers[table]
        try:
            packed, _ = self._source.read(self._prefix + name, 0, _LARGEST)
            # A damaged file must not take more memory than the ends of the parts have.
            content = zlib.decompressobj().decompress(packed, sum(file.end for file in files))
        except (NotFound, zlib.error) as error:
            failure = CorruptFile(
                f"{name} of the cohort in {self._source} is missing or damaged. Copy it again.", path=name
            )
            self.failures.append(failure)
            raise failure from error
        stops = list(accumulate(file.end for file in files))
        return {file.path: content[stop - file.end : stop] for file, stop in zip(files, stops, strict=True)}

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
            return {"name": path, "size": parts.size(_strip(path)), "type": "file"}

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
        self.size = parts.size(path)

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
