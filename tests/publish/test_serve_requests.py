"""Malformed and hostile requests to the server of a bucket: each gets an HTTP answer."""

from __future__ import annotations

import os
import pathlib
import socket
import xml.etree.ElementTree
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from visbehavior import BadValue
from visbehavior.publish.serve import serve_bucket
from visbehavior.settings import BUCKET

CONTENT = bytes(range(200))
KEY = f"/{BUCKET}/a/b.bin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("requests") / "served"
    (root / "a").mkdir(parents=True)
    (root / "a" / "b.bin").write_bytes(CONTENT)
    (root / "a" / "empty.bin").write_bytes(b"")
    (root.parent / "secret.txt").write_text("secret")
    return root


@pytest.fixture(scope="module")
def port(folder: pathlib.Path) -> Iterator[int]:
    with serve_bucket(folder) as url:
        yield int(urlsplit(url).port or 0)


def send(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Send bytes; return the status, the headers and the rest until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


def get(port: int, target: str = KEY, *headers: str, method: str = "GET") -> tuple[int, bytes, bytes]:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return send(port, "\r\n".join(lines).encode())


@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("bytes=0-9", 206, CONTENT[:10]),
        ("bytes=190-1000", 206, CONTENT[190:]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=-500", 206, CONTENT),
        ("bytes=9-3", 200, CONTENT),
        ("bytes=-", 200, CONTENT),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("lines=0-5", 200, CONTENT),
        ("bytes=" + "9" * 5000 + "-", 200, CONTENT),
        ("bytes=\u0663-", 200, CONTENT),
    ],
    ids=lambda value: str(value)[:12],
)
def test_ranges(port: int, header: str, status: int, body: bytes) -> None:
    assert get(port, KEY, f"Range: {header}")[::2] == (status, body)


@pytest.mark.parametrize("header", ["bytes=200-", "bytes=999-1000", "bytes=-0"])
def test_ranges_without_a_byte(port: int, header: str) -> None:
    assert get(port, KEY, f"Range: {header}")[0] == 416


def test_a_range_of_an_empty_object(port: int) -> None:
    assert get(port, f"/{BUCKET}/a/empty.bin", "Range: bytes=0-5")[0] == 416
    assert get(port, f"/{BUCKET}/a/empty.bin")[::2] == (200, b"")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://[::1", 400),
        (f"/{BUCKET}/a/%ff.bin", 400),
        (f"/{BUCKET}/a/%00", 400),
        (f"/{BUCKET}/?prefix=%01", 400),
        (f"/{BUCKET}/{'x' * 3000}", 404),
        (f"/{BUCKET}/..%2Fsecret.txt", 404),
        (f"/{BUCKET}/a/..%2F..%2Fsecret.txt", 404),
        (f"/{BUCKET}/%2Fetc%2Fpasswd", 404),
        (f"/{BUCKET}/a", 404),
        ("/another/a/b.bin", 404),
        (f"/{BUCKET}/?prefix=../", 200),
        ("*", 404),
    ],
)
def test_odd_targets(port: int, target: str, status: int) -> None:
    answer = get(port, target)
    assert answer[0] == status
    assert b"secret" not in answer[2]
    xml.etree.ElementTree.fromstring(answer[2])


def test_a_body_ends_the_connection(port: int) -> None:
    """It is not taken for the next request."""
    smuggled = f"GET {KEY} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = [f"GET {KEY} HTTP/1.1", "Host: localhost", f"Content-Length: {len(smuggled)}", "", smuggled]
    assert send(port, "\r\n".join(lines).encode())[::2] == (200, CONTENT)


@pytest.mark.parametrize(
    "request_bytes", [b"\x16\x03\x01\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 70_000]
)
def test_what_is_no_request_is_answered_or_closed(port: int, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1 << 16)
    assert get(port)[0] == 200


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS"])
def test_only_reading_is_possible(port: int, folder: pathlib.Path, method: str) -> None:
    assert get(port, method=method)[0] == 501
    assert (folder / "a" / "b.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.org", 403)]
)
def test_other_hosts_are_refused(port: int, host: str, status: int) -> None:
    assert send(port, f"GET {KEY} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())[0] == status


@pytest.mark.skipif(os.name == "nt", reason="Windows needs a privilege for links, and its names are text")
def test_listings_name_only_what_can_be_read(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "served"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_text("secret")
    (root / "file.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "plain.txt").write_text("1")
    (root / "link.txt").symlink_to(root / "plain.txt")
    pathlib.Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_text("2")
    os.mkfifo(root / "pipe")
    with serve_bucket(root) as url:
        number = int(urlsplit(url).port or 0)
        listed = xml.etree.ElementTree.fromstring(get(number, f"/{BUCKET}/")[2])
        keys = [item.text for item in listed.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")]
        assert keys == ["link.txt", "plain.txt"]
        for key in ("file.txt", "folder/x.txt", "pipe"):
            assert get(number, f"/{BUCKET}/{key}")[0] == 404


@pytest.mark.parametrize("wrong", [70_000, -1, "x"])
def test_a_port_that_cannot_be_used(folder: pathlib.Path, wrong: object) -> None:
    with pytest.raises(BadValue, match=r"The port .* cannot be used"), serve_bucket(folder, port=wrong):  # type: ignore[arg-type]
        pass


def test_a_port_in_use(folder: pathlib.Path, port: int) -> None:
    with pytest.raises(BadValue, match="cannot be used"), serve_bucket(folder, port=port):
        pass
