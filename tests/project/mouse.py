"""Buckets that hold one mouse's days: as the notebook of 2021 found it, and as our tutorials do."""

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

from tests.nwbfiles import make_session, write_session
from tests.project.release import BUCKET, PROJECT, Bucket, digest
from visbehavior import BehaviorSession, Mouse, build_release, simulate_mouse, write_nwb
from visbehavior.cli.demo import DAYS

MOUSE = 445002
COLUMNS_2021 = [
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
"""The columns that the notebook of 2021 prints."""

PLACE_OF_MOUSE = 76
"""Which of the mice of that release 445002 is."""

NOTEBOOK_SESSIONS = {
    837658854: ("TRAINING_0_gratings_autorewards_15min", None, 1),
    844908261: ("TRAINING_5_images_A_handoff_ready", None, 2),
    845572044: ("TRAINING_5_images_A_handoff_ready", None, 3),
    848613406: ("OPHYS_1_images_A", 848697625, 9),
    855200229: ("OPHYS_5_images_B_passive", 855582961, 22),
}
"""Session: stage, plane, day of April 2019."""

# Session, stage, plane, day of April 2019.
TUTORIAL_SESSIONS = (
    (841426832, "TRAINING_3_images_A_10uL_reward", None, 1),
    (843519218, "TRAINING_4_images_A_training", None, 3),
    (845572044, "TRAINING_5_images_A_handoff_ready", None, 4),
    (847874940, "OPHYS_0_images_A_habituation", None, 8),
    (848613406, "OPHYS_1_images_A", 848697625, 9),
    (849651275, "OPHYS_3_images_A", 850479305, 11),
    (850989832, "OPHYS_4_images_B", 851060467, 12),
)
TUTORIAL_MOUSE = Mouse(
    mouse_id=str(MOUSE),
    impulsivity=-0.7,
    sensitivity=0.8,
    engagement=1.0,
    seen=("TRAINING_0_gratings_autorewards_15min",),
)
TUTORIAL_MINUTES = 12
# Of the imaging files of the tutorials: so many values that the behavior is a small part of them.
IMAGED_VALUES = 6_000_000


@dataclass(frozen=True)
class Day:
    """A session of the mouse, and what writes its file."""

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
    """A release as it was before 1.0, with three tables, and the mouse at its place among the others."""
    days = []
    for i, (session, (stage, plane, day)) in enumerate(NOTEBOOK_SESSIONS.items()):
        outcomes = "A" if "_0_" in stage else "hhmcfaA"
        made = make_session(i, trials=150, outcomes=outcomes, passive=stage.endswith("passive"))
        write = partial(write_session, made=made.but(behavior_session_id=session), layout="0")
        days.append(Day(session, stage, plane, day, write))
    return make_bucket(folder, "0.3.0", days, others=PLACE_OF_MOUSE)


def make_tutorial_bucket(folder: pathlib.Path) -> Bucket:
    """A simulated mouse that learns, some of its days imaged."""
    days = []
    stages = [stage for _, stage, *_ in TUTORIAL_SESSIONS]
    lived = simulate_mouse(TUTORIAL_MOUSE, sessions=stages, minutes=TUTORIAL_MINUTES, seed=1)
    for raw, (session, stage, plane, day) in zip(lived, TUTORIAL_SESSIONS, strict=True):
        made = BehaviorSession.from_json({"behavior_stimulus_file": raw, "behavior_session_id": session})
        days.append(Day(session, stage, plane, day, partial(_write_imaged if plane else write_nwb, made)))
    return make_bucket(folder, "1.1.0", days)


def make_tutorial_release(folder: pathlib.Path) -> pathlib.Path:
    """The same mouse from its first day on, as a release like that of ``visbehavior demo``."""
    young = replace(TUTORIAL_MOUSE, seen=())
    build_release(simulate_mouse(young, sessions=DAYS, minutes=TUTORIAL_MINUTES, seed=1), folder)
    return folder


def make_bucket(folder: pathlib.Path, version: str, days: Sequence[Day], others: int = 0) -> Bucket:
    """The tree of a bucket with one release; so many other mice come before this one, without files."""
    project = folder / PROJECT
    for path in ("project_metadata", "manifests", "behavior_sessions", "behavior_ophys_experiments"):
        (project / path).mkdir(parents=True)
    for day in days:
        day.write(project / day.path)
    for name, table in _tables(days, others).items():
        table.to_csv(project / "project_metadata" / f"{name}.csv", index=False)
    found = [path for path in project.rglob("*") if path.is_file()]
    versions = {path.relative_to(folder).as_posix(): {"v0": path} for path in found}
    manifest = {
        "project_name": PROJECT,
        "manifest_version": version,
        "metadata_files": {path.stem: _entry(project, path) for path in found if path.suffix == ".csv"},
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
    sessions = pd.DataFrame(rows).assign(**facts).reindex(columns=["behavior_session_id", *COLUMNS_2021])
    imaged = pd.DataFrame(planes)
    return {
        "behavior_session_table": sessions,
        "ophys_session_table": imaged.drop(columns="file_id"),
        "ophys_experiment_table": imaged,
    }


def _write_imaged(made: Any, path: pathlib.Path) -> None:
    write_nwb(made, path)
    with h5py.File(path, "r+") as file:
        file["processing/ophys/dff/traces/data"] = np.zeros(IMAGED_VALUES)


def _file_id(number: int) -> int:
    return 1085000000 + number


def _entry(project: pathlib.Path, path: pathlib.Path) -> dict[str, str]:
    url = f"{BUCKET}/{path.relative_to(project).as_posix()}"
    return {"url": url, "version_id": "v0", "file_hash": digest(path.read_bytes())}
