"""Files with flipped bytes, each read in a child process.

Whatever Python sees must be one of our errors or what plain h5py reads; nothing may hang or allocate more than the file's
size; and a crash is allowed only where bare h5py, reading the same object, crashes too.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import pytest

from tests.nwbfiles import make_eye, make_session, write_session
from visbehavior import BehaviorSession
from visbehavior.schema.session import SESSION_TABLES

# Half of them in each layout.
FILES = int(os.environ.get("VISBEHAVIOR_FUZZ_FILES", "40")) // 2
# Seconds after which a child counts as hanging; one takes a tenth of it on a slow machine.
PATIENCE = 120

CHILD = r"""
import pathlib, random, sys, tracemalloc, warnings
import visbehavior
from visbehavior.schema.session import SESSION_TABLES
source, target, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
whole = pathlib.Path(source).read_bytes()
warnings.simplefilter("ignore")
names = ["behavior_session_id", "describe", "get_performance_metrics", *(table.name for table in SESSION_TABLES)]
visbehavior.BehaviorSession.from_nwb_path(source).get_performance_metrics()
for seed in range(first, last):
    rng = random.Random(seed)
    content = bytearray(whole)
    for _ in range(rng.choice([1, 4, 30])):
        # Half of the flips in the first part, where the structure of the file is densest.
        content[rng.randrange(len(content) if rng.random() < 0.5 else 20000)] ^= 1 << rng.randrange(8)
    pathlib.Path(target).write_bytes(content)
    print("seed", seed, flush=True)
    tracemalloc.start()
    try:
        session = visbehavior.BehaviorSession.from_nwb_path(target)
    except visbehavior.VisBehaviorError as error:
        assert target in str(error), error
        continue
    for name in names:
        print("reading", name, flush=True)
        try:
            value = getattr(session, name)
            value = value() if callable(value) else value
        except visbehavior.VisBehaviorError as error:
            assert target in str(error), error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What is read is kept; tables hold a value once or twice, and reading text takes a little more.
    assert peak < 8 * len(whole) + 2_000_000, peak
print("done", flush=True)
"""

# Everything below the groups that the attribute reads, and what opening reads.
BARE = r"""
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
OPENING = ("general/metadata", "general/task_parameters")
GROUPS = {table.name: (table.group,) for table in SESSION_TABLES}
GROUPS["get_performance_metrics"] = ("intervals/trials", "processing/rewards", "general/task_parameters")
GROUPS["describe"] = ("general", "processing", "intervals", "stimulus", "acquisition")


def child(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_damaged_files(tmp_path: pathlib.Path, layout: str) -> None:
    made = make_session(seed=4, trials=30, blocks=4).but(eye=make_eye())
    source = write_session(tmp_path / "whole.nwb", made, layout)
    target = tmp_path / "damaged.nwb"
    crashes: list[tuple[int, str, bool]] = []
    seed = 0
    while seed < FILES:
        last = min(seed + 50, FILES)
        done = child(CHILD, source, target, seed, last)
        if done.stdout.endswith("done\n"):
            seed = last
            continue
        lines = done.stdout.splitlines()
        reached = max(i for i, line in enumerate(lines) if line.startswith("seed"))
        seed = int(lines[reached].split()[1])
        assert done.returncode < 0, f"seed {seed}: {lines[-1]}: {done.stderr[-3000:]}"
        attribute = lines[-1].split()[1] if len(lines) > reached + 1 else "opening"
        bare = child(BARE, target, *GROUPS.get(attribute, OPENING))
        crashes.append((seed, attribute, bare.returncode < 0))
        seed += 1
    sys.stderr.write(f"\n{FILES} damaged files, {len(crashes)} crashes (seed, attribute, bare h5py too): {crashes}\n")
    assert all(bare_too for _, _, bare_too in crashes)


@pytest.mark.parametrize("seed", range(2))
def test_a_flipped_value_goes_unnoticed(tmp_path: pathlib.Path, seed: int) -> None:
    """HDF5 keeps no checksum of contiguous data: what is read then is what plain h5py reads."""
    source = write_session(tmp_path / "whole.nwb", make_session(seed=seed))
    with h5py.File(source) as file:
        offset = file["processing/running/speed/data"].id.get_offset()
    content = bytearray(source.read_bytes())
    content[offset + 8 * 5 + 6] ^= 0x10
    (tmp_path / "flipped.nwb").write_bytes(content)
    speed = BehaviorSession.from_nwb_path(tmp_path / "flipped.nwb").running_speed["speed"]
    with h5py.File(tmp_path / "flipped.nwb") as file:
        np.testing.assert_array_equal(speed, file["processing/running/speed/data"][:])
    assert (speed != BehaviorSession.from_nwb_path(source).running_speed["speed"]).sum() == 1
