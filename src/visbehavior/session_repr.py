"""Description of a session, as text and as HTML."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from textwrap import indent
from typing import Any, TypeVar

from visbehavior.errors import MissingData, VisBehaviorError
from visbehavior.read_once import Once
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.imaging import CELL_SPECIMEN_TABLE, IMAGING_METADATA, IMAGING_PLANE
from visbehavior.schema.neuropixels import RECORDED_PROBES, RECORDED_UNITS

ABSENT = "not in this file"

T = TypeVar("T")

_COUNTED = (
    schema.STIMULUS_TIMESTAMPS,
    schema.TRIALS,
    schema.LICKS,
    schema.REWARDS,
    schema.STIMULUS_PRESENTATIONS,
    schema.STIMULUS_TEMPLATES,
    schema.EYE_TRACKING,
    RECORDED_PROBES,
    RECORDED_UNITS,
)


def describe(reader: SessionReader, convention: str, once: Once) -> str:
    """Return the description as aligned lines."""
    rows = _rows(reader, convention, once)
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in rows)


def to_repr(name: str, reader: SessionReader, convention: str, once: Once) -> str:
    """Return the description under the name of the class; of a session that cannot be read, the reason."""
    try:
        return f"{name}\n" + indent(describe(reader, convention, once), "  ")
    except VisBehaviorError as error:
        return f"<{name} {reader.location}: {error}>"


def describe_html(name: str, reader: SessionReader, convention: str, once: Once) -> str:
    """Return the description as an HTML table."""
    # Takes 1 ms to import, and is needed in notebooks only.
    from html import escape

    try:
        rows = _rows(reader, convention, once)
    except VisBehaviorError as error:
        return f"<p><b>{name}</b> {escape(reader.location)}: {escape(str(error))}</p>"
    style = "style='text-align:left'"
    body = "".join(f"<tr><th {style}>{escape(label)}</th><td {style}>{escape(text)}</td></tr>" for label, text in rows)
    return f"<table><caption>{name}</caption>{body}</table>"


def _rows(reader: SessionReader, convention: str, once: Once) -> list[tuple[str, str]]:
    """Return labels and texts. A part that the file lacks is said to be absent; the others are described."""
    entries = once("metadata to describe", lambda: _read_entries(reader))
    counts = once("counts to describe", lambda: _count_rows(reader))
    minutes = once("duration to describe", lambda: _or_none(reader.read_duration))

    def count(table: Table, unit: str = "") -> str:
        number = counts[table.name]
        is_absent = number is None and not table.optional
        return f"{unit} {ABSENT}".lstrip() if is_absent else f"{number or 0:,} {unit}".rstrip()

    def entry(name: str, text: str = "{}") -> str:
        value = entries.get(name)
        return ABSENT if value is None else text.format(value)

    about_mouse = (entries.get("sex"), entries.get("age_in_days"), entries.get("full_genotype"))
    sex, age, genotype = ("?" if value is None else value for value in about_mouse)
    frames, probes = counts[schema.EYE_TRACKING.name], counts[RECORDED_PROBES.name]
    recording = (
        [("recording", f"{probes} probe{'s' * (probes != 1)}, {count(RECORDED_UNITS, 'units')}")] if probes else []
    )
    return [
        ("session", entry("behavior_session_id")),
        ("mouse", entry("mouse_id") + ("" if entries.get("mouse_id") is None else f" ({sex}, {age} days, {genotype})")),
        ("type", entry("session_type")),
        ("date", f"{entry('date_of_acquisition', '{:%Y-%m-%d %H:%M}')}, rig {entry('equipment_name')}"),
        (
            "duration",
            ABSENT
            if minutes is None
            else f"{minutes / 60:.1f} min, {count(schema.STIMULUS_TIMESTAMPS, 'stimulus frames')}",
        ),
        ("trials", count(schema.TRIALS)),
        ("licks", count(schema.LICKS)),
        ("rewards", count(schema.REWARDS)),
        (
            "presentations",
            f"{count(schema.STIMULUS_PRESENTATIONS, 'rows')}; {count(schema.STIMULUS_TEMPLATES, 'images')}",
        ),
        ("eye tracking", f"{frames:,} frames" if frames else "none"),
        *recording,
        *_plane_rows(reader, once),
        ("column names", f"AllenSDK {convention}"),
        ("file", reader.location),
    ]


def _plane_rows(reader: SessionReader, once: Once) -> list[tuple[str, str]]:
    """Return the row of an imaging plane; none for the file of a session."""
    entries = once("plane to describe", lambda: _or_none(lambda: reader.read(IMAGING_METADATA)) or {})
    if not entries:
        return []
    optics = once("optics to describe", lambda: _or_none(lambda: reader.read(IMAGING_PLANE)) or {})
    cells = once("cells to describe", lambda: _or_none(lambda: reader.count_rows(CELL_SPECIMEN_TABLE)))
    place = f"{optics.get('targeted_structure', '?')}, {entries.get('imaging_depth', '?')} um"
    count = ABSENT if cells is None else f"{cells:,} ROIs"
    return [("imaging plane", f"{entries.get('ophys_experiment_id')} ({place}), {count}")]


def _read_entries(reader: SessionReader) -> dict[str, Any]:
    """Return the metadata; if an entry is missing, the others, read one by one."""
    entries = _or_none(lambda: reader.read(schema.METADATA))
    if entries is not None:
        return entries
    names = schema.METADATA.names()
    found = {name: _or_none(partial(_read_entry, reader, name)) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _read_entry(reader: SessionReader, name: str) -> Any:
    return reader.read(schema.METADATA, name.__eq__).get(name)


def _count_rows(reader: SessionReader) -> dict[str, int | None]:
    with reader.opened():
        reader.prefetch(*(partial(reader.count_rows, table) for table in _COUNTED))
        return {table.name: _or_none(partial(reader.count_rows, table)) for table in _COUNTED}


def _or_none(read: Callable[[], T]) -> T | None:
    """Return what a function reads; None if the file lacks it."""
    try:
        return read()
    except MissingData:
        return None
