"""Append-only records: damage loses only the records that it touches, and never produces a wrong one."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visbehavior.store.records import append_records, read_records

Record = dict[str, Any]
THREADS = 8
PROCESSES = 4
APPENDS = 150

plain_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=5
)
records = st.dictionaries(st.text(), values, max_size=4)
batches = st.lists(st.lists(records, max_size=3), max_size=4)

# Position (as a fraction of the file), number of replaced bytes, and their replacement.
damages = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=60)), min_size=1, max_size=5)

WRITER = """
import pathlib, sys
from visbehavior.store.records import append_records
path, writer, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    append_records(path, [{"writer": writer, "number": number, "padding": "x" * 3000}])
"""

WRITE_TO_FULL_DISK = """
import errno, pathlib, resource, sys
from visbehavior.store.records import append_records
path = pathlib.Path(sys.argv[1])
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    append_records(path, [{"late": number, "padding": "x" * 40} for number in range(5)])
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], pathlib.Path]:
    """A function that returns a new path at each call, for the examples of a test."""
    folder = tmp_path_factory.mktemp("records")
    names = iter(range(sys.maxsize))
    return lambda: folder / str(next(names))


def numbered(count: int) -> list[Record]:
    return [{"number": number, "text": "line\nbreak \u00e4", "list": [number, None, 0.5]} for number in range(count)]


def line_of(payload: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def appended_bytes(path: pathlib.Path, record: Record) -> bytes:
    """Append a record and return the bytes that this adds to the file."""
    before = path.stat().st_size if path.exists() else 0
    append_records(path, [record])
    return path.read_bytes()[before:]


@given(batches)
@example([[]])
def test_appended_records_are_read_back(new_file: Callable[[], pathlib.Path], batches: list[list[Record]]) -> None:
    path = new_file()
    for batch in batches:
        append_records(path, batch)
    assert read_records(path)[0] == [record for batch in batches for record in batch]


@given(batches)
def test_after_an_offset_only_later_records_are_read(
    new_file: Callable[[], pathlib.Path], batches: list[list[Record]]
) -> None:
    path = new_file()
    offset = 0
    for batch in batches:
        append_records(path, iter(batch))
        loaded, offset = read_records(path, offset)
        assert loaded == batch
    assert read_records(path, offset) == ([], offset)


@given(st.integers(0, 6), st.lists(st.floats(0, 1), max_size=8))
def test_a_half_written_record_is_read_once_when_it_is_complete(
    new_file: Callable[[], pathlib.Path], count: int, shares: list[float]
) -> None:
    path = new_file()
    append_records(path, numbered(count))
    content = path.read_bytes()
    loaded, offset = [], 0
    for share in [*sorted(shares), 1.0]:
        path.write_bytes(content[: int(share * len(content))])
        new, offset = read_records(path, offset)
        loaded += new
    assert loaded == numbered(count)


def test_an_absent_file_has_no_records(tmp_path: pathlib.Path) -> None:
    assert read_records(tmp_path / "none") == ([], 0)
    assert read_records(tmp_path / "none", 100) == ([], 0)


def test_create_false_does_not_create_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records"
    with pytest.raises(FileNotFoundError):
        append_records(path, numbered(1), create=False)
    assert not path.exists()
    append_records(path, numbered(1))
    append_records(path, numbered(2), create=False)
    assert read_records(path)[0] == numbered(1) + numbered(2)


@given(st.integers(1, 6), damages)
@example(3, [(0.5, 1, b"")])
@example(1, [(0.9999, 1, b"")])
@example(3, [(0.5, 0, b"\n")])
@example(3, [(0.3, 40, bytes(40))])
def test_damage_loses_only_the_records_it_touches(
    new_file: Callable[[], pathlib.Path], count: int, damages: list[tuple[float, int, bytes]]
) -> None:
    path = new_file()
    written = {}
    for record in numbered(count):
        written[appended_bytes(path, record)] = record
    content = path.read_bytes()
    for share, removed, put in damages:
        at = int(share * len(content))
        content = content[:at] + put + content[at + removed :]
    path.write_bytes(content)

    loaded, offset = read_records(path)
    assert all(record in written.values() for record in loaded)
    assert [record for line, record in written.items() if line in content and record not in loaded] == []
    assert offset <= len(content)

    append_records(path, [{"late": True}])
    all_now, new = read_records(path)[0], read_records(path, offset)[0]
    assert all_now == loaded + new
    # If the last record lost only its newline, the next append completed it.
    assert new.pop() == {"late": True}
    assert len(new) <= 1
    assert all(record in written.values() for record in new)


@given(st.integers(1, 4), st.floats(0, 1), st.integers(1, 255))
def test_a_flipped_byte_loses_at_most_one_record(
    new_file: Callable[[], pathlib.Path], count: int, share: float, mask: int
) -> None:
    path = new_file()
    append_records(path, numbered(count))
    content = bytearray(path.read_bytes())
    content[min(int(share * len(content)), len(content) - 1)] ^= mask
    path.write_bytes(content)
    loaded, _ = read_records(path)
    assert len(loaded) >= count - 1
    assert all(record in numbered(count) for record in loaded)


@given(st.integers(1, 4), st.floats(0, 1))
@example(2, 1.0)
def test_a_torn_end_loses_only_the_last_record(new_file: Callable[[], pathlib.Path], count: int, share: float) -> None:
    path = new_file()
    append_records(path, numbered(count))
    torn = appended_bytes(path, {"torn": True})
    kept = int(share * (len(torn) - 1))
    os.truncate(path, path.stat().st_size - len(torn) + kept)
    assert read_records(path)[0] == numbered(count)
    append_records(path, [{"late": True}])
    # If only its newline was lost, the next append completed the torn record.
    again = [{"torn": True}] if kept == len(torn) - 1 else []
    assert read_records(path)[0] == [*numbered(count), *again, {"late": True}]


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"number": 0}\n',
        b'00000000 {"number": 0}\n',
        line_of(b'{"number": 0}').replace(b"number", b"nvmber"),
        line_of(b'{"number": 0}').upper(),
        line_of(b'{"number": 0}')[1:],
        line_of(b'{"number": 0}').replace(b" ", b""),
        line_of(b"[1, 2]"),
        line_of(b"5"),
        line_of(b""),
        line_of(b'{"number": '),
        line_of(b'{"number": 0} {"number": 1}'),
        line_of(b"\xff\xfe\x00"),
        b"\0" * 4096 + b"\n",
        b"\r\n\r\n",
        b"no end of line",
    ],
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_line_of_garbage_is_skipped(tmp_path: pathlib.Path, garbage: bytes, before: int) -> None:
    path = tmp_path / "records"
    append_records(path, numbered(2)[:before])
    with path.open("ab") as file:
        file.write(garbage)
    append_records(path, numbered(2)[before:])
    assert read_records(path)[0] == numbered(2)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit the size of files")
def test_a_full_disk_raises_and_keeps_older_records(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records"
    append_records(path, numbered(3))
    child = [sys.executable, "-c", WRITE_TO_FULL_DISK, str(path)]
    output = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert output.strip() == "EFBIG"
    loaded, _ = read_records(path)
    assert loaded[:3] == numbered(3)
    assert [record["late"] for record in loaded[3:]] == list(range(len(loaded) - 3))


def check_each_writer(loaded: list[Record], writers: int) -> None:
    """Check that every record of each writer is there once, in its order."""
    assert len(loaded) == writers * APPENDS
    for writer in range(writers):
        assert [record["number"] for record in loaded if record["writer"] == writer] == list(range(APPENDS))


def read_while(path: pathlib.Path, writing: Callable[[], bool]) -> list[Record]:
    """Read records repeatedly while others write, and return all."""
    loaded: list[Record] = []
    offset = 0
    more = True
    while more:
        # Called before reading, so that the last read follows the last write.
        more = writing()
        new, offset = read_records(path, offset)
        loaded += new
    return loaded


# Windows seeks to the end of a file and writes there in two steps.
APPENDS_ARE_ATOMIC = pytest.mark.skipif(
    os.name == "nt", reason="simultaneous appends can overwrite each other on Windows"
)


@APPENDS_ARE_ATOMIC
def test_threads_append_simultaneously_without_loss(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records"

    def write(writer: int) -> None:
        for number in range(APPENDS):
            append_records(path, [{"writer": writer, "number": number, "padding": "x" * 3000}])

    with ThreadPoolExecutor(THREADS) as pool:
        futures: list[Future[None]] = [pool.submit(write, writer) for writer in range(THREADS)]
        loaded = read_while(path, lambda: not all(future.done() for future in futures))
    for future in futures:
        future.result()
    check_each_writer(loaded, THREADS)
    assert read_records(path)[0] == loaded


@APPENDS_ARE_ATOMIC
def test_processes_append_simultaneously_without_loss(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "records"
    commands = [[sys.executable, "-c", WRITER, str(path), str(writer), str(APPENDS)] for writer in range(PROCESSES)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for command in commands]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"ready"
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        loaded = read_while(path, lambda: any(child.poll() is None for child in children))
    finally:
        for child in children:
            child.communicate()
    assert [child.returncode for child in children] == [0] * PROCESSES
    check_each_writer(loaded, PROCESSES)
