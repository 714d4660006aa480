"""Strategy and state models, compared with what the published code, psytrack 2.0.2 and dynamax 1.0.3 returned."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.golden.recordings import GOLDEN, needs_recordings, recordings, unpacked
from visbehavior import (
    BadValue,
    BehaviorSession,
    compute_dropout_scores,
    compute_strategy_regressors,
    cross_validate_strategy,
    evaluate_states,
    fit_strategy,
)
from visbehavior.analysis.flashes import compute_flash_table
from visbehavior.models.strategy import StrategyFit

SESSIONS = recordings("strategy/*.psytrack-2.0.2.npz")
EDGES = GOLDEN / "strategy" / "edges.npz"
STATES = recordings("strategy/glmhmm.*.npz")
EVIDENCE, WEIGHTS, BANDS, HELD_OUT = 1e-5, 1e-5, 2e-5, 2e-5
"""Relative differences: about where psytrack's own optimizer stops."""
INDEX_DIFFERENCE = 0.05
SEARCH_DIFFERENCE = 0.02

pytestmark = needs_recordings
each_session = pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.name.split(".")[0])

Recorded = dict[str, np.ndarray[Any, Any]]


def read(path: pathlib.Path, prefix: str = "") -> Recorded:
    with np.load(path) as arrays:
        return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}


def edge_cases() -> list[str]:
    return sorted({name.split("/")[0] for name in read(EDGES)}) if EDGES.is_file() else []


def flash_table(recorded: Recorded) -> pd.DataFrame:
    names = ("start_time", "is_change", "omitted")
    presentations = pd.DataFrame({name: recorded[f"input/{name}"] for name in names})
    presentations.index += int(recorded["input/first_row"])
    events = ({"timestamps": recorded[f"input/{name}"]} for name in ("licks", "rewards"))
    return compute_flash_table(presentations, *events)


def regressors(recorded: Recorded) -> tuple[pd.DataFrame, pd.Series]:
    X = pd.DataFrame(recorded["regressors/X"], columns=recorded["regressors/regressors"])
    return X, pd.Series(recorded["regressors/y"] == 1)


def compare_regressors(recorded: Recorded) -> None:
    computed = compute_strategy_regressors(flash_table(recorded))
    first = recorded["input/first_row"] + recorded["regressors/dropped_first_flashes"]
    assert computed.X.columns.tolist() == recorded["regressors/regressors"].tolist()
    np.testing.assert_array_equal(computed.X.index - first, recorded["regressors/image_ids"])
    np.testing.assert_array_equal(computed.y, recorded["regressors/y"] == 1)
    np.testing.assert_allclose(computed.X, recorded["regressors/X"], rtol=0, atol=1e-12)


def relative_difference(found: Any, recorded: Any) -> float:
    return float(np.abs(np.asarray(found) - recorded).max() / np.abs(recorded).max())


@each_session
def test_regressors_of_sessions_equal_the_published_ones(path: pathlib.Path) -> None:
    compare_regressors(read(path))


@pytest.mark.parametrize("name", ["891635659", "990100001"])
@pytest.mark.parametrize("version", ["2.16", "2.10"])
def test_regressors_of_nwb_files_equal_the_published_ones(name: str, version: str, tmp_path: pathlib.Path) -> None:
    path = unpacked(GOLDEN / "v1.1" / f"behavior_session_{name}.nwb.xz", tmp_path)
    session = BehaviorSession.from_nwb_path(path, allensdk_version=version)
    found = compute_strategy_regressors(session.get_flash_table())
    recorded = read(GOLDEN / "strategy" / f"{name}.psytrack-2.0.2.npz")
    np.testing.assert_allclose(found.X, recorded["regressors/X"], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.y, recorded["regressors/y"] == 1)


@pytest.mark.parametrize("case", edge_cases())
def test_regressors_of_edge_cases_equal_the_published_ones(case: str) -> None:
    recorded = read(EDGES, f"{case}/")
    if "regressors/raises" in recorded:
        with pytest.raises(BadValue):
            compute_strategy_regressors(flash_table(recorded))
    else:
        compare_regressors(recorded)


@each_session
@pytest.mark.parametrize("found", ["fit", "better"])
def test_fits_at_given_sigmas_equal_psytrack(path: pathlib.Path, found: str) -> None:
    recorded = read(path)
    fit = fit_strategy(*regressors(recorded), sigma=recorded[f"{found}/sigma"])
    assert fit.evidence == pytest.approx(float(recorded[f"{found}/evidence"]), rel=EVIDENCE)
    rows = recorded.get("rows", np.arange(len(fit.weights)))
    assert relative_difference(fit.weights.iloc[rows], recorded[f"{found}/w"].T) < WEIGHTS
    np.testing.assert_allclose(fit.bands.iloc[rows], recorded[f"{found}/w_std"].T, rtol=BANDS)
    if f"{found}/log_likelihood" in recorded:
        assert fit.log_likelihood == pytest.approx(float(recorded[f"{found}/log_likelihood"]), rel=EVIDENCE)
        assert fit.auc == pytest.approx(float(recorded[f"{found}/auc_in_sample"]), abs=1e-5)


@each_session
def test_fit_at_the_start_of_the_search_equals_psytrack(path: pathlib.Path) -> None:
    recorded = read(path)
    fit = fit_strategy(*regressors(recorded), sigma=2**-4)
    assert fit.evidence == pytest.approx(float(recorded["fit/evidence_at_start"]), rel=EVIDENCE)
    rows = recorded.get("rows", np.arange(len(fit.weights)))
    assert relative_difference(fit.weights.iloc[rows], recorded["fit/w_at_start"].T) < WEIGHTS


@each_session
def test_sigma_search_reaches_the_better_evidence(path: pathlib.Path) -> None:
    recorded = read(path)
    fit: StrategyFit = fit_strategy(*regressors(recorded))
    assert fit.evidence >= recorded["better/evidence"] - SEARCH_DIFFERENCE


@each_session
def test_held_out_predictions_equal_psytrack(path: pathlib.Path) -> None:
    """At the sigmas of the whole session, with the published look-ahead."""
    recorded = read(path)
    result = cross_validate_strategy(*regressors(recorded), heldout="next", sigma=recorded["fit/sigma"])
    np.testing.assert_array_equal(result.flashes["fold"], recorded["fixed/fold"])
    used = recorded["fixed/fold"] >= 0
    assert relative_difference(result.flashes["log_odds"][used], recorded["fixed/gw"][used]) < HELD_OUT
    np.testing.assert_allclose(result.folds["log_likelihood"], recorded["fixed/fold_log_likelihood"], rtol=HELD_OUT)
    np.testing.assert_allclose(result.folds["evidence"], recorded["fixed/fold_evidence"], rtol=EVIDENCE)
    assert result.auc == pytest.approx(float(recorded["fixed/auc"]), abs=1e-5)


@each_session
def test_strategy_index_equals_the_published_one(path: pathlib.Path) -> None:
    recorded = read(path)
    if "dropout/strategy_index" not in recorded:
        pytest.skip("no dropouts were recorded")
    dropouts = compute_dropout_scores(*regressors(recorded))
    assert dropouts.strategy_index == pytest.approx(float(recorded["dropout/strategy_index"]), abs=INDEX_DIFFERENCE)
    published = dict(zip(recorded["regressors/regressors"], recorded["dropout/evidence_without"], strict=True))
    for name, evidence in dropouts.scores["evidence"].items():
        assert evidence >= published[name] - SEARCH_DIFFERENCE


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.name)
@pytest.mark.parametrize("states", ["k2", "k3"])
def test_states_at_given_parameters_equal_dynamax(path: pathlib.Path, states: str) -> None:
    recorded = read(path)
    parameters = [recorded[f"{states}_{name}"] for name in ("initial", "transition", "weights")]
    for name in recorded["names"]:
        session = read(path.parent / f"{name}.psytrack-2.0.2.npz")
        found = evaluate_states(*regressors(session), *parameters)
        expected = {key.removeprefix(f"{states}_{name}_"): value for key, value in recorded.items()}
        assert found.log_likelihood == pytest.approx(float(expected["log_likelihood"]), abs=1e-8)
        np.testing.assert_allclose(found.smoothed, expected["smoothed"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.filtered[::10], expected["filtered_every_10"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.transitions, expected["transitions"], rtol=1e-8)
        np.testing.assert_array_equal(found.most_likely, expected["viterbi"])
