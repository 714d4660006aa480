"""Writing a session as an NWB file, beside a copy of its file by h5py that is flushed to the disk as ours is."""

from __future__ import annotations

import os
import pathlib

from benchmarks.child_timing import seconds

TARGET = 2
REPEATS = 5


def measure(folder: pathlib.Path, path: pathlib.Path) -> None:
    written = seconds(lambda: write(path, folder / "written.nwb"), REPEATS)
    copied = seconds(lambda: copy(path, folder / "copied.nwb"), REPEATS)
    print(
        f"a session of {path.stat().st_size / 1e6:.0f} MB written in {written:.2f} s, {written / copied:.1f} times as long as "
        f"a copy of all groups by h5py, target {TARGET} or less"
    )


def write(path: pathlib.Path, target: pathlib.Path) -> None:
    from visbehavior import BehaviorSession, write_nwb

    write_nwb(BehaviorSession.from_nwb_path(path), target, overwrite=True)


def copy(path: pathlib.Path, target: pathlib.Path) -> None:
    import h5py

    target.unlink(missing_ok=True)
    with h5py.File(path) as source, h5py.File(target, "w") as copied:
        for name in source:
            source.copy(name, copied)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
