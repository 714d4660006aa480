"""The servers of the tests behave as documented."""

from __future__ import annotations

import http.client
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import obstore
import pytest
from obstore.exceptions import GenericError, NotSupportedError, PermissionDeniedError, PreconditionError
from obstore.store import HTTPStore, S3Store

from tests import servers
from tests.faultserver import BUCKET, FOREVER, Fault, FaultServer, Request
from tests.servers import NGINX, RCLONE, Server, http_request, moto_server, nginx, put_versions, rclone
from tests.store.objects import clear_network_environment

CONTENT = bytes(range(251)) * 40
PART = (100, 300)
KEY = "some folder/ä & b+c.bin"
RETRY = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=1)},
}


def s3(server: Server | FaultServer, **options: object) -> S3Store:
    return S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region="us-west-2",
        skip_signature=True,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, **options},
        retry_config=RETRY,
    )


def http_store(url: str) -> HTTPStore:
    return HTTPStore.from_url(url, client_options={"allow_http": True}, retry_config=RETRY)


def read(store: S3Store | HTTPStore, key: str = KEY, part: tuple[int, int] | None = PART, **options: object) -> bytes:
    return bytes(obstore.get(store, key, options=options | ({"range": part} if part else {})).bytes())


def keys(store: S3Store, prefix: str | None = None) -> list[str]:
    return [entry["path"] for entries in obstore.list(store, prefix) for entry in entries]


def refuses_connections(address: tuple[str, int]) -> bool:
    """Wait until nobody listens at an address."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            continue
    return False


@pytest.fixture(autouse=True)
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_network_environment(monkeypatch)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "content"
    for key in (KEY, "top.bin"):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(CONTENT)
    return folder


@pytest.fixture
def fault_server(folder: pathlib.Path) -> Iterator[FaultServer]:
    with FaultServer(folder) as server:
        yield server


def test_moto_keeps_versions() -> None:
    with moto_server() as server:
        old, new = put_versions(server, KEY, CONTENT, CONTENT[::-1])
        assert read(s3(server)) == CONTENT[::-1][slice(*PART)]
        for version, content in ((old, CONTENT), (new, CONTENT[::-1])):
            got = obstore.get(s3(server), KEY, options={"version": version})
            assert (bytes(got.bytes()), got.meta["version"]) == (content, version)
        with pytest.raises(FileNotFoundError, match="NoSuchVersion"):
            read(s3(server), version="none")
        with pytest.raises(PreconditionError):
            read(s3(server), if_match='"other"')
        assert keys(s3(server)) == [KEY]


@NGINX
def test_nginx_mirrors_a_folder(folder: pathlib.Path) -> None:
    with nginx(folder) as server:
        store = http_store(server.endpoint)
        assert read(store, part=None) == CONTENT
        tag = obstore.head(store, KEY)["e_tag"]
        assert read(store, if_match=tag) == CONTENT[slice(*PART)]
        with pytest.raises(PreconditionError):
            read(store, if_match='"other"')
        with pytest.raises(FileNotFoundError):
            read(store, "none")
        assert b'<a href="top.bin">' in http_request(server, "/")[2]


@RCLONE
def test_rclone_serves_a_folder_as_a_bucket(folder: pathlib.Path) -> None:
    with rclone(folder) as server:
        assert read(s3(server), part=None) == CONTENT
        assert keys(s3(server)) == [KEY, "top.bin"]
        # The status of version 1.75 is 200, which obstore does not accept for a range.
        status, headers, body = http_request(server, f"/{BUCKET}/top.bin", Range="bytes=100-299")
        assert (status, headers["Content-Range"]) in [(code, f"bytes 100-299/{len(CONTENT)}") for code in (200, 206)]
        assert body == CONTENT[slice(*PART)]
        with pytest.raises(GenericError, match="501 Not Implemented"):
            read(s3(server), part=None, version="one")
        (folder / "late.bin").write_bytes(CONTENT)
        assert read(s3(server), "late.bin", part=None) == CONTENT


def test_a_server_that_does_not_start_raises_its_output() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no room')"]
    with pytest.raises(RuntimeError, match="no room"), servers.running_server(lambda port: command):
        pass


def test_a_server_ends_with_its_block_and_with_a_killed_test_process(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with servers.running_server(lambda port: [*command, str(port)]) as endpoint:
        assert http_request(Server(endpoint), "/")[0] == 200
    with pytest.raises(urllib.error.URLError):
        http_request(Server(endpoint), "/")

    script = f"""
import os
from tests import servers
with servers.running_server(lambda port: {command} + [str(port)]) as endpoint:
    print(endpoint, flush=True)
    os._exit(9)
"""
    root = pathlib.Path(__file__).parents[1]
    killed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root, check=False)
    assert killed.returncode == 9
    address = ("127.0.0.1", int(killed.stdout.rpartition(b":")[2]))
    assert refuses_connections(address)


def test_ranges_conditions_and_keep_alive(fault_server: FaultServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(fault_server.endpoint.rpartition(":")[2]))
    size = len(CONTENT)
    etag = ""
    for requested, status, content_range, body in (
        ("", 200, None, CONTENT),
        ("bytes=5-9", 206, f"bytes 5-9/{size}", CONTENT[5:10]),
        (f"bytes={size - 2}-{size + 7}", 206, f"bytes {size - 2}-{size - 1}/{size}", CONTENT[-2:]),
        (f"bytes={size - 3}-", 206, f"bytes {size - 3}-{size - 1}/{size}", CONTENT[-3:]),
        ("bytes=-4", 206, f"bytes {size - 4}-{size - 1}/{size}", CONTENT[-4:]),
        ("bytes=9-5", 200, None, CONTENT),
        (f"bytes={size}-", 416, f"bytes */{size}", None),
    ):
        for method in ("GET", "HEAD"):
            connection.request(method, f"/{BUCKET}/top.bin", headers={"Range": requested, "If-Match": etag or "*"})
            response = connection.getresponse()
            content = response.read()
            assert (response.status, response.headers["Content-Range"]) == (status, content_range)
            assert body is None or content == (body if method == "GET" else b"")
            etag = response.headers["ETag"] or etag
    socket_before = connection.sock
    connection.request("GET", f"/{BUCKET}/top.bin", headers={"If-Match": '"other"'})
    assert b"PreconditionFailed" in connection.getresponse().read()
    assert connection.sock is socket_before is not None
    connection.close()
    assert fault_server.requests[2] == Request("GET", "top.bin", (5, 10), status=206, sent=5)
    assert fault_server.requests[5] == Request("HEAD", "top.bin", (size - 2, size + 8), status=206)


def test_versions(fault_server: FaultServer, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    fault_server.versions[KEY] = {"new": fault_server.folder / KEY, "old": other}
    store = s3(fault_server)
    plain = obstore.get(store, KEY)
    assert (bytes(plain.bytes()), plain.meta["version"]) == (CONTENT, "new")
    old = obstore.get(store, KEY, options={"version": "old"})
    assert (bytes(old.bytes()), old.meta["version"]) == (b"other", "old")
    assert old.meta["e_tag"] != plain.meta["e_tag"]
    with pytest.raises(FileNotFoundError, match="NoSuchVersion"):
        read(store, version="none")
    assert [(request.version, request.status) for request in fault_server.requests] == [
        (None, 200),
        ("old", 200),
        ("none", 404),
    ]
    # Plain HTTP has no versions; obstore requests the object without one.
    assert read(http_store(f"{fault_server.endpoint}/{BUCKET}"), version="none") == CONTENT[slice(*PART)]


def test_listings(folder: pathlib.Path) -> None:
    for name in ("a/b/1", "a/b/2", "a/c/3", "a/4", "ab"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"1234567"[: len(name)])
    with FaultServer(folder, page=2) as fault_server:
        store = s3(fault_server)
        everything = ["a/4", "a/b/1", "a/b/2", "a/c/3", "ab", KEY, "top.bin"]
        assert keys(store) == everything
        assert [request.key for request in fault_server.requests] == [""] * 4
        assert keys(store, "a") == everything[:4]
        assert keys(store, "none") == []
        level = obstore.list_with_delimiter(store, "a")
        assert (level["common_prefixes"], [entry["path"] for entry in level["objects"]]) == (["a/b", "a/c"], ["a/4"])
        assert level["objects"][0]["size"] == 3
        assert level["objects"][0]["e_tag"] == obstore.head(store, "a/4")["e_tag"]
        assert [entry["path"] for entry in obstore.list(store, offset="a/b/2").collect()] == everything[3:]
        fault_server.faults.append(Fault("list-empty"))
        assert keys(store) == []
        with pytest.raises(GenericError, match="NoSuchBucket"):
            keys(s3(Server(fault_server.endpoint, "another-bucket")))


def is_right(content: bytes) -> bool:
    return content == CONTENT[slice(*PART)]


@pytest.mark.parametrize(
    ("kind", "statuses", "sent"),
    [
        ("503", [503, 206], None),
        ("500", [500, 206], None),
        ("cut", [206, 206], [100, 100]),
        ("cut-long", [206, 206], [100, 100]),
    ],
)
def test_transient_faults(fault_server: FaultServer, kind: str, statuses: list[int], sent: list[int] | None) -> None:
    fault_server.faults.append(Fault(kind, key="some*"))
    assert is_right(read(s3(fault_server)))
    assert [request.status for request in fault_server.requests] == statuses
    assert [request.fault for request in fault_server.requests] == [kind, ""]
    if sent:
        assert [request.sent for request in fault_server.requests] == sent
        assert [request.range for request in fault_server.requests] == [PART, (200, 300)]


@pytest.mark.parametrize(
    ("kind", "error", "message", "requests"),
    [
        ("503", GenericError, "503 Service Unavailable.*SlowDown", 3),
        ("500", GenericError, "500 Internal Server Error", 3),
        ("403", PermissionDeniedError, "AccessDenied", 1),
        ("redirect", GenericError, "redirect without LOCATION", 1),
        ("cut", GenericError, "response body error", 3),
        ("wrong-range", GenericError, r"Requested 100\.\.300, got 300\.\.500", 1),
        ("ignore-range", GenericError, "non-partial response", 1),
        ("range-as-200", GenericError, "non-partial response", 1),
        ("short", GenericError, r"Requested 100\.\.300, got 100\.\.200", 1),
    ],
)
def test_permanent_faults(
    fault_server: FaultServer, kind: str, error: type[Exception], message: str, requests: int
) -> None:
    fault_server.faults.append(Fault(kind, times=FOREVER))
    with pytest.raises(error, match=f"(?s){message}"):
        read(s3(fault_server))
    assert [request.fault for request in fault_server.requests] == [kind] * requests


def test_cut_long_cuts_after_the_first_kilobyte(fault_server: FaultServer) -> None:
    fault_server.faults.append(Fault("cut-long"))
    assert read(s3(fault_server), part=None) == CONTENT
    assert [request.sent for request in fault_server.requests] == [1024, len(CONTENT) - 1024]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("corrupt", lambda part: part[:100] + bytes([part[100] ^ 0xFF]) + part[101:]),
        ("lying-range", lambda part: CONTENT[300:500]),
        ("replaced", lambda part: bytes(byte ^ 0x55 for byte in part)),
    ],
)
def test_faults_that_obstore_does_not_notice(
    fault_server: FaultServer, kind: str, expected: Callable[[bytes], bytes]
) -> None:
    fault_server.faults.append(Fault(kind))
    assert read(s3(fault_server)) == expected(CONTENT[slice(*PART)])
    assert [(request.status, request.sent) for request in fault_server.requests] == [(206, 200)]


def test_requests_of_versions_fail_with_501(fault_server: FaultServer) -> None:
    fault_server.versions[KEY] = {"one": fault_server.folder / KEY}
    fault_server.faults.append(Fault("501", times=FOREVER))
    assert is_right(read(s3(fault_server)))
    with pytest.raises(GenericError, match="NotImplemented"):
        read(s3(fault_server), version="one")
    assert [request.status for request in fault_server.requests] == [206, 501, 501, 501]


def test_a_server_that_ignores_ranges_over_http(fault_server: FaultServer) -> None:
    fault_server.faults.append(Fault("ignore-range"))
    with pytest.raises(NotSupportedError, match="Range request not supported"):
        read(http_store(f"{fault_server.endpoint}/{BUCKET}"))


def test_a_replaced_object_stays_replaced_until_reset(fault_server: FaultServer) -> None:
    store = s3(fault_server)
    tag = obstore.head(store, KEY)["e_tag"]
    assert is_right(read(store, if_match=tag))
    fault_server.faults.append(Fault("replaced"))
    for _ in range(2):
        with pytest.raises(PreconditionError):
            read(store, if_match=tag)
    new = obstore.head(store, KEY)
    assert new["e_tag"] != tag
    assert new["size"] == len(CONTENT)
    assert not is_right(read(store, if_match=new["e_tag"]))
    fault_server.reset()
    assert is_right(read(store, if_match=tag))
    assert [request.status for request in fault_server.requests] == [206]


def test_obstore_does_not_join_bytes_of_a_replaced_object(fault_server: FaultServer) -> None:
    fault_server.faults += [Fault("cut"), Fault("replaced")]
    with pytest.raises(GenericError, match="response body error"):
        read(s3(fault_server))


def test_a_hanging_request_does_not_delay_the_end_of_the_server(folder: pathlib.Path) -> None:
    before = set(threading.enumerate())
    with FaultServer(folder, hold=3600) as fault_server:
        fault_server.faults.append(Fault("hang", times=FOREVER))
        with pytest.raises(GenericError, match="error sending request"):
            read(s3(fault_server, timeout="100ms"))
        assert {(request.status, request.fault) for request in fault_server.requests} == {(0, "hang")}
    assert not [thread for thread in set(threading.enumerate()) - before if "process_request" in thread.name]


def test_faults_affect_matching_requests_only(fault_server: FaultServer) -> None:
    fault_server.faults.append(Fault("403", key="top*", times=2, after=1))
    server = Server(fault_server.endpoint)
    requests = [("GET", "top.bin"), ("HEAD", "top.bin"), ("GET", "none"), *[("GET", "top.bin")] * 3]
    assert [http_request(server, f"/{BUCKET}/{key}", method)[0] for method, key in requests] == [
        200,
        200,
        404,
        403,
        403,
        200,
    ]
    fault_server.reset()
    fault_server.faults.append(Fault("wrong-range", key="?*"))
    for path in (BUCKET, f"{BUCKET}/top.bin"):
        assert http_request(server, f"/{path}")[0] == 200
    assert http_request(server, f"/{BUCKET}/top.bin", Range="bytes=0-9")[1]["Content-Range"].startswith("bytes 10-19/")
    with pytest.raises(ValueError, match=r"Fault\.kind is 'typo'"):
        Fault("typo")


def test_simultaneous_requests(fault_server: FaultServer) -> None:
    fault_server.faults.append(Fault("503", times=20))
    with ThreadPoolExecutor(16) as pool:
        statuses = list(
            pool.map(lambda _: http_request(Server(fault_server.endpoint), f"/{BUCKET}/top.bin")[0], range(100))
        )
    assert sorted(statuses) == [200] * 80 + [503] * 20
    assert sum(request.sent for request in fault_server.requests if request.status == 200) == 80 * len(CONTENT)
