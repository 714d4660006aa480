from __future__ import annotations

import json
import pathlib

import pandas as pd
import pytest

from tests.cli.command import MOUSE_SESSIONS, Invoke
from tests.faultserver import FaultServer
from visbehavior import open_cohort

pytestmark = pytest.mark.usefixtures("public_data")


@pytest.fixture
def store(invoke: Invoke, tmp_path: pathlib.Path) -> pathlib.Path:
    """Store of a mouse in the synthetic bucket."""
    status, out, err = invoke("cohort", "build", tmp_path / "store", "--mouse", 445002, "--tables", "trials,licks")
    assert (status, out) == (0, ""), err
    assert err.startswith("3 sessions: 3 done, 0 unchanged, 0 failed, ")
    assert err.endswith("MB downloaded.\n")
    return tmp_path / "store"


def test_build_adds_the_sessions_of_a_mouse(store: pathlib.Path) -> None:
    with open_cohort(store) as cohort:
        assert cohort.tables == ("sessions", "trials", "licks")
        numbers = cohort.table("sessions", "behavior_session_id")["behavior_session_id"]
        assert sorted(map(str, numbers)) == sorted(MOUSE_SESSIONS)


def test_build_reads_unchanged_sessions_only_once(invoke: Invoke, store: pathlib.Path) -> None:
    _, _, err = invoke("cohort", "build", store, "--ids", MOUSE_SESSIONS[0], "--tables", "trials,licks")
    assert err.startswith("1 session: 0 done, 1 unchanged, 0 failed")


def test_failed_sessions_are_reported(invoke: Invoke, public_data: FaultServer, tmp_path: pathlib.Path) -> None:
    from tests.faultserver import FOREVER, Fault

    public_data.faults.append(Fault("403", key=f"*{MOUSE_SESSIONS[0]}*", times=FOREVER))
    status, _, err = invoke(
        "cohort", "build", tmp_path / "store", "--ids", ",".join(MOUSE_SESSIONS), "--tables", "licks"
    )
    assert status == 1
    assert "2 done, 0 unchanged, 1 failed" in err
    assert f"Error: Session {MOUSE_SESSIONS[0]}: " in err
    status, _, err = invoke("cohort", "status", tmp_path / "store")
    assert status == 0
    assert f"Error: Session {MOUSE_SESSIONS[0]}: " in err
    assert err.endswith("1 session could not be read. The next build tries them again.\n")


def test_shards_are_completed(invoke: Invoke, tmp_path: pathlib.Path) -> None:
    options = [tmp_path / "store", "--mouse", 445002, "--tables", "licks"]
    for shard in ("1/2", "2/2"):
        assert invoke("cohort", "build", *options, "--shard", shard)[0] == 0
    assert "0 done, 3 unchanged" in invoke("cohort", "build", *options)[2]
    assert invoke("cohort", "build", *options, "--shard", "3/2")[0] == 2


def test_status_has_a_row_for_each_table(invoke: Invoke, store: pathlib.Path) -> None:
    status, out, err = invoke("cohort", "status", store, "--format", "json")
    assert status == 0
    assert [(row["table"], row["rows"] > 0) for row in json.loads(out)] == [
        ("sessions", True),
        ("trials", True),
        ("licks", True),
    ]
    assert err == f"Digest: {open_cohort(store).digest}\n"


def test_query_prints_the_result(invoke: Invoke, store: pathlib.Path) -> None:
    assert invoke("cohort", "query", store, "SELECT 5 AS x, 'a' AS y", "--format", "csv")[1] == "x,y\n5,a\n"
    status, _, err = invoke("cohort", "query", store, "DROP VIEW trials")
    assert (status, err[:34]) == (1, "Error: The query has the statement")


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_export_writes_a_file(invoke: Invoke, store: pathlib.Path, tmp_path: pathlib.Path, suffix: str) -> None:
    path = tmp_path / f"licks{suffix}"
    status, _, err = invoke("cohort", "export", store, "SELECT * FROM licks", "-o", path)
    expected = open_cohort(store).sql("SELECT * FROM licks")
    assert (status, err) == (0, f"Wrote {len(expected):,} rows to {path}\n")
    if suffix == ".parquet":
        import duckdb

        written = duckdb.sql(f"SELECT * FROM '{path}'").df()
    else:
        # As text first: the options with which pandas 2 reads floats exactly are deprecated in pandas 3.
        is_csv = suffix == ".csv"
        written = pd.read_csv(path, dtype=str).astype(float) if is_csv else pd.read_json(path, precise_float=True)
    assert written["timestamps"].tolist() == expected["timestamps"].tolist()


def test_export_needs_a_known_suffix(invoke: Invoke, store: pathlib.Path, tmp_path: pathlib.Path) -> None:
    status, _, err = invoke("cohort", "export", store, "SELECT 1", "-o", tmp_path / "x.xlsx")
    assert status == 1
    assert "ends with none of .csv, .json, .parquet" in err


def test_check_compares_with_the_files(invoke: Invoke, store: pathlib.Path) -> None:
    status, out, _ = invoke("cohort", "check", store, "--sessions", 2, "--format", "csv")
    assert status == 0
    assert [line.split(",")[1] for line in out.splitlines()] == ["result", "equal", "equal"]
