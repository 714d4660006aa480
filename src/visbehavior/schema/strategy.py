"""The columns that summarize the strategy and the states of a session, from the models of `visbehavior.models`."""

from __future__ import annotations

from visbehavior.schema.columns import Column

REGRESSORS = ("bias", "omissions", "omissions1", "task0", "timing1D")
"""Regressors of the strategy model. Sessions without omissions lack the two of omissions."""
UNTESTED = "bias"
"""Regressor without a dropout score: other regressors take over its part, and which one does is arbitrary."""
STATES = 3
"""Number of states in a cohort."""


def _float(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name=name, dtype="float64", unit=unit, path=None, meaning=meaning)


_BY_REGRESSOR = (
    *(_float(f"weight_{name}", f"Mean weight of {name} over the session.", "log-odds") for name in REGRESSORS),
    *(
        _float(f"sigma_{name}", f"Step of the weight of {name} from flash to flash (SD).", "log-odds")
        for name in REGRESSORS
    ),
    *(
        _float(f"dropout_{name}", f"Dropout score of {name}, negative if it helps.", "%")
        for name in REGRESSORS
        if name != UNTESTED
    ),
)
STRATEGY_COLUMNS = (
    Column(name="flashes", dtype="Int64", path=None, meaning="Flashes of the fit."),
    Column(name="bouts", dtype="Int64", path=None, meaning="Flashes at which a lick bout begins."),
    _float("evidence", "Log probability of the responses given the sigmas."),
    _float("auc", "Area under the ROC curve, in sample."),
    Column(name="strategy", dtype="text", path=None, meaning="visual if the strategy index is above 0, else timing."),
    _float("strategy_index", "Dropout score of timing1D minus that of task0.", "%"),
    _float("weight_index", "Mean weight of task0 minus that of timing1D.", "log-odds"),
    *_BY_REGRESSOR,
)
PROBLEM = Column(name="problem", dtype="text", path=None, meaning="Why the session was not fitted; NULL if it was.")
STATE_COLUMNS = (
    Column(
        name="state",
        dtype="int64",
        path=None,
        meaning="State in the most likely sequence. The mouse responds most in state 0.",
    ),
    *(
        _float(f"probability_{state}", f"Probability of state {state} given all responses of the session.")
        for state in range(STATES)
    ),
)
