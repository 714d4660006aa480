"""An NWB file that is opened for each read and closed after it.

A read is a set of *pieces*. A piece is a function of an open file that reads one column or one attribute and does not
depend on other pieces. For a local file the pieces run one after another. For a remote file each piece runs until it needs
bytes that are not cached; the missing bytes of all pieces are downloaded in one batch, and unfinished pieces run again.
HDF5 never waits for the network.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from numpy.typing import NDArray

from visbehavior.errors import (
    BadValue,
    ChangedFile,
    CorruptFile,
    NotFound,
    UnsupportedFile,
    VisBehaviorError,
    brief_repr,
    warn,
)
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.hdf5_errors import DOWNLOAD_AGAIN
from visbehavior.nwb.hdf5_open import SIGNATURE
from visbehavior.nwb.memory_map import map_array
from visbehavior.nwb.open_file import OpenFile
from visbehavior.progress import progress_bar
from visbehavior.schema.session import METADATA_GROUP, METADATA_TYPES, TASK_PARAMETERS
from visbehavior.store.not_here import NotHere

if TYPE_CHECKING:
    from visbehavior.store.remote_file import RemoteFile
    from visbehavior.store.remote_object import RemoteObject
    from visbehavior.store.steps import Steps

LARGE_DOWNLOAD = 24_000_000
"""Size of a batch that is announced to the user (bytes)."""

_EXPECTED = "Expected an NWB file, such as behavior_session_891635659.nwb."

_PUBLISHED = r"(?P<kind>behavior_session|behavior_ophys_experiment|(?P<recording>ecephys_session))_(?P<id>\d+)\.nwb$"
_METHODS = {
    "behavior_session": "get_behavior_session",
    "behavior_ophys_experiment": "get_behavior_ophys_experiment",
    "ecephys_session": "get_behavior_session",
}
"""Kind of file in a bucket: method of the project cache that streams it."""

T = TypeVar("T")
Piece: TypeAlias = Callable[[OpenFile], Any]


class NwbFile:
    """The NWB file of a Visual Behavior session, local or remote.

    No file stays open between reads, so an instance can be pickled and used from threads, and thousands can exist.

    Parameters
    ----------
    source : str, os.PathLike or RemoteObject
        The file. A remote file is not accessed before something is read.
    read_ahead : dict of int to function, or None
        Functions that read what is probably needed next of a remote file. Each joins the downloads from so many tables on:
        who reads three tables reads more.
    groups : sequence of str
        Groups that are found while a remote file is opened: HDF5 needs other parts of the file for that.

    Raises
    ------
    NotFound, UnsupportedFile, CorruptFile
        If the file does not exist; is a folder, not HDF5 or of another data set; is truncated.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | RemoteObject,
        read_ahead: Mapping[int, Callable[[], object]] | None = None,
        groups: Sequence[str] = (),
    ) -> None:
        self._read_ahead = read_ahead or {}
        self._groups = groups
        self._remote = _as_remote(source)
        self.path = _absolute(source) if self._remote is None else self._remote.location
        self._start()
        if self._remote is None:
            self._check()

    def _start(self) -> None:
        self._thread = threading.local()
        self._identity: tuple[Any, ...] | None = None
        self._has_warned = False
        self._tables: set[str] = set()
        self._found_ahead: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("path", "_remote", "_read_ahead", "_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def local_path(self) -> str | None:
        """The file on disk; None if parts of it may have to be downloaded."""
        if self._remote is None:
            return self.path
        return str(self._remote.final) if self._remote.is_complete else None

    @contextmanager
    def opened(self) -> Iterator[OpenFile]:
        """Open the file. Reads of the same thread inside the context share it."""
        file = getattr(self._thread, "file", None)
        if file is not None:
            yield file
            return
        with self._shared(self._open()) as file:
            yield file

    @contextmanager
    def _shared(self, opened: Hdf5File) -> Iterator[Hdf5File]:
        """Share an open file with the reads of this thread, and close it afterwards."""
        with opened as file:
            self._check_identity(file)
            self._thread.file = file
            try:
                yield file
            finally:
                self._thread.file = None

    def reading(self, read: Callable[[], T]) -> Steps[T]:
        """Call a function that reads, and return its result, in steps: other files can be read between the steps.

        The function is called again whenever bytes that it needed are downloaded.
        """
        values = yield from self._reading({"": partial(_ignoring_file, read)})
        return values[""]

    def prefetching(self, *reads: Callable[[], object]) -> Steps[None]:
        """Do the same as `prefetch`, in steps."""
        if self.local_path is None:
            yield from self._reading(_as_pieces(reads))

    def _reading(self, pieces: Mapping[str, Callable[[OpenFile], T]]) -> Steps[dict[str, T]]:
        values: dict[str, T] = {}
        with self._shared((yield from self._opening())) as file:
            while not self._run(file, pieces, values):
                assert file.remote is not None
                yield from file.remote.fetching()
        return values

    def read(self, pieces: Mapping[str, Callable[[OpenFile], T]]) -> dict[str, T]:
        """Return the value of each piece.

        A read inside a piece of another read downloads nothing; the outer read downloads for all of its pieces at once.
        """
        is_nested = getattr(self._thread, "is_reading", False)
        values: dict[str, T] = {}
        with self.opened() as file:
            remote = getattr(file, "remote", None)
            while not self._run(file, pieces, values):
                if is_nested or remote is None:
                    raise NotHere
                self._look_ahead(file)
                self._download(remote)
        return values

    def read_one(self, piece: Callable[[OpenFile], T]) -> T:
        """Return the value of one piece."""
        return self.read({"": piece})[""]

    def read_array(self, group: str, name: str, ndim: int) -> NDArray[Any]:
        """Return a dataset of numbers, mapped into memory if the file is local and the values are contiguous."""
        extent, path = self.read_one(methodcaller("extent", group, name, ndim=ndim)), self.local_path
        if extent is not None and path is not None:
            return map_array(path, extent)
        values: NDArray[Any] = self.read_one(methodcaller("numbers", group, name, ndim=ndim))
        return values

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Call functions that read, and download what they need in common batches. No effect on local files."""
        if self.local_path is None:
            self.read(_as_pieces(reads))

    def note_table(self, name: str) -> None:
        """Note that a table of behavior is read, unless another read reads it."""
        if not getattr(self._thread, "is_reading", False):
            self._tables.add(name)

    def _look_ahead(self, file: OpenFile) -> None:
        """Add to a batch what later reads need. A read does not wait for it: it continues with the batches of the next reads."""
        for count, read in self._read_ahead.items():
            is_due = len(self._tables) >= count and count not in self._found_ahead
            if is_due and self._run(file, {"": partial(_ignoring_damage, read)}, {}):
                self._found_ahead.add(count)

    def _run(self, file: OpenFile, pieces: Mapping[str, Callable[[OpenFile], T]], values: dict[str, T]) -> bool:
        """Run the pieces without a value as far as bytes are cached; return True if all have a value."""
        is_nested = getattr(self._thread, "is_reading", False)
        self._thread.is_reading = True
        try:
            for name, piece in pieces.items():
                if name not in values:
                    with suppress(NotHere):
                        values[name] = piece(file)
        finally:
            self._thread.is_reading = is_nested
        return len(values) == len(pieces)

    def _open(self) -> Hdf5File:
        path = self.local_path
        if path is not None:
            return Hdf5File(path)
        from visbehavior.store.steps import complete

        return complete(self._opening())

    def _opening(self) -> Steps[Hdf5File]:
        path = self.local_path
        if path is not None:
            return Hdf5File(path)
        assert self._remote is not None
        info = yield from self._remote.starting()
        if self._remote.needs_full_download:
            yield from self._downloading(self._remote)
            return Hdf5File(str(self._remote.final))
        from visbehavior.nwb.hdf5_lookup import request_groups, require_root_header

        remote = self._remote.open(info)
        try:
            while True:
                with suppress(NotHere):
                    require_root_header(remote)
                    return Hdf5File(self.path, remote)
                request_groups(remote, self._groups)
                yield from remote.fetching()
        except BaseException:
            remote.close()
            raise

    def _downloading(self, remote: RemoteObject) -> Steps[None]:
        """Download the whole file, because it cannot be streamed."""
        from visbehavior.store.download import download_files
        from visbehavior.store.steps import Batch

        self._warn_once(
            f"{remote.final.name} cannot be streamed from {remote.source} to {remote.final.parent}: the whole file is downloaded."
        )
        batch = Batch([partial(download_files, [remote])])
        yield batch
        batch.results()

    def _warn_once(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            warn(text)

    def _download(self, remote: RemoteFile) -> None:
        missing = remote.pending_bytes()
        if missing < LARGE_DOWNLOAD:
            remote.fetch()
            return
        self._warn_once(
            f"{os.path.basename(self.path)} is streamed, and this needs at least {missing / 1e6:,.0f} MB of its "
            f"{remote.size / 1e6:,.0f} MB. Opened with download=True, the whole file is downloaded first."
        )
        with progress_bar(True, total=missing, unit="B", unit_scale=True, leave=False) as bar:
            remote.fetch(bar.update)

    def _check_identity(self, file: Hdf5File) -> None:
        """Raise if the file was replaced: the tables of a session must come from one file."""
        if self._remote is not None and file.remote is None:
            # The download was completed meanwhile, and verified.
            return
        if self._identity is None:
            self._identity = file.identity
        elif self._identity != file.identity:
            raise ChangedFile(
                f"{self.path} was replaced or changed after the session was opened. Open the session again.",
                path=self.path,
            )

    def _check(self) -> None:
        """Raise if the file cannot be a session. No dataset is read."""
        _check_is_hdf5(self.path)
        with self.opened() as file:
            if not file.has_attribute("", "nwb_version"):
                raise UnsupportedFile(
                    f"{self.path} is HDF5, but not an NWB file: its root has no attribute nwb_version. Expected "
                    "behavior_session_*.nwb, behavior_ophys_experiment_*.nwb or ecephys_session_*.nwb of Visual Behavior.",
                    path=self.path,
                )
            for group in (file.find_group(METADATA_GROUP, METADATA_TYPES), TASK_PARAMETERS.group):
                if not file.has(group):
                    raise UnsupportedFile(
                        f"{self.path} is an NWB file, but not a Visual Behavior session: it has no group /{group}. "
                        "pynwb opens recordings without behavior, and NWB files of other labs.",
                        path=self.path,
                        group=group,
                    )


def optional(piece: Callable[[OpenFile], T], group: str) -> Callable[[OpenFile], T | None]:
    """Return a piece whose value is None if the group does not exist."""
    return lambda file: piece(file) if file.has_optional(group) else None


def _as_pieces(reads: Iterable[Callable[[], object]]) -> dict[str, Piece]:
    return {str(i): partial(_ignoring_file, read) for i, read in enumerate(reads)}


def _ignoring_file(read: Callable[[], T], _: OpenFile) -> T:
    return read()


def _ignoring_damage(read: Callable[[], object], _: OpenFile) -> None:
    """Call a function. Damage is reported when the damaged part is requested."""
    with suppress(VisBehaviorError):
        read()


def _as_remote(source: Any) -> RemoteObject | None:
    """Return the source if it is a remote file. For a path the network is not imported."""
    if isinstance(source, (str, os.PathLike)):
        return None
    from visbehavior.store.remote_object import RemoteObject

    return source if isinstance(source, RemoteObject) else None


def _absolute(path: Any) -> str:
    try:
        text = os.fsdecode(path)
        # A URL stays as it was typed, for the message that it is not a file.
        return text if "://" in text else str(Path(text).expanduser().absolute())
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadValue(
            f"The path of a session is {brief_repr(path)} ({error}); expected a str or pathlib.Path.", path=path
        ) from error


def _how_to_stream(url: str) -> str:
    """Return what opens the file of a URL, as far as its name says so."""
    known = re.search(_PUBLISHED, url)
    if known is None:
        return "Download it and open the downloaded file."
    neuropixels, method = known["recording"] is not None, _METHODS[known["kind"]]
    cache = "VisualBehaviorNeuropixelsProjectCache" if neuropixels else "VisualBehaviorOphysProjectCache"
    return f"{cache}.from_s3_cache().{method}({known['id']}) streams it."


def _check_is_hdf5(path: str) -> None:
    if os.path.isdir(path):
        raise UnsupportedFile(f"{path} is a folder. {_EXPECTED}", path=path)
    if os.path.exists(path) and not os.path.isfile(path):
        # Opening a pipe would wait forever.
        raise UnsupportedFile(f"{path} is a device or a pipe. {_EXPECTED}", path=path)
    try:
        with open(path, "rb") as file:
            # A user block of 512, 1024, ... bytes may precede the signature; files of the release have none.
            start = file.read(len(SIGNATURE))
    except FileNotFoundError:
        if "://" in path or ":/" in path.removeprefix(os.path.splitdrive(path)[0]):
            raise NotFound(f"{path} is a URL, not a file. {_how_to_stream(path)}", path=path) from None
        raise NotFound(f"There is no file {path}. {_EXPECTED}", path=path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorruptFile(f"{path} cannot be read: {reason}. {_EXPECTED}", path=path) from error
    if not start:
        raise CorruptFile(f"{path} is empty. {DOWNLOAD_AGAIN}", path=path)
    if start != SIGNATURE:
        raise UnsupportedFile(f"{path} is not an HDF5 file: it begins with {brief_repr(start)}. {_EXPECTED}", path=path)
