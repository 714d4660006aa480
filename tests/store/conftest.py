"""Fixtures of the tests of the store."""

from __future__ import annotations

import pathlib
import socket
from collections.abc import Iterator

import pytest

from tests.faultserver import FaultServer
from tests.store.downloads import MAX_BLOCKS, put_objects
from tests.store.objects import clear_network_environment, retry_without_delay
from tests.store.sources import CONTENT, KEY, write
from visbehavior.store import download, file_download, partial_file
from visbehavior.store.address import Bucket, Mirror
from visbehavior.store.source import ObjectSource


@pytest.fixture(autouse=True)
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_network_environment(monkeypatch)
    retry_without_delay(monkeypatch)


@pytest.fixture
def small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut downloads into small requests, and poll other processes often."""
    monkeypatch.setattr(download, "_POLL_INTERVAL", 0.01)
    for module in (partial_file, file_download):
        monkeypatch.setattr(module, "DOWNLOAD_MAX_BLOCKS", MAX_BLOCKS)


@pytest.fixture
def download_server(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    """A server with the objects of `tests.store.downloads`."""
    (tmp_path / "bucket").mkdir()
    with FaultServer(tmp_path / "bucket") as server:
        put_objects(server)
        yield server


@pytest.fixture
def deep_cache(tmp_path: pathlib.Path) -> pathlib.Path:
    """A cache folder that does not exist, in a folder that does not exist."""
    return tmp_path / "deep" / "cache"


@pytest.fixture
def fault_server(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    """A server with one object."""
    folder = tmp_path / "objects"
    write(folder, KEY, CONTENT)
    with FaultServer(folder, hold=3600) as server:
        yield server


@pytest.fixture
def s3(fault_server: FaultServer) -> ObjectSource:
    return ObjectSource(Bucket(fault_server.bucket, fault_server.endpoint))


@pytest.fixture
def mirror(fault_server: FaultServer) -> ObjectSource:
    return ObjectSource(Mirror(f"{fault_server.endpoint}/{fault_server.bucket}"))


@pytest.fixture(params=["s3", "mirror"])
def source(request: pytest.FixtureRequest) -> ObjectSource:
    """The server as S3 and as an HTTP mirror."""
    source = request.getfixturevalue(request.param)
    assert isinstance(source, ObjectSource)
    return source


@pytest.fixture
def closed_endpoint() -> Iterator[str]:
    """An endpoint that refuses connections. Its port is bound, so that no other process uses it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
