"""Fixtures with the synthetic release: a filled cache folder, a bucket on a server, and an empty cache of it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.faultserver import FaultServer
from tests.project.synthetic_release import Bucket, make_bucket, make_release, open_cache
from visbehavior import VisualBehaviorOphysProjectCache


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Cache folder that AllenSDK filled. Tests must not write to it."""
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def local_cache(release_folder: pathlib.Path) -> VisualBehaviorOphysProjectCache:
    """Cache of that folder, without a network."""
    return VisualBehaviorOphysProjectCache.from_local_cache(release_folder)


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Bucket:
    """Bucket with two releases. Tests must not write to it."""
    return make_bucket(tmp_path_factory.mktemp("bucket"))


@pytest.fixture(scope="session")
def running_server(bucket: Bucket) -> Iterator[FaultServer]:
    with FaultServer(bucket.folder) as server:
        yield server


@pytest.fixture
def server(running_server: FaultServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """Server of the bucket, in an environment without other endpoints and proxies."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    running_server.versions = bucket.versions
    yield running_server
    running_server.reset()


@pytest.fixture
def cache(server: FaultServer, tmp_path: pathlib.Path) -> VisualBehaviorOphysProjectCache:
    """Cache of the bucket, with an empty folder."""
    return open_cache(tmp_path, server)
