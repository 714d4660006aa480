"""Writer of NWB files in the layout of release 1.1.0: the reverse of the readers, from the same declarations."""

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

from visbehavior.arguments import check_flags, parse_path
from visbehavior.atomic import atomic_write, flush_meanwhile
from visbehavior.errors import BadValue, CannotWrite, MissingData, VisBehaviorWarning
from visbehavior.extras import import_extra
from visbehavior.nwb import extensions
from visbehavior.nwb.imaging_writer import add_imaging, imaging_entries, is_imaging, with_all_rois
from visbehavior.nwb.memory_map import load_pages
from visbehavior.nwb.nwb_header import get_attribute, make_nwb_file
from visbehavior.nwb.trials import ID_COLUMN
from visbehavior.schema.columns import MISSING_TEXT, Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import (
    ELLIPSE_CENTERS,
    ENCODER,
    EYE_TRACKING,
    EYE_TRACKING_RIG_GEOMETRY,
    OMITTED,
    PRESENTATIONS_SUFFIX,
    SERIES_TABLES,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TEMPLATES,
    STIMULUS_TIMESTAMPS,
    TRIALS,
)

_log = logging.getLogger("visbehavior")

_SERIES_UNITS = ("cm/s", "V", "mL", "deg")
"""Units that the release's time series have; others have N/A."""


def write_nwb(
    session: Any,
    path: str | os.PathLike[str],
    *,
    templates: bool | None = None,
    compress_templates: bool = False,
    include_imaging: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a session or an imaging plane as an NWB file, in the layout of release 1.1.0.

    AllenSDK 2.16 and our `from_nwb_path` return the same tables from the file. The file appears under its name
    when it is complete; an interruption leaves no file.

    Parameters
    ----------
    session : BehaviorSession or BehaviorOphysExperiment
        Or any object with its attributes, under the names of AllenSDK 2.16. All ROIs of an imaging plane are written, also
        invalid ones that it was opened without.
    path : str or os.PathLike
        The file.
    templates : bool or None
        Whether to write the images, 166 MB of a file of the release. None: if the session has them; a session of a
        rig's pickle has them if its image set is available.
    compress_templates : bool
        Whether to compress the images (gzip): smaller, but slower to read than uncompressed ones, which can be mapped.
    include_imaging : bool
        Whether to write the cells, traces, events and images of an imaging plane, and not its behavior alone.
    overwrite : bool
        Whether to replace an existing file. The file that the session is read from is never replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    MissingData
        If the session lacks an attribute or a column.
    BadValue
        If the session uses the names of AllenSDK 2.10, or a value cannot be stored.
    CannotWrite, DiskFull
        If the file exists, or the folder cannot be written or has not enough space.
    MissingExtra
        If pynwb is not installed.

    Notes
    -----
    Columns of tables that are not declared are written too. If the session has no ``encoder``, NaN is written for the
    encoder's voltages, which AllenSDK's reader requires.
    """
    target = parse_path("path", path).absolute()
    check_flags(compress_templates=compress_templates, include_imaging=include_imaging, overwrite=overwrite)
    if templates is not None:
        check_flags(templates=templates)
    _check_target(session, target, overwrite)
    file = to_nwb(session, templates=templates, compress_templates=compress_templates, include_imaging=include_imaging)
    arrays = _arrays(file)
    # The file needs at least their size on disk.
    with atomic_write(target, needed=sum(array.nbytes for array in arrays)) as part:
        # pynwb warns of names that do not end with .nwb; the temporary name does not.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The file path provided")
            pynwb = import_extra("pynwb")
            # A copy of the map of types would take 8 % of the time of writing.
            io = pynwb.NWBHDF5IO(str(part), "w", manager=pynwb.get_manager(copy=False))
        with io, flush_meanwhile(part):
            load_pages(arrays)
            # Every dataset is contiguous, as in the release, so that it can be mapped and read by offset.
            io.write(file, expandable=())
    return target


def to_nwb(
    session: Any, *, templates: bool | None = None, compress_templates: bool = False, include_imaging: bool = True
) -> Any:
    """Return a session as a pynwb file in memory, in the layout of release 1.1.0.

    Parameters and errors as for `write_nwb`.

    Returns
    -------
    pynwb.NWBFile
    """
    presentations = get_attribute(session, STIMULUS_PRESENTATIONS)
    if "stop_time" in presentations:
        raise BadValue(
            "The session uses the names of AllenSDK 2.10 (its presentations have stop_time). Open it with "
            "allensdk_version='2.16' to write it."
        )
    _check_columns(STIMULUS_PRESENTATIONS, presentations)
    images = _templates(session, templates)
    plane = with_all_rois(session) if include_imaging and is_imaging(session) else None
    file = make_nwb_file(session, None if plane is None else imaging_entries(plane.metadata))
    for table in SERIES_TABLES:
        _add_table(file, session, table)
    file.trials = _intervals("trials", "Trials of the task.", _trials(get_attribute(session, TRIALS)))
    _add_presentations(file, _with_image_set(presentations, images))
    _add_eye_tracking(file, session)
    _add_rig_geometry(file, dict(get_attribute(session, EYE_TRACKING_RIG_GEOMETRY)))
    if images is not None:
        _add_templates(file, images, compress_templates)
    if plane is not None:
        add_imaging(file, plane)
    return file


def _add_table(file: Any, session: Any, table: Table) -> None:
    """Add the time series of a table."""
    if table is STIMULUS_TIMESTAMPS:
        clock = np.asarray(get_attribute(session, table))
        _add_series(file, table, {"timestamps": clock, "data": clock})
    elif table is ENCODER:
        _add_series(file, table, _encoder_columns(session))
    else:
        frame = get_attribute(session, table)
        if len(frame) or not table.optional:
            _add_series(file, table, _series_columns(table, frame))


def _add_series(file: Any, table: Table, values: Mapping[str, NDArray[Any]]) -> None:
    """Add the time series that hold a table's columns, by their declared paths."""
    pynwb = import_extra("pynwb")
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    units = {}
    for column in table:
        series, _, part = f"{table.group}/{column.path}".strip("/").rpartition("/")
        parts.setdefault(series, {})[part] = values[column.name]
        if part == "data":
            units[series] = column.unit if column.unit in _SERIES_UNITS else "N/A"
    times = values["timestamps"]
    for series, stored in parts.items():
        group, _, name = series.rpartition("/")
        time_series = pynwb.TimeSeries(
            name=name,
            data=stored.get("data", values.get("data", times)),
            timestamps=times,
            unit=units.get(series, "s"),
            description=table.summary,
        )
        _add_to_group(file, group, time_series)


def _add_to_group(file: Any, group: str, container: Any) -> None:
    kind, _, module = group.partition("/")
    if kind == "acquisition":
        file.add_acquisition(container)
    elif module in file.processing:
        file.processing[module].add(container)
    else:
        file.create_processing_module(name=module, description=f"{module} of the mouse").add(container)


def _series_columns(table: Table, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    _check_columns(table, frame)
    return {column.name: frame[column.name].to_numpy() for column in table}


def _encoder_columns(session: Any) -> dict[str, NDArray[Any]]:
    try:
        return _series_columns(ENCODER, get_attribute(session, ENCODER))
    except MissingData:
        _log.info("the session has no encoder samples: NaN is written")
    clock = np.asarray(get_attribute(session, STIMULUS_TIMESTAMPS))
    return {column.name: clock if column.name == "timestamps" else np.full(len(clock), np.nan) for column in ENCODER}


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    missing = [column.name for column in table if column.required and column.name not in frame]
    if missing:
        raise MissingData(
            f"{table.name} of the session has no column {', '.join(missing)}. Add it before writing.", name=missing[0]
        )


def _trials(frame: pd.DataFrame) -> dict[str, Any]:
    _check_columns(TRIALS, frame)
    stored: dict[str, Any] = {ID_COLUMN: frame.index.to_numpy()}
    for name in frame:
        if name == "lick_times":
            ragged = Ragged.from_rows(frame[name])
            # hdmf cannot write an empty column; AllenSDK's readers expect a single empty text instead.
            stored[name] = ragged.flat if len(ragged.flat) else [""]
            stored[f"{name}_index"] = np.cumsum(ragged.counts)
        else:
            stored[name] = _stored_values(frame[name])
    return stored


def _with_image_set(frame: pd.DataFrame, images: pd.DataFrame | None) -> pd.DataFrame:
    """Return the presentations with the name of the image set, which the convention of 2.16 does not return."""
    if "image_set" in frame or not {"stimulus_name", "image_index"} <= set(frame):
        return frame
    name = getattr(images, "name", None)
    names = frame["stimulus_name"] if name is None else pd.Series(name, index=frame.index)
    omitted = frame["image_name"] == OMITTED
    return frame.assign(image_set=names.where(~omitted, OMITTED).where(frame["image_name"].notna()))


def _add_presentations(file: Any, frame: pd.DataFrame) -> None:
    """Add one group per stimulus. Columns without any value in a group are omitted in it, as in the release."""
    stored_names = {column.name: str(column.path) for column in STIMULUS_PRESENTATIONS if column.path}
    names = frame["stimulus_name"] if "stimulus_name" in frame else pd.Series("stimulus", index=frame.index)
    for name, rows in frame.groupby(names, sort=True):
        kept = {c: rows[c] for c in rows if rows[c].notna().any() or c in ("start_time", "end_time")}
        columns = {stored_names.get(column, column): _stored_values(values) for column, values in kept.items()}
        ordered = {first: columns.pop(first) for first in ("start_time", "stop_time")}
        intervals = _intervals(
            f"{str(name).replace('/', '_')}{PRESENTATIONS_SUFFIX}",
            f"Presentations of {name}.",
            {ID_COLUMN: np.arange(len(rows)), **ordered, **columns},
        )
        file.add_time_intervals(intervals)


def _stored_values(column: pd.Series) -> NDArray[Any]:
    """Return a column as it is stored: nullable truth values as 0.0, 1.0 and NaN, missing text as N/A."""
    if str(column.dtype) == "boolean":
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.dtype.kind in "biuf":
        return np.asarray(column)
    return np.array(column.astype(object).where(column.notna(), MISSING_TEXT).tolist(), dtype=object)


def _intervals(name: str, description: str, columns: Mapping[str, Any]) -> Any:
    epoch, table = import_extra("pynwb.epoch"), import_extra("hdmf.common.table")
    stored = dict(columns)
    ids = table.ElementIdentifiers(name=ID_COLUMN, data=stored.pop(ID_COLUMN))
    vectors: dict[str, Any] = {}
    for column, values in stored.items():
        if column.endswith("_index") and (target := column.removesuffix("_index")) in vectors:
            narrow = values.astype(np.min_scalar_type(int(values[-1]) if len(values) else 0))
            vectors[column] = table.VectorIndex(name=column, data=narrow, target=vectors[target])
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


def _add_eye_tracking(file: Any, session: Any) -> None:
    with warnings.catch_warnings():
        # A session without eye tracking warns, which is of no use here.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        frame = getattr(session, EYE_TRACKING.name, None)
    if frame is None or not len(frame):
        return
    pynwb = import_extra("pynwb")
    ellipse = extensions.container_class(extensions.EYE_TRACKING, "EllipseSeries")
    series: dict[str, Any] = {}
    # Pupil and corneal reflection share the timestamps of the eye, which is therefore first.
    for prefix in ("eye", "pupil", "cr"):
        name = ELLIPSE_CENTERS[prefix].split("/")[0]
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
    container = extensions.container_class(extensions.EYE_TRACKING, "EllipseEyeTracking")
    file.add_acquisition(container(name="EyeTracking", likely_blink=blink, **series))


def _add_rig_geometry(file: Any, geometry: dict[str, Any]) -> None:
    if not geometry:
        return
    table = EYE_TRACKING_RIG_GEOMETRY
    datasets = [column for column in table if "@" not in str(column.path)]
    missing = [column.name for column in table if column.name not in geometry]
    if missing:
        raise MissingData(f"{table.name} of the session has no {', '.join(missing)}.", name=missing[0])
    positions = {str(c.path): np.array(geometry[c.name], dtype=float) for c in datasets}
    units = {f"{c.path}__unit_of_measurement": c.unit for c in datasets}
    module, name = table.group.split("/")[1:]
    container = extensions.container_class(extensions.BEHAVIOR, "OphysEyeTrackingRigMetadata")
    rig = container(name=name, equipment=geometry["equipment"], **positions, **units)
    file.create_processing_module(name=module, description="Geometry of the eye-tracking rig").add(rig)


def _templates(session: Any, wanted: bool | None) -> pd.DataFrame | None:
    """Return the images if they are to be written."""
    if wanted is False:
        return None
    try:
        frame: pd.DataFrame | None = get_attribute(session, STIMULUS_TEMPLATES)
    except MissingData:
        if wanted:
            raise
        return None
    return frame


def _add_templates(file: Any, frame: pd.DataFrame, compress: bool) -> None:
    def stack(name: str) -> Any:
        data = _stack(list(frame[name]))
        if not compress:
            return data
        return import_extra("hdmf.backends.hdf5").H5DataIO(
            data, compression="gzip", shuffle=True, chunks=(1, *data.shape[1:])
        )

    container = extensions.container_class(extensions.TEMPLATES, "StimulusTemplate")
    names = [str(name) for name in frame.index]
    file.add_stimulus_template(
        container(
            name=str(getattr(frame, "name", "images")),
            data=stack("warped"),
            unwarped=stack("unwarped"),
            control=np.arange(len(names), dtype=np.uint64),
            control_description=names,
            description="Images of the session, warped as sent to the monitor, and unwarped.",
            unit="NA",
            format="raw",
            timestamps=np.full(len(names), np.nan),
        )
    )


def _stack(images: list[NDArray[Any]]) -> NDArray[Any]:
    """Return images as one array. Images that are mapped from a file are not copied, which would need 80 MB more."""
    first = np.asarray(images[0])
    base = first.base
    if not isinstance(base, np.ndarray) or any(
        getattr(image, "base", None) is not base
        or image.shape != first.shape
        or image.dtype != first.dtype
        or image.strides != first.strides
        or image.ctypes.data != first.ctypes.data + row * first.nbytes
        for row, image in enumerate(images)
    ):
        return np.stack(images)
    return np.lib.stride_tricks.as_strided(first, (len(images), *first.shape), (first.nbytes, *first.strides))


def _check_target(session: Any, target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    source = getattr(getattr(session, "source", None), "location", None)
    if source is not None and Path(source).exists() and target.samefile(source):
        raise CannotWrite(f"{target} is the file that the session is read from. Choose another name.", path=str(target))
    if not overwrite:
        raise CannotWrite(f"{target} exists. Choose another name, or pass overwrite=True.", path=str(target))


def _arrays(file: Any) -> list[NDArray[Any]]:
    """Return the arrays of a file."""
    values = (value for made in file.objects.values() for value in made.fields.values())
    return [value for value in values if isinstance(value, np.ndarray)]
