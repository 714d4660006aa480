"""Objects in an S3 bucket, on a plain HTTP mirror or in a folder, read through obstore.

obstore provides anonymous access, object versions, conditional ranges, and retries with back-off.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from visbehavior.errors import ChangedFile, NotFound, TransferFailed
from visbehavior.extras import import_extra
from visbehavior.interrupts import interruptible
from visbehavior.store.address import Bucket, Folder, Location, Mirror
from visbehavior.store.index_page import list_index_page
from visbehavior.store.obstore_client import QUICK_SECONDS, Patience, check_not_forked, open_store
from visbehavior.store.obstore_errors import NoRanges, NoVersions, mapped_errors
from visbehavior.store.os_files import is_special_file
from visbehavior.store.received import Received
from visbehavior.store.stall import LISTING_TIMEOUT, MAX_LISTED, MAX_LISTING, StallGuard

# For responses that obstore does not retry, such as one with another range than the requested one.
_ATTEMPTS = 3

Names: TypeAlias = list[str]


@dataclass(frozen=True)
class ObjectInfo:
    """Identity of an object's bytes.

    Parameters
    ----------
    size : int
        Bytes.
    etag : str or None
        ETag of the server.
    version : str or None
        Object version; None if the server keeps no versions.
    """

    size: int
    etag: str | None
    version: str | None


class ObjectSource:
    """Read-only access to the objects of a bucket, a mirror or a folder.

    It can be used from threads and pickled. It raises TransferFailed in a forked child of a process that used it, where
    obstore would hang.

    Parameters
    ----------
    location : Bucket, Mirror or Folder
    store : obstore store, optional
        An open store to use, such as an ``obstore.store.MemoryStore``.

    Attributes
    ----------
    requests : int
        Number of requests so far.
    bytes : int
        Number of bytes received so far.
    has_ranges : bool
        False once the server has returned a complete object instead of a range.
    """

    def __init__(self, location: Location, store: Any = None) -> None:
        self.location = location
        self.requests = 0
        self.bytes = 0
        self.has_ranges = True
        self._given_store = store
        self._stores: dict[Patience, Any] = {} if store is None else dict.fromkeys(Patience, store)
        self._has_versions: bool | None = None
        self._is_slow = False
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        # Pickling fails for a store in memory: a copy without it would read from Amazon.
        return {"location": self.location, "store": self._given_store}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __str__(self) -> str:
        return str(self.location)

    @property
    def is_http(self) -> bool:
        """True for a plain HTTP mirror."""
        return isinstance(self.location, Mirror)

    def info(self, key: str, version: str | None = None) -> ObjectInfo:
        """Return the size and identity of an object.

        Raises
        ------
        NotFound, TransferFailed
        """
        return interruptible(lambda: _object_info(self._get(key, version, {"head": True})))

    def read(
        self,
        key: str,
        start: int,
        stop: int,
        *,
        version: str | None = None,
        if_match: str | None = None,
        quick: bool = False,
    ) -> tuple[memoryview, ObjectInfo]:
        """Return the bytes of an object from `start` up to `stop`, or up to its end.

        Parameters
        ----------
        key : str
        start, stop : int
        version : str or None
            Object version. A server without versions returns its only one.
        if_match : str or None
            ETag that the object must have.
        quick : bool
            Whether the first attempt receives all bytes in one piece, within QUICK_SECONDS. It takes less CPU time.

        Raises
        ------
        NotFound
            If there is no such object.
        ChangedFile
            If the object has another ETag.
        TransferFailed
            If the bytes cannot be read.
        """

        def read_all() -> tuple[memoryview, ObjectInfo]:
            body = bytearray()
            info = self.read_chunks(key, start, stop, body.extend, version=version, if_match=if_match, quick=quick)
            return memoryview(body), info

        def read_current() -> tuple[memoryview, ObjectInfo]:
            try:
                return read_all()
            except ChangedFile:
                if if_match:
                    raise
                # Replaced between two attempts: any object may be returned, but no mixture.
                return read_all()

        return interruptible(read_current)

    def read_chunks(
        self,
        key: str,
        start: int,
        stop: int,
        on_chunk: Callable[[memoryview], object],
        *,
        version: str | None = None,
        if_match: str | None = None,
        on_info: Callable[[ObjectInfo], object] = lambda info: None,
        quick: bool = False,
    ) -> ObjectInfo:
        """Pass the bytes of an object to a function as they arrive, and its identity to another before.

        Arguments and errors as for `read`; ChangedFile also if the object is replaced between two attempts.
        """
        condition = {"if_match": if_match} if if_match else {}
        received = Received(key, str(self), start, on_chunk, on_info)
        wanted = stop, received.receive, received.check, version, condition
        attempts, started = self._attempts(quick), time.monotonic()
        while attempts:
            patience = attempts.pop(0)
            try:
                return self._read_range(key, received.position, *wanted, patience)
            except NoRanges:
                info = self._read_range_of_stream(key, received.position, *wanted)
                # Servers with ranges, too, return an empty object completely.
                self.has_ranges = self.has_ranges and not info.size
                return info
            except TransferFailed as error:
                if not attempts or error.denied:
                    raise
                if patience is Patience.QUICK:
                    self._is_slow |= time.monotonic() - started >= QUICK_SECONDS
                    continue
                # If the object was replaced while obstore resumed a broken response, its error may be that of a broken
                # connection. This request raises ChangedFile then.
                info = _object_info(self._get(key, version, {"head": True, **condition}))
                # Servers answer a range after the end of the object with an error.
                if received.position == start >= info.size:
                    return info
        raise AssertionError

    def _attempts(self, quick: bool) -> list[Patience]:
        first = [Patience.QUICK] if quick and not self._is_slow else []
        return [*first, *[Patience.PATIENT] * _ATTEMPTS]

    def read_small(self, key: str, version: str | None = None) -> bytes:
        """Return a complete small object, such as a manifest. Raises the same errors as `read`."""

        def read_all() -> bytes:
            info, chunks = self.stream(key, version=version)
            if info.size > MAX_LISTING:
                raise TransferFailed(f"{key} of {self} has {info.size:,} bytes; expected a small file.", key=key)
            return b"".join(chunks)

        return interruptible(read_all)

    def stream(
        self, key: str, *, version: str | None = None, if_match: str | None = None
    ) -> tuple[ObjectInfo, Iterator[memoryview]]:
        """Return the complete object in chunks, for servers without ranges. Raises the same errors as `read`."""
        result = self._get(key, version, {"if_match": if_match} if if_match else {})
        return _object_info(result), self._chunks(key, result)

    def list(self, prefix: str) -> Names:
        """Return the names of the objects in a folder; on an HTTP mirror the names linked by its index page.

        Raises
        ------
        TransferFailed
            Also if a mirror has no index page for the folder.
        """
        if self.is_http:
            self._count(requests=1)
            return interruptible(lambda: list_index_page(str(self.location), prefix))
        return interruptible(lambda: self._list(prefix))

    def _list(self, prefix: str) -> Names:
        obstore = import_extra("obstore")

        names: Names = []
        deadline = time.monotonic() + LISTING_TIMEOUT
        with mapped_errors(self.location, prefix):
            store = self._store(Patience.FEW_RETRIES)
            self._count(requests=1)
            for batch in obstore.list(store, prefix=prefix):
                names += [path for item in batch if "/" not in (path := item["path"].removeprefix(f"{prefix}/"))]
                if len(names) > MAX_LISTED or time.monotonic() > deadline:
                    raise TransferFailed(
                        f"{self} does not end its listing of {prefix}. Try another mirror.", key=prefix
                    )
        return names

    def _read_range(
        self,
        key: str,
        start: int,
        stop: int,
        on_chunk: Callable[[memoryview], object],
        on_info: Callable[[ObjectInfo], object],
        version: str | None,
        condition: dict[str, Any],
        patience: Patience = Patience.PATIENT,
    ) -> ObjectInfo:
        result = self._get(key, version, {"range": (start, stop), **condition}, patience)
        info = _object_info(result)
        expected = start, min(stop, info.size)
        if tuple(result.range) != expected:
            raise self._wrong_bytes(key, tuple(result.range), expected)
        on_info(info)
        received = start
        for chunk in self._chunks(key, result, stop - start if patience is Patience.QUICK else 1):
            received += len(chunk)
            if received > expected[1]:
                raise self._wrong_bytes(key, (start, received), expected)
            on_chunk(chunk)
            if received == expected[1]:
                # Asking for the end of the response would be another switch between threads.
                break
        if received != expected[1]:
            raise self._wrong_bytes(key, (start, received), expected)
        return info

    def _wrong_bytes(self, key: str, received: tuple[int, ...], expected: tuple[int, int]) -> TransferFailed:
        return TransferFailed(
            f"{self} returned the wrong bytes of {key}: {received[0]} to {received[1]}, expected {expected[0]} to {expected[1]}. Try "
            "another mirror.",
            key=key,
        )

    def _read_range_of_stream(
        self,
        key: str,
        start: int,
        stop: int,
        on_chunk: Callable[[memoryview], object],
        on_info: Callable[[ObjectInfo], object],
        version: str | None,
        condition: dict[str, Any],
    ) -> ObjectInfo:
        info, chunks = self.stream(key, version=version, **condition)
        on_info(info)
        position = 0
        for chunk in chunks:
            wanted = chunk[max(start - position, 0) : max(stop - position, 0)]
            if len(wanted):
                on_chunk(wanted)
            position += len(chunk)
            if position >= stop:
                break
        return info

    def _chunks(self, key: str, result: Any, size: int = 1) -> Iterator[memoryview]:
        """Yield the bytes of a response as they arrive, at least `size` of them; raise if they stop arriving."""
        guard = StallGuard(key)
        with mapped_errors(self.location, key):
            for chunk in result.stream(min_chunk_size=size):
                self._count(received=len(chunk))
                guard.received(len(chunk))
                yield memoryview(chunk)

    def _get(
        self, key: str, version: str | None, options: dict[str, Any], patience: Patience = Patience.PATIENT
    ) -> Any:
        """Request an object version, or the only one of a server without versions."""
        if version is None or self._has_versions is False:
            return self._request(key, options, patience)
        try:
            return self._get_version(key, {**options, "version": version}, patience)
        except NoVersions:
            self._has_versions = False
            return self._request(key, options, patience)

    def _get_version(self, key: str, options: dict[str, Any], patience: Patience) -> Any:
        is_unknown = self._has_versions is None and self._may_lack_versions
        if is_unknown and patience is Patience.PATIENT:
            # Servers without versions answer 501, and obstore retries every status above 500: begin with few retries.
            try:
                result = self._request(key, options, Patience.FEW_RETRIES)
            except TransferFailed as error:
                if error.denied:
                    raise
            else:
                self._has_versions = True
                return result
        return self._request(key, options, patience)

    @property
    def _may_lack_versions(self) -> bool:
        """False for Amazon's server, and for folders, whose reads cannot fail with 501."""
        location = self.location
        return isinstance(location, Mirror) or (isinstance(location, Bucket) and location.server is not None)

    def _request(self, key: str, options: Any, patience: Patience) -> Any:
        obstore = import_extra("obstore")

        if isinstance(self.location, Folder) and is_special_file(Path(self.location.path, key)):
            # Reading from a pipe would wait for ever.
            raise NotFound(f"{key} in {self} is a pipe or a device; expected a file.", key=key)
        with mapped_errors(self.location, key, options):
            store = self._store(patience)
            self._count(requests=1)
            return obstore.get(store, key, options=options)

    def _count(self, requests: int = 0, received: int = 0) -> None:
        with self._lock:
            self.requests += requests
            self.bytes += received

    def _store(self, patience: Patience) -> Any:
        check_not_forked(self.location)
        with self._lock:
            if patience not in self._stores:
                self._stores[patience] = open_store(self.location, patience)
            return self._stores[patience]


def _object_info(result: Any) -> ObjectInfo:
    meta = result.meta
    return ObjectInfo(meta["size"], meta.get("e_tag"), meta.get("version"))
