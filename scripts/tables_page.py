"""Write docs/tables.md, the reference of the tables, from `visbehavior.schema`. A test fails when the page is stale.

Usage: ``python scripts/tables_page.py > docs/tables.md``.
"""

from __future__ import annotations

from visbehavior.schema.columns import DTYPES, Column, Table
from visbehavior.schema.flashes import FLASHES
from visbehavior.schema.imaging import IMAGING_TABLES
from visbehavior.schema.neuropixels import NEUROPIXELS_TABLES
from visbehavior.schema.project import PROJECT_TABLES
from visbehavior.schema.session import SESSION_TABLES
from visbehavior.schema.session_data import SESSION_DATA
from visbehavior.schema.stimulus_pickle import ENTRIES

HEAD = """# The tables of a behavior session

This page lists the attributes of a `BehaviorSession` that hold data, with all their columns. It is generated from the declarations in `visbehavior.schema`. Names are
those of AllenSDK 2.16. The column "in 2.10" gives the name in AllenSDK 2.10 if it differs; a session opened with `allensdk_version="2.10"` uses those names. In
IPython, `session.trials?` shows the same text.

For an introduction see [The task and its tables](task_and_tables.md). Terms are defined in the [glossary](glossary.md).
"""

FLASHES_HEAD = """
# The flash table

`session.get_flash_table()` computes this table, which AllenSDK does not have. It has the same columns in both conventions. [Flashes, engagement and responses](responses.md)
shows how to use it.
"""

IMAGING_HEAD = """
# The tables of an imaging plane

A `BehaviorOphysExperiment` has the tables of a session, and these. `metadata` has more entries; `max_projection`, `average_projection` and `segmentation_mask_image` are
an `Image` (`.data`, `.spacing` in mm, `.unit`).
"""

PROJECT_HEAD = """
# The project tables

The tables of `VisualBehaviorOphysProjectCache`, one row per session, imaging plane or cell. A release may lack some columns. In the convention of 2.10 the columns have
the order of the release's CSV files, integer columns with missing values are float64, and dates are text.
"""

NEUROPIXELS_HEAD = """
# The project tables of Visual Behavior Neuropixels

The tables of `VisualBehaviorNeuropixelsProjectCache`, one row per session, recording, probe, channel or unit, named as the CSV files. They are returned as stored: dates and lists are text, `mouse_id`
is a number, and more columns than these can exist.
"""

PICKLE_HEAD = """
# The rig's stimulus pickle

The entries that visbehavior reads from a camstim pickle of the change detection task: see [Your own rig's data](own_rig.md). Paths are relative to
`["items"]["behavior"]`; a path that starts with "/" starts at the top of the pickle. An entry is read only when a table needs it, so a pickle without an encoder still
gives its licks.

| entry | type | unit | meaning | required for |
|---|---|---|---|---|
"""

SESSION_DATA_HEAD = """
## session_data

The argument of `BehaviorSession.from_json`, under AllenSDK's names, and the options of `visbehavior convert`. The last column names the column of the behavior session table
with the same value.

| key | type | meaning | option | column |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    session = "".join(section(table) for table in SESSION_TABLES)
    flashes = FLASHES_HEAD + section(FLASHES)
    imaging = IMAGING_HEAD + "".join(section(table) for table in IMAGING_TABLES)
    project = PROJECT_HEAD + "".join(section(table) for table in PROJECT_TABLES)
    neuropixels = NEUROPIXELS_HEAD + "".join(section(table) for table in NEUROPIXELS_TABLES)
    entries = "".join(
        f"| `{entry.path}` | {entry.value_type} | {entry.unit} | {entry.meaning} | {entry.required_for or 'optional'} |\n"
        for entry in ENTRIES
    )
    session_data = "".join(
        f"| `{entry.key}` | {entry.value_type} | {entry.meaning} | {code(entry.option)} | {code(entry.column)} |\n"
        for entry in SESSION_DATA
    )
    return (
        HEAD
        + session
        + flashes
        + imaging
        + project
        + neuropixels
        + PICKLE_HEAD
        + entries
        + SESSION_DATA_HEAD
        + session_data
    )


def code(text: str) -> str:
    """Return text as code; nothing if it is empty."""
    return f"`{text}`" if text else ""


def section(table: Table) -> str:
    """Return the section of a table."""
    index = f"Index `{table.index}`: {table.index_meaning}\n\n" if table.index else ""
    notes = f"\n{table.notes}\n" if table.notes else ""
    rows = "".join(row(column) for column in table)
    return f"\n## {table.name}\n\n{table.summary}\n\n{index}| name | type | unit | meaning | in 2.10 |\n|---|---|---|---|---|\n{rows}{notes}"


def row(column: Column) -> str:
    """Return the row of a column."""
    older_name = column.name_in("2.10")
    older = "absent" if older_name is None else code(older_name) if older_name != column.name else ""
    name = f"`{column.name}` (2.10 only)" if column.only_2_10 else f"`{column.name}`"
    return f"| {name} | {DTYPES[column.dtype]} | {column.unit} | {column.meaning} | {older} |\n"


if __name__ == "__main__":
    print(page(), end="")
