"""The strategy of a session as one record, for tables of many sessions."""

from __future__ import annotations

from visbehavior.analysis.checks import Columns
from visbehavior.models.dropouts import compute_dropout_scores, compute_weight_index
from visbehavior.models.regressors import compute_strategy_regressors
from visbehavior.models.strategy import fit_strategy


def compute_strategy_record(flash_table: Columns) -> dict[str, float | int | str]:
    """Fit a session, and summarize its strategy.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As for `compute_strategy_regressors`, which also lists the errors.

    Returns
    -------
    dict
        flashes, bouts (flashes at which one begins), evidence, auc (in sample), strategy, strategy_index, weight_index;
        then weight_<regressor> (mean), sigma_<regressor> and dropout_<regressor> (percent).
    """
    regressors = compute_strategy_regressors(flash_table)
    X, y = regressors.X, regressors.y
    fit = fit_strategy(X, y)
    dropouts = compute_dropout_scores(X, y, fit=fit)
    means = fit.weights.mean()
    record: dict[str, float | int | str] = {
        "flashes": len(y),
        "bouts": int(y.sum()),
        "evidence": fit.evidence,
        "auc": fit.auc,
        "strategy": dropouts.strategy,
        "strategy_index": dropouts.strategy_index,
        "weight_index": compute_weight_index(means),
    }
    parts = {"weight": means, "sigma": fit.sigma, "dropout": dropouts.scores["dropout"]}
    return record | {f"{part}_{name}": float(value) for part, values in parts.items() for name, value in values.items()}
