"""Simulated imaging planes: their tables, their truth, and their files."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    ImagingParameters,
    compute_event_triggered,
    simulate,
    simulate_imaging,
    write_nwb,
)

SMALL = ImagingParameters(height=48, width=64)


@pytest.fixture(scope="module")
def session() -> BehaviorSession:
    return BehaviorSession.from_json({"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=8, seed=11)})


@pytest.fixture(scope="module")
def experiment(session: BehaviorSession) -> BehaviorOphysExperiment:
    return simulate_imaging(session, cells=12, seed=1, parameters=SMALL)


def test_plane_has_the_behavior_of_its_session(experiment: BehaviorOphysExperiment, session: BehaviorSession) -> None:
    pd.testing.assert_frame_equal(experiment.trials, session.trials)
    assert experiment.get_performance_metrics() == session.get_performance_metrics()
    assert experiment.behavior_session_id == session.behavior_session_id
    assert "simulated plane of" in repr(experiment)


def test_every_attribute_can_be_read(experiment: BehaviorOphysExperiment) -> None:
    for name in set(experiment.list_data_attributes_and_methods()) - {"stimulus_templates"}:
        assert getattr(experiment, name) is not None
    assert len(experiment.eye_tracking) == len(experiment.pupil_diameter) > 0
    assert experiment.metadata["field_of_view_width"] == 64


def test_truth_is_kept_by_cell(experiment: BehaviorOphysExperiment) -> None:
    gains = experiment.gains  # type: ignore[attr-defined]
    assert gains.index.tolist() == experiment.get_cell_specimen_ids().tolist()
    assert {"change", "omission", "lick", "reward", "running"} < set(gains)
    truth = experiment.simulation  # type: ignore[attr-defined]
    np.testing.assert_array_equal(np.stack(experiment.events["events"].tolist()).T, truth.events)
    assert truth.parameters == SMALL


def test_same_seed_gives_the_same_plane(session: BehaviorSession, experiment: BehaviorOphysExperiment) -> None:
    same = simulate_imaging(session, cells=12, seed=1, parameters=SMALL)
    pd.testing.assert_frame_equal(same.dff_traces, experiment.dff_traces)
    copied = pickle.loads(pickle.dumps(experiment))
    pd.testing.assert_frame_equal(copied.dff_traces, experiment.dff_traces)


def test_written_plane_is_equal(experiment: BehaviorOphysExperiment, tmp_path: pathlib.Path) -> None:
    read = BehaviorOphysExperiment.from_nwb_path(write_nwb(experiment, tmp_path / "plane.nwb"))
    for name in ("dff_traces", "events", "neuropil_traces", "cell_specimen_table", "eye_tracking", "motion_correction"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(experiment, name))
    assert read.metadata == experiment.metadata


def test_planted_tuning_to_changes_is_found_in_the_traces() -> None:
    # Long enough for more than a hundred changes: with few, the result depends on the seed.
    session = BehaviorSession.from_json({"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=29, seed=11)})
    plane = simulate_imaging(
        session, cells=90, seed=5, parameters=ImagingParameters(height=64, width=64, driven_rate=4.0)
    )
    changes = session.trials.loc[session.trials["go"], "change_time"]
    response = compute_event_triggered(plane.ophys_timestamps, plane.traces("dff").values.T, changes, (-0.5, 1.0))
    mean = response.mean("event")
    late, early = mean.sel(time=slice(0.2, 0.7)).mean("time"), mean.sel(time=slice(-0.5, 0)).mean("time")
    only = plane.gains.drop(columns=[name for name in plane.gains if name.startswith("image")])
    tuned = (only["change"] > 2).to_numpy()
    untuned = (plane.gains == 0).all(axis=1).to_numpy()
    difference = (late - early).values
    assert tuned.sum() >= 3
    assert (difference[tuned] > 0.1).all()
    assert np.abs(difference[untuned]).max(initial=0) < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"session": None}, "session is None; expected a BehaviorSession"),
        ({"cells": -1}, "cells is -1; expected a whole number from 0"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"parameters": {}}, "expected ImagingParameters"),
    ],
)
def test_bad_arguments_are_reported(session: BehaviorSession, changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        simulate_imaging(**{"session": session, "cells": 2, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indicator": "jGCaMP8"}, "indicator is 'jGCaMP8'; expected one of GCaMP6f, GCaMP6s"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"height": 3}, "height is 3; expected a whole number of pixels from 16"),
    ],
)
def test_bad_parameters_are_reported(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        ImagingParameters(**changes)
