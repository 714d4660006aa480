"""Fixtures shared by several test modules."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.faultserver import FaultServer
from tests.nwbfiles import write_session
from tests.project.synthetic_release import DOCUMENTED_IDS, make_bucket
from tests.synthetic_session import SyntheticSession, make_eye_tracking, make_session
from visbehavior.nwb.hdf5 import Hdf5File

settings.register_profile("short", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("VISBEHAVIOR_HYPOTHESIS", "short"))

# A shell starts background jobs with SIGINT ignored. Child processes inherit that, and some tests stop them by SIGINT.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def synthetic_session() -> SyntheticSession:
    """A session with every outcome and with eye tracking."""
    return make_session(seed=1, trials=60).replace(eye=make_eye_tracking())


@pytest.fixture(scope="session", params=["0", "1.0", "1.1"])
def layout(request: pytest.FixtureRequest) -> str:
    """Each file layout."""
    return str(request.param)


@pytest.fixture(scope="session")
def session_file(
    synthetic_session: SyntheticSession, layout: str, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """NWB file of the session in each layout. Tests must not write to it."""
    return write_session(tmp_path_factory.mktemp("sessions") / f"session_{layout}.nwb", synthetic_session, layout)


@pytest.fixture(scope="session")
def newer_file(synthetic_session: SyntheticSession, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """NWB file of the session in the layout of release 1.1.0. Tests must not write to it."""
    return write_session(tmp_path_factory.mktemp("sessions") / "session.nwb", synthetic_session)


@pytest.fixture
def datasets_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the HDF5 datasets that are opened, in order."""
    paths: list[str] = []
    open_dataset = Hdf5File._dataset

    def record(self: Hdf5File, group: str, name: str) -> object:
        paths.append(f"{group}/{name}")
        return open_dataset(self, group, name)

    monkeypatch.setattr(Hdf5File, "_dataset", record)
    return paths


@pytest.fixture(scope="session")
def public_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """Server of a synthetic bucket with the ids that the documentation uses."""
    made = make_bucket(tmp_path_factory.mktemp("bucket"), DOCUMENTED_IDS)
    with FaultServer(made.folder) as server:
        server.versions = made.versions
        yield server


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Close the figures of pyplot, which keeps them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def public_data(
    public_bucket: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultServer]:
    """Serve the synthetic bucket as the public one, with an empty cache and figures without a window."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", public_bucket.endpoint)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    yield public_bucket
    public_bucket.reset()
