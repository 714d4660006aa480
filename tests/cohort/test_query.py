from __future__ import annotations

import pathlib
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tests.faultserver import BUCKET, Fault, FaultServer
from tests.servers import NGINX, moto_server, nginx, put_object
from visbehavior import (
    BadValue,
    BehaviorSession,
    Cohort,
    CorruptFile,
    MissingData,
    MissingExtra,
    NotFound,
    TransferFailed,
    UnsupportedFile,
    VisBehaviorError,
    VisualBehaviorOphysProjectCache,
    open_cohort,
)
from visbehavior.analysis.licking import compute_lick_bouts
from visbehavior.schema.cohort import BY_NAME, ROW_TABLES, SESSIONS, file_columns, stored_columns

Cache = VisualBehaviorOphysProjectCache

READERS = {
    "trials": lambda session: session.trials,
    "flashes": lambda session: session.get_flash_table(),
    "licks": lambda session: session.licks,
    "lick_bouts": lambda session: compute_lick_bouts(session.licks, rewards=session.rewards),
    "rewards": lambda session: session.rewards,
    "rolling_performance": lambda session: session.get_rolling_performance_df(),
    "running_speed": lambda session: session.running_speed.iloc[::6],
    "eye_tracking": lambda session: session.eye_tracking.iloc[::3],
}


def plain(values: pd.Series) -> list[object]:
    """Return values as Python objects; None if missing."""

    def convert(value: object) -> object:
        if isinstance(value, np.ndarray | list):
            return [float(item) for item in value]
        return None if pd.isna(value) else value  # type: ignore[call-overload]

    return [convert(value) for value in values.astype(object)]


@pytest.mark.filterwarnings("ignore:A session without eye tracking")
@pytest.mark.parametrize("name", READERS)
def test_tables_equal_those_of_the_sessions(cache: Cache, ids: list[int], cohort: Cohort, name: str) -> None:
    for number in ids:
        session: BehaviorSession = cache.get_behavior_session(number)
        expected = READERS[name](session)
        stored = cohort.table(name, where=f"behavior_session_id = {number}")
        row = stored.columns[1]
        assert stored[row].tolist() == expected.index.tolist()
        for column in (column for column in stored.columns[2:] if not column.startswith("last_")):
            values = plain(expected[column]) if column in expected else [None] * len(expected)
            assert plain(stored[column]) == values, (number, column)


def test_last_times_are_those_of_the_events(cache: Cache, ids: list[int], cohort: Cohort) -> None:
    for number in ids:
        flashes = cohort.table("flashes", where=f"behavior_session_id = {number}")
        session = cache.get_behavior_session(number)
        start = flashes["start_time"]
        events = {"change": start[flashes["is_change"]], "omitted": start[flashes["omitted"]]}
        events |= {"lick": session.licks["timestamps"], "reward": session.rewards["timestamps"]}
        for name, times in events.items():
            expected = [max((time for time in times if time <= now), default=None) for now in start]
            assert plain(flashes[f"last_{name}_time"]) == expected


def test_sessions_equal_the_performance_table(cache: Cache, ids: list[int], cohort: Cohort) -> None:
    expected = cache.get_performance_table(ids, progress=False)
    stored = cohort.table("sessions").set_index("behavior_session_id")
    assert list(stored.columns) == SESSIONS.names()[1:]
    compared = [name for name in stored if name in expected]
    assert len(compared) > 50
    for name in compared:
        if name == "date_of_acquisition":
            assert (stored[name] == expected[name]).all()
        elif name in ("driver_line", "ophys_experiment_id", "ophys_container_id"):
            assert [list(v) if isinstance(v, np.ndarray) else None for v in stored[name]] == [
                v if isinstance(v, list) else None for v in expected[name]
            ]
        else:
            assert plain(stored[name]) == plain(expected[name]), name
    frame_rate = cache.get_behavior_session(ids[0]).metadata["stimulus_frame_rate"]
    assert stored["stimulus_frame_rate"].iloc[0] == frame_rate
    assert set(stored["dataset"]) == {"visual-behavior-ophys"}


def test_queries_equal_pandas(cache: Cache, ids: list[int], cohort: Cohort) -> None:
    trials = cache.get_trials(ids).reset_index()
    counted = cohort.sql("SELECT behavior_session_id, count(*) n FROM trials WHERE hit GROUP BY ALL ORDER BY ALL")
    expected = trials[trials["hit"]].groupby("behavior_session_id").size()
    assert dict(counted.to_numpy().tolist()) == expected.to_dict()
    latency = cohort.sql("SELECT behavior_session_id, min(response_latency) x FROM trials GROUP BY ALL ORDER BY ALL")
    expected = trials.groupby("behavior_session_id")["response_latency"].min()
    assert plain(latency["x"]) == plain(expected)


def test_missing_values_are_null(cohort: Cohort) -> None:
    assert cohort.sql("SELECT count(*) n FROM trials WHERE isnan(change_time)")["n"].item() == 0
    aborted = cohort.sql("SELECT count(*) n, count(change_time) m FROM trials WHERE aborted")
    assert aborted["n"].item() > aborted["m"].item() == 0


def test_tables_are_attributes_that_are_not_read(cohort: Cohort) -> None:
    assert len(cohort.trials) == cohort.count("trials") == cohort.sql("SELECT count(*) n FROM trials")["n"].item()
    assert cohort.trials.columns[:2] == ["behavior_session_id", "trials_id"]
    assert cohort.licks.read("timestamps", "licks_id < 2").shape[1] == 1
    assert cohort.licks.describe().loc["timestamps", "unit"] == "s"
    assert "trials" in dir(cohort)
    assert "table trials of" in repr(cohort.trials)
    assert "6 sessions" in repr(cohort)


def test_columns_have_comments_with_unit_and_meaning(cohort: Cohort) -> None:
    comment = cohort.sql(
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'licks' AND column_name = 'timestamps'"
    )
    assert comment["comment"].item().endswith("Unit: s.")


def test_files_have_the_declared_schema_and_meanings(store: pathlib.Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    names = [table.name for table in ROW_TABLES]
    for name in ("sessions", *names):
        path = next((store / name).glob("*.parquet"))
        columns = stored_columns(name, names) if name == "sessions" else file_columns(name, names)
        described = duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        assert [row[0] for row in described] == [column.name for column in columns]
        metadata = duckdb.sql(f"SELECT decode(value) FROM parquet_kv_metadata('{path}')").fetchall()
        assert columns[-1].meaning.split("`")[0] in metadata[0][0]
        order = ["behavior_session_id", *filter(None, [BY_NAME[name].index])]
        rows = duckdb.sql(f"SELECT {', '.join(order)} FROM '{path}'").fetchall()
        assert rows == sorted(rows)
        groups = duckdb.sql(f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{path}')").fetchall()
        assert groups == [(1,)] or name == "eye_tracking"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "statements: none"),
        ("SELECT 1; SELECT 2", "statements: SELECT, SELECT"),
        ("COPY trials TO 'x.csv'", "statements: COPY"),
        ("CREATE TABLE x AS SELECT 1", "statements: CREATE"),
        ("DROP VIEW trials", "statements: DROP"),
        ("ATTACH 'x.db'", "statements: ATTACH"),
        ("INSTALL httpfs", "expected one SELECT"),
        ("SET enable_external_access = true", "statements: SET"),
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM trials", '"nothing" not found'),
        ("SELECT * FROM nothing", "Table with name nothing does not exist"),
        ("SELECT CAST('a' AS INTEGER)", "Could not convert string"),
        ("SELECT error('x')", "not valid"),
        ("SELECT * FROM read_csv('/etc/passwd')", "can only read the tables"),
        ("SELECT * FROM read_text('/etc/passwd')", "can only read the tables"),
        ("SELECT * FROM 'https://example.org/x.parquet'", "can only read the tables"),
        ("SELECT * FROM secret_frame", "does not exist"),
        ("WITH x AS (INSERT INTO trials VALUES (1)) SELECT 1", "not valid"),
        ("SELECT '\0'", "NUL"),
        (5, "as text"),
        (None, "as text"),
    ],
)
def test_other_queries_are_rejected(cohort: Cohort, query: str, message: str) -> None:
    secret_frame = pd.DataFrame({"a": [1]})
    with pytest.raises(BadValue, match=message):
        cohort.sql(query)
    assert len(secret_frame) == 1


def test_queries_write_nothing(store: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(store, tmp_path / "store")
    before = sorted(folder.rglob("*"))
    with open_cohort(folder) as cohort:
        for query in (f"COPY trials TO '{folder}/x.csv'", f"EXPORT DATABASE '{folder}/x'"):
            with pytest.raises(BadValue):
                cohort.sql(query)
    assert sorted(folder.rglob("*")) == before


def test_unknown_tables_and_columns_are_missing(cohort: Cohort) -> None:
    with pytest.raises(MissingData, match="no table 'trial'; it has sessions, trials"):
        cohort.table("trial")
    with pytest.raises(MissingData, match=r"no column 'lick_time'. Did you mean lick_times\?"):
        cohort.table("trials", ["hit", "lick_time"])
    with pytest.raises(BadValue, match="not found"):
        cohort.table("trials", where="nothing > 5")
    with pytest.raises(AttributeError, match="no attribute 'trial'"):
        _ = cohort.trial


def test_an_empty_selection_has_the_columns(cohort: Cohort) -> None:
    empty = cohort.table("trials", where="false")
    assert empty.empty
    assert list(empty.columns) == cohort.trials.columns


def test_a_condition_ends_with_its_comment(cohort: Cohort) -> None:
    assert len(cohort.table("trials", where="hit -- only hits")) == len(cohort.table("trials", where="hit"))


def test_other_formats_need_their_library(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name, library in (("arrow", "pyarrow"), ("polars", "polars")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(MissingExtra, match=f"This needs {library}"):
            cohort.sql("SELECT 1", format=name)
    with pytest.raises(BadValue, match="one of pandas, arrow, polars"):
        cohort.sql("SELECT 1", format="x")


def test_threads_share_a_cohort(cohort: Cohort) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: cohort.sql("SELECT count(*) n FROM flashes")["n"].item(), range(16)))
    assert set(results) == {cohort.count("flashes")}


def test_a_cohort_is_pickled_without_rows(cohort: Cohort) -> None:
    content = pickle.dumps(cohort)
    assert len(content) < 20_000
    pd.testing.assert_frame_equal(pickle.loads(content).table("licks"), cohort.table("licks"))


def test_a_closed_cohort_opens_again(cohort: Cohort) -> None:
    cohort.close()
    assert cohort.sql("SELECT 1 AS x")["x"].item() == 1


def test_missing_stores_are_not_found(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no cohort in"):
        open_cohort(tmp_path)


@pytest.fixture
def copied(store: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(store, tmp_path / "copied")


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('"format": 1', '"format": 2', UnsupportedFile, "has format 2.*Update visbehavior"),
        ('"format": 1', '"format": "x"', UnsupportedFile, "has format x"),
        ('"path": "licks/', '"path": "../', CorruptFile, "is damaged"),
        ('"path": "licks/', '"path": "/licks/', CorruptFile, "is damaged"),
        ('"parts"', '"part"', CorruptFile, "is damaged"),
        ('"trials"', '"nothing"', CorruptFile, "is damaged"),
        ("{", "[", CorruptFile, "is damaged"),
    ],
)
def test_wrong_descriptions_are_reported(
    copied: pathlib.Path, old: str, new: str, error: type[VisBehaviorError], message: str
) -> None:
    path = copied / "cohort.json"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        open_cohort(copied)


def test_damaged_parts_are_reported(copied: pathlib.Path) -> None:
    path = next((copied / "trials").glob("*.parquet"))
    content = path.read_bytes()
    for damaged in (content[:-100], content[:-8] + b"x" * 8, content[:4] + bytes(len(content) - 1000) + content[-996:]):
        path.write_bytes(damaged)
        with open_cohort(copied) as cohort:
            assert cohort.find_damaged() == [f"trials/{path.name}"]
            with pytest.raises(CorruptFile, match=r"[Bb]uild (it|the cohort) again"):
                cohort.table("trials")
    path.unlink()
    with open_cohort(copied) as cohort, pytest.raises(CorruptFile, match="is missing"):
        cohort.table("trials")


@pytest.fixture
def server(store: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """The store on a server, as an S3 bucket."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer(store.parent) as running:
        yield running


def open_remote(server: FaultServer, store: pathlib.Path) -> Cohort:
    return open_cohort(f"s3://{BUCKET}/{store.name}", endpoint=server.endpoint)


def test_a_remote_store_equals_the_folder(server: FaultServer, store: pathlib.Path, cohort: Cohort) -> None:
    with open_remote(server, store) as remote:
        assert remote.digest == cohort.digest
        for name in cohort.tables:
            pd.testing.assert_frame_equal(remote.table(name), cohort.table(name))
        pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(remote)).table("licks"), cohort.table("licks"))


def test_a_remote_query_reads_what_it_needs(server: FaultServer, store: pathlib.Path) -> None:
    with open_remote(server, store) as remote:
        remote.sql("SELECT count(*) FROM trials WHERE hit")
    read = {request.key.removeprefix(f"{store.name}/").split("/")[0] for request in server.requests}
    assert read == {"cohort.json", "trials"}
    assert not any(request.method == "HEAD" for request in server.requests)


def test_a_remote_store_cannot_leave_the_store(server: FaultServer, store: pathlib.Path) -> None:
    with open_remote(server, store) as remote:
        with pytest.raises(BadValue, match="can only read the tables"):
            remote.sql("SELECT * FROM read_text('/etc/passwd')")
        for path in ("cohort://../x.parquet", "cohort://cohort.json"):
            try:
                # Versions of DuckDB differ in whether a file that does not exist is an error.
                assert remote.sql(f"SELECT * FROM read_text('{path}')").empty
            except VisBehaviorError as error:
                assert "Cannot access" in str(error)  # noqa: PT017


def test_remote_errors_are_reported(server: FaultServer, store: pathlib.Path, copied: pathlib.Path) -> None:
    with pytest.raises(NotFound):
        open_cohort(f"s3://{BUCKET}/nothing", endpoint=server.endpoint)
    remote = open_remote(server, store)
    server.faults.append(Fault("403", key="*.parquet", times=10_000))
    with pytest.raises(TransferFailed):
        remote.table("trials")
    server.reset()
    next((copied / "trials").glob("*.parquet")).unlink()
    with FaultServer(copied.parent) as other, open_remote(other, copied) as incomplete:
        with pytest.raises(CorruptFile, match="is incomplete"):
            incomplete.table("trials")
        assert len(incomplete.table("licks"))


def test_a_remote_store_needs_fsspec(server: FaultServer, store: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with open_remote(server, store) as remote, pytest.raises(MissingExtra, match=r"visbehavior\[cohort\]"):
        remote.table("trials")


def test_a_store_in_a_real_bucket(store: pathlib.Path, cohort: Cohort) -> None:
    with moto_server() as moto:
        for path in store.rglob("*"):
            if path.is_file():
                put_object(moto, f"a/{path.relative_to(store).as_posix()}", path.read_bytes())
        with open_cohort(f"s3://{moto.bucket}/a", endpoint=moto.endpoint) as remote:
            pd.testing.assert_frame_equal(remote.table("flashes"), cohort.table("flashes"))


@NGINX
def test_a_store_on_a_web_server(store: pathlib.Path, cohort: Cohort) -> None:
    with nginx(store) as web, open_cohort(web.endpoint) as remote:
        pd.testing.assert_frame_equal(remote.table("flashes"), cohort.table("flashes"))
