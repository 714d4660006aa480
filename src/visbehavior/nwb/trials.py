"""Licks, rewards, running, trials, presentations and images of an NWB file, under the names of AllenSDK 2.16."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.presentations import (
    compute_active,
    compute_flashes_since_change,
    compute_is_change,
    compute_trials_id,
)
from visbehavior.errors import BadValue, MissingData
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.memory_map import map_array
from visbehavior.nwb.tables import check_lengths, read_columns, read_table
from visbehavior.schema.columns import MISSING_INTEGER, MISSING_TEXT, Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import (
    ENCODER,
    LICKS,
    OMITTED,
    PRESENTATIONS_ENDING,
    RAW_RUNNING_SPEED,
    REWARDS,
    RUNNING_SPEED,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TEMPLATES,
    STIMULUS_TIMESTAMPS,
    TRIALS,
)

# Of NWB's own columns of intervals; `timeseries` holds object references, which are better not touched (h5py#2395).
_NOT_READ = {"tags", "timeseries"}
# AllenSDK 2.10.1 wrote another name; the first files of all had licks a second time, as lick_events.
_TRIALS_STORED_NAMES = {"stimulus_change": "is_change"}
_TRIALS_NOT_READ = {"lick_events"}

Columns = dict[str, NDArray[Any]]


def read_licks(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.LICKS`."""
    return read_table(file, LICKS)


def read_rewards(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.REWARDS`."""
    return read_table(file, REWARDS)


def read_running_speed(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.RUNNING_SPEED`."""
    return read_table(file, RUNNING_SPEED)


def read_raw_running_speed(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.RAW_RUNNING_SPEED`."""
    return read_table(file, RAW_RUNNING_SPEED)


def read_encoder(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.ENCODER`."""
    return read_table(file, ENCODER)


def read_stimulus_timestamps(file: NwbFile) -> NDArray[np.float64]:
    """`visbehavior.schema.session.STIMULUS_TIMESTAMPS`."""
    columns = read_columns(file, STIMULUS_TIMESTAMPS)
    assert columns is not None
    return columns["timestamps"]


def read_trials(
    file: NwbFile, only: Collection[str] = (), known: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The columns of `visbehavior.schema.session.TRIALS`, in the order of the file, and its index as ``id``.

    `only` names some of them; `known` holds those that were read before. ``lick_times`` is a `Ragged`.
    """
    group = TRIALS.group
    stored = {
        _TRIALS_STORED_NAMES.get(name, name): name
        for name in _column_names(file, [group])[group]
        if name not in _TRIALS_NOT_READ
    }
    _check_columns(file, TRIALS, stored)
    pieces: dict[str, Callable[[Hdf5File], Any]] = {"id": partial(Hdf5File.whole_numbers, group=group, name="id")}
    for name, stored_name in stored.items():
        if not only or name in only:
            read = Hdf5File.ragged if name == "lick_times" else _reader(TRIALS, name)
            pieces[name] = partial(read, group=group, name=stored_name)
    found = file.read({name: piece for name, piece in pieces.items() if name not in known})
    columns = {name: known[name] if name in known else found[name] for name in pieces}
    rows = {name: values.counts if isinstance(values, Ragged) else values for name, values in columns.items()}
    check_lengths(file, TRIALS, rows)
    _check_truths(file, TRIALS, columns)
    if "change_frame" in columns:
        columns["change_frame"] = _filled_integers(file, "change_frame", columns["change_frame"])
    if "lick_times" in columns and not isinstance(columns["lick_times"], Ragged):
        columns["lick_times"] = _shared_out(file, columns["lick_times"], columns.get("start_time"))
    return columns


def read_stimulus_presentations(file: NwbFile, wanted: Collection[str]) -> pd.DataFrame:
    """`visbehavior.schema.session.STIMULUS_PRESENTATIONS`: the wanted ones of its columns, and undeclared ones.

    Columns that the file does not hold come after those that it does.
    """
    names = _column_names(file, presentation_groups(file))
    for group, listed in names.items():
        missing = [name for name in ("start_time", "stop_time") if name not in listed]
        if missing:
            raise MissingData(
                f"{file.path}: /{group} names no column {', '.join(missing)}; it names {', '.join(listed) or 'none'}. Every group of intervals "
                "has them: this file was cut, changed, or written by another program.",
                path=file.path,
                name=missing[0],
            )
    if not names:
        raise MissingData(
            f"{file.path} has no group /{STIMULUS_PRESENTATIONS.group}/*{PRESENTATIONS_ENDING}, where the presentations stand. "
            "The files of the release have one: this one was cut, changed, or written by another program.",
            path=file.path,
            name=STIMULUS_PRESENTATIONS.name,
        )
    table = STIMULUS_PRESENTATIONS
    groups = [
        {name: stored for stored in stored_names if _is_read(name := _presentation_name(stored), wanted)}
        for stored_names in names.values()
    ]
    pieces = {
        f"{group}/{name}": partial(_reader(table, name), group=group, name=stored)
        for group, columns in zip(names, groups, strict=True)
        for name, stored in columns.items()
    }
    found = file.read(pieces)
    parts = [{name: found[f"{group}/{name}"] for name in columns} for group, columns in zip(names, groups, strict=True)]
    for part in parts:
        check_lengths(file, table, part)
    columns = _joined(file, parts)
    _check_columns(file, table, columns)
    order = np.argsort(columns["start_time"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    _add_computed(file, columns, wanted)
    index = pd.RangeIndex(len(order), name=table.index)
    return pd.DataFrame({name: _nullable(name, values) for name, values in columns.items()}, index=index, copy=False)


def read_column_lengths(file: NwbFile, *groups: str) -> dict[str, int]:
    """How many rows the columns of groups have; none is read."""
    return file.read(
        {
            f"{group}/{name}": partial(Hdf5File.length, group=group, name=name)
            for group, names in _column_names(file, list(groups)).items()
            for name in ["id", *names]
        }
    )


def presentation_groups(file: NwbFile) -> list[str]:
    """The groups that hold presentations: one an image in files of release 1.0.x, one a stimulus in newer ones."""
    names = file.read_one(partial(Hdf5File.names, group=STIMULUS_PRESENTATIONS.group))
    return [f"{STIMULUS_PRESENTATIONS.group}/{name}" for name in names if name.endswith(PRESENTATIONS_ENDING)]


def read_layout(file: NwbFile) -> str:
    """The layout of the file, by its columns.

    "1.1": release 1.1.0. "1.0": releases 1.0.x. "0": older, without ``is_change``.
    """
    names = _column_names(file, presentation_groups(file)[:1])
    stored = next(iter(names.values()), [])
    return "1.1" if "stimulus_name" in stored else "1.0" if "is_change" in stored else "0"


def read_stimulus_templates(file: NwbFile) -> pd.DataFrame:
    """`visbehavior.schema.session.STIMULUS_TEMPLATES`."""
    table = STIMULUS_TEMPLATES
    names_there = file.read_one(partial(Hdf5File.names, group=table.group))
    sets = [
        name
        for name in names_there
        if file.read_one(partial(Hdf5File.has_dataset, group=f"{table.group}/{name}", name="control_description"))
    ]
    if not sets:
        raise MissingData(
            f"{file.path} holds no images: /{table.group} is empty. The files of the release hold one set.",
            path=file.path,
            name=table.name,
        )
    group = f"{table.group}/{sets[0]}"
    names = file.read_one(partial(Hdf5File.text, group=group, name="control_description"))
    images = {column.name: _read_images(file, group, str(column.path)) for column in table}
    check_lengths(file, table, {"image_name": names, **images})
    frame = pd.DataFrame(
        {name: pd.Series(list(stack), dtype=object) for name, stack in images.items()},
    )
    frame.index = pd.Index(names, name=table.index)
    # AllenSDK's users find the name of the set here.
    frame.name = sets[0]
    return frame


def _read_images(file: NwbFile, group: str, name: str) -> NDArray[Any]:
    extent = file.read_one(partial(Hdf5File.extent, group=group, name=name, ndim=3))
    path = file.local_path
    if extent is not None and path is not None:
        return map_array(path, extent)
    return file.read_one(partial(Hdf5File.numbers, group=group, name=name, ndim=3))


def _column_names(file: NwbFile, groups: list[str]) -> dict[str, list[str]]:
    names = file.read({group: partial(Hdf5File.attribute, group=group, name="colnames") for group in groups})
    for group, listed in names.items():
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise BadValue(
                f"{file.path}: the attribute colnames of /{group} is {listed!r}, expected the names of the columns. The file was changed or "
                "damaged. Get it again.",
                path=file.path,
                name=f"/{group}@colnames",
            )
    return {group: [name for name in listed if name not in _NOT_READ] for group, listed in names.items()}


def _reader(table: Table, name: str) -> Callable[..., NDArray[Any]]:
    """Of declared columns the type is known and checked; others are passed on as they are."""
    column = table.by_name.get(name)
    if column is None:
        return Hdf5File.column
    return Hdf5File.text if column.dtype == "text" else Hdf5File.numbers


def _check_columns(file: NwbFile, table: Table, columns: Collection[str]) -> None:
    missing = [c.name for c in table if c.required and c.path is not None and c.name not in columns]
    if missing:
        raise MissingData(
            f"{file.path}: {table.name} (in /{table.group}) has no column {', '.join(missing)}; it has {', '.join(columns)}. The files "
            "of the release have it: this one was cut, changed, or written by another program.",
            path=file.path,
            name=missing[0],
        )


def _check_truths(file: NwbFile, table: Table, columns: Mapping[str, Any]) -> None:
    """Columns of truth values hold 0 and 1 alone, where they may miss some NaN too, however they are stored."""
    for column in table:
        values = columns.get(column.name)
        if values is None or column.dtype not in ("bool", "boolean") or values.dtype.kind == "b":
            continue
        allowed = np.isin(values, (0, 1)) | (np.isnan(values) if column.dtype == "boolean" else False)
        if not allowed.all():
            raise BadValue(
                f"{file.path}: the column {column.name} of {table.name} holds {values[~allowed][0]}, expected truth values. The file was changed "
                "or damaged. Get it again.",
                path=file.path,
                name=column.name,
            )


def _presentation_name(stored: str) -> str:
    column = STIMULUS_PRESENTATIONS.by_path.get(stored)
    return column.name if column else stored


_NEEDED_TO_COMPUTE = {"start_time", "image_name", "omitted"}


def _is_read(name: str, wanted: Collection[str]) -> bool:
    return name in wanted or name in _NEEDED_TO_COMPUTE or name not in STIMULUS_PRESENTATIONS.by_name


def _joined(file: NwbFile, parts: list[Columns]) -> Columns:
    """The groups one after the other; a column that a group lacks is missing in its rows."""
    lengths = [len(next(iter(part.values()), ())) for part in parts]
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _joined_column(file, name, [part.get(name) for part in parts], lengths) for name in names}


def _joined_column(file: NwbFile, name: str, parts: list[NDArray[Any] | None], lengths: list[int]) -> NDArray[Any]:
    there = [part for part in parts if part is not None]
    is_text = there[0].dtype.kind == "O"
    if any((part.dtype.kind == "O") != is_text for part in there):
        raise BadValue(
            f"{file.path}: the column {name} of the presentations holds text in one group and numbers in another.",
            path=file.path,
            name=name,
        )
    if is_text:
        filled = [
            np.full(n, np.nan, dtype=object) if part is None else _without_missing_text(part)
            for part, n in zip(parts, lengths, strict=True)
        ]
        return np.concatenate(filled)
    if len(there) < len(parts):
        joined = np.concatenate(
            [
                np.full(n, np.nan) if part is None else part.astype(np.float64)
                for part, n in zip(parts, lengths, strict=True)
            ]
        )
    else:
        joined = np.concatenate(there)
    column = STIMULUS_PRESENTATIONS.by_name.get(name)
    if column is not None and column.dtype == "int64" and joined.dtype.kind == "f":
        return _filled_integers(file, name, joined)
    return joined.astype(np.int64, copy=False) if joined.dtype.kind in "iu" else joined


def _without_missing_text(values: NDArray[Any]) -> NDArray[Any]:
    is_missing = values == MISSING_TEXT
    return np.where(is_missing, "", values) if is_missing.any() else values


def _filled_integers(file: NwbFile, name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind != "f":
        return values.astype(np.int64, copy=False)
    filled = np.where(np.isnan(values), MISSING_INTEGER, values)
    if not (np.isfinite(filled) & (filled == np.floor(filled))).all():
        raise BadValue(
            f"{file.path}: the column {name} holds other numbers than whole ones.", path=file.path, name=name
        )
    return filled.astype(np.int64)


def _nullable(name: str, values: NDArray[Any]) -> Any:
    """A column as pandas shall hold it: of truth values with missing ones, stored as 0.0, 1.0 and NaN, a boolean array."""
    column = STIMULUS_PRESENTATIONS.by_name.get(name)
    if column is None or column.dtype != "boolean" or values.dtype.kind == "b":
        return values
    missing = np.isnan(values)
    return pd.arrays.BooleanArray(np.where(missing, 0, values).astype(np.bool_), missing)


def _add_computed(file: NwbFile, columns: Columns, wanted: Collection[str]) -> None:
    """Changes and flashes since a change are computed anew, as AllenSDK does; what concerns trials where the file has it not."""
    image_name = columns["image_name"]
    # Missing is NaN, which does not equal itself.
    named: NDArray[np.bool_] = np.asarray(image_name == image_name, dtype=np.bool_)
    omitted = columns.get("omitted", np.zeros(len(image_name), dtype=np.bool_))
    stored: dict[str, Any] = {name: columns[name] for name in ("omitted", "is_image_novel") if name in columns}
    _check_truths(file, STIMULUS_PRESENTATIONS, stored)
    # Neither shown nor omitted where it is missing: gray and movie.
    columns["is_change"] = compute_is_change(image_name, omitted == 0)
    is_omitted = (omitted == 1) | (image_name == OMITTED)
    columns["flashes_since_change"] = compute_flashes_since_change(columns["is_change"], is_omitted)
    absent = [name for name in ("trials_id", "active") if name not in columns and name in wanted]
    if absent:
        trials = read_trials(file, ("start_time", "stop_time"))
        times = columns["start_time"], named, trials["start_time"], trials["stop_time"]
        computed = {"trials_id": compute_trials_id(*times, trials["id"]), "active": compute_active(*times)}
        columns.update((name, computed[name]) for name in absent)


def _shared_out(file: NwbFile, licks: NDArray[np.float64], start_time: NDArray[np.float64] | None) -> Ragged:
    """Licks to trials, where the file does not say which belong to which.

    AllenSDK's writer leaves the index of ``lick_times`` out of a session that happens to have as many licks as trials.
    A lick belongs to the trial that began last before it, a lick on the boundary to the one that ends.
    """
    if start_time is None:
        start_time = read_trials(file, ("start_time",))["start_time"]
    owner = np.searchsorted(start_time, licks, side="left") - 1
    if len(licks) and (owner.min() < 0 or (np.diff(owner) < 0).any()):
        raise BadValue(
            f"{file.path}: /{TRIALS.group}/lick_times has no index that says which licks belong to which trial, and their times do not tell. "
            "The file was changed or damaged. Get it again.",
            path=file.path,
            name="lick_times",
        )
    return Ragged(licks, np.bincount(owner, minlength=len(start_time)).astype(np.int64))
