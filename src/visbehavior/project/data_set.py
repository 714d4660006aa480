"""Description of a data set: its names, its table of sessions, and how the files of a session are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from visbehavior.project.projects import Project
from visbehavior.schema.columns import Table

ReadTable: TypeAlias = Callable[[Table], pd.DataFrame]
"""Reads a project table of a release."""


@dataclass(frozen=True)
class DataSet:
    """A data set of releases.

    Parameters
    ----------
    project : Project
        Its names in buckets and folders.
    session_table : Table
        Table of the behavior sessions.
    stored_order : bool
        Whether the columns of its tables are returned in the order of the CSV files, not in declared order.
    mark_kind : function
        Returns rows of the session table with one more column: whether a session has more than behavior.
    tables_of_files : tuple of Table
        Tables that `find_file_ids` may read.
    find_file_ids : function
        Returns the file ids of a behavior session of the table, any of which contains its data, best first.
    explain_unknown_id : function
        Explains in a sentence why there is no session, or other thing, of an id: see `visbehavior.project.ids`.
    """

    project: Project
    session_table: Table
    stored_order: bool
    mark_kind: Callable[[pd.DataFrame], pd.DataFrame]
    tables_of_files: tuple[Table, ...]
    find_file_ids: Callable[[int, ReadTable], list[Any]]
    explain_unknown_id: Callable[[int, str, ReadTable], str]
