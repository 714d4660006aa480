"""The progress bar of downloads, as shown on a terminal."""

from __future__ import annotations

import functools
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import pytest

from tests.faultserver import Fault, FaultServer
from tests.store.downloads import CONTENT, SMALL
from tests.store.objects import KEY, hash_of, remote_object
from visbehavior.store.download import download_files

TIMEOUT = 120
TERMINAL = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")

PROGRAM = """
import json, pathlib, sys
from visbehavior.store.address import Bucket
from visbehavior.store.download import download_files
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource
from visbehavior.store.steps import complete
endpoint, bucket, folder, hashes = sys.argv[1:]
source = ObjectSource(Bucket(bucket, endpoint))
def remote(key, file_hash):
    return RemoteObject(source, key, None, file_hash, pathlib.Path(folder) / key.rpartition("/")[2])
large, *small = [remote(*pair) for pair in json.loads(hashes).items()]
"""


@pytest.fixture
def server(download_server: FaultServer) -> FaultServer:
    return download_server


def terminal_output(server: FaultServer, folder: pathlib.Path, code: str) -> str:
    """Run code after PROGRAM; return all that a terminal receives."""
    import fcntl
    import pty
    import termios

    terminal, child_terminal = pty.openpty()
    fcntl.ioctl(child_terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    hashes = json.dumps({key: hash_of(content) for key, content in {KEY: CONTENT, **SMALL}.items()})
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code, server.endpoint, server.bucket, folder, hashes],
        stdin=subprocess.DEVNULL,
        stdout=child_terminal,
        stderr=child_terminal,
    )
    os.close(child_terminal)
    with open(terminal, "rb", buffering=0) as file:
        output = b"".join(iter(functools.partial(read_chunk, file), b"")).decode()
    assert process.wait(TIMEOUT) == 0, output
    return output


def read_chunk(terminal: io.FileIO) -> bytes:
    """Read from a terminal; at the end Linux raises an error."""
    try:
        return terminal.read(1 << 16) or b""
    except OSError:
        return b""


def last_line(output: str) -> str:
    return output.rstrip().replace("\n", "\r").rpartition("\r")[2]


@TERMINAL
def test_the_bar_of_one_file(server: FaultServer, tmp_path: pathlib.Path) -> None:
    output = terminal_output(server, tmp_path / "cache", "download_files([large])")
    bar = r"session\.nwb: 100%\|\S+\| 4\.26M/4\.26M \[\d\d:\d\d<\d\d:\d\d, +[\d.]+[kM]?B/s\]"
    assert re.fullmatch(bar, last_line(output)), output


@TERMINAL
def test_the_bar_of_several_files(server: FaultServer, tmp_path: pathlib.Path) -> None:
    output = terminal_output(server, tmp_path / "cache", "download_files(small)")
    assert re.fullmatch(r"6/6 files: 100%\|\S+\| 1\.18M/1\.18M \[.*B/s\]", last_line(output)), output


@TERMINAL
def test_the_bar_begins_with_the_cached_bytes(server: FaultServer, tmp_path: pathlib.Path) -> None:
    code = "large.start(); complete(large.fetching(range(32))); download_files([large])"
    output = terminal_output(server, tmp_path / "cache", code)
    assert re.search(r"session\.nwb: +49%\|.* 2\.10M/4\.26M", output), output
    assert re.fullmatch(r"session\.nwb: 100%\|.* 4\.26M/4\.26M .*", last_line(output)), output


@TERMINAL
def test_the_bar_of_a_repeated_download_ends_at_100_percent(server: FaultServer, tmp_path: pathlib.Path) -> None:
    server.faults.append(Fault("corrupt", after=2))
    output = terminal_output(server, tmp_path / "cache", "download_files([large])")
    assert re.fullmatch(r"session\.nwb: 100%\|.* 4\.26M/4\.26M .*", last_line(output)), output


@TERMINAL
@pytest.mark.parametrize(
    "code",
    [
        "download_files([])",
        "download_files([large], progress=False); download_files([large])",
        "absent = [remote('none.nwb', '')]; download_files(absent, failures={})",
    ],
    ids=["nothing", "complete", "absent"],
)
def test_no_bar_if_nothing_is_downloaded(server: FaultServer, tmp_path: pathlib.Path, code: str) -> None:
    assert terminal_output(server, tmp_path / "cache", code) == ""


def test_no_bar_without_a_terminal(
    server: FaultServer, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download_files([remote_object(server, tmp_path / "cache", CONTENT)])
    assert capsys.readouterr() == ("", "")
