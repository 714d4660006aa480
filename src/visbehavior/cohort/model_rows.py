"""The rows of a session in the tables of models: its strategy, and its state at each flash."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from visbehavior.cohort.state_model import StateModel
from visbehavior.errors import BadValue
from visbehavior.models.regressors import compute_strategy_regressors
from visbehavior.models.strategy_record import compute_strategy_record
from visbehavior.schema.strategy import PROBLEM, STATE_COLUMNS, STRATEGY_COLUMNS

STRATEGY_TABLE, STATES_TABLE = MODEL_TABLES = ("strategy", "states")


def compute_model_rows(
    flash_table: pd.DataFrame, tables: Collection[str], model: StateModel | None
) -> dict[str, pd.DataFrame]:
    """Return the rows of those model tables that are wanted.

    A session that cannot be fitted has a row with the reason in ``strategy``, and no states.
    """
    frames = {}
    if STRATEGY_TABLE in tables:
        frames[STRATEGY_TABLE] = pd.DataFrame([_strategy(flash_table)])
    if STATES_TABLE in tables:
        frames[STATES_TABLE] = _states(flash_table, model)
    return frames


def _strategy(flash_table: pd.DataFrame) -> dict[str, object]:
    values: dict[str, object] = dict.fromkeys(column.name for column in (*STRATEGY_COLUMNS, PROBLEM))
    try:
        return values | compute_strategy_record(flash_table)
    except BadValue as error:
        return values | {PROBLEM.name: str(error)}


def _states(flash_table: pd.DataFrame, model: StateModel | None) -> pd.DataFrame:
    empty = pd.DataFrame({column.name: [] for column in STATE_COLUMNS}, dtype="float64")
    if model is None:
        return empty
    try:
        found = model.evaluate(compute_strategy_regressors(flash_table))
    except BadValue:
        return empty
    return found.smoothed.add_prefix("probability_").assign(state=found.most_likely)
