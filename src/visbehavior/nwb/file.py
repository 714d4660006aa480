"""An NWB file as a place to read from: checked once, opened for a read, closed after it.

A read is a set of *pieces*. A piece is a function of an open file that reads one column or one attribute and depends on
no other piece. A file at hand runs them one after the other. A file behind a wire runs each as far as its bytes are here,
fetches for all of them at once what was missing, and runs the unfinished ones again: HDF5 never waits for the wire.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from visbehavior.errors import BadValue, ChangedFile, CorruptFile, NotFound, UnsupportedFile, VisBehaviorError, warn
from visbehavior.nwb.hdf5 import DOWNLOAD_AGAIN, Hdf5File
from visbehavior.progress import progress_bar
from visbehavior.store.remote_file import NotHere, RemoteFile, RemoteObject

LARGE = 24_000_000
"""Bytes of one fetch that a user should know of before waiting for them."""

SIGNATURE = b"\x89HDF\r\n\x1a\n"

T = TypeVar("T")
Piece: TypeAlias = Callable[[Hdf5File], Any]


class NwbFile:
    """A Visual Behavior session's NWB file, on this machine's disk or behind a wire.

    Nothing stays open between reads, so it can be pickled, used from threads and opened by the thousand.

    Parameters
    ----------
    place : str, os.PathLike or RemoteObject
        The file. A remote one is not looked at before something is read.
    look_ahead : function or None
        Reads what many reads will want of a remote file. It joins the second read that has to fetch: whoever reads two
        tables reads more, and one trip finds the places of all.

    Raises
    ------
    NotFound, UnsupportedFile, CorruptFile
        If it is absent; a folder, not HDF5, or another lab's file; cut short.
    """

    def __init__(
        self, place: str | os.PathLike[str] | RemoteObject, look_ahead: Callable[[], object] | None = None
    ) -> None:
        self._look_ahead = look_ahead
        self._remote = place if isinstance(place, RemoteObject) else None
        self.path = place.location if isinstance(place, RemoteObject) else _absolute(place)
        self._start()
        if self._remote is None:
            self._check()

    def _start(self) -> None:
        self._of_thread = threading.local()
        self._identity: tuple[Any, ...] | None = None
        self._said = False
        self._fetching_reads = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_remote": self._remote, "_look_ahead": self._look_ahead}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def local_path(self) -> str | None:
        """The file on this machine's disk; None while bytes of it may have to be fetched."""
        if self._remote is None:
            return self.path
        return str(self._remote.final) if self._remote.is_complete else None

    @contextmanager
    def opened(self) -> Iterator[Hdf5File]:
        """The open file; reads inside the block, of the same thread, share it."""
        handle = getattr(self._of_thread, "handle", None)
        if handle is not None:
            yield handle
            return
        with self._open() as handle:
            self._check_is_the_same(handle)
            self._of_thread.handle = handle
            try:
                yield handle
            finally:
                self._of_thread.handle = None

    def read(self, pieces: Mapping[str, Callable[[Hdf5File], T]]) -> dict[str, T]:
        """The value of each piece.

        A read within a piece of another read does not fetch: the outer one does, for all its pieces at once.
        """
        inner = getattr(self._of_thread, "reading", False)
        found: dict[str, T] = {}
        wanted = pieces
        with self.opened() as handle:
            while not self._run(handle, wanted, found):
                if inner or handle.remote is None:
                    raise NotHere
                if wanted is pieces:
                    wanted = {**pieces, **self._ahead()}
                    self._run(handle, wanted, found)
                self._fetch(handle.remote)
        return {name: found[name] for name in pieces}

    def read_one(self, piece: Callable[[Hdf5File], T]) -> T:
        """The value of one piece."""
        return self.read({"": piece})[""]

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Call functions that read, so that what they want comes in common rounds; nothing where the file is at hand."""
        if self.local_path is None:
            self.read({str(i): partial(_without_handle, read) for i, read in enumerate(reads)})

    def _ahead(self) -> dict[str, Callable[[Hdf5File], Any]]:
        self._fetching_reads += 1
        if self._fetching_reads != 2 or self._look_ahead is None:
            return {}
        return {"look ahead": partial(_unless_damaged, self._look_ahead)}

    def _run(self, handle: Hdf5File, pieces: Mapping[str, Callable[[Hdf5File], T]], found: dict[str, T]) -> bool:
        """Run the pieces that are not found yet as far as bytes are here; whether all are."""
        inner = getattr(self._of_thread, "reading", False)
        self._of_thread.reading = True
        try:
            for name, piece in pieces.items():
                if name not in found:
                    with suppress(NotHere):
                        found[name] = piece(handle)
        finally:
            self._of_thread.reading = inner
        return len(found) == len(pieces)

    def _open(self) -> Hdf5File:
        path = self.local_path
        if path is not None:
            return Hdf5File(path)
        assert self._remote is not None
        if self._must_come_whole(self._remote):
            return Hdf5File(str(self._remote.final))
        remote = self._remote.open()
        try:
            while True:
                try:
                    return Hdf5File(self.path, remote)
                except NotHere:
                    remote.fetch()
        except BaseException:
            remote.close()
            raise

    def _must_come_whole(self, remote: RemoteObject) -> bool:
        if remote.blocks.load() is None:
            remote.begin()
        if not remote.needs_full_download:
            return False
        from visbehavior.store.download import download_files

        self._say(
            f"{remote.final.name} cannot stream from {remote.source} to {remote.final.parent}: all of it is fetched."
        )
        download_files([remote])
        return True

    def _say(self, text: str) -> None:
        """Once for a session."""
        if not self._said:
            self._said = True
            warn(text)

    def _fetch(self, remote: RemoteFile) -> None:
        missing = remote.missing()
        if missing < LARGE:
            remote.fetch()
            return
        self._say(
            f"{os.path.basename(self.path)} streams, and at least {missing / 1e6:,.0f} MB of its {remote.size / 1e6:,.0f} MB are needed for this. "
            "get_behavior_session(id, download=True) fetches all of it."
        )
        with progress_bar(True, total=missing, unit="B", unit_scale=True, leave=False) as bar:
            remote.fetch(bar.update)

    def _check_is_the_same(self, handle: Hdf5File) -> None:
        """Tables of one session must not come from two files; a remote one that is whole by now was verified."""
        if self._remote is not None and handle.remote is None:
            return
        if self._identity is None:
            self._identity = handle.identity
        elif self._identity != handle.identity:
            raise ChangedFile(
                f"{self.path} was replaced or written to since the session was opened. Open the session again.",
                path=self.path,
            )

    def _check(self) -> None:
        """Whether this can be a session at all: one look, no dataset is read."""
        _check_is_hdf5(self.path)
        with self.opened() as handle:
            if not handle.has_attribute("", "nwb_version"):
                raise UnsupportedFile(
                    f"{self.path} is HDF5, but no NWB file: its root has no attribute nwb_version. Expected a "
                    "behavior_session_*.nwb or behavior_ophys_experiment_*.nwb of the Visual Behavior release.",
                    path=self.path,
                )
            for group in ("general/metadata", "general/task_parameters"):
                if not handle.has(group):
                    raise UnsupportedFile(
                        f"{self.path} is an NWB file, but no Visual Behavior session: it has no group /{group}. "
                        "Another lab's NWB files open with pynwb.",
                        path=self.path,
                        group=group,
                    )


def optional(piece: Callable[[Hdf5File], T], group: str) -> Callable[[Hdf5File], T | None]:
    """A piece that gives None where its group is absent."""
    return lambda handle: piece(handle) if handle.has_optional(group) else None


def _without_handle(read: Callable[[], object], _: Hdf5File) -> object:
    return read()


def _unless_damaged(read: Callable[[], object], _: Hdf5File) -> None:
    """What is damaged is said when it is asked for."""
    with suppress(VisBehaviorError):
        read()


def _absolute(path: Any) -> str:
    try:
        return str(Path(os.fsdecode(path)).expanduser().absolute())
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadValue(
            f"The path of a session is {path!r} ({error}); expected a text or a pathlib.Path.", path=path
        ) from error


def _check_is_hdf5(path: str) -> None:
    wanted = "Expected an NWB file, such as behavior_session_891635659.nwb."
    if os.path.isdir(path):
        raise UnsupportedFile(f"{path} is a folder. {wanted}", path=path)
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe would be waited for, for ever.
        raise UnsupportedFile(f"{path} is a device or a pipe. {wanted}", path=path)
    try:
        with open(path, "rb") as file:
            # A user block of 512, 1024, ... bytes may stand before the signature; the release has none.
            start = file.read(len(SIGNATURE))
    except FileNotFoundError:
        if "://" in path or ":/" in path.removeprefix(os.path.splitdrive(path)[0]):
            raise NotFound(
                f"{path} is an address, not a file. Download it first, and open what you downloaded.", path=path
            ) from None
        raise NotFound(f"There is no file {path}. {wanted}", path=path) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CorruptFile(f"{path!r} cannot be read: {why}. {wanted}", path=path) from error
    if not start:
        raise CorruptFile(f"{path} is empty. {DOWNLOAD_AGAIN}", path=path)
    if start != SIGNATURE:
        raise UnsupportedFile(f"{path} is not an HDF5 file: it begins with {start!r}. {wanted}", path=path)
