"""Where bytes come from: objects in an S3 bucket, on a plain HTTP mirror, in a folder, behind three calls.

obstore does the work: anonymous access, object versions, conditional ranges, retries with back-off. Its exceptions become ours
here and nowhere else.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from visbehavior._version import __version__
from visbehavior.errors import BadValue, ChangedFile, NotFound, TransferFailed, VisBehaviorError
from visbehavior.settings import REGION, s3_endpoint

# `read_timeout` is for a stalled line, and starts again with each piece that comes; `timeout` is for an answer in all.
_CLIENT: Any = {"allow_http": True, "connect_timeout": "5s", "read_timeout": "10s", "timeout": "600s"}
_BACKOFF: Any = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2}
_PATIENT: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=120), "backoff": _BACKOFF}
# For questions whose failure is an answer: is there a network, does the server know versions?
_QUICK: Any = {"max_retries": 1, "retry_timeout": timedelta(seconds=10), "backoff": _BACKOFF}
# Of answers that obstore does not ask for again: another range than was asked for, a body of another length.
_ATTEMPTS = 3
_PAGE_TIMEOUT = 10.0
_LISTED = re.compile(r'href="([^"?/]+)"', re.IGNORECASE)
# With other characters obstore panics, which is not even an Exception.
_HOST = re.compile(r"[\w.:-]+")
_ENDPOINT = re.compile(r"[!-;=?-_a-~]+")
_BUCKET = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class ObjectInfo:
    """What tells an object's bytes from another's.

    Parameters
    ----------
    size : int
        Bytes.
    etag : str or None
        The server's mark of the bytes.
    version : str or None
        Object version, where the server keeps versions.
    """

    size: int
    etag: str | None
    version: str | None


@dataclass(frozen=True)
class Address:
    """Where objects lie.

    Parameters
    ----------
    place : str
        A bucket's name, ``s3://bucket``, ``https://mirror/folder``, or a folder.
    endpoint : str or None
        An S3 server other than Amazon's, addressed path-style.
    """

    place: str
    endpoint: str | None = None


class ObjectSource:
    """Objects behind three calls: what an object is, a range of it, a listing. Counts requests and bytes.

    It can be used from threads and pickled. After a fork, in the child, it refuses: obstore would wait there for ever.
    A server that does not know ranges gives its objects whole, and `has_ranges` becomes False.

    Parameters
    ----------
    address : Address
    store : obstore store, optional
        One that is open already, such as an ``obstore.store.MemoryStore``.
    """

    def __init__(self, address: Address, store: Any = None) -> None:
        self.address = address
        self.requests = 0
        self.bytes = 0
        self._given = store
        self._stores: dict[bool, Any] = {} if store is None else {True: store, False: store}
        self._knows_versions: bool | None = None
        self.has_ranges = True
        self._lock = threading.Lock()
        if store is None:
            _check_place(address)

    def __getstate__(self) -> dict[str, Any]:
        # A store in memory cannot be pickled and says so; without it a copy would ask Amazon.
        return {"address": self.address, "store": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __str__(self) -> str:
        place = self.address.place
        if _folder_of(place) is not None or _is_web(place):
            return place
        endpoint = self.address.endpoint or s3_endpoint()
        return f"{endpoint}/{_bucket_of(place)}" if endpoint else f"s3://{_bucket_of(place)}"

    def info(self, key: str, version: str | None = None) -> ObjectInfo:
        """Size and identity of an object.

        Raises
        ------
        NotFound, TransferFailed
        """
        result = self._get(key, version, {"head": True})
        return _info_of(result.meta)

    def read(
        self, key: str, start: int, stop: int, *, version: str | None = None, if_match: str | None = None
    ) -> tuple[memoryview, ObjectInfo]:
        """The bytes of an object from `start` up to `stop`, fewer where it ends before.

        Parameters
        ----------
        version : str or None
            Object version. A server that keeps none gives the object that it has.
        if_match : str or None
            ETag that the object must have.

        Raises
        ------
        NotFound
            If there is no such object.
        ChangedFile
            If it has another ETag.
        TransferFailed
            If the bytes do not come.
        """
        condition = {"if_match": if_match} if if_match else {}
        for attempt in range(_ATTEMPTS):
            try:
                return self._range(key, start, stop, version, condition)
            except _NoRanges:
                body, info = self._part_of_whole(key, start, stop, version, condition)
                # Of an empty object servers that know ranges give the whole, too.
                self.has_ranges = self.has_ranges and not info.size
                return body, info
            except TransferFailed as error:
                if attempt == _ATTEMPTS - 1 or getattr(error, "denied", False):
                    raise
                # Of a resumed answer whose object was replaced obstore says no more than of a broken line.
                info = _info_of(self._get(key, version, {"head": True, **condition}).meta)
                # Of a range behind the end every server says that it is an error.
                if start >= info.size:
                    return memoryview(b""), info
        raise AssertionError

    def stream(
        self, key: str, *, version: str | None = None, if_match: str | None = None
    ) -> tuple[ObjectInfo, Iterator[memoryview]]:
        """The whole object from its beginning, in pieces: for servers that do not know ranges. Raises as `read`."""
        result = self._get(key, version, {"if_match": if_match} if if_match else {})
        return _info_of(result.meta), self._pieces(key, result)

    def list(self, prefix: str) -> list[str]:
        """The names of the objects in a folder; of a plain HTTP mirror, what its page of that folder links to.

        Raises
        ------
        TransferFailed
            Also where a mirror has no page of the folder.
        """
        import obstore

        if self.is_http:
            return [unquote(unescape(name)) for name in _LISTED.findall(self._page(prefix))]
        with _mapped(self, prefix):
            store = self._opened(quick=True)
            with self._lock:
                self.requests += 1
            found = obstore.list_with_delimiter(store, prefix=prefix)["objects"]
        return [item["path"].rpartition("/")[2] for item in found]

    @property
    def is_http(self) -> bool:
        """Whether it is a plain HTTP mirror."""
        return urlsplit(self.address.place).scheme in ("http", "https")

    def _page(self, folder: str) -> str:
        """A mirror's page of a folder; obstore takes no answer of unknown length, as such pages are."""
        # Imported here: they take 20 ms, and are seldom wanted.
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import urlopen

        with self._lock:
            self.requests += 1
        try:
            place = urlsplit(self.address.place)
            path = quote(f"{unquote(place.path).rstrip('/')}/{folder}/")
            with urlopen(place._replace(path=path).geturl(), timeout=_PAGE_TIMEOUT) as answer:
                return bytes(answer.read()).decode("utf-8", "replace")
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, HTTPError):
                # It holds the connection.
                error.close()
            raise TransferFailed(
                f"{self} shows no page of {folder} ({error}). Name the release with version=.",
                key=folder,
                offline=not isinstance(error, HTTPError),
            ) from error

    def _range(
        self, key: str, start: int, stop: int, version: str | None, condition: dict[str, Any]
    ) -> tuple[memoryview, ObjectInfo]:
        result = self._get(key, version, {"range": (start, stop), **condition})
        with _mapped(self, key):
            body = memoryview(result.bytes())
        info = _info_of(result.meta)
        self._count(len(body))
        if tuple(result.range) != (start, start + len(body)) or start + len(body) != min(stop, info.size):
            raise TransferFailed(
                f"{self} gives other bytes of {key} than were asked for: {len(body)} from {result.range[0]}, expected "
                f"{start} to {stop}. Another mirror may do better.",
                key=key,
            )
        return body, info

    def _part_of_whole(
        self, key: str, start: int, stop: int, version: str | None, condition: dict[str, Any]
    ) -> tuple[memoryview, ObjectInfo]:
        info, pieces = self.stream(key, version=version, **condition)
        body = bytearray()
        at = 0
        for piece in pieces:
            body += piece[max(start - at, 0) : max(stop - at, 0)]
            at += len(piece)
            if at >= stop:
                break
        return memoryview(body), info

    def _pieces(self, key: str, result: Any) -> Iterator[memoryview]:
        with _mapped(self, key):
            for piece in result.stream(min_chunk_size=1 << 20):
                self._count(len(piece))
                yield memoryview(piece)

    def _get(self, key: str, version: str | None, options: dict[str, Any]) -> Any:
        """Ask for an object version, or, where the server knows none, for the object."""
        if version is None or self._knows_versions is False:
            return self._ask(key, options)
        versioned = {**options, "version": version}
        try:
            if self._knows_versions is None and self._is_amazons:
                self._knows_versions = True
            if self._knows_versions is None:
                # "Not implemented" is tried again like every answer above 500: first without patience.
                try:
                    result = self._ask(key, versioned, quick=True)
                    self._knows_versions = True
                    return result
                except TransferFailed as error:
                    if getattr(error, "denied", False):
                        raise
            return self._ask(key, versioned)
        except _NoVersions:
            self._knows_versions = False
            return self._ask(key, options)

    def _ask(self, key: str, options: Any, quick: bool = False) -> Any:
        import obstore

        with _mapped(self, key, options):
            store = self._opened(quick)
            with self._lock:
                self.requests += 1
            return obstore.get(store, key, options=options)

    @property
    def _is_amazons(self) -> bool:
        return not self.is_http and self.address.endpoint is None and s3_endpoint() is None

    def _count(self, received: int) -> None:
        with self._lock:
            self.bytes += received

    def _opened(self, quick: bool) -> Any:
        _check_process(self)
        with self._lock:
            if quick not in self._stores:
                self._stores[quick] = _open_store(self.address, _QUICK if quick else _PATIENT)
            return self._stores[quick]


class _NoVersions(Exception):
    """The server keeps no versions of objects."""


class _NoRanges(Exception):
    """The server gives the whole object where a range of it was asked for."""


_first_process: int | None = None


def _check_process(source: ObjectSource) -> None:
    global _first_process
    if _first_process is None:
        _first_process = os.getpid()
    elif _first_process != os.getpid():
        raise TransferFailed(
            f"{source} cannot be read from here: this process was forked from one that had used it, and would wait for ever. Start processes "
            "with multiprocessing.get_context('spawn'), or fetch the files before you fork.",
            place=source.address.place,
        )


def _check_place(address: Address) -> None:
    place = address.place
    if not isinstance(place, str) or not _is_place(place):
        raise BadValue(
            f"The place of the data is {place!r}; expected a bucket's name, s3://bucket, https://mirror or a folder.",
            place=place,
        )
    if address.endpoint is not None:
        _check_endpoint(address.endpoint)


def _is_place(place: str) -> bool:
    if _folder_of(place) is not None or _is_web(place):
        return True
    return bool(_BUCKET.fullmatch(_bucket_of(place)))


def _check_endpoint(endpoint: Any) -> None:
    if not isinstance(endpoint, str) or not (_ENDPOINT.fullmatch(endpoint) and _is_web(endpoint)):
        raise BadValue(
            f"The endpoint is {endpoint!r}; expected an address such as https://s3.example.org, as endpoint= or in AWS_ENDPOINT_URL.",
            endpoint=endpoint,
        )


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and parts.port != 0 and bool(_HOST.fullmatch(parts.hostname or ""))
    except ValueError:
        return False


def _folder_of(place: str) -> str | None:
    """The folder that a place is, if it is one."""
    if place.startswith("file://"):
        from urllib.request import url2pathname

        return url2pathname(place.removeprefix("file://"))
    return place if "://" not in place and ("/" in place or os.sep in place) else None


def _bucket_of(place: str) -> str:
    return place.removeprefix("s3://").rstrip("/")


def _open_store(address: Address, retries: Any) -> Any:
    from obstore import store

    client: Any = {**_CLIENT, "user_agent": f"visbehavior/{__version__}"}
    place, folder = address.place, _folder_of(address.place)
    if folder is not None:
        if not Path(folder).is_dir():
            raise NotFound(f"There is no folder {folder} to take the data from.", path=folder)
        return store.LocalStore(folder)
    if _is_web(place):
        return store.HTTPStore.from_url(place.rstrip("/"), client_options=client, retry_config=retries)
    endpoint = address.endpoint or s3_endpoint()
    if endpoint:
        _check_endpoint(endpoint)
    # Given by both its names, for the second one would come from the environment.
    elsewhere: Any = {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint} if endpoint else {}
    return store.S3Store(
        _bucket_of(place),
        region=REGION,
        skip_signature=True,
        virtual_hosted_style_request=False,
        # Not used, as nothing is signed; but half of a pair in the environment would be refused.
        access_key_id="none",
        secret_access_key="none",
        s3_express="false",
        client_options=client,
        retry_config=retries,
        **elsewhere,
    )


def _info_of(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["size"], meta.get("e_tag"), meta.get("version"))


@contextmanager
def _mapped(source: ObjectSource, key: str, options: Any = ()) -> Iterator[None]:
    """The exceptions of obstore as ours; what a server cannot do is one only where `options` ask for it."""
    from obstore import exceptions

    try:
        yield
    except VisBehaviorError:
        raise
    except FileNotFoundError as error:
        raise NotFound(f"{source} has no {key}.", key=key, place=source.address.place) from error
    except exceptions.PreconditionError as error:
        raise _replaced(source, key) from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise _denied(source, key) from error
    except exceptions.BaseError as error:
        said = str(error)
        if "version" in options and "501 Not Implemented" in said:
            raise _NoVersions from error
        if "range" in options and (isinstance(error, exceptions.NotSupportedError) or "non-partial response" in said):
            raise _NoRanges from error
        if "Request precondition failure" in said:
            raise _replaced(source, key) from error
        if "<Code>NoSuchBucket</Code>" in said:
            raise NotFound(
                f"There is no {source}. Check the bucket's name and the endpoint.", place=source.address.place
            ) from error
        if "403 Forbidden" in said:
            # Of a listing, obstore has no class for it.
            raise _denied(source, key) from error
        raise TransferFailed(
            f"{key} does not come from {source}: {_short(said)}. What came is kept; try again, or check the network.",
            key=key,
            offline="error sending request" in said,
        ) from error
    except (OSError, ValueError) as error:
        raise TransferFailed(f"{key} cannot be read from {source}: {error}.", key=key) from error


def _denied(source: ObjectSource, key: str) -> TransferFailed:
    return TransferFailed(
        f"{source} refuses to give {key} (access denied). Check the bucket's name and the endpoint; a firewall or proxy may stand between.",
        key=key,
        denied=True,
    )


def _replaced(source: ObjectSource, key: str) -> ChangedFile:
    return ChangedFile(f"{key} was replaced in {source} while it was read. Open the session again.", key=key)


def _short(said: str) -> str:
    """What obstore says, without its debug part."""
    first = said.split("Debug source")[0].strip()
    # The last of them is the cause.
    tail = re.search(r".*(Server returned .*|HTTP error: .*|Requested \d.*|Received redirect .*)", first, re.DOTALL)
    return " ".join((tail[1] if tail else first).split())[:200]
