"""Compare the exposure counts of the published behavior session table with counts from its own session types.

Usage: ``python scripts/history_report.py behavior_session_table.csv`` prints the rows of the table in docs/release.md: column, number
of rows that differ, number of mice, and cause.
"""

from __future__ import annotations

import sys

import pandas as pd

from visbehavior.analysis.history import compute_history

COLUMNS = ("prior_exposures_to_session_type", "prior_exposures_to_image_set", "prior_exposures_to_omissions")
REMOVED, HABITUATION, NO_SESSION_TYPE = (
    "an earlier session was removed",
    "a habituation session had omissions by mistake",
    "the session has no session type",
)


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each value that differs: session, column, difference (published minus computed) and cause."""
    computed = compute_history(table)
    habituation = table["session_type"].str.contains("habituation").fillna(False)
    rows = []
    for column in COLUMNS:
        published, counted = table[column].astype("Int64"), computed[column]
        same = ((published == counted) | (published.isna() & counted.isna())).fillna(False).astype(bool)
        for session_id in table.index[~same]:
            mouse = table["mouse_id"] == table.loc[session_id, "mouse_id"]
            earlier = table["date_of_acquisition"] < table.loc[session_id, "date_of_acquisition"]
            habituation_sessions = int((habituation & mouse & earlier).sum())
            both = pd.notna(published[session_id]) and pd.notna(counted[session_id])
            more = published[session_id] - counted[session_id] if both else pd.NA
            rows.append((session_id, column, more, _cause(column, more, habituation_sessions)))
    return pd.DataFrame(rows, columns=["behavior_session_id", "column", "more", "cause"])


def _cause(column: str, more: object, habituation_sessions: int) -> str:
    if more is pd.NA:
        return NO_SESSION_TYPE
    return HABITUATION if column == COLUMNS[-1] and int(more) <= habituation_sessions else REMOVED


def main() -> None:
    table = pd.read_csv(sys.argv[1]).set_index("behavior_session_id")
    for (column, cause), rows in differences(table).groupby(["column", "cause"], sort=False):
        mice = table.loc[rows["behavior_session_id"], "mouse_id"].nunique()
        print(f"| `{column}` | {len(rows)} | {mice} | {cause} |")


if __name__ == "__main__":
    main()
