"""Streams of a session around its events, and definitions of engagement compared."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from tests.imagingfiles import make_plane, write_plane
from tests.nwbfiles import write_session
from tests.synthetic_session import make_eye_tracking, make_session
from visbehavior import (
    BadValue,
    BehaviorOphysExperiment,
    BehaviorSession,
    MissingData,
    compare_engagement,
    compute_engagement,
    compute_event_triggered,
    compute_flash_table,
    compute_session_response,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    synthetic = make_session(seed=1, trials=60).replace(eye=make_eye_tracking())
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb", synthetic)


@pytest.fixture(scope="module")
def session(file: pathlib.Path) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(file)


def test_flash_table_equals_that_of_the_tables(file: pathlib.Path) -> None:
    for version in ("2.16", "2.10"):
        session = BehaviorSession.from_nwb_path(file, allensdk_version=version)
        table = session.get_flash_table()
        expected = compute_flash_table(
            session.stimulus_presentations,
            session.licks,
            session.rewards,
            session.trials,
            session.running_speed,
            session.eye_tracking,
        )
        # The convention of 2.10 has no trials_id of presentations, which the file may store.
        same = [name for name in expected if name not in ("trials_id", "could_change") or version == "2.16"]
        assert table[same].equals(expected[same])
        assert table.index.isin(session.stimulus_presentations.index).all()


def test_flash_table_does_not_use_changed_tables(session: BehaviorSession) -> None:
    expected = session.get_flash_table()
    session.licks["timestamps"] = 0.0
    session.stimulus_presentations["start_time"] = 0.0
    assert session.get_flash_table().equals(expected)


@pytest.mark.parametrize("stream", ["running", "licks"])
def test_streams_are_aligned(file: pathlib.Path, stream: str) -> None:
    session = BehaviorSession.from_nwb_path(file)
    response = compute_session_response(session, stream, "changes", (-0.5, 0.5))
    changes = session.get_flash_table().query("is_change")
    assert response["event"].to_numpy().tolist() == changes.index.tolist()
    if stream == "running":
        running = session.running_speed
        expected = compute_event_triggered(running["timestamps"], running["speed"], changes["start_time"], (-0.5, 0.5))
        np.testing.assert_array_equal(response, expected)


def test_pupil_is_aligned(file: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(file)
    response = compute_session_response(session, "pupil", "flashes", sampling_rate=10)
    assert response.dims == ("event", "time")


def test_cells_are_labeled_by_roi(tmp_path: pathlib.Path) -> None:
    plane = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "plane.nwb", make_plane()))
    for stream, table in (("dff", plane.dff_traces), ("filtered_events", plane.events)):
        response = compute_session_response(plane, stream, "flashes", (-0.5, 0.5))
        assert response["cell"].to_numpy().tolist() == table["cell_roi_id"].tolist()


def test_missing_streams_raise(session: BehaviorSession, tmp_path: pathlib.Path) -> None:
    with pytest.raises(MissingData, match="has no stream 'dff'"):
        compute_session_response(session, "dff", "changes")
    without_eye = BehaviorSession.from_nwb_path(write_session(tmp_path / "x.nwb", make_session(seed=1, trials=20)))
    with pytest.warns(UserWarning, match="eye tracking"), pytest.raises(MissingData, match="no eye tracking"):
        compute_session_response(without_eye, "pupil", "changes")
    with pytest.raises(BadValue, match="expected one of running"):
        compute_session_response(session, "speed", "changes")


def test_comparison_counts_disagreement(file: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(file)
    table = compare_engagement(session)
    flashes = session.get_flash_table()
    states = {method: compute_engagement(flashes, method, session.trials).to_numpy() for method in table.index}
    for method, state in states.items():
        assert table.loc[method, "engaged"] == pytest.approx(state.mean())
        for other in states:
            assert table.loc[method, other] == pytest.approx((state != states[other]).mean())
    assert table.loc["vba", "glm"] == 0
