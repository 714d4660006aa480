"""Ids of behavior sessions and imaging planes: reading them from arguments, and explaining unknown ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from visbehavior.arguments import parse_id
from visbehavior.errors import BadValue, VisBehaviorError, brief_repr
from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, OPHYS_CELLS_TABLE, OPHYS_EXPERIMENT_TABLE

Ids = int | str | Iterable[int | str]
"""One id or several."""

NAMES = {"behavior_session_id": "behavior session", "ophys_experiment_id": "imaging plane"}
"""Name of the thing that an id identifies, by the kind of id."""

_LISTED_BY = {
    "behavior_session_id": "get_behavior_session_table()",
    "ophys_experiment_id": "get_ophys_experiment_table()",
}
_OTHER_DATA_SET = "Sessions with Neuropixels recordings are in VisualBehaviorNeuropixelsProjectCache, on the command line --project neuropixels."
_EXPERIMENT_KINDS = ("ophys_experiment_id", "ophys_session_id", "ophys_container_id", "behavior_session_id")
_SESSION_KINDS = ("behavior_session_id", "ophys_session_id")
_CELL_KINDS = ("cell_roi_id", "cell_specimen_id")


def list_ids(ids: Ids) -> list[int | str]:
    """Return one id or several as a list, not parsed."""
    if isinstance(ids, pd.DataFrame):
        raise BadValue("The ids are a DataFrame; expected numbers. The ids of a table of sessions are table.index.")
    if isinstance(ids, (int, str, np.integer)):
        return [ids]
    try:
        return list(ids)
    except TypeError:
        raise BadValue(f"The ids are {brief_repr(ids)}; expected an id or several.", value=ids) from None


def parse_ids(ids: Ids) -> list[int]:
    """Return one id or several as a list of numbers."""
    return [parse_id(value) for value in list_ids(ids)]


def explain_unknown_id(number: int, expected: str, read_table: Callable[[Table], pd.DataFrame]) -> str:
    """Explain why an id is unknown: it may be of another kind, such as an ophys_session_id instead of a behavior_session_id.

    Parameters
    ----------
    number : int
        The unknown id.
    expected : str
        Kind of id that was expected: "behavior_session_id" or "ophys_experiment_id".
    read_table : function
        Reads a project table.

    Returns
    -------
    str
        A sentence that names the kind of the id and the ids of the expected kind that belong to it, or that says where
        the ids are listed.
    """
    planes = read_table(OPHYS_EXPERIMENT_TABLE).reset_index()
    if not set(_EXPERIMENT_KINDS) <= set(planes):
        return f"{_LISTED_BY[expected]} lists them."
    if explanation := _find_kind(number, planes, _EXPERIMENT_KINDS, expected):
        return explanation
    sessions = read_table(BEHAVIOR_SESSION_TABLE)
    if number in sessions.index:
        return f"{number} is a behavior session without imaging."
    return (
        explain_mouse_id(number, sessions)
        or _find_cell(number, planes, expected, read_table)
        or f"{_LISTED_BY[expected]} lists them. {_OTHER_DATA_SET}"
    )


def explain_mouse_id(number: int, sessions: pd.DataFrame) -> str:
    """Return a sentence that says that an id is a mouse of the table of sessions; "" if it is not."""
    if "mouse_id" in sessions and (sessions["mouse_id"].astype(str) == str(number)).any():
        return f"{number} is a mouse: get_mouse({number}) lists its sessions."
    return ""


def explain_unknown_mouse(mouse_id: object, sessions: pd.DataFrame) -> str:
    """Explain why there is no such mouse: the id may be that of one of its sessions.

    Parameters
    ----------
    mouse_id : int or str
    sessions : pandas.DataFrame
        The behavior session table.
    """
    columns = sessions.reset_index()
    for kind in (kind for kind in _SESSION_KINDS if kind in columns):
        mice = columns.loc[columns[kind].astype(str).str.removesuffix(".0") == str(mouse_id), "mouse_id"].unique()
        if len(mice) == 1:
            return f"{mouse_id} is {_article(kind)} {kind}, of mouse {mice[0]}."
    return "get_mice() lists them."


def _find_cell(number: int, planes: pd.DataFrame, expected: str, read_table: Callable[[Table], pd.DataFrame]) -> str:
    try:
        cells = read_table(OPHYS_CELLS_TABLE).reset_index()
    except VisBehaviorError:
        # Releases 0.x have no table of cells, and offline it may be missing.
        return ""
    if not {*_CELL_KINDS, "ophys_experiment_id"} <= set(cells):
        return ""
    sessions = cells["ophys_experiment_id"].map(planes.set_index("ophys_experiment_id")["behavior_session_id"])
    known = cells.assign(behavior_session_id=sessions)[sessions.notna()]
    known = known.astype({"behavior_session_id": planes["behavior_session_id"].dtype})
    return _find_kind(number, known, _CELL_KINDS, expected)


def _find_kind(number: int, table: pd.DataFrame, kinds: Sequence[str], expected: str) -> str:
    """Look for an id in the columns of a table; "" if it is in none."""
    for kind in kinds:
        ids = table.loc[table[kind] == number, expected].drop_duplicates().tolist()
        if ids and kind != expected:
            name = NAMES[expected] + "s" * (len(ids) > 1)
            return f"{number} is {_article(kind)} {kind}, of {name} {', '.join(map(str, ids))}."
    return ""


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
