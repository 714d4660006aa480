"""Buckets with the sessions of one mouse: in the state of the notebook of 2021, and for the tutorials."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import h5py
import numpy as np
import pandas as pd

from tests.nwbfiles import write_session
from tests.project.synthetic_release import BUCKET, PROJECT, Bucket, digest
from tests.synthetic_session import make_session
from visbehavior import (
    BehaviorSession,
    ImagingParameters,
    Mouse,
    build_release,
    simulate,
    simulate_imaging,
    simulate_mouse,
    write_nwb,
)
from visbehavior.cli.demo import SESSION_TYPES

MOUSE = 445002
NOTEBOOK_COLUMNS = [
    "equipment_name",
    "full_genotype",
    "mouse_id",
    "reporter_line",
    "driver_line",
    "sex",
    "age_in_days",
    "session_type",
    "cre_line",
    "indicator",
    "session_number",
    "prior_exposures_to_session_type",
    "prior_exposures_to_image_set",
    "prior_exposures_to_omissions",
    "ophys_session_id",
    "ophys_experiment_id",
    "ophys_container_id",
    "project_code",
    "date_of_acquisition",
    "file_id",
]
"""Columns that the notebook of 2021 prints."""

MOUSE_POSITION = 76
"""Position of mouse 445002 among the mice of that release."""

NOTEBOOK_SESSIONS = {
    837658854: ("TRAINING_0_gratings_autorewards_15min", None, 1),
    844908261: ("TRAINING_5_images_A_handoff_ready", None, 2),
    845572044: ("TRAINING_5_images_A_handoff_ready", None, 3),
    848613406: ("OPHYS_1_images_A", 848697625, 9),
    855200229: ("OPHYS_5_images_B_passive", 855582961, 22),
}
"""Stage, imaging plane, and day of April 2019, by session."""

TUTORIAL_SESSIONS = (
    (841426832, "TRAINING_3_images_A_10uL_reward", None, 1),
    (843519218, "TRAINING_4_images_A_training", None, 3),
    (845572044, "TRAINING_5_images_A_handoff_ready", None, 4),
    (847874940, "OPHYS_0_images_A_habituation", None, 8),
    (848613406, "OPHYS_1_images_A", 848697625, 9),
    (849651275, "OPHYS_3_images_A", 850479305, 11),
    (850989832, "OPHYS_4_images_B", 851060467, 12),
)
"""Session, stage, imaging plane, and day of April 2019."""

TUTORIAL_MOUSE = Mouse(
    mouse_id=str(MOUSE),
    impulsivity=-0.7,
    sensitivity=0.8,
    engagement=1.0,
    seen=("TRAINING_0_gratings_autorewards_15min",),
)
TUTORIAL_MINUTES = 12
TUTORIAL_IMAGING = ImagingParameters(height=256, width=256)
IMAGING_VALUES = 6_000_000
"""Number of imaging values in a file of the tutorials, enough to make the behavior data a small part of the file."""


@dataclass(frozen=True)
class Day:
    """A session of the mouse, with the function that writes its file."""

    session: int
    stage: str
    plane: int | None
    day: int
    write: Callable[[pathlib.Path], object]

    @property
    def path(self) -> str:
        if self.plane is not None:
            return f"behavior_ophys_experiments/behavior_ophys_experiment_{self.plane}.nwb"
        return f"behavior_sessions/behavior_session_{self.session}.nwb"


def make_notebook_bucket(folder: pathlib.Path) -> Bucket:
    """Make a bucket with a release from before 1.0, which has three tables. Other mice come before the mouse in the tables."""
    days = []
    for i, (session, (stage, plane, day)) in enumerate(NOTEBOOK_SESSIONS.items()):
        outcomes = "A" if "_0_" in stage else "hhmcfaA"
        made = make_session(i, trials=150, outcomes=outcomes, passive=stage.endswith("passive"))
        write = partial(write_session, synthetic=made.replace(behavior_session_id=session), layout="0")
        days.append(Day(session, stage, plane, day, write))
    return make_bucket(folder, "0.3.0", days, others=MOUSE_POSITION)


def make_tutorial_bucket(folder: pathlib.Path) -> Bucket:
    """Make a bucket with a simulated mouse that learns; some of its sessions are imaging sessions."""
    days = []
    stages = [stage for _, stage, *_ in TUTORIAL_SESSIONS]
    pickles = simulate_mouse(TUTORIAL_MOUSE, sessions=stages, minutes=TUTORIAL_MINUTES, seed=1)
    for raw, (session, stage, plane, day) in zip(pickles, TUTORIAL_SESSIONS, strict=True):
        made = BehaviorSession.from_json({"behavior_stimulus_file": raw, "behavior_session_id": session})
        days.append(Day(session, stage, plane, day, partial(_write_imaging if plane else write_nwb, made)))
    return make_bucket(folder, "1.1.0", days)


def make_tutorial_release(
    folder: pathlib.Path, engagement: float = 1.0, seed: int = 1, minutes: float = TUTORIAL_MINUTES
) -> pathlib.Path:
    """Build a release like that of ``visbehavior demo`` with a mouse, from its first day on."""
    young = replace(TUTORIAL_MOUSE, seen=(), engagement=engagement)
    build_release(simulate_mouse(young, sessions=SESSION_TYPES, minutes=minutes, seed=seed), folder)
    return folder


def make_tutorial_planes(folder: pathlib.Path) -> pathlib.Path:
    """Build a release with a simulated imaging plane."""
    raw = simulate("OPHYS_1_images_A", minutes=TUTORIAL_MINUTES, seed=3)
    session = BehaviorSession.from_json({"behavior_stimulus_file": raw})
    build_release([simulate_imaging(session, cells=20, seed=3, parameters=TUTORIAL_IMAGING)], folder)
    return folder


def make_bucket(folder: pathlib.Path, version: str, days: Sequence[Day], others: int = 0) -> Bucket:
    """Make a bucket with one release. `others` is the number of mice without files that come before this mouse."""
    project = folder / PROJECT
    for path in ("project_metadata", "manifests", "behavior_sessions", "behavior_ophys_experiments"):
        (project / path).mkdir(parents=True)
    for day in days:
        day.write(project / day.path)
    for name, table in _tables(days, others).items():
        table.to_csv(project / "project_metadata" / f"{name}.csv", index=False)
    files = [path for path in project.rglob("*") if path.is_file()]
    versions = {path.relative_to(folder).as_posix(): {"v0": path} for path in files}
    manifest = {
        "project_name": PROJECT,
        "manifest_version": version,
        "metadata_files": {path.stem: _entry(project, path) for path in files if path.suffix == ".csv"},
        "data_files": {str(_file_id(i)): _entry(project, project / day.path) for i, day in enumerate(days)},
    }
    (project / "manifests" / f"{PROJECT}_project_manifest_v{version}.json").write_text(json.dumps(manifest))
    return Bucket(folder, versions)


def _tables(days: Sequence[Day], others: int) -> dict[str, pd.DataFrame]:
    rows: list[dict[str, Any]] = [
        {
            "mouse_id": 400000 + i,
            "behavior_session_id": 800000000 + i,
            "session_type": "TRAINING_1_gratings",
            "file_id": i,
        }
        for i in range(others)
    ]
    planes = []
    for i, day in enumerate(days):
        row = {"mouse_id": MOUSE, "behavior_session_id": day.session, "session_type": day.stage}
        row["date_of_acquisition"] = f"2019-04-{day.day:02} 13:26:26.000000"
        if day.plane is None:
            rows.append(row | {"file_id": float(_file_id(i))})
            continue
        row["ophys_session_id"] = 848000000 + i
        rows.append(row | {"ophys_experiment_id": f"[{day.plane}]", "ophys_container_id": "[846215539]"})
        planes.append(row | {"ophys_experiment_id": day.plane, "ophys_container_id": 846215539, "file_id": _file_id(i)})
    facts = {"driver_line": "['Slc17a7-IRES2-Cre', 'Camk2a-tTA']", "cre_line": "Slc17a7-IRES2-Cre", "age_in_days": 72.0}
    sessions = pd.DataFrame(rows).assign(**facts).reindex(columns=["behavior_session_id", *NOTEBOOK_COLUMNS])
    experiments = pd.DataFrame(planes)
    return {
        "behavior_session_table": sessions,
        "ophys_session_table": experiments.drop(columns="file_id"),
        "ophys_experiment_table": experiments,
    }


def _write_imaging(made: Any, path: pathlib.Path) -> None:
    write_nwb(made, path)
    with h5py.File(path, "r+") as file:
        file["processing/ophys/dff/traces/data"] = np.zeros(IMAGING_VALUES)


def _file_id(number: int) -> int:
    return 1085000000 + number


def _entry(project: pathlib.Path, path: pathlib.Path) -> dict[str, str]:
    url = f"{BUCKET}/{path.relative_to(project).as_posix()}"
    return {"url": url, "version_id": "v0", "file_hash": digest(path.read_bytes())}
