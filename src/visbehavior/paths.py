"""Joins a folder with a name from a file or a server, and rejects names that lead out of the folder. Nothing else joins them."""

from __future__ import annotations

import re
from pathlib import Path

from visbehavior.errors import BadValue, brief_repr

_PLAIN = re.compile(r"(?:[\w-][\w.-]*/)*[\w-](?:[\w.-]*[\w-])?", re.ASCII)
"""The form of all published names. Opening a cache checks thousands of them; this is the fast path."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"|?*\\]|[. ]$')
"""Characters that have a meaning of their own on Windows or Linux. Windows drops dots and spaces at the end."""
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, in every folder."""
_MAX_NAME, _MAX_PATH = 200, 1000
"""Bytes of a name and of a relative path that every file system accepts, also with a suffix."""


def join_inside(folder: Path, relative: str) -> Path:
    """Return the path of a file below a folder.

    Parameters
    ----------
    folder : pathlib.Path
        A trusted folder.
    relative : str
        Names with "/" between them, from anywhere.

    Raises
    ------
    BadValue
        If it could be a path outside the folder, a device, or no file name on some operating system.
    """
    if not is_inside(relative):
        raise BadValue(
            f"{brief_repr(relative)} is not the name of a file inside {folder}. It is not used.", name=relative
        )
    return folder / relative


def is_inside(relative: object) -> bool:
    """Return True if `relative` consists of plain file names with "/" between them, and cannot lead out of a folder."""
    if not isinstance(relative, str) or len(relative) > _MAX_PATH:
        return False
    names = relative.split("/")
    if any(len(name) > _MAX_NAME // 4 and len(name.encode("utf-8", "replace")) > _MAX_NAME for name in names):
        return False
    if any(_DEVICE.fullmatch(name) for name in names):
        return False
    return bool(_PLAIN.fullmatch(relative)) or all(name and not _FORBIDDEN.search(name) for name in names)
