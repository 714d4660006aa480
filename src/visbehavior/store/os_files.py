"""Operating system calls on files: binary flags, positioned reads and writes, sparse files, identity."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

_READ_SIZE = 1 << 16

_sparse_folders: set[Path] = set()
"""Folders that support sparse files. Others are probed again, because the probe also fails if the disk is full."""


def open_binary(path: str | os.PathLike[str], flags: int) -> int:
    """Return a descriptor of a file, opened without translation of line endings (Windows).

    A pipe under the file's name does not wait for another process.
    """
    return os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)


def read_some(file: int, start: int, count: int) -> bytes:
    """Return at most so many bytes of an open file from an offset."""
    if hasattr(os, "pread"):
        return os.pread(file, count, start)
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, count)


def read_from(file: int, start: int) -> bytes:
    """Return the bytes of an open file from an offset to its end."""
    parts = []
    while part := read_some(file, start, _READ_SIZE):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def read_at(file: int, start: int, view: memoryview) -> None:
    """Fill a buffer with the bytes of an open file from an offset; EOFError if the file ends before."""
    if hasattr(os, "preadv"):
        while len(view):
            count = os.preadv(file, [view], start)
            if not count:
                raise EOFError
            start, view = start + count, view[count:]
        return
    os.lseek(file, start, os.SEEK_SET)
    while len(view):
        content = os.read(file, len(view))
        if not content:
            raise EOFError
        view[: len(content)] = content
        view = view[len(content) :]


def write_at(file: int, start: int, content: memoryview) -> None:
    """Write bytes to an open file at an offset."""
    if not hasattr(os, "pwrite"):
        os.lseek(file, start, os.SEEK_SET)
        write_all(file, content)
        return
    while len(content):
        count = os.pwrite(file, content, start)
        start, content = start + count, content[count:]


def write_all(file: int, content: bytes | memoryview) -> None:
    """Write bytes to an open file at its current position."""
    view = memoryview(content)
    # A nearly full disk accepts a part of the bytes, and raises an error only for the rest.
    while len(view):
        view = view[os.write(file, view) :]


def size_and_mtime(path: Path) -> tuple[int, int]:
    """Return the size and the modification time (ns), which change when a file is written to."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def is_special_file(path: Path) -> bool:
    """Return True for a pipe or a device, False for a file, a folder, or nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def inode_of(file: int | Path) -> int:
    """Return the inode of a path or of an open file. It is unique only as long as the file exists or is open."""
    return os.stat(file).st_ino


def allocated_bytes(path: Path) -> int | None:
    """Return the bytes that a file occupies on disk, without its holes; None if the system does not report it (Windows)."""
    blocks = getattr(path.stat(), "st_blocks", None)
    return None if blocks is None else int(blocks) * 512


def supports_sparse_files(folder: Path) -> bool:
    """Return True if holes in files take no space. On exFAT they would be filled with zeros."""
    if folder in _sparse_folders:
        return True
    probe = folder / f".sparse-{os.getpid()}-{threading.get_ident()}"
    size = 4 << 20
    try:
        with open(probe, "wb") as file:
            if not mark_sparse(file.fileno()):
                return False
            file.truncate(size)
        allocated = allocated_bytes(probe)
        is_sparse = allocated is None or allocated < size
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    if is_sparse:
        _sparse_folders.add(folder)
    return is_sparse


def mark_sparse(file: int) -> bool:
    """Make an open file sparse and return True on success. Only Windows needs this; elsewhere files are sparse by default."""
    if os.name != "nt":
        return True
    import ctypes
    import msvcrt

    set_sparse = 0x000900C4
    handle = msvcrt.get_osfhandle(file)  # type: ignore[attr-defined,unused-ignore]
    returned = ctypes.c_ulong()
    control = ctypes.windll.kernel32.DeviceIoControl  # type: ignore[attr-defined,unused-ignore]
    return bool(control(handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None))
