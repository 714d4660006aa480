"""Writing the result of a query into a file."""

from __future__ import annotations

import os
from pathlib import Path

from visbehavior.arguments import parse_path
from visbehavior.atomic import atomic_write
from visbehavior.cohort.query import Cohort
from visbehavior.errors import BadValue

SUFFIXES = (".csv", ".json", ".parquet")


def write_result(cohort: Cohort, query: str, path: str | os.PathLike[str]) -> int:
    """Write the result of a query into a file, and return the number of rows.

    Parameters
    ----------
    cohort : Cohort
    query : str
        As for `Cohort.sql`.
    path : str or os.PathLike
        A file that ends with .csv, .json (a record per row), or .parquet. An existing file is replaced.

    Raises
    ------
    BadValue
        If the query is wrong, or the name of the file ends differently.
    CannotWrite, DiskFull
    """
    target = parse_path("path", path)
    if target.suffix not in SUFFIXES:
        raise BadValue(
            f"{target.name} ends with none of {', '.join(SUFFIXES)}. Name the file accordingly.", path=str(target)
        )
    frame = cohort.sql(query)
    with atomic_write(target) as part:
        if target.suffix == ".csv":
            frame.to_csv(part, index=False, lineterminator="\n")
        elif target.suffix == ".json":
            frame.to_json(part, orient="records", double_precision=15, date_format="iso")
        else:
            write_parquet(frame, part)
    return len(frame)


def write_parquet(frame: object, path: Path) -> None:
    """Write a DataFrame into a Parquet file."""
    from visbehavior.cohort.database import connect, quote_text

    with connect(threads=1) as connection:
        connection.register("result", frame)
        connection.execute(f"COPY result TO {quote_text(str(path))} (FORMAT parquet, COMPRESSION zstd)").fetchall()
