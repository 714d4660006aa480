"""Write docs/tables.md, the reference of tables, from `visbehavior.schema`. A test fails when the page is stale.

Usage: ``python scripts/tables_page.py > docs/tables.md``.
"""

from __future__ import annotations

from visbehavior.schema.columns import DTYPES, Column, Table
from visbehavior.schema.project import PROJECT_TABLES
from visbehavior.schema.session import SESSION_TABLES
from visbehavior.schema.stimulus_pickle import ENTRIES, SESSION_DATA

HEAD = """# The tables of a behavior session

What each attribute of a `BehaviorSession` gives, from the declarations in `visbehavior.schema`. Names are those of AllenSDK 2.16; the last column has
AllenSDK 2.10's, which a session opened with `allensdk_version="2.10"` has. In IPython `session.trials?` shows the same. What the tables mean for the
task: [The task and its tables](task_and_tables.md).
"""


PROJECT_HEAD = """
# The project tables

What `VisualBehaviorOphysProjectCache` gives. A release need not have every column. In the convention of 2.10 columns stand as in the release's CSV files, whole numbers
that may be missing are float64, and dates are text.
"""

RAW_HEAD = """
# The rig's raw file

What is read of a camstim pickle of the change detection task: [Your own rig's data](own_rig.md). Entries lie below `["items"]["behavior"]`; a "/" begins at the
top. An entry is asked for when a table needs it: a pickle without an encoder still gives its licks.

| entry | holds | unit | meaning | needed for |
|---|---|---|---|---|
"""

KNOWN_HEAD = """
## session_data

What `BehaviorSession.from_json` takes, under AllenSDK's names, and the options of `visbehavior convert`.

| key | holds | meaning | option | in the behavior session table |
|---|---|---|---|---|
"""


def page() -> str:
    session = "".join(section(table) for table in SESSION_TABLES)
    project = PROJECT_HEAD + "".join(section(table) for table in PROJECT_TABLES)
    raw = "".join(
        f"| `{e.path}` | {e.form} | {e.unit} | {e.meaning} | {e.needed_for or 'may be absent'} |\n" for e in ENTRIES
    )
    known = "".join(
        f"| `{k.key}` | {k.form} | {k.meaning} | {code(k.option)} | {code(k.column)} |\n" for k in SESSION_DATA
    )
    return HEAD + session + project + RAW_HEAD + raw + KNOWN_HEAD + known


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def section(table: Table) -> str:
    index = f"Index `{table.index}`: {table.index_meaning}\n\n" if table.index else ""
    notes = f"\n{table.notes}\n" if table.notes else ""
    rows = "".join(row(column) for column in table)
    return f"\n## {table.name}\n\n{table.summary}\n\n{index}| name | type | unit | meaning | in 2.10 |\n|---|---|---|---|---|\n{rows}{notes}"


def row(column: Column) -> str:
    older = column.named("2.10")
    said = "not there" if older is None else f"`{older}`" if older != column.name else ""
    name = f"`{column.name}`" if column.in_2_16 else f"`{column.name}` (2.10 only)"
    return f"| {name} | {DTYPES[column.dtype]} | {column.unit} | {column.meaning} | {said} |\n"


if __name__ == "__main__":
    print(page(), end="")
