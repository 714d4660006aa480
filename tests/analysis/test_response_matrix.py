"""Responses by pair of images: comparison with a slow reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests import reference
from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, compute_could_change, compute_flash_table, compute_response_matrix

SESSION = as_session(make_session(seed=5, trials=200))
PRESENTATIONS = SESSION.stimulus_presentations.drop(columns="trials_id")
FLASHES = compute_flash_table(PRESENTATIONS, SESSION.licks, SESSION.rewards, SESSION.trials)
TABLES = (FLASHES, SESSION.licks, SESSION.trials)


def slow_matrix(method, engaged):
    """Return responses by pair of images as dictionaries: (previous image, image) to 0 or 1."""
    could_change = compute_could_change(*TABLES, method)
    vba = compute_could_change(*TABLES, "vba")
    responses: dict[tuple[str, str], list[bool]] = {}
    for row, flash in enumerate(FLASHES.itertuples()):
        trial = vba["trials_id"].iloc[row]
        is_free = trial not in SESSION.trials.index or SESSION.trials.loc[trial, "auto_rewarded"]
        if could_change["could_change"].iloc[row] and not is_free and not flash.omitted and engaged[row]:
            pair = flash.previous_image_name, flash.image_name
            responses.setdefault(pair, []).append(bool(vba["responded"].iloc[row]))
    return responses


@pytest.mark.parametrize("method", ["bou", "vba"])
@pytest.mark.parametrize("half", [True, False])
def test_matrix_equals_the_reference(method: str, half: bool) -> None:
    engaged = np.arange(len(FLASHES)) % 2 == 0 if half else np.ones(len(FLASHES), dtype=bool)
    matrix = compute_response_matrix(*TABLES, method, engaged if half else None)
    responses = slow_matrix(method, engaged)
    assert len(responses) > 4
    assert matrix.mean.index.tolist() == sorted({previous for previous, _ in responses})
    assert matrix.mean.columns.tolist() == sorted({image for _, image in responses})
    for previous in matrix.mean.index:
        for image in matrix.mean.columns:
            cell = responses.get((previous, image), [])
            stays = responses.get((image, image), [])
            count, mean, dprime = (getattr(matrix, name).loc[previous, image] for name in ("count", "mean", "dprime"))
            assert (np.isnan(count) and not cell) or count == len(cell)
            assert (np.isnan(mean) and not cell) or mean == pytest.approx(np.mean(cell))
            if previous == image or not cell or not stays:
                assert np.isnan(dprime)
            else:
                assert dprime == pytest.approx(reference.dprime(np.mean(cell), np.mean(stays)))


def test_no_selected_flash_gives_an_empty_matrix() -> None:
    matrix = compute_response_matrix(*TABLES, engaged=np.zeros(len(FLASHES), dtype=bool))
    assert all(table.shape == (0, 0) for table in matrix)


def test_engaged_of_another_length_raises() -> None:
    with pytest.raises(BadValue, match="engaged has 1 values"):
        compute_response_matrix(*TABLES, engaged=pd.Series([True]))
