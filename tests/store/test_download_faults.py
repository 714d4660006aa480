"""Downloads from faulty servers and with damaged partial files: a file is complete and verified, or does not exist."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FOREVER, KINDS, Fault, FaultServer
from tests.store.downloads import (
    BLOCK_COUNT,
    CONTENT,
    OTHER,
    SMALL,
    assert_complete,
    fetch,
    put_objects,
    small_objects,
)
from tests.store.objects import (
    KEY,
    fetch_blocks,
    file_names,
    files_beside,
    partial_and_journal,
    put,
    remote_object,
    retry_without_delay,
    sent_bytes,
)
from visbehavior.errors import (
    ChangedFile,
    CorruptFile,
    VisBehaviorError,
)
from visbehavior.store import download as module
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.remote_object import RemoteObject

pytestmark = pytest.mark.usefixtures("small_requests")


@pytest.fixture
def server(download_server: FaultServer) -> FaultServer:
    return download_server


@pytest.fixture
def cache(deep_cache: pathlib.Path) -> pathlib.Path:
    return deep_cache


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server for many examples of a test."""
    with FaultServer(tmp_path_factory.mktemp("bucket"), hold=0.01) as server:
        put_objects(server)
        yield server


def assert_nothing_left(remote: RemoteObject) -> None:
    assert not remote.final.exists()
    assert files_beside(remote.final) == []


def test_a_file_that_is_corrupt_once_is_downloaded_again(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    server.faults.append(Fault("corrupt", after=2))
    fetch(remote)
    assert_complete(remote)
    assert sent_bytes(server) == 2 * len(CONTENT)


def test_a_file_that_is_corrupt_twice_leaves_nothing(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    server.faults.append(Fault("corrupt", times=FOREVER))
    with pytest.raises(CorruptFile, match=r"failed its checksum twice.*try another mirror"):
        fetch(remote)
    assert_nothing_left(remote)


def test_damaged_blocks_are_downloaded_again(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    fetch_blocks(remote, range(40))
    with partial_and_journal(remote.final)[0].open("rb+") as part:
        part.seek(30 * BLOCK)
        part.write(b"damage")
    fetch(remote_object(server, cache, CONTENT))
    assert_complete(remote)


@pytest.mark.parametrize("deleted", [0, 1], ids=["partial file", "journal"])
def test_a_deleted_partial_file_or_journal_is_replaced(server: FaultServer, cache: pathlib.Path, deleted: int) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    fetch_blocks(remote, range(40))
    partial_and_journal(remote.final)[deleted].unlink()
    fetch(remote_object(server, cache, CONTENT))
    assert_complete(remote)


FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from(sorted(KINDS - {"list-empty"})),
        key=st.just("?*"),
        times=st.sampled_from([1, 1, 2, 5, FOREVER]),
        after=st.integers(0, 9),
        method=st.sampled_from(["GET", "GET", "*"]),
    ),
    max_size=4,
)


@given(faults=FAULTS, cached=st.sets(st.integers(1, BLOCK_COUNT - 1), max_size=3), jobs=st.integers(1, 8))
@settings(max_examples=40)
def test_a_file_is_complete_or_absent_after_faults(
    shared: FaultServer, faults: list[Fault], cached: set[int], jobs: int
) -> None:
    """Without faults it can be downloaded afterwards."""
    shared.reset()
    with tempfile.TemporaryDirectory() as folder:
        remote = remote_object(shared, pathlib.Path(folder), CONTENT)
        remote.start()
        fetch_blocks(remote, cached)
        shared.faults += faults
        failures: dict[str, VisBehaviorError] = {}
        fetch(remote_object(shared, remote.final.parent, CONTENT), jobs=jobs, failures=failures)
        if failures:
            assert not remote.final.exists()
            assert set(files_beside(remote.final)) <= {path.name for path in partial_and_journal(remote.final)}
            shared.reset()
            fetch(remote_object(shared, remote.final.parent, CONTENT))
        assert_complete(remote)


@given(faults=FAULTS)
@settings(max_examples=20)
def test_several_files_are_complete_or_absent_after_faults(shared: FaultServer, faults: list[Fault]) -> None:
    shared.reset()
    shared.faults += faults
    with tempfile.TemporaryDirectory() as folder:
        remotes = small_objects(shared, pathlib.Path(folder))
        failures: dict[str, VisBehaviorError] = {}
        fetch(*remotes, failures=failures)
        for remote in remotes:
            if remote.key in failures:
                assert not remote.final.exists()
            else:
                assert remote.final.read_bytes() == SMALL[remote.key]
        shared.reset()
        fetch(*remotes)
        assert file_names(pathlib.Path(folder)) == [remote.final.name for remote in remotes]


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200"])
def test_a_server_without_ranges_sends_the_complete_object(server: FaultServer, cache: pathlib.Path, kind: str) -> None:
    server.faults.append(Fault(kind, times=FOREVER))
    remote = remote_object(server, cache, CONTENT)
    fetch(remote)
    assert_complete(remote)
    assert not remote.source.has_ranges
    complete = [request for request in server.requests if request.method == "GET" and request.range is None]
    assert [request.sent for request in complete][-1:] == [len(CONTENT)]


def test_a_server_loses_its_ranges_during_a_download(server: FaultServer, cache: pathlib.Path) -> None:
    """The complete object is corrupt, but blocks that are hashed already are not overwritten."""
    server.faults += [Fault("ignore-range", times=FOREVER, after=6), Fault("corrupt", times=FOREVER, after=6)]
    remote = remote_object(server, cache, CONTENT)
    fetch(remote, jobs=1)
    assert_complete(remote)
    assert {request.fault for request in server.requests} == {"", "ignore-range", "corrupt"}


def test_a_complete_object_is_written_only_where_blocks_are_missing(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    middle = len(CONTENT) // 2 // BLOCK
    fetch_blocks(remote, [middle])
    remote.source.has_ranges = False
    server.faults.append(Fault("corrupt", times=FOREVER))
    fetch(remote)
    assert_complete(remote)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_object_replaced_during_the_download_is_not_kept(
    server: FaultServer, cache: pathlib.Path, after: int
) -> None:
    """The newer object is downloaded, and discarded because its hash is wrong."""
    server.faults.append(Fault("replaced", after=after))
    remote = remote_object(server, cache, CONTENT)
    with pytest.raises(CorruptFile if after == 0 else (CorruptFile, ChangedFile)):
        fetch(remote)
    assert not remote.final.exists()
    server.reset()
    fetch(remote_object(server, cache, CONTENT))
    assert_complete(remote)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_object_replaced_by_the_right_one_is_downloaded(
    server: FaultServer, cache: pathlib.Path, after: int
) -> None:
    server.faults.append(Fault("replaced", after=after))
    remote = remote_object(server, cache, OTHER)
    fetch(remote)
    assert_complete(remote, OTHER)


def test_simultaneous_errors_restart_a_file_once(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several requests report that the object was replaced."""
    remote = remote_object(server, cache, OTHER)
    wait = module.wait
    monkeypatch.setattr(module, "wait", lambda futures, *_: wait(futures))
    server.faults.append(Fault("replaced", after=2))
    fetch(remote)
    assert_complete(remote, OTHER)


def test_the_partial_file_of_another_object_is_replaced(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    fetch_blocks(remote, range(40))
    put(server, OTHER[:-5])
    remote = remote_object(server, cache, OTHER[:-5])
    fetch(remote)
    assert_complete(remote, OTHER[:-5])


def test_a_hanging_connection_is_replaced(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_without_delay(monkeypatch, read_timeout="300ms")
    server.faults.append(Fault("hang", key=KEY, times=2, after=2))
    remote = remote_object(server, cache, CONTENT)
    fetch(remote)
    assert_complete(remote)
    assert [request.fault for request in server.requests].count("hang") == 2
