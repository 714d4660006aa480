"""Files with flipped bits, each read in a child process.

Reading must return what plain h5py returns or raise an error of visbehavior. It must not hang, or allocate much more than
the size of the file. A crash is allowed only if plain h5py crashes on the same object.
"""

from __future__ import annotations

import os
import pathlib
import sys

import h5py
import numpy as np
import pytest

from tests.fuzzing import run_child, run_seeds
from tests.nwbfiles import write_session
from tests.synthetic_session import make_eye_tracking, make_session
from visbehavior import BehaviorSession
from visbehavior.schema.session import SESSION_TABLES

# Half of the files have each layout.
FILES = int(os.environ.get("VISBEHAVIOR_FUZZ_FILES", "40")) // 2
CHILD = r"""
import pathlib, sys, tracemalloc, warnings
import visbehavior
from tests.fuzzing import check_error, report, run_cases
from visbehavior.schema.session import SESSION_TABLES
source, target, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
original = pathlib.Path(source).read_bytes()
warnings.simplefilter("ignore")
names = ["behavior_session_id", "describe", "get_performance_metrics", *(table.name for table in SESSION_TABLES)]
_ = visbehavior.BehaviorSession.from_nwb_path(source).trials  # imports pandas, whose memory is not that of a file
def run_case(rng):
    content = bytearray(original)
    for _ in range(rng.choice([1, 4, 30])):
        # Half of the flips are in the first part, which has most of the file's structure.
        content[rng.randrange(len(content) if rng.random() < 0.5 else 20000)] ^= 1 << rng.randrange(8)
    pathlib.Path(target).write_bytes(content)
    tracemalloc.start()
    try:
        session = visbehavior.BehaviorSession.from_nwb_path(target)
    except visbehavior.VisBehaviorError as error:
        check(error)
        return
    for name in names:
        report(f"reading {name}")
        try:
            value = getattr(session, name)
            value = value() if callable(value) else value
        except visbehavior.VisBehaviorError as error:
            check(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The session keeps its tables, which contain each value once or twice. Reading text needs more.
    assert peak < 8 * len(original) + 2_000_000, peak
def check(error):
    check_error(error)
    assert target in str(error), error
run_cases(first, last, run_case, seconds=60, memory=4 << 30, growth=300 << 20)
"""

# Reads everything in some groups with plain h5py.
PLAIN_H5PY = r"""
import sys, h5py
def read(item):
    for name in list(item.attrs):
        try: item.attrs[name]
        except Exception: pass
    if isinstance(item, h5py.Dataset):
        try: item[()] if item.nbytes < 1 << 28 else None
        except Exception: pass
    else:
        for name in list(item):
            try: child = item[name]
            except Exception: continue
            read(child)
with h5py.File(sys.argv[1], "r") as file:
    for group in sys.argv[2:]:
        try: read(file[group])
        except Exception: pass
"""
GROUPS_READ_ON_OPENING = ("general/metadata", "general/task_parameters")
GROUPS = {table.name: (table.group,) for table in SESSION_TABLES}
GROUPS["get_performance_metrics"] = ("intervals/trials", "processing/rewards", "general/task_parameters")
GROUPS["describe"] = ("general", "processing", "intervals", "stimulus", "acquisition")


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_damaged_files_raise_errors_of_visbehavior(tmp_path: pathlib.Path, layout: str) -> None:
    synthetic = make_session(seed=4, trials=30, blocks=4).replace(eye=make_eye_tracking())
    source = write_session(tmp_path / "original.nwb", synthetic, layout)
    target = tmp_path / "damaged.nwb"
    crashes: list[tuple[int, str, bool]] = []
    for seed, process in run_seeds(["-c", CHILD, source, target], FILES):
        lines = process.stdout.splitlines()
        assert process.returncode < 0, f"seed {seed}: {lines[-1]}: {process.stderr[-3000:]}"
        attribute = lines[-1].split()[1] if lines[-1].startswith("reading") else "opening"
        plain = run_child("-c", PLAIN_H5PY, target, *GROUPS.get(attribute, GROUPS_READ_ON_OPENING))
        crashes.append((seed, attribute, plain.returncode < 0))
    sys.stderr.write(f"\n{FILES} damaged files, {len(crashes)} crashes (seed, attribute, h5py too): {crashes}\n")
    assert all(h5py_crashes for _, _, h5py_crashes in crashes)


@pytest.mark.parametrize("seed", range(2))
def test_flipped_bit_of_a_value_is_not_detected(tmp_path: pathlib.Path, seed: int) -> None:
    """HDF5 has no checksum of contiguous values: they are read as plain h5py reads them."""
    source = write_session(tmp_path / "original.nwb", make_session(seed=seed))
    with h5py.File(source) as file:
        offset = file["processing/running/speed/data"].id.get_offset()
    content = bytearray(source.read_bytes())
    content[offset + 8 * 5 + 6] ^= 0x10
    (tmp_path / "flipped.nwb").write_bytes(content)
    speed = BehaviorSession.from_nwb_path(tmp_path / "flipped.nwb").running_speed["speed"]
    with h5py.File(tmp_path / "flipped.nwb") as file:
        np.testing.assert_array_equal(speed, file["processing/running/speed/data"][:])
    assert (speed != BehaviorSession.from_nwb_path(source).running_speed["speed"]).sum() == 1
