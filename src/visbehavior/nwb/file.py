"""An NWB file as a place to read from: checked once, opened for a read, closed after it.

A read is a set of *pieces*. A piece is a function of an open file that reads one column or one attribute and depends on
no other piece. A file at hand runs them one after the other; a file behind a slow wire can run each as far as its bytes
are there, fetch for all of them at once what was missing, and run the unfinished ones again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from visbehavior.errors import BadValue, ChangedFile, CorruptFile, NotFound, UnsupportedFile
from visbehavior.nwb.handle import DOWNLOAD_AGAIN, Handle

SIGNATURE = b"\x89HDF\r\n\x1a\n"

T = TypeVar("T")
Piece: TypeAlias = Callable[[Handle], Any]


class NwbFile:
    """A Visual Behavior session's NWB file on this machine's disk.

    Nothing stays open between reads, so it can be pickled, used from threads and opened by the thousand.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Raises
    ------
    NotFound, UnsupportedFile, CorruptFile
        If it is absent; a folder, not HDF5, or another lab's file; cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _absolute(path)
        self._of_thread = threading.local()
        self._identity: tuple[int, ...] | None = None
        self._check()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._of_thread = threading.local()
        self._identity = None

    @contextmanager
    def opened(self) -> Iterator[Handle]:
        """The open file; reads inside the block, of the same thread, share it."""
        handle = getattr(self._of_thread, "handle", None)
        if handle is not None:
            yield handle
            return
        with Handle(self.path) as handle:
            self._check_is_the_same(handle)
            self._of_thread.handle = handle
            try:
                yield handle
            finally:
                self._of_thread.handle = None

    def read(self, pieces: Mapping[str, Callable[[Handle], T]]) -> dict[str, T]:
        """The value of each piece."""
        with self.opened() as handle:
            return {name: piece(handle) for name, piece in pieces.items()}

    def read_one(self, piece: Callable[[Handle], T]) -> T:
        """The value of one piece."""
        return self.read({"": piece})[""]

    def _check_is_the_same(self, handle: Handle) -> None:
        """Tables of one session must not come from two files."""
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


def optional(piece: Callable[[Handle], T], group: str) -> Callable[[Handle], T | None]:
    """A piece that gives None where its group is absent."""
    return lambda handle: piece(handle) if handle.has_optional(group) else None


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
