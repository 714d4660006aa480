"""Stores of obstore: how each kind of location is opened, its time limits, and when a request is repeated."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from visbehavior._version import __version__
from visbehavior.errors import NotFound, TransferFailed
from visbehavior.extras import import_extra
from visbehavior.settings import REGION
from visbehavior.store.address import Folder, Location, Mirror, check_endpoint

# `read_timeout` limits the wait for the next bytes of a response, `timeout` the complete response.
_CLIENT: Any = {"allow_http": True, "connect_timeout": "5s", "read_timeout": "10s", "timeout": "600s"}
_BACKOFF: Any = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2}
QUICK_SECONDS = 5.0
"""Time limit of a quick request."""


class Patience(Enum):
    """The time limit of a request, and how often it is repeated."""

    PATIENT = "patient"
    FEW_RETRIES = "few retries"
    """For requests that are likely to fail: a listing without a network, a version from a server without versions."""
    QUICK = "quick"
    """For requests whose bytes are received in one piece, and which are repeated patiently if they fail."""


_RETRIES: Any = {
    Patience.PATIENT: {"max_retries": 6, "retry_timeout": timedelta(seconds=120), "backoff": _BACKOFF},
    Patience.FEW_RETRIES: {"max_retries": 1, "retry_timeout": timedelta(seconds=10), "backoff": _BACKOFF},
    Patience.QUICK: {"max_retries": 0, "retry_timeout": timedelta(seconds=10), "backoff": _BACKOFF},
}

_first_process: int | None = None


def check_not_forked(location: Location) -> None:
    """Raise TransferFailed in a forked child of a process that used obstore, which would hang there."""
    global _first_process
    if _first_process is None:
        _first_process = os.getpid()
    elif _first_process != os.getpid():
        raise TransferFailed(
            f"{location} cannot be read in this process: it was forked from a process that had read from it, and would hang. Start processes "
            "with multiprocessing.get_context('spawn'), or download the files before forking.",
            location=str(location),
        )


def open_store(location: Location, patience: Patience) -> Any:
    """Open a location in obstore: anonymous, with the limits of `patience`."""
    store = import_extra("obstore.store")

    retries = _RETRIES[patience]
    client: Any = {**_CLIENT, "user_agent": f"visbehavior/{__version__}"}
    if patience is Patience.QUICK:
        client["timeout"] = f"{QUICK_SECONDS * 1000:.0f}ms"
    if isinstance(location, Folder):
        if not Path(location.path).is_dir():
            raise NotFound(f"The folder {location} does not exist. Check the path of the data.", path=location.path)
        return store.LocalStore(location.path)
    if isinstance(location, Mirror):
        return store.HTTPStore.from_url(location.url, client_options=client, retry_config=retries)
    server = location.server
    if server:
        check_endpoint(server)
    # Both names are set because obstore would take the other one from the environment.
    endpoint: Any = {"endpoint": server, "aws_endpoint_url_s3": server} if server else {}
    return store.S3Store(
        location.name,
        region=REGION,
        skip_signature=True,
        virtual_hosted_style_request=False,
        # Nothing is signed, but obstore rejects an incomplete key pair in the environment.
        access_key_id="none",
        secret_access_key="none",
        s3_express="false",
        client_options=client,
        retry_config=retries,
        **endpoint,
    )
