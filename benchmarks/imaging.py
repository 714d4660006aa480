"""Imaging planes: the open of a full-size file, one cell's dF/F, and all of a plane, beside AllenSDK and bare h5py.

The file has the size of a published one: 75 minutes and 200 cells of random traces, 1.2 GB. AllenSDK cannot open it: it is timed on the
file of an imaging plane that VISBEHAVIOR_PLANE names.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

PLANE = (140_000, 200)
"""Frames and cells."""


def measure(folder: pathlib.Path, oracle: pathlib.Path) -> None:
    """Print the figures of an imaging plane; AllenSDK's if it is installed."""
    path = os.environ.get("VISBEHAVIOR_PLANE")
    source = pathlib.Path(path) if path else make_plane_file(folder)
    child = pathlib.Path(__file__).with_name("imaging_child.py")
    results = {}
    for who, python in (
        ("visbehavior", pathlib.Path(sys.executable)),
        ("h5py", pathlib.Path(sys.executable)),
        ("allensdk", oracle),
    ):
        if python.exists() and (path or who != "allensdk"):
            done = subprocess.run(
                [python, "-W", "ignore", child, who, source], capture_output=True, text=True, check=True
            )
            results[who] = json.loads(done.stdout.splitlines()[-1])
    ours, bare, theirs = results["visbehavior"], results["h5py"], results.get("allensdk", {})
    print(f"\nImaging plane of {source.stat().st_size / 1e9:.2f} GB")
    print(f"{'':28}{'here':>10}{'h5py':>10}{'AllenSDK':>10}{'ratio to AllenSDK':>20}")
    for name, unit in (
        ("open_dff_traces", "ms"),
        ("one_cell", "ms"),
        ("next_cell", "ms"),
        ("max_projection", "ms"),
        ("all_traces", "ms"),
        ("memory", "MB"),
    ):
        known = [figures.get(name, float("nan")) * (1e3 if unit == "ms" else 1) for figures in (ours, bare, theirs)]
        print(f"{name + ', ' + unit:28}{known[0]:10.1f}{known[1]:10.1f}{known[2]:10.1f}{known[2] / known[0]:20.0f}")
    print("memory: private memory after reading one cell (mapped pages are not counted)")


def make_plane_file(folder: pathlib.Path) -> pathlib.Path:
    """Write a plane of full size."""
    import dataclasses

    from tests.imagingfiles import make_plane, write_plane

    plane = make_plane(0, cells=PLANE[1], frames=PLANE[0])
    return write_plane(folder / "plane.nwb", dataclasses.replace(plane))
