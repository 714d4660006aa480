"""Count again, from the published table's own session types, what it says of earlier sessions; how many rows differ, by cause.

Usage: ``python scripts/history_report.py behavior_session_table.csv``: the rows of the table in docs/release.md.
"""

from __future__ import annotations

import sys

import pandas as pd

from visbehavior.analysis.history import compute_history

COLUMNS = ("prior_exposures_to_session_type", "prior_exposures_to_image_set", "prior_exposures_to_omissions")
REMOVED, HABITUATION, UNNAMED = (
    "an earlier session was removed",
    "images were left out on a day of habituation, by mistake",
    "the session has no type",
)


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each value that differs: session, column, by how much, and why."""
    counted = compute_history(table)
    habituation = table["session_type"].str.contains("habituation").fillna(False)
    rows = []
    for name in COLUMNS:
        theirs, ours = table[name].astype("Int64"), counted[name]
        same = ((theirs == ours) | (theirs.isna() & ours.isna())).fillna(False).astype(bool)
        for number in table.index[~same]:
            mouse = table["mouse_id"] == table.loc[number, "mouse_id"]
            before = table["date_of_acquisition"] < table.loc[number, "date_of_acquisition"]
            possible = int((habituation & mouse & before).sum())
            more = theirs[number] - ours[number] if pd.notna(theirs[number]) and pd.notna(ours[number]) else pd.NA
            rows.append((number, name, more, _cause(name, more, possible)))
    return pd.DataFrame(rows, columns=["behavior_session_id", "column", "more", "cause"])


def _cause(name: str, more: object, habituation_days: int) -> str:
    if more is pd.NA:
        return UNNAMED
    return HABITUATION if name == COLUMNS[-1] and int(more) <= habituation_days else REMOVED


def main() -> None:
    table = pd.read_csv(sys.argv[1]).set_index("behavior_session_id")
    found = differences(table)
    for (column, cause), rows in found.groupby(["column", "cause"], sort=False):
        mice = table.loc[rows["behavior_session_id"], "mouse_id"].nunique()
        print(f"| `{column}` | {len(rows)} | {mice} | {cause} |")


if __name__ == "__main__":
    main()
