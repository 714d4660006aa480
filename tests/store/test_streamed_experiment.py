"""Imaging planes that are streamed from a server."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.faultserver import FaultServer
from tests.imagingfiles import make_plane, write_plane
from tests.store.objects import put, remote_object, requested_blocks, sent_bytes
from visbehavior import BehaviorOphysExperiment
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.imaging import IMAGING_TABLES
from visbehavior.store.coalesce import BLOCK


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> BehaviorOphysExperiment:
    path = write_plane(tmp_path_factory.mktemp("plane") / "plane.nwb", make_plane(frames=40_000))
    return BehaviorOphysExperiment.from_nwb_path(path)


@pytest.fixture(scope="module")
def server(local: BehaviorOphysExperiment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        put(server, pathlib.Path(local.source.location).read_bytes())
        yield server


@pytest.fixture
def streamed(server: FaultServer, tmp_path: pathlib.Path) -> BehaviorOphysExperiment:
    server.reset()
    return BehaviorOphysExperiment(NwbReader(remote_object(server, tmp_path)))


@pytest.mark.parametrize("table", IMAGING_TABLES, ids=lambda table: table.name)
def test_a_streamed_table_equals_the_local_one(
    streamed: BehaviorOphysExperiment, local: BehaviorOphysExperiment, table
) -> None:
    mine, expected = getattr(streamed, table.name), getattr(local, table.name)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(mine, expected)
    else:
        pd.testing.assert_frame_equal(mine, expected)


def test_images_and_cells_need_no_trace(
    streamed: BehaviorOphysExperiment, local: BehaviorOphysExperiment, server: FaultServer
) -> None:
    _ = streamed.max_projection, streamed.cell_specimen_table, streamed.metadata
    requested = requested_blocks(server)
    traces = [block for block in trace_blocks(local.source.location) if block in requested]
    assert len(traces) < len(requested) / 4
    assert sent_bytes(server) < pathlib.Path(local.source.location).stat().st_size / 5


def trace_blocks(path: str) -> set[int]:
    """Return the blocks that contain only contiguous traces."""
    blocks: set[int] = set()
    with h5py.File(path) as file:
        for name in ("dff", "demixed_trace", "neuropil_trace", "corrected_fluorescence"):
            dataset = file[f"processing/ophys/{name}/traces/data"]
            first = dataset.id.get_offset()
            blocks.update(range(-(-first // BLOCK), (first + dataset.id.get_storage_size()) // BLOCK))
    return blocks
