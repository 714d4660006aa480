"""Ctrl-C ends every command within two seconds, also while a server does not answer."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

LIMIT = 2.0
"""Seconds."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")

COMMANDS = [
    ("sessions",),
    ("show", "838515247"),
    ("performance", "838515247"),
    ("fetch", "838515247"),
    ("plot", "838515247"),
    ("plot-performance", "--mouse", "445002"),
    ("versions",),
]


@pytest.fixture
def silent_endpoint() -> Iterator[tuple[str, socket.socket]]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", server


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_command_ends_while_the_server_is_silent(
    silent_endpoint: tuple[str, socket.socket], tmp_path: pathlib.Path, arguments: tuple[str, ...]
) -> None:
    endpoint, server = silent_endpoint
    names = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"AWS_ENDPOINT_URL": endpoint, "VISBEHAVIOR_CACHE_DIR": str(tmp_path), "MPLBACKEND": "agg"}
    command = [sys.executable, "-m", "visbehavior", *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        server.settimeout(30)
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            elapsed = time.monotonic() - start
    assert process.returncode == 128 + signal.SIGINT, errors
    assert errors.splitlines()[-1] == "Interrupted. Downloaded data are kept."
    assert "Traceback" not in errors
    assert elapsed < LIMIT
