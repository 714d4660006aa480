"""Tables on stdout."""

from __future__ import annotations

import io
import os
import pathlib
import sys
from typing import Any

import click
import pandas as pd
import pytest

from visbehavior.cli import table_output
from visbehavior.cli.table_output import write_table

TABLE = pd.DataFrame(
    {"first": [0.12345, 2.0], "second_column": ["a", "b" * 20], "third": [1, 2], "lists": [[1, 2], None]},
    index=pd.Index([11, 12], name="id"),
)


def in_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(table_output.shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))


@pytest.mark.parametrize("width", range(10, 70, 7))
def test_terminal_shows_the_columns_that_fit(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_terminal(monkeypatch, width)
    write_table(TABLE, "table", None, list(TABLE))
    out, err = capsys.readouterr()
    shown = out.splitlines()[0].split()
    assert shown == list(TABLE)[: len(shown)]
    assert len(shown) >= 1
    if len(shown) > 1:
        assert max(map(len, out.splitlines())) <= width
    assert ("more columns do not fit" in err) == (len(shown) < 4)


def test_pipe_gets_all_columns_in_one_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(TABLE, "table", None, ["first"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(TABLE)
    assert len(lines) == 4
    assert "0.123" in lines[2]


def test_chosen_columns_are_printed_in_any_format(capsys: pytest.CaptureFixture[str]) -> None:
    for table_format, first in (("csv", "id,third,first"), ("table", "third  first")):
        write_table(TABLE, table_format, "third, first")
        assert capsys.readouterr().out.splitlines()[0].strip().endswith(first)
    write_table(TABLE, "csv", "all", ["first"])
    assert capsys.readouterr().out.startswith("id,first,second_column,third,lists")


@pytest.mark.parametrize("columns", ["thrid", "first,thrid"])
def test_unknown_column_is_suggested(columns: str) -> None:
    with pytest.raises(click.UsageError, match=r"no column 'thrid'\. Did you mean third\? The columns are first, "):
        write_table(TABLE, "csv", columns)


def test_parquet_has_the_values(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    duckdb = pytest.importorskip("duckdb")

    class Binary(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    stdout = Binary(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    write_table(TABLE, "parquet")
    path = tmp_path / "table.parquet"
    path.write_bytes(stdout.buffer.getvalue())  # type: ignore[attr-defined]
    read: Any = duckdb.read_parquet(str(path)).df()
    assert read["id"].tolist() == [11, 12]
    assert read["first"].tolist() == TABLE["first"].tolist()
    assert read["second_column"].tolist() == TABLE["second_column"].tolist()


def test_parquet_is_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    in_terminal(monkeypatch, 80)
    with pytest.raises(click.UsageError, match=r"Parquet is not text. Write it to a file"):
        write_table(TABLE, "parquet")
