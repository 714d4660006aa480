"""The behavior of a recording is streamed with few requests, whatever else the file contains."""

from __future__ import annotations

import pathlib

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from tests.faultserver import FaultServer
from tests.recordingfiles import write_recording
from tests.store.objects import KEY, object_source
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession
from visbehavior.nwb.reader import NwbReader
from visbehavior.store.remote_object import RemoteObject

SPIKES = 30_000_000
"""Spike times; 8 bytes each."""
MAX_REQUESTS, MAX_BYTES = 10, 2_500_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The file of a recording with 240 MB of spikes, which are a hole on disk."""
    path = tmp_path_factory.mktemp("bucket") / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    write_recording(path, make_session(seed=4, trials=400))
    with h5py.File(path, "r+") as file:
        del file["units/spike_times"]
        create = h5p.create(h5p.DATASET_CREATE)
        create.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        create.set_fill_time(h5d.FILL_TIME_NEVER)
        h5d.create(file["units"].id, b"spike_times", h5t.IEEE_F64LE, h5s.create_simple((SPIKES,)), create)
        file["units/spike_times_index"] = np.array([SPIKES])
    return path


def test_metrics_need_few_requests(recording: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert recording.stat().st_size > 8 * SPIKES
    folder = recording.parents[len(pathlib.PurePath(KEY).parts) - 1]
    with FaultServer(folder) as server:
        source = object_source(server)
        session = BehaviorSession(NwbReader(RemoteObject(source, KEY, None, None, tmp_path / "session.nwb")))
        metrics = session.get_performance_metrics()
    assert metrics == pytest.approx(BehaviorSession.from_nwb_path(recording).get_performance_metrics(), nan_ok=True)
    assert source.requests <= MAX_REQUESTS
    assert source.bytes <= MAX_BYTES
