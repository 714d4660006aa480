"""Simulated sessions as pickle files."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visbehavior.atomic import atomic_write
from visbehavior.paths import join_inside
from visbehavior.schema.session_data import SESSION_ID
from visbehavior.schema.stimulus_pickle import EMBEDDED_SESSION_DATA

_PROTOCOL = 2
"""Protocol of the rigs' pickles (Python 2), which AllenSDK can read."""
_NUMPY_1_MODULE = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
"""Module of array pickles in numpy 2, and its name in numpy 1, which AllenSDK needs. numpy 2 can import both."""
_COMPRESSION_LEVEL = 1
"""Higher levels are slower and save little."""


def write_pickle(simulate_session: Callable[[], dict[str, Any]], folder: str | os.PathLike[str]) -> Path:
    """Simulate a session and write it to ``behavior_session_<id>.pkl.gz``; an existing file is kept.

    Parameters
    ----------
    simulate_session : callable
        Function without arguments that returns the pickle's content, such as those of `plan_sessions`.
    folder : str or os.PathLike
        Folder of the file.

    Returns
    -------
    pathlib.Path
        The file.
    """
    content = simulate_session()
    session_id = content[EMBEDDED_SESSION_DATA.key][SESSION_ID.key]
    target = join_inside(Path(folder), f"behavior_session_{session_id}.pkl.gz")
    if not target.exists():
        # Without a name and time in the gzip header, equal sessions give equal files.
        with (
            atomic_write(target) as part,
            open(part, "wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=_COMPRESSION_LEVEL, fileobj=raw, mtime=0) as file,
        ):
            file.write(pickle.dumps(content, protocol=_PROTOCOL).replace(*_NUMPY_1_MODULE))
    return target
