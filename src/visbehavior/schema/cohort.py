"""The tables of a cohort store, derived from the declarations of the tables of a session and of the project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from visbehavior.schema.columns import Column, Table
from visbehavior.schema.flashes import FLASHES as FLASH_TABLE
from visbehavior.schema.metrics import PERFORMANCE_METRICS, ROLLING_METRICS, SESSION_RATES, Metric
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
from visbehavior.schema.session import EYE_TRACKING, LICKS, METADATA, REWARDS, RUNNING_SPEED, TRIALS
from visbehavior.schema.strategy import PROBLEM, STATE_COLUMNS, STRATEGY_COLUMNS

SQL_TYPES = {
    "bool": "BOOLEAN",
    "boolean": "BOOLEAN",
    "int64": "BIGINT",
    "Int64": "BIGINT",
    "float64": "DOUBLE",
    # Some files store whole numbers, others floats.
    "number": "DOUBLE",
    "text": "VARCHAR",
    "uuid": "VARCHAR",
    "times": "DOUBLE[]",
    "list": "BIGINT[]",
    "texts": "VARCHAR[]",
    "datetime": "TIMESTAMPTZ",
}
"""SQL type of each dtype of a declaration. Missing values, NaN included, are NULL."""

SESSION_ID = Column(
    name="behavior_session_id",
    dtype="int64",
    path=None,
    meaning="Behavior session: the argument of get_behavior_session.",
)
DATASET = Column(
    name="dataset", dtype="text", path=None, meaning="Data set of the session, such as visual-behavior-ophys."
)

SAMPLES_PER_SECOND = 10
"""Rate to which running speed and eye tracking are reduced: every n-th sample is kept, unchanged."""
_EYE_COLUMNS = (
    *("timestamps", "likely_blink", "pupil_area", "pupil_width", "pupil_height", "pupil_phi"),
    *("pupil_center_x", "pupil_center_y", "eye_area", "cr_area"),
)
_MEASURED = {"mean_running_speed": "running_speed", "mean_pupil_width": "eye_tracking"}
"""Columns of the flash table that need a table which is not in every store."""


EVENTS = ("change", "omitted", "lick", "bout", "reward")
"""Events whose last time is stored with each flash."""
DERIVED = {f"time_from_last_{name}": f"start_time - last_{name}_time" for name in EVENTS} | {
    "lick_latency": "first_lick_time - start_time"
}
"""Columns of the flash table that queries compute, and how: the same numbers, for half of the bytes of the table."""


def _number(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="int64", path=None, meaning=meaning)


def _rows(name: str, summary: str, row: Column, columns: Iterable[Column]) -> Table:
    kept = tuple(column for column in columns if not column.only_2_10 and column.name != row.name)
    return Table(name=name, summary=summary, columns=(SESSION_ID, row, *kept), index=row.name)


def _of_metric(metric: Metric) -> Column:
    meaning = f"{metric.meaning} {metric.formula[0].upper()}{metric.formula[1:]}."
    dtype = "int64" if metric.name.endswith("_count") else "float64"
    return Column(
        name=metric.name, dtype=dtype, unit=metric.unit if dtype == "float64" else "", path=None, meaning=meaning
    )


def _last_time(event: str) -> Column:
    """Return the column with the time of the last event: its meaning is that of the time since it."""
    since = FLASH_TABLE.by_name[f"time_from_last_{event}"].meaning
    meaning = since.replace("start_time minus the time of", "Time of").replace("NaN", "NULL")
    return Column(name=f"last_{event}_time", dtype="float64", unit="s", path=None, meaning=meaning)


_METRICS = tuple(map(_of_metric, (*PERFORMANCE_METRICS, *SESSION_RATES)))
METRIC_NAMES = tuple(column.name for column in _METRICS)
"""Columns of `SESSIONS` that are computed from the trials and rewards of the session."""
FILE_ENTRIES = ("stimulus_frame_rate", "behavior_session_uuid")
"""Entries of a session's metadata that the project table lacks."""


def _session_columns() -> tuple[Column, ...]:
    project = [column for column in BEHAVIOR_SESSION_TABLE if column.name not in {"file_id", *METRIC_NAMES}]
    # The only list that has no ids.
    project = [replace(column, dtype="texts") if column.name == "driver_line" else column for column in project]
    computed = (
        _number("day", "Day of the session, counted from the first session of the mouse (0)."),
        Column(name="stage", dtype="text", path=None, meaning="Stage, such as TRAINING_1 or OPHYS_4."),
    )
    return (SESSION_ID, DATASET, *project, *computed, *(METADATA.by_name[name] for name in FILE_ENTRIES), *_METRICS)


SESSIONS = Table(
    name="sessions",
    summary="Every session: the project table, entries of the file's metadata, and performance metrics.",
    columns=_session_columns(),
)
_TRIAL = _number("trials_id", "Number of the trial.")
_FLASH = _number(FLASH_TABLE.index, FLASH_TABLE.index_meaning.capitalize())
ROW_TABLES = (
    _rows("trials", TRIALS.summary, _TRIAL, TRIALS),
    _rows(
        "flashes",
        FLASH_TABLE.summary,
        _FLASH,
        (*FLASH_TABLE, *map(_last_time, EVENTS)),
    ),
    _rows("licks", LICKS.summary, _number("licks_id", "Number of the lick."), LICKS),
    _rows(
        "lick_bouts",
        "Lick bouts: groups of licks without a pause of more than 0.7 s, one row each.",
        _number("lick_bout_number", "Number of the bout, from 0."),
        (
            Column(name="start", dtype="float64", unit="s", path=None, meaning="First lick of the bout."),
            Column(name="end", dtype="float64", unit="s", path=None, meaning="Last lick of the bout."),
            _number("n_licks", "Licks of the bout."),
            Column(name="rewarded", dtype="bool", path=None, meaning="True if a reward was delivered during the bout."),
        ),
    ),
    _rows("rewards", REWARDS.summary, _number("rewards_id", "Number of the reward."), REWARDS),
    _rows("rolling_performance", "Performance around each trial.", _TRIAL, map(_of_metric, ROLLING_METRICS)),
    _rows(
        "running_speed",
        f"Running speed of the mouse, {SAMPLES_PER_SECOND} samples a second.",
        _number("frame", "Stimulus frame of the sample."),
        RUNNING_SPEED,
    ),
    _rows(
        "eye_tracking",
        f"Pupil, eye and corneal reflection, {SAMPLES_PER_SECOND} samples a second.",
        _number("frame", "Frame of the eye camera."),
        (EYE_TRACKING.by_name[name] for name in _EYE_COLUMNS),
    ),
    Table(
        name="strategy",
        summary="Strategy of the mouse in each session, one row each: compute_strategy_regressors, fit_strategy and compute_dropout_scores.",
        columns=(SESSION_ID, PROBLEM, *STRATEGY_COLUMNS),
    ),
    _rows(
        "states",
        "State of the mouse at each flash at which a lick bout can begin: evaluate_states.",
        _FLASH,
        STATE_COLUMNS,
    ),
)
"""Tables besides that of the sessions. A store may have some of them only."""
BY_NAME = {table.name: table for table in (SESSIONS, *ROW_TABLES)}
DEFAULT_TABLES = ("trials", "flashes", "licks", "lick_bouts", "rewards", "rolling_performance")


def table_columns(name: str, tables: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of a table in a store that has certain tables.

    The flash table has a mean of running speed or pupil width only in a store with the table of these samples, because
    they are most of a session's bytes.
    """
    names = {*tables, name}
    return tuple(column for column in BY_NAME[name] if _MEASURED.get(column.name, name) in names)


def stored_columns(name: str, tables: Iterable[str]) -> tuple[Column, ...]:
    """Return those columns of a table that its files have. Queries compute the others."""
    columns = table_columns(name, tables)
    return tuple(column for column in columns if name != "flashes" or column.name not in DERIVED)


_NARROW_FIRST = ("BOOLEAN", "VARCHAR", "BIGINT", "DOUBLE", "DOUBLE[]")


def file_columns(name: str, tables: Iterable[str]) -> tuple[Column, ...]:
    """Return the stored columns of a table in the order of its files: narrow ones first, which remote queries read together."""
    columns = stored_columns(name, tables)
    return columns[:1] + tuple(sorted(columns[1:], key=lambda column: _NARROW_FIRST.index(sql_type(column))))


def sql_type(column: Column) -> str:
    """Return the SQL type of a column."""
    return SQL_TYPES[column.dtype]
