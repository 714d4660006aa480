"""Tables that cannot be one session in order are rejected by every public function of the analysis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from visbehavior import BadValue, BehaviorSession
from visbehavior.analysis.performance import (
    compute_performance_metrics,
    compute_reward_rate,
    compute_rolling_performance,
)


@pytest.fixture(scope="module")
def tables(newer_file: Any) -> dict[str, pd.DataFrame]:
    session = BehaviorSession.from_nwb_path(newer_file)
    return {name: getattr(session, name) for name in ("trials", "rewards", "licks")}


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table])


def pooled_with_new_index(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table], ignore_index=True)


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=1)


FUNCTIONS: dict[str, Callable[[dict[str, pd.DataFrame]], Any]] = {
    "metrics": lambda tables: compute_performance_metrics(tables["trials"], tables["rewards"]),
    "rolling": lambda tables: compute_rolling_performance(tables["trials"]),
    "reward rate": lambda tables: compute_reward_rate(tables["trials"]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pooled, "the index .+ occurs more than once"),
        (pooled_with_new_index, "start_time falls from .+ at row "),
        (shuffled, "start_time falls from .+ at row "),
    ],
)
def test_trials_of_several_sessions_or_out_of_order_are_refused(
    tables: dict[str, pd.DataFrame], name: str, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    FUNCTIONS[name](tables)
    with pytest.raises(BadValue, match=message + ".*Compute each session separately.+groupby"):
        FUNCTIONS[name](tables | {"trials": change(tables["trials"])})


def test_rewards_out_of_order_are_refused(tables: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(BadValue, match=r"rewards: timestamps falls from .+Compute each session separately"):
        FUNCTIONS["metrics"](tables | {"rewards": pooled_with_new_index(tables["rewards"])})
