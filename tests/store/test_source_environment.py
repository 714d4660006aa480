"""Sources and the environment: variables, locations as users write them, folders, and other processes."""

from __future__ import annotations

import os
import pathlib
import pickle
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

import pytest

from tests.faultserver import BUCKET, FOREVER, Fault, FaultServer
from tests.servers import NGINX, nginx
from tests.store.sources import CONTENT, KEY, PART, answer, answering_server, read, read_stream, s3_and_mirror
from visbehavior.errors import BadValue, NotFound
from visbehavior.store.address import Bucket, Mirror, parse_location
from visbehavior.store.source import ObjectSource

ENDPOINT_VARIABLES = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]


@pytest.mark.parametrize("name", ENDPOINT_VARIABLES)
def test_the_endpoint_of_the_environment_is_used(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, fault_server.endpoint)
    source = ObjectSource(Bucket(fault_server.bucket))
    assert read(source) == CONTENT[:10]
    assert fault_server.endpoint in str(source)


@pytest.mark.parametrize("name", ENDPOINT_VARIABLES)
def test_the_server_of_the_environment_may_have_no_versions(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, fault_server.endpoint)
    fault_server.faults.append(Fault("501", times=FOREVER))
    assert read(ObjectSource(Bucket(fault_server.bucket)), version="some version") == CONTENT[:10]
    # Requests of Amazon's server would have more retries.
    assert len(fault_server.requests) <= 3


def test_the_endpoint_variable_for_s3_takes_precedence(
    fault_server: FaultServer, closed_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed_endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", fault_server.endpoint)
    assert read(ObjectSource(Bucket(fault_server.bucket))) == CONTENT[:10]


@pytest.mark.parametrize(
    "names",
    [ENDPOINT_VARIABLES[:1], ENDPOINT_VARIABLES[1:], ENDPOINT_VARIABLES, [*ENDPOINT_VARIABLES, "AWS_ENDPOINT"]],
)
def test_a_given_endpoint_takes_precedence_over_the_environment(
    s3: ObjectSource, closed_endpoint: str, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, closed_endpoint)
    assert read(s3) == CONTENT[:10]
    assert s3.list("some folder") == ["content.bin"]


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ACCESS_KEY_ID": "half"},
        {"AWS_SECRET_ACCESS_KEY": "half"},
        {"AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "third"},
        {"AWS_SESSION_TOKEN": "alone"},
        {"AWS_REGION": "mars", "AWS_DEFAULT_REGION": "venus", "AWS_PROFILE": "none"},
        {"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true", "AWS_S3_EXPRESS": "true", "AWS_SKIP_SIGNATURE": "false"},
        {"AWS_BUCKET": "other", "AWS_BUCKET_NAME": "other", "AWS_ALLOW_HTTP": "false"},
    ],
)
def test_other_variables_are_ignored(
    s3: ObjectSource, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert read(s3) == CONTENT[:10]
    assert s3.list("some folder") == ["content.bin"]


def test_a_bad_endpoint_of_the_environment_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    source = ObjectSource(Bucket(BUCKET))
    for request in (read, lambda source: source.list("some folder")):
        with pytest.raises(BadValue, match=r"endpoint is 'localhost:9000'.*AWS_ENDPOINT_URL"):
            request(source)


def test_credentials_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "third")
    received = []

    def record(handler: BaseHTTPRequestHandler) -> None:
        received.append(handler.headers)
        answer(handler, 200, PART)

    with answering_server(record) as endpoint:
        for source in s3_and_mirror(endpoint):
            assert read_stream(source) == PART
    assert len(received) == 2
    names = [name.lower() for headers in received for name in headers]
    assert [name for name in names if name.startswith(("authorization", "x-amz"))] == []


@pytest.mark.parametrize("text", ["{}", "s3://{}", "s3://{}/"])
def test_a_bucket_as_users_write_it(fault_server: FaultServer, text: str) -> None:
    source = ObjectSource(parse_location(text.format(fault_server.bucket), fault_server.endpoint))
    assert read(source) == CONTENT[:10]


@pytest.mark.parametrize("ending", ["", "/"])
def test_an_endpoint_and_a_mirror_as_users_write_them(fault_server: FaultServer, ending: str) -> None:
    for location in (
        parse_location(fault_server.bucket, fault_server.endpoint + ending),
        parse_location(f"{fault_server.endpoint}/{fault_server.bucket}{ending}"),
    ):
        assert read(ObjectSource(location)) == CONTENT[:10]


@NGINX
@pytest.mark.parametrize("path", ["some folder", "some%20folder/", "some folder/"])
def test_a_folder_of_a_mirror_as_users_write_it(fault_server: FaultServer, path: str) -> None:
    with nginx(fault_server.folder) as server:
        source = ObjectSource(parse_location(f"{server.endpoint}/{path}"))
        assert read(source, "content.bin") == CONTENT[:10]
        assert ObjectSource(Mirror(server.endpoint)).list("some folder") == ["content.bin"]


def test_a_folder_as_users_write_it(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fault_server.folder / "some folder"
    monkeypatch.chdir(fault_server.folder)
    for text in (str(folder), folder.as_posix() + "/", folder.as_uri(), f".{os.sep}some folder"):
        assert read(ObjectSource(parse_location(text)), "content.bin") == CONTENT[:10]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_absent_folder_is_not_found(tmp_path: pathlib.Path, scheme: str) -> None:
    folder = (tmp_path / "none").as_posix()
    source = ObjectSource(parse_location(scheme + folder))
    for request in (read, read_stream, lambda source: source.info(KEY), lambda source: source.list("")):
        with pytest.raises(NotFound, match=r"The folder .* does not exist") as raised:
            request(source)
        assert pathlib.Path(folder) == pathlib.Path(raised.value.path)


FORK = """
import multiprocessing, sys
from visbehavior.errors import TransferFailed
from visbehavior.store.address import parse_location
from visbehavior.store.source import ObjectSource

bucket, endpoint, key, moment, source_in_child = sys.argv[1:]

def read(source):
    try:
        print(bytes(source.read(key, 0, 5)[0]).hex(), flush=True)
    except TransferFailed as error:
        print(error, flush=True)

location = parse_location(bucket, endpoint or None)
source = ObjectSource(location)
if moment == "after":
    read(source)
child_source = source if source_in_child == "old" else ObjectSource(location)
child = multiprocessing.get_context("fork").Process(target=read, args=(child_source,))
child.start()
child.join(60)
if child.is_alive():
    child.kill()
    child.join()
    print("hangs", flush=True)
read(source)
"""
UNPICKLE = """
import pickle, sys
source = pickle.load(sys.stdin.buffer)
print(bytes(source.read(sys.argv[1], 0, 5)[0]).hex(), source.requests)
"""
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
FIRST_BYTES = CONTENT[:5].hex()


def script_output(script: str, *arguments: str, stdin: bytes = b"") -> list[str]:
    """Lines printed by a script in a new process, because this process has used obstore."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]


@FORKS
@pytest.mark.parametrize("source_in_child", ["old", "new"])
@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_a_forked_child_of_a_process_that_used_a_source_raises(
    fault_server: FaultServer, kind: str, source_in_child: str
) -> None:
    bucket = (fault_server.bucket, fault_server.endpoint) if kind == "s3" else (str(fault_server.folder), "")
    before, in_child, later = script_output(FORK, *bucket, KEY, "after", source_in_child)
    assert (before, later) == (FIRST_BYTES, FIRST_BYTES)
    assert bucket[0] in in_child
    assert "forked" in in_child
    assert "multiprocessing.get_context('spawn')" in in_child


@FORKS
@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_a_child_that_was_forked_before_the_first_use_works(fault_server: FaultServer, kind: str) -> None:
    bucket = (fault_server.bucket, fault_server.endpoint) if kind == "s3" else (str(fault_server.folder), "")
    assert script_output(FORK, *bucket, KEY, "before", "old") == [FIRST_BYTES, FIRST_BYTES]


def test_a_spawned_process_can_use_a_pickled_copy(s3: ObjectSource) -> None:
    read(s3)
    assert script_output(UNPICKLE, KEY, stdin=pickle.dumps(s3)) == [f"{FIRST_BYTES} 1"]
