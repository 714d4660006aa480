"""Imaging planes of the data set, streamed and downloaded."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from visbehavior import BehaviorOphysExperiment, NotFound
from visbehavior import VisualBehaviorOphysProjectCache as Cache


@pytest.mark.parametrize("download", [False, True])
def test_a_plane_is_opened_with_the_behavior_of_its_session(cache: Cache, download: bool) -> None:
    experiment = cache.get_behavior_ophys_experiment(21, download=download)
    assert isinstance(experiment, BehaviorOphysExperiment)
    assert (experiment.ophys_experiment_id, experiment.behavior_session_id) == (21, 12)
    assert experiment.max_projection.data.ndim == 2
    assert len(experiment.dff_traces) == 4
    assert len(experiment.dff_traces["dff"].iloc[0]) == len(experiment.ophys_timestamps)
    session = cache.get_behavior_session(12)
    assert experiment.trials.equals(session.trials)


def test_the_convention_of_the_cache_is_used(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_ophys_experiment("21", download=True)
    older = Cache.from_local_cache(tmp_path, allensdk_version="2.10")
    assert isinstance(older.get_behavior_ophys_experiment(21).dff_traces["dff"].iloc[0], list)
    current = Cache.from_local_cache(tmp_path).get_behavior_ophys_experiment(np.int64(21))
    assert isinstance(current.dff_traces["dff"].iloc[0], np.ndarray)


@pytest.mark.parametrize(
    ("number", "message"), [(12, "is a behavior_session_id, of imaging planes 21, 22"), (7, "lists them")]
)
def test_another_id_is_explained(cache: Cache, number: int, message: str) -> None:
    with pytest.raises(NotFound, match=f"has no imaging plane {number}. .*{message}"):
        cache.get_behavior_ophys_experiment(number)
