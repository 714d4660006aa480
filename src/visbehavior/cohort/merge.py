"""Merging the rows of sessions that were read into the parts of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from visbehavior.cohort.engines import Engine
from visbehavior.cohort.parts import PlannedPart, plan_parts, write_footers, write_part, write_sessions
from visbehavior.cohort.query import open_cohort
from visbehavior.cohort.sessions_table import make_sessions
from visbehavior.cohort.staging import DONE, compute_digest, read_staged_records, remove_staged
from visbehavior.cohort.state_model import StateModel
from visbehavior.cohort.store import Description, Part, read_description, write_description, write_session_records
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.project.release import Release
from visbehavior.schema.cohort import ROW_TABLES, SESSION_ID
from visbehavior.store.records import Record
from visbehavior.wording import count_text


@dataclass(frozen=True)
class Job:
    """Folder, release, tables and states of a build. It is sent to workers with each call, so it is small."""

    folder: Path
    release: Release
    tables: tuple[str, ...]
    code: str
    dataset: str
    model: StateModel | None = None

    @property
    def model_key(self) -> str:
        """Identify the states; "" without them."""
        return "" if self.model is None else self.model.key


def merge(engine: Engine, job: Job, release: Release, records: Mapping[int, Record], progress: bool) -> None:
    """Write the parts of all sessions that were read, and replace the description of the store."""
    folder, tables = job.folder, job.tables
    staged = read_staged_records(folder)
    done = {number: staged.get(number, record) for number, record in records.items() if record["status"] == DONE}
    done = _with_tables(done, tables)
    planned = plan_parts(done, set(staged) & set(done), read_description(folder), tables)
    parts = _write_parts(engine, job, planned, progress)
    described = {name: write_footers(folder, name, [part.files[name] for part in parts]) for name in tables if parts}
    sessions = write_sessions(folder, _make_all_sessions(job, release, done)) if done else None
    ordered = [done.get(number, records[number]) for number in sorted(records)]
    write_session_records(folder, [{k: v for k, v in record.items() if k != "sizes"} for record in ordered])
    description = Description(tables, tuple(parts), sessions, described, compute_digest(done))
    write_description(folder, description)
    remove_staged(folder, {number: record for number, record in staged.items() if number in done})
    _remove_unused(folder, description)


def _make_all_sessions(job: Job, release: Release, done: Mapping[int, Record]) -> pd.DataFrame:
    """Return the table of sessions. Those of another data set, or of another release, keep the rows that the store has."""
    present = set(release.session_table().index)
    own = {number: record for number, record in done.items() if number in present and record["dataset"] == job.dataset}
    made = make_sessions(release, own)
    if len(own) == len(done):
        return made
    with open_cohort(job.folder) as earlier:
        stored = earlier.table("sessions").set_index(SESSION_ID.name, drop=False)
    kept = stored.reindex([number for number in done if number not in own]).dropna(subset=[SESSION_ID.name])
    # As objects, because pandas 2 warns of columns without values.
    frames = [frame.astype(object) for frame in ([made, kept] if len(made) else [kept])]
    return pd.concat(frames).infer_objects().sort_values(SESSION_ID.name)


def _with_tables(done: Mapping[int, Record], tables: Sequence[str]) -> dict[int, Record]:
    others = [number for number, record in done.items() if record["tables"] != list(tables)]
    if others:
        raise BadValue(
            f"{count_text(len(others), 'session')} of the store, such as {others[0]}, {'has' if len(others) == 1 else 'have'} other tables: {', '.join(done[others[0]]['tables'])}. "
            "Build with the same tables, or without ids, or in another folder.",
            name="tables",
        )
    return dict(done)


def _write_parts(engine: Engine, job: Job, planned: Sequence[PlannedPart], progress: bool) -> list[Part]:
    calls = [(job.folder, part, job.tables) for part in planned]
    written: dict[int, Part] = {}
    with progress_bar(progress, total=len(calls), unit="part", desc="Writing", leave=False) as bar:
        for position, result in engine.run(write_part, calls):
            if isinstance(result, VisBehaviorError):
                raise result
            written[position] = result
            bar.update()
    return [written[position] for position in sorted(written)]


def _remove_unused(folder: Path, description: Description) -> None:
    """Remove the files of earlier builds. A file that another program has open on Windows stays until the next build."""
    used = description.paths()
    for name in {*description.names, *(table.name for table in ROW_TABLES)}:
        for path in (folder / name).glob("*"):
            if path.relative_to(folder).as_posix() not in used:
                try:
                    path.unlink()
                except OSError:
                    continue
