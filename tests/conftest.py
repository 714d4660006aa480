"""What several tests share."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.faultserver import FaultServer
from tests.nwbfiles import Made, make_eye, make_session, write_session
from tests.project.release import FAMOUS, make_bucket

settings.register_profile("short", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("VISBEHAVIOR_HYPOTHESIS", "short"))

# What a shell starts in the background ignores it, and so do its children, some of which tests stop by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def made() -> Made:
    """A session with every outcome and with eye tracking."""
    return make_session(seed=1, trials=60).but(eye=make_eye())


@pytest.fixture(scope="session", params=["0", "1.0", "1.1"])
def layout(request: pytest.FixtureRequest) -> str:
    """Each layout of files."""
    return str(request.param)


@pytest.fixture(scope="session")
def session_file(made: Made, layout: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A file of that session in each layout; not to be written to."""
    return write_session(tmp_path_factory.mktemp("sessions") / f"session_{layout}.nwb", made, layout)


@pytest.fixture(scope="session")
def newer_file(made: Made, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A file of that session in the layout of release 1.1.0; not to be written to."""
    return write_session(tmp_path_factory.mktemp("sessions") / "session.nwb", made)


@pytest.fixture(scope="session")
def public_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server of a made-up bucket that holds the ids of which the documentation speaks."""
    made = make_bucket(tmp_path_factory.mktemp("bucket"), FAMOUS)
    with FaultServer(made.folder) as server:
        server.versions = made.versions
        yield server


@pytest.fixture
def anywhere(
    public_bucket: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultServer]:
    """A machine on which that is the public bucket, the cache is empty, and images have no screen."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", public_bucket.endpoint)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    yield public_bucket
    public_bucket.reset()
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
