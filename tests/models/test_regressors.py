"""Regressors of the strategy model, compared with a loop over the flashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior import BadValue, MissingData, compute_strategy_regressors
from visbehavior.analysis.flashes import compute_flash_table
from visbehavior.models.regressors import compute_timing

USED_COLUMNS = ("start_time", "is_change", "omitted", "n_licks", "num_bout_start", "num_bout_end", "in_lick_bout")


def make_flash_table(seed: int, flashes: int = 80, licks: int = 60, first_omissions: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    omitted = rng.random(flashes) < 0.1
    omitted[:first_omissions], omitted[first_omissions] = True, False
    presentations = pd.DataFrame(
        {"start_time": 0.75 * np.arange(flashes), "is_change": rng.random(flashes) < 0.1, "omitted": omitted},
        index=range(5, 5 + flashes),
    )
    # On a grid, so that many licks are at the start of a flash and many pauses are near 0.7 s.
    times = np.unique(rng.integers(0, flashes * 15, licks)) * 0.05
    return compute_flash_table(presentations, {"timestamps": times}, {"timestamps": np.empty(0)})


def reference(table: pd.DataFrame) -> tuple[list[int], list[bool], list[dict[str, float]]]:
    """Walk through the flashes one by one."""
    labels: list[int] = []
    responses: list[bool] = []
    rows: list[dict[str, float]] = []
    open_bouts, since, previous_since, previous_omitted, seen = 0, 0, None, False, False
    for label, flash in table.iterrows():
        if flash["omitted"] and not seen:
            continue
        seen = True
        inside = open_bouts > 0 and not (flash["num_bout_start"] > 0 and flash["num_bout_end"] > 0)
        flashes_since = 1 if previous_since is None else previous_since + 1
        if not inside:
            labels.append(label)
            responses.append(flash["num_bout_start"] > 0)
            row = {"bias": 1.0, "omissions": float(flash["omitted"]), "omissions1": float(previous_omitted)}
            timing = -1 + 1 / (1 + (flashes_since / 4) ** -5)
            timing = -1.0 if timing < -0.999 else 0.0 if timing > -0.001 else timing
            rows.append(row | {"task0": float(flash["is_change"]), "timing1D": timing})
        open_bouts += flash["num_bout_start"] - flash["num_bout_end"]
        since = 0 if flash["num_bout_end"] > 0 else 0 if previous_since is None else previous_since + 1
        previous_since, previous_omitted = since, flash["omitted"]
    return labels, responses, rows


@given(seed=st.integers(0, 10_000), first_omissions=st.integers(0, 3))
def test_regressors_equal_a_loop_over_the_flashes(seed: int, first_omissions: int) -> None:
    table = make_flash_table(seed, first_omissions=first_omissions)
    labels, responses, rows = reference(table)
    found = compute_strategy_regressors(table)
    assert found.X.index.tolist() == labels
    assert found.y.tolist() == responses
    expected = pd.DataFrame(rows, index=labels)
    expected -= expected.mean() * (expected.columns != "bias")
    names = found.X.columns.tolist()
    assert names == sorted(names)
    np.testing.assert_allclose(found.X, expected[names], rtol=0, atol=1e-12)


def test_timing_is_a_sigmoid_from_minus_one_to_zero() -> None:
    timing = compute_timing(np.arange(1, 20))
    assert timing[0] == -1
    assert timing[3] == pytest.approx(-0.5)
    assert (np.diff(timing) >= 0).all()
    assert timing[14] < 0
    assert (timing[15:] == 0).all()


def test_session_without_omissions_has_three_regressors() -> None:
    table = make_flash_table(1)
    table = table[~table["omitted"]]
    assert compute_strategy_regressors(table).X.columns.tolist() == ["bias", "task0", "timing1D"]


def test_table_is_not_changed() -> None:
    table = make_flash_table(2)
    before = table.copy()
    compute_strategy_regressors(table)
    pd.testing.assert_frame_equal(table, before)


def without_licks(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(n_licks=0)


BROKEN: dict[str, tuple[Any, str]] = {
    "no licks": (without_licks, "0 licks during the task; expected 10 or more. Choose an active session"),
    "no rows": (lambda table: table.iloc[:0], "has no image"),
    "only omissions": (lambda table: table.assign(omitted=True), "has no image"),
    "gratings": (lambda table: table.assign(start_time=table["start_time"] * 8), "6 s apart; expected at most 1 s"),
    "NaN": (lambda table: table.assign(num_bout_start=np.nan), "num_bout_start of the flash table has values below 0"),
    "two sessions": (lambda table: pd.concat([table, table]), "occurs more than once"),
}


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_tables_without_regressors_raise(change: Any, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        compute_strategy_regressors(change(make_flash_table(3)))


@pytest.mark.parametrize("name", USED_COLUMNS)
def test_missing_column_is_named(name: str) -> None:
    with pytest.raises(MissingData, match=name):
        compute_strategy_regressors(make_flash_table(4)[list(USED_COLUMNS)].drop(columns=name))
