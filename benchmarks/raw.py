"""From the rig's pickle to tables and to an NWB file: here and in AllenSDK."""

from __future__ import annotations

import gzip
import json
import pathlib
import subprocess
import sys

# How many times faster than AllenSDK's from_json, and than from_json, to_nwb and writing.
TARGETS = {"raw_to_tables": 20, "raw_to_nwb": 5}
SESSION = "behavior_session_891635659"


def measure(folder: pathlib.Path, golden: pathlib.Path, oracle: pathlib.Path) -> None:
    """Print the figures of the real session (75 minutes)."""
    if not (golden / "raw" / f"{SESSION}.pkl.gz").exists():
        print("There is no stimulus pickle of a rig, so reading raw files was not timed.")
        return
    data = session_data(folder, golden / "raw")
    ours = figures(pathlib.Path(sys.executable), "visbehavior", data, folder)
    theirs = figures(oracle, "allensdk", data, folder) if oracle.exists() else {}
    for name, seconds in ours.items():
        said = f"{name:32}{seconds:8.2f} s"
        if name in theirs:
            said += f"{theirs[name]:10.2f} s in AllenSDK, {theirs[name] / seconds:6.1f}x"
        print(said + (f", target {TARGETS[name]}x" if name in TARGETS else ""))


def session_data(folder: pathlib.Path, raw: pathlib.Path) -> pathlib.Path:
    """The session's data as a file, its pickles unpacked: AllenSDK reads no other."""
    data = json.loads((raw / f"{SESSION}.input.json").read_text())
    for key in ("behavior_stimulus_file", "image_set_file"):
        plain = folder / data[key].removesuffix(".gz")
        plain.write_bytes(gzip.decompress((raw / data[key]).read_bytes()))
        data[key] = str(plain)
    data["grating_images_dir"] = str(raw / "gratings")
    path = folder / "session_data.json"
    path.write_text(json.dumps(data))
    return path


def figures(python: pathlib.Path, who: str, session_data: pathlib.Path, folder: pathlib.Path) -> dict[str, float]:
    """Measurements of one child process."""
    command = [python, pathlib.Path(__file__).with_name("raw_child.py"), who, session_data, folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
