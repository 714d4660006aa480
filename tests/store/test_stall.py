"""Servers that answer too slowly, or without end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest

from tests.store.sources import answering_server
from visbehavior.errors import TransferFailed
from visbehavior.store import index_page, obstore_client, stall
from visbehavior.store import source as source_module
from visbehavior.store.address import Mirror
from visbehavior.store.source import ObjectSource
from visbehavior.store.stall import StallGuard

KEY = "folder/content.bin"


@pytest.fixture
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "WINDOW", 0.3)


def test_a_response_needs_enough_bytes_in_each_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(stall.time, "monotonic", lambda: clock[0])
    guard = StallGuard("x")
    for _ in range(10):
        clock[0] += stall.WINDOW
        guard.received(stall.MIN_BYTES)
    clock[0] += stall.WINDOW / 2
    guard.received(1)
    clock[0] += stall.WINDOW / 2
    with pytest.raises(TransferFailed, match=r"x stalled: 2 bytes in 30 s\. Downloaded bytes are kept; try again"):
        guard.received(1)


def announce(handler: BaseHTTPRequestHandler, size: int, total: int) -> None:
    """Send the header of a response with the first bytes of an object."""
    handler.send_response(206)
    handler.send_header("Content-Length", f"{size}")
    handler.send_header("Content-Range", f"bytes 0-{size - 1}/{total}")
    handler.send_header("ETag", '"x"')
    handler.end_headers()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Announce many bytes and send one at a time."""
    announce(handler, 1000, 100_000)
    with suppress(ConnectionError):
        for _ in range(100):
            handler.wfile.write(b".")
            handler.wfile.flush()
            time.sleep(0.05)


@contextmanager
def mirror(answer: object) -> Iterator[ObjectSource]:
    with answering_server(answer) as endpoint:  # type: ignore[arg-type]
        yield ObjectSource(Mirror(endpoint))


@pytest.mark.usefixtures("short_window")
def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_ATTEMPTS", 1)
    start = time.monotonic()
    with mirror(drip) as source, pytest.raises(TransferFailed, match="stalled"):
        source.read(KEY, 0, 1000)
    assert time.monotonic() - start < 4


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send an index page that does not end."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(ConnectionError):
        for _ in range(10_000):
            handler.wfile.write(b'<a href="x.nwb">x</a>' * 1000)


def test_an_index_page_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_page, "MAX_LISTING", 1 << 18)
    with mirror(endless) as source, pytest.raises(TransferFailed, match=r"has no index page .+the page does not end"):
        source.list("folder")


def test_quick_requests_of_a_slow_server_are_repeated_patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstore_client, "QUICK_SECONDS", 0.3)
    monkeypatch.setattr(source_module, "QUICK_SECONDS", 0.3)
    answers = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answers.append(handler.path)
        announce(handler, 1000, 1000)
        with suppress(ConnectionError):
            for _ in range(10):
                handler.wfile.write(b"." * 100)
                handler.wfile.flush()
                time.sleep(0.06)

    with mirror(answer) as source:
        for requests in (2, 3):
            assert bytes(source.read(KEY, 0, 1000, quick=True)[0]) == b"." * 1000
            assert len(answers) == requests, "after the first failure no quick request is made"


def test_quick_requests_are_made_once_and_received_in_one_piece() -> None:
    answers = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answers.append(handler.path)
        announce(handler, 100_000, 100_000)
        handler.wfile.write(bytes(100_000))

    with mirror(answer) as source:
        received: list[int] = []
        for _ in range(3):
            source.read_chunks(KEY, 0, 100_000, lambda chunk: received.append(len(chunk)), quick=True)
    assert received == [100_000] * 3
    assert len(answers) == 3


@pytest.mark.usefixtures("short_window")
def test_a_server_that_drips_is_given_up_after_a_quick_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is not known whether the server has versions."""
    monkeypatch.setattr(source_module, "_ATTEMPTS", 1)
    monkeypatch.setattr(obstore_client, "QUICK_SECONDS", 0.3)
    start = time.monotonic()
    with mirror(drip) as source, pytest.raises(TransferFailed, match="stalled"):
        source.read(KEY, 0, 1000, version="one", quick=True)
    assert time.monotonic() - start < 4
