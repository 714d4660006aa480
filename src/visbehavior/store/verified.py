"""Record of the files whose hash was computed, with their size and modification time at that moment.

A file is trusted because it was hashed, never because a file of that name exists. A file that changed afterwards has
another size or modification time, and is not trusted any more.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile, VisBehaviorError
from visbehavior.store.os_files import size_and_mtime
from visbehavior.store.records import Record, append_records, read_records

FILE_NAME = "_visbehavior_verified.txt"

_HASH_CHUNK = 4 << 20


@contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading, unbuffered.

    Raises
    ------
    NotFound, UnsupportedFile, CorruptFile
        If the file does not exist, is a folder or a device, or cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UnsupportedFile(
                f"{path} is a folder or a device; expected a file. Delete or rename it.", path=str(path)
            )
        with open(path, "rb", buffering=0) as file:
            yield file
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"There is no file {path}.", path=str(path)) from error
    except OSError as error:
        if isinstance(error, VisBehaviorError):
            raise
        raise CorruptFile(f"{path} cannot be read: {error.strerror}.", path=str(path)) from error


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file. Raises as `open_file`."""
    with open_file(path) as file:
        return file.read()


def hash_file(path: str | os.PathLike[str], on_progress: Callable[[int], object] = lambda _: None) -> str:
    """Return the BLAKE2b-512 hash of a file in hexadecimal digits; `on_progress` is called with numbers of bytes.

    Raises as `open_file`.
    """
    hasher = hashlib.blake2b()
    with open_file(path) as file:
        while chunk := file.read(_HASH_CHUNK):
            hasher.update(chunk)
            on_progress(len(chunk))
    return hasher.hexdigest()


class VerifiedFiles:
    """The verified files below a folder. It can be pickled and used from threads.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the files.
    records_folder : pathlib.Path or None
        Folder of the record; None: `folder`.
    """

    def __init__(self, folder: Path, records_folder: Path | None = None) -> None:
        self._folder = folder
        self._path = (records_folder or folder) / FILE_NAME
        self._states: dict[str, tuple[Any, ...]] = {}
        self._offset = 0
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self._folder, "records_folder": self._path.parent}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def is_verified(self, path: Path, file_hash: str | None) -> bool:
        """Return True if the file was found to have this hash and has not changed since."""
        try:
            state = size_and_mtime(path)
        except OSError:
            return False
        self._load()
        return file_hash is not None and self._states.get(self._name(path)) == (file_hash, *state)

    def record(self, path: Path, file_hash: str) -> None:
        """Record that the file has this hash."""
        try:
            size, mtime = size_and_mtime(path)
        except OSError:
            # The file was deleted after it was hashed.
            return
        record = {"path": self._name(path), "hash": file_hash, "size": size, "mtime": mtime}
        with self._lock:
            self._add(record)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            append_records(self._path, [record])
        except OSError:
            # The folder is read-only: the file is hashed again the next time.
            return

    def _load(self) -> None:
        """Read what this and other processes recorded since the last time."""
        with self._lock:
            records, self._offset = read_records(self._path, self._offset)
            for record in records:
                self._add(record)

    def _add(self, record: Record) -> None:
        path = record.get("path")
        if isinstance(path, str):
            self._states[path] = record.get("hash"), record.get("size"), record.get("mtime")

    def _name(self, path: Path) -> str:
        try:
            return path.relative_to(self._folder).as_posix()
        except ValueError:
            return str(path)
