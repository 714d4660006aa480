"""The metrics of a session, computed from what they need of it, without its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.performance import (
    TRIAL_COLUMNS,
    compute_performance_metrics,
    compute_reward_rate,
    compute_rolling_performance,
    compute_session_rates,
)
from visbehavior.errors import naming_file
from visbehavior.read_once import Once
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.session_type import parse_session_type

if TYPE_CHECKING:
    import pandas as pd


def kept_for_metrics(table: Table) -> str:
    """Return the name under which a session keeps the columns of a table that metrics need."""
    return f"{table.name} for metrics"


class SessionMetrics(NamedTuple):
    """Reads each input once. Users, who may change their tables, never get these arrays."""

    reader: SessionReader
    convention: str
    once: Once

    def compute(self, engaged_reward_rate: float) -> dict[str, int | float]:
        """Return the metrics, read from the file together."""
        with self.reader.opened():
            self.reader.prefetch(self.trials, self.rewards, self.response_window_start, self.is_passive)
            trials, rewards = self.trials(), self.rewards()
            options = self.response_window_start(), self.is_passive()
        with naming_file(self.reader.location):
            return compute_performance_metrics(trials, rewards, engaged_reward_rate, *options)

    def compute_rates(self) -> dict[str, float]:
        """Return the plain rates."""
        trials = self.trials()
        with naming_file(self.reader.location):
            return compute_session_rates(trials)

    def compute_rolling(self) -> pd.DataFrame:
        """Return the rolling performance, with the index of the trials."""
        import pandas as pd

        trials, options = self.trials(), (self.response_window_start(), self.is_passive())
        with naming_file(self.reader.location):
            rolling = compute_rolling_performance(trials, *options)
        rolling.index = pd.Index(trials[schema.TRIALS.index].copy(), name=schema.TRIALS.index)
        return rolling

    def compute_reward_rate(self) -> NDArray[np.float64]:
        """Return rewards per minute around each trial."""
        trials, start = self.trials(), self.response_window_start()
        with naming_file(self.reader.location):
            return compute_reward_rate(trials, start)

    def trials(self) -> dict[str, Any]:
        """Return the columns of trials that metrics need, and the index."""
        columns: dict[str, Any] = self.once(
            kept_for_metrics(schema.TRIALS), lambda: self.reader.read(schema.TRIALS, TRIAL_COLUMNS.__contains__)
        )
        return columns

    def rewards(self) -> dict[str, Any]:
        """Return the reward volumes."""
        table = schema.REWARDS
        rewards = self.once(kept_for_metrics(table), lambda: self.reader.read(table, "volume".__eq__))
        return rewards or {"volume": np.empty(0)}

    def response_window_start(self) -> float:
        """Return the start of the response window (s after the change)."""
        return float(self._entry(schema.TASK_PARAMETERS, "response_window_sec")[0])

    def is_passive(self) -> bool | None:
        """Return the passivity of AllenSDK 2.10, which goes by the session type; None in the convention of 2.16."""
        if self.convention == "2.16":
            return None
        return parse_session_type(self._entry(schema.METADATA, "session_type")).is_passive

    def _entry(self, table: Table, name: str) -> Any:
        return self.once(f"{name} for metrics", lambda: self.reader.read(table, name.__eq__)[name])
