"""Simulated sessions as files of a rig's pickles."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visbehavior.atomic import atomic_write
from visbehavior.schema.stimulus_pickle import KNOWN

_PROTOCOL = 2
"""Python 2's newest, which the rigs' programs write and AllenSDK reads."""
_NUMPY_1 = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
"""Where numpy 2 says that arrays are made, and where numpy 1 finds it, which AllenSDK needs; numpy 2 finds both."""
_PACKED = 1
"""Least effort of gzip: a pickle of numbers gains little by more."""


def write_pickle(day: Callable[[], dict[str, Any]], folder: str | os.PathLike[str]) -> Path:
    """Simulate a session and write it as ``behavior_session_<id>.pkl.gz``, unless it is there already; the file."""
    raw = day()
    target = Path(folder) / f"behavior_session_{raw[KNOWN]['behavior_session_id']}.pkl.gz"
    if not target.exists():
        # Neither a name nor a time in the header: the same session, the same bytes.
        with (
            atomic_write(target) as part,
            open(part, "wb") as plain,
            gzip.GzipFile("", "wb", compresslevel=_PACKED, fileobj=plain, mtime=0) as file,
        ):
            file.write(pickle.dumps(raw, protocol=_PROTOCOL).replace(*_NUMPY_1))
    return target
