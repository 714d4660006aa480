"""What several tests share."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import HealthCheck, settings

from tests.nwbfiles import Made, make_eye, make_session, write_session

settings.register_profile("short", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("VISBEHAVIOR_HYPOTHESIS", "short"))


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
