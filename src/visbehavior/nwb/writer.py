"""The same tables written as NWB, in the layout of release 1.1.0: the other direction of the declaration in `schema`."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior._version import __version__
from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, CannotWrite, MissingData, VisBehaviorWarning
from visbehavior.extras import import_extra
from visbehavior.nwb import extensions
from visbehavior.nwb.eye_tracking import CENTERS
from visbehavior.nwb.metadata import NO_TEXT
from visbehavior.schema.columns import MISSING_TEXT, Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import (
    ENCODER,
    EYE_TRACKING,
    EYE_TRACKING_RIG_GEOMETRY,
    LICKS,
    METADATA,
    OMITTED,
    PRESENTATIONS_ENDING,
    RAW_RUNNING_SPEED,
    REWARDS,
    RUNNING_SPEED,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TIMESTAMPS,
    TASK_PARAMETERS,
    TRIALS,
)

_log = logging.getLogger("visbehavior")

# What AllenSDK writes, and reads, where a mouse's age is None.
NO_AGE = "null"
INSTITUTION, OF_INSTITUTION = "Allen Institute for Brain Science", "VisualBehavior"
"""Whose the sessions of projects with such names are; of others it is not known."""
_SPECIES = "Mus musculus"


def write_nwb(
    session: Any,
    path: str | os.PathLike[str],
    *,
    templates: bool | None = None,
    compress_templates: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a session as an NWB file, in the layout of release 1.1.0.

    AllenSDK 2.16 and `BehaviorSession.from_nwb_path` give back the same tables. The file takes its name when it is
    whole: a crash leaves none.

    Parameters
    ----------
    session : BehaviorSession
        Or any object with its attributes, under the names of AllenSDK 2.16.
    path : str or os.PathLike
        The file.
    templates : bool or None
        Whether to write the images, 166 MB of a file of the release; None: if the session has them, which one of a rig's pickle has where the
        image set is at hand.
    compress_templates : bool
        Whether to pack them (gzip): smaller, and slower to read than those of the release, which are mapped.
    overwrite : bool
        Whether to replace a file of this name; never the one that the session is read from.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    MissingData
        If the session lacks an attribute or a column.
    BadValue
        If the session has the names of AllenSDK 2.10.
    CannotWrite, DiskFull
        If there is a file of this name, or the folder cannot be written or has no room.
    MissingExtra
        If pynwb is not installed.

    Notes
    -----
    What a table holds beyond its declared columns is written too. A session without ``encoder`` gets NaN for the
    encoder's voltages, which AllenSDK's reader wants to find.
    """
    target = Path(path).expanduser().absolute()
    _check_may_be_written(session, target, overwrite)
    file = to_nwb(session, templates=templates, compress_templates=compress_templates)
    with atomic_write(target, needed=_bytes_of(file)) as part:
        # pynwb warns of names that do not end in .nwb, HDF5 itself does not mind.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The file path provided")
            io = import_extra("pynwb").NWBHDF5IO(str(part), "w")
        with io:
            # Every dataset in one piece, as in the release, so that it can be mapped and read by offset.
            io.write(file, expandable=())
    return target


def to_nwb(session: Any, *, templates: bool | None = None, compress_templates: bool = False) -> Any:
    """A session as a pynwb file in memory, in the layout of release 1.1.0.

    Parameters and errors as for `write_nwb`.

    Returns
    -------
    pynwb.NWBFile
    """
    presentations = _attribute(session, STIMULUS_PRESENTATIONS.name)
    if "stop_time" in presentations:
        raise BadValue(
            "The session has the names of AllenSDK 2.10 (its presentations have stop_time). Open it with "
            "allensdk_version='2.16' to write it."
        )
    file = _file(session)
    clock = np.asarray(_attribute(session, STIMULUS_TIMESTAMPS.name))
    _add_series(file, STIMULUS_TIMESTAMPS, {"timestamps": clock, "data": clock})
    for table in (RUNNING_SPEED, RAW_RUNNING_SPEED, LICKS, REWARDS):
        frame = _attribute(session, table.name)
        if len(frame) or not table.optional:
            _add_series(file, table, _columns(table, frame))
    _add_series(file, ENCODER, _encoder(session, clock))
    file.trials = _intervals("trials", "Trials of the task.", _trials(_attribute(session, TRIALS.name)))
    _add_presentations(file, _with_image_set(session, presentations))
    _add_eye_tracking(file, session)
    images = _templates(session, templates)
    if images is not None:
        _add_templates(file, images, compress_templates)
    return file


def _file(session: Any) -> Any:
    pynwb, files = import_extra("pynwb"), import_extra("pynwb.file")
    metadata = dict(_attribute(session, METADATA.name))
    missing = [c.name for c in METADATA if c.required and metadata.get(c.name) is None]
    if missing:
        raise MissingData(
            f"The session's metadata have no {', '.join(missing)}. Add it before writing.", name=missing[0]
        )
    rig = metadata["equipment_name"]
    if set(rig) & set("/:"):
        raise BadValue(f"equipment_name is {rig!r}; a rig's name in a file has neither '/' nor ':'.", value=rig)
    source = getattr(getattr(session, "source", None), "location", type(session).__name__)
    file = pynwb.NWBFile(
        session_description="Visual Behavior: change detection task",
        identifier=str(metadata["behavior_session_id"]),
        session_start_time=metadata["date_of_acquisition"],
        experiment_description="Mice detect changes of flashed images, licking for water.",
        institution=INSTITUTION if str(metadata["project_code"]).startswith(OF_INSTITUTION) else None,
        keywords=["visual", "behavior", "task"],
        source_script=f"written by visbehavior {__version__} from {source}",
        source_script_file_name="visbehavior",
    )
    file.add_device(files.Device(name=metadata["equipment_name"], description="The rig."))
    file.subject = _typed("BehaviorSubject", METADATA, "subject", metadata, **_subject(metadata))
    file.add_lab_meta_data(_typed("BehaviorMetadata", METADATA, "metadata", metadata, name="metadata"))
    task = dict(_attribute(session, TASK_PARAMETERS.name))
    file.add_lab_meta_data(_typed("BehaviorTaskParameters", TASK_PARAMETERS, "", task, name="task_parameters"))
    return file


def _subject(metadata: Mapping[str, Any]) -> dict[str, Any]:
    age, genotype, sex = (metadata.get(name) for name in ("age_in_days", "full_genotype", "sex"))
    return {
        "age": NO_AGE if age is None else f"P{age}D",
        **({} if genotype is None else {"genotype": genotype}),
        **({} if sex is None else {"sex": sex}),
        "species": _SPECIES,
        "subject_id": str(metadata["mouse_id"]),
        "description": "A mouse of the Visual Behavior data set.",
    }


def _typed(kind: str, table: Table, group: str, found: Mapping[str, Any], **more: Any) -> Any:
    """An object of an extension's type, its attributes from a dictionary of the session."""
    values = {}
    for attribute, column in extensions.stored_attributes(table, group).items():
        value = found.get(column.name)
        if value is None and column.required:
            raise MissingData(
                f"The session's {table.name} have no {column.name}. Add it before writing.", name=column.name
            )
        if value is not None or column.name in ("reporter_line", "behavior_session_uuid"):
            values[attribute] = _stored(column.dtype, value)
    return extensions.container_class(extensions.BEHAVIOR, kind)(**values, **more)


def _stored(dtype: str, value: Any) -> Any:
    if value is None:
        return NO_TEXT
    if dtype == "floats":
        return np.array([repr(float(number)) for number in value])
    if dtype == "texts":
        return list(value)
    return {"integer": int, "float64": float}.get(dtype, str)(value)


def _add_series(file: Any, table: Table, values: Mapping[str, NDArray[Any]]) -> None:
    """The time series that a table's columns lie in, by their declared places."""
    pynwb = import_extra("pynwb")
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    units = {}
    for column in table:
        series, _, part = f"{table.group}/{column.path}".strip("/").rpartition("/")
        parts.setdefault(series, {})[part] = values[column.name]
        if part == "data":
            units[series] = column.unit if column.unit in ("cm/s", "V", "mL", "deg") else "N/A"
    times = values["timestamps"]
    for series, stored in parts.items():
        group, _, name = series.rpartition("/")
        made = pynwb.TimeSeries(
            name=name,
            data=stored.get("data", values.get("data", times)),
            timestamps=times,
            unit=units.get(series, "s"),
            description=table.summary,
        )
        _add_to(file, group, made)


def _add_to(file: Any, group: str, made: Any) -> None:
    kind, _, module = group.partition("/")
    if kind == "acquisition":
        file.add_acquisition(made)
    elif module in file.processing:
        file.processing[module].add(made)
    else:
        file.create_processing_module(name=module, description=f"{module} of the mouse").add(made)


def _columns(table: Table, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    _check_columns(table, frame)
    return {column.name: frame[column.name].to_numpy() for column in table}


def _encoder(session: Any, clock: NDArray[Any]) -> dict[str, NDArray[Any]]:
    try:
        return _columns(ENCODER, _attribute(session, ENCODER.name))
    except MissingData:
        _log.info("the session has no readings of the encoder: NaN is written for them")
    return {column.name: clock if column.name == "timestamps" else np.full(len(clock), np.nan) for column in ENCODER}


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    missing = [column.name for column in table if column.required and column.name not in frame]
    if missing:
        raise MissingData(
            f"The session's {table.name} have no column {', '.join(missing)}. Add it before writing.", name=missing[0]
        )


def _trials(frame: pd.DataFrame) -> dict[str, Any]:
    _check_columns(TRIALS, frame)
    stored: dict[str, Any] = {"id": frame.index.to_numpy()}
    for name in frame:
        if name == "lick_times":
            ragged = Ragged.of(frame[name])
            # hdmf cannot write an empty column; AllenSDK's readers know a single empty text for it.
            stored[name] = ragged.flat if len(ragged.flat) else [""]
            stored[f"{name}_index"] = np.cumsum(ragged.counts)
        else:
            stored[name] = _values(frame[name])
    return stored


def _with_image_set(session: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The file names the image set too, which 2.16 does not return."""
    if "image_set" in frame or "stimulus_name" not in frame:
        return frame
    try:
        name = getattr(getattr(session, "stimulus_templates", None), "name", None)
    except MissingData:
        # Of a rig's file whose images are not at hand.
        name = None
    shown = frame["stimulus_name"] if name is None else pd.Series(name, index=frame.index)
    omitted = frame["image_name"] == OMITTED
    return frame.assign(image_set=shown.where(~omitted, OMITTED).where(frame["image_name"].notna()))


def _add_presentations(file: Any, frame: pd.DataFrame) -> None:
    """One group a stimulus, columns without any value in it left out, as the release has it."""
    stored_names = {column.name: str(column.path) for column in STIMULUS_PRESENTATIONS if column.path}
    names = frame["stimulus_name"] if "stimulus_name" in frame else pd.Series("stimulus", index=frame.index)
    for name, rows in frame.groupby(names, sort=True):
        kept = {column: rows[column] for column in rows if rows[column].notna().any()}
        columns = {stored_names.get(column, column): _values(values) for column, values in kept.items()}
        ordered = {first: columns.pop(first) for first in ("start_time", "stop_time")}
        made = _intervals(
            f"{str(name).replace('/', '_')}{PRESENTATIONS_ENDING}",
            f"Presentations of {name}.",
            {"id": np.arange(len(rows)), **ordered, **columns},
        )
        file.add_time_intervals(made)


def _values(column: pd.Series) -> NDArray[Any]:
    """A column as it is stored: truth values that miss some as 0.0, 1.0 and NaN, texts that miss some as N/A."""
    if str(column.dtype) == "boolean":
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.dtype.kind in "biuf":
        return np.asarray(column)
    return np.array(column.astype(object).where(column.notna(), MISSING_TEXT).tolist(), dtype=object)


def _intervals(name: str, description: str, columns: Mapping[str, Any]) -> Any:
    epoch, table = import_extra("pynwb.epoch"), import_extra("hdmf.common.table")
    stored = dict(columns)
    ids = table.ElementIdentifiers(name="id", data=stored.pop("id"))
    vectors: dict[str, Any] = {}
    for column, values in stored.items():
        if column.endswith("_index") and (target := column.removesuffix("_index")) in vectors:
            vectors[column] = table.VectorIndex(
                name=column, data=values.astype(_narrowest(values)), target=vectors[target]
            )
        else:
            vectors[column] = table.VectorData(name=column, data=values, description=_meaning(name, column))
    names = [column for column, vector in vectors.items() if not isinstance(vector, table.VectorIndex)]
    return epoch.TimeIntervals(
        name=name, description=description, id=ids, columns=list(vectors.values()), colnames=names
    )


def _meaning(table: str, column: str) -> str:
    declared = TRIALS if table == TRIALS.name else STIMULUS_PRESENTATIONS
    known = declared.by_path.get(column) or declared.by_name.get(column)
    return known.meaning if known else column


def _narrowest(stops: NDArray[Any]) -> np.dtype[Any]:
    return np.min_scalar_type(int(stops[-1]) if len(stops) else 0)


def _add_eye_tracking(file: Any, session: Any) -> None:
    with warnings.catch_warnings():
        # That there is none is no news to who writes.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        frame = getattr(session, EYE_TRACKING.name, None)
    if frame is None or not len(frame):
        return
    pynwb = import_extra("pynwb")
    ellipse = extensions.container_class(extensions.EYE_TRACKING, "EllipseSeries")
    series: dict[str, Any] = {}
    # The others share the clock of the eye's.
    for prefix in ("eye", "pupil", "cr"):
        name = CENTERS[prefix].split("/")[0]
        series[name] = ellipse(
            name=name,
            reference_frame="nose",
            description=f"Ellipse fitted to the {name.removesuffix('_tracking').replace('_', ' ')}.",
            data=frame[[f"{prefix}_center_x", f"{prefix}_center_y"]].to_numpy(),
            timestamps=series["eye_tracking"] if series else frame["timestamps"].to_numpy(),
            angle=frame[f"{prefix}_phi"].to_numpy(),
            **{part: frame[f"{prefix}_{part}"].to_numpy() for part in ("area", "area_raw", "width", "height")},
        )
    blink = pynwb.TimeSeries(
        name="likely_blink",
        description=EYE_TRACKING.by_name["likely_blink"].meaning,
        data=frame["likely_blink"].to_numpy(),
        timestamps=series["eye_tracking"],
        unit="N/A",
    )
    made = extensions.container_class(extensions.EYE_TRACKING, "EllipseEyeTracking")
    file.add_acquisition(made(name="EyeTracking", likely_blink=blink, **series))
    _add_rig_geometry(file, dict(_attribute(session, EYE_TRACKING_RIG_GEOMETRY.name)))


def _add_rig_geometry(file: Any, geometry: dict[str, Any]) -> None:
    if not geometry:
        return
    table = EYE_TRACKING_RIG_GEOMETRY
    places = {str(c.path): np.array(geometry[c.name], dtype=float) for c in table if "@" not in str(c.path)}
    units = {f"{c.path}__unit_of_measurement": c.unit for c in table if "@" not in str(c.path)}
    module, name = table.group.split("/")[1:]
    made = extensions.container_class(extensions.BEHAVIOR, "OphysEyeTrackingRigMetadata")
    rig = made(name=name, equipment=geometry["equipment"], **places, **units)
    file.create_processing_module(name=module, description="Geometry of the eye-tracking rig").add(rig)


def _templates(session: Any, wanted: bool | None) -> pd.DataFrame | None:
    """The images, if they are wanted; if that was not said, if there are any."""
    if wanted is False:
        return None
    try:
        frame: pd.DataFrame = _attribute(session, "stimulus_templates")
    except MissingData:
        if wanted:
            raise
        return None
    return frame


def _add_templates(file: Any, frame: pd.DataFrame, compress: bool) -> None:
    def stored(name: str) -> Any:
        data = np.stack(list(frame[name]))
        if not compress:
            return data
        return import_extra("hdmf.backends.hdf5").H5DataIO(
            data, compression="gzip", shuffle=True, chunks=(1, *data.shape[1:])
        )

    made = extensions.container_class(extensions.TEMPLATES, "StimulusTemplate")
    names = [str(name) for name in frame.index]
    file.add_stimulus_template(
        made(
            name=str(getattr(frame, "name", "images")),
            data=stored("warped"),
            unwarped=stored("unwarped"),
            control=np.arange(len(names), dtype=np.uint64),
            control_description=names,
            description="The images that the session shows, warped as they were sent to the screen, and unwarped.",
            unit="NA",
            format="raw",
            timestamps=np.full(len(names), np.nan),
        )
    )


def _attribute(session: Any, name: str) -> Any:
    try:
        return getattr(session, name)
    except AttributeError:
        raise MissingData(
            f"{type(session).__name__} has no attribute {name}; writing needs an object with the attributes of a BehaviorSession.",
            name=name,
        ) from None


def _check_may_be_written(session: Any, target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    source = getattr(getattr(session, "source", None), "location", None)
    if source is not None and Path(source).exists() and target.samefile(source):
        raise CannotWrite(f"{target} is the file that the session is read from. Choose another name.", path=str(target))
    if not overwrite:
        raise CannotWrite(f"{target} is there already. Choose another name, or say overwrite=True.", path=str(target))


def _bytes_of(file: Any) -> int:
    """What the arrays of a file take at least."""
    return sum(getattr(value, "nbytes", 0) for made in file.objects.values() for value in made.fields.values())
