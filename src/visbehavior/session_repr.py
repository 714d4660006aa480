"""Description of a session, as text and as HTML."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from textwrap import indent
from typing import Any

from visbehavior.errors import VisBehaviorError
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.neuropixels import RECORDED_PROBES, RECORDED_UNITS

Once = Callable[[str, Callable[[], Any]], Any]
"""Calls a function the first time, and returns its result each time."""

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
    try:
        rows = _rows(reader, convention, once)
    except VisBehaviorError as error:
        return f"<p><b>{name}</b> {escape(reader.location)}: {escape(str(error))}</p>"
    style = "style='text-align:left'"
    body = "".join(f"<tr><th {style}>{escape(label)}</th><td {style}>{escape(text)}</td></tr>" for label, text in rows)
    return f"<table><caption>{name}</caption>{body}</table>"


def _rows(reader: SessionReader, convention: str, once: Once) -> list[tuple[str, str]]:
    """Return labels and texts."""
    metadata = once("metadata to describe", lambda: reader.read(schema.METADATA))
    counts = once("counts to describe", lambda: _counts(reader))
    minutes = once("duration to describe", reader.read_duration) / 60

    def count(table: Table) -> int:
        return int(counts[table.name] or 0)

    mouse, sex, age = metadata["mouse_id"], metadata["sex"] or "?", metadata["age_in_days"]
    eye_frames, probes = count(schema.EYE_TRACKING), count(RECORDED_PROBES)
    recording = (
        [("recording", f"{probes} probe{'s' * (probes != 1)}, {count(RECORDED_UNITS):,} units")] if probes else []
    )
    return [
        ("session", str(metadata["behavior_session_id"])),
        ("mouse", f"{mouse} ({sex}, {age} days, {metadata['full_genotype']})"),
        ("type", metadata["session_type"]),
        ("date", f"{metadata['date_of_acquisition']:%Y-%m-%d %H:%M}, rig {metadata['equipment_name']}"),
        ("duration", f"{minutes:.1f} min, {count(schema.STIMULUS_TIMESTAMPS):,} stimulus frames"),
        ("trials", f"{count(schema.TRIALS):,}"),
        ("licks", f"{count(schema.LICKS):,}"),
        ("rewards", f"{count(schema.REWARDS):,}"),
        (
            "presentations",
            f"{count(schema.STIMULUS_PRESENTATIONS):,} rows; {count(schema.STIMULUS_TEMPLATES)} images",
        ),
        ("eye tracking", f"{eye_frames:,} frames" if eye_frames else "none"),
        *recording,
        ("column names", f"AllenSDK {convention}"),
        ("file", reader.location),
    ]


def _counts(reader: SessionReader) -> dict[str, int | None]:
    with reader.opened():
        reader.prefetch(*(partial(reader.count_rows, table) for table in _COUNTED))
        return {table.name: reader.count_rows(table) for table in _COUNTED}
