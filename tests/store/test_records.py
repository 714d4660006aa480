"""What is appended is read back; what is torn or damaged costs only the records that it touches, and invents none."""

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

# Where (as a share of the file), how many bytes are replaced, and by what.
damages = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=60)), min_size=1, max_size=5)

WRITER = """
import pathlib, sys
from visbehavior.store.records import append_records
path, writer, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    append_records(path, [{"writer": writer, "number": number, "filling": "x" * 3000}])
"""

ON_A_FULL_DISK = """
import errno, pathlib, resource, sys
from visbehavior.store.records import append_records
path = pathlib.Path(sys.argv[1])
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    append_records(path, [{"late": number, "filling": "x" * 40} for number in range(5)])
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], pathlib.Path]:
    """Another path at each call: one fixture serves all examples of a test."""
    folder = tmp_path_factory.mktemp("ledgers")
    names = iter(range(sys.maxsize))
    return lambda: folder / str(next(names))


def numbered(count: int) -> list[Record]:
    return [{"number": number, "text": "line\nbreak \u00e4", "list": [number, None, 0.5]} for number in range(count)]


def line_of(payload: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def ending(path: pathlib.Path, ledger: Callable[[], object]) -> bytes:
    """What a call adds to a file."""
    before = path.stat().st_size if path.exists() else 0
    ledger()
    return path.read_bytes()[before:]


# Reading back


@given(batches)
@example([[]])
def test_what_is_appended_is_read_back(new_file: Callable[[], pathlib.Path], batches: list[list[Record]]) -> None:
    path = new_file()
    for batch in batches:
        append_records(path, batch)
    assert read_records(path)[0] == [record for batch in batches for record in batch]


@given(batches)
def test_behind_an_offset_is_only_what_came_later(
    new_file: Callable[[], pathlib.Path], batches: list[list[Record]]
) -> None:
    path = new_file()
    offset = 0
    for batch in batches:
        append_records(path, iter(batch))
        found, offset = read_records(path, offset)
        assert found == batch
    assert read_records(path, offset) == ([], offset)


@given(st.integers(0, 6), st.lists(st.floats(0, 1), max_size=8))
def test_a_reader_who_comes_while_a_line_is_half_written_gets_it_later_and_once(
    new_file: Callable[[], pathlib.Path], count: int, shares: list[float]
) -> None:
    path = new_file()
    append_records(path, numbered(count))
    content = path.read_bytes()
    found, offset = [], 0
    for share in [*sorted(shares), 1.0]:
        path.write_bytes(content[: int(share * len(content))])
        new, offset = read_records(path, offset)
        found += new
    assert found == numbered(count)


def test_an_absent_file_has_no_records(tmp_path: pathlib.Path) -> None:
    assert read_records(tmp_path / "none") == ([], 0)
    assert read_records(tmp_path / "none", 100) == ([], 0)


def test_a_file_is_made_only_if_it_may_be(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ledger"
    with pytest.raises(FileNotFoundError):
        append_records(path, numbered(1), create=False)
    assert not path.exists()
    append_records(path, numbered(1))
    append_records(path, numbered(2), create=False)
    assert read_records(path)[0] == numbered(1) + numbered(2)


# Damage


@given(st.integers(1, 6), damages)
@example(3, [(0.5, 1, b"")])
@example(1, [(0.9999, 1, b"")])
@example(3, [(0.5, 0, b"\n")])
@example(3, [(0.3, 40, bytes(40))])
def test_damage_costs_only_what_it_touches_and_invents_nothing(
    new_file: Callable[[], pathlib.Path], count: int, damages: list[tuple[float, int, bytes]]
) -> None:
    path = new_file()
    written = {}
    for record in numbered(count):
        written[ending(path, lambda record=record: append_records(path, [record]))] = record
    content = path.read_bytes()
    for share, removed, put in damages:
        at = int(share * len(content))
        content = content[:at] + put + content[at + removed :]
    path.write_bytes(content)

    found, offset = read_records(path)
    assert all(record in written.values() for record in found)
    assert [record for line, record in written.items() if line in content and record not in found] == []
    assert offset <= len(content)

    append_records(path, [{"late": True}])
    all_now, new = read_records(path)[0], read_records(path, offset)[0]
    assert all_now == found + new
    # Where of the last record no more than its end of line was lost, it is whole again now.
    assert new.pop() == {"late": True}
    assert len(new) <= 1
    assert all(record in written.values() for record in new)


@given(st.integers(1, 4), st.floats(0, 1), st.integers(1, 255))
def test_a_flipped_byte_costs_one_record_at_most(
    new_file: Callable[[], pathlib.Path], count: int, share: float, mask: int
) -> None:
    path = new_file()
    append_records(path, numbered(count))
    content = bytearray(path.read_bytes())
    content[min(int(share * len(content)), len(content) - 1)] ^= mask
    path.write_bytes(content)
    found, _ = read_records(path)
    assert len(found) >= count - 1
    assert all(record in numbered(count) for record in found)


@given(st.integers(1, 4), st.floats(0, 1))
@example(2, 1.0)
def test_a_torn_tail_costs_only_the_last_record(new_file: Callable[[], pathlib.Path], count: int, share: float) -> None:
    path = new_file()
    append_records(path, numbered(count))
    torn = ending(path, lambda: append_records(path, [{"torn": True}]))
    kept = int(share * (len(torn) - 1))
    os.truncate(path, path.stat().st_size - len(torn) + kept)
    assert read_records(path)[0] == numbered(count)
    append_records(path, [{"late": True}])
    # Where no more than its end of line was lost, the torn one is whole again now.
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
def test_a_line_of_garbage_is_passed_over(tmp_path: pathlib.Path, garbage: bytes, before: int) -> None:
    path = tmp_path / "ledger"
    append_records(path, numbered(2)[:before])
    with path.open("ab") as file:
        file.write(garbage)
    append_records(path, numbered(2)[before:])
    assert read_records(path)[0] == numbered(2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
def test_what_does_not_fit_on_the_disk_is_said_and_costs_nothing_older(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ledger"
    append_records(path, numbered(3))
    child = [sys.executable, "-c", ON_A_FULL_DISK, str(path)]
    said = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.strip() == "EFBIG"
    found, _ = read_records(path)
    assert found[:3] == numbered(3)
    assert [record["late"] for record in found[3:]] == list(range(len(found) - 3))


# Several at once


def check_each_writer(found: list[Record], writers: int) -> None:
    """Every record of each writer, once and in its order."""
    assert len(found) == writers * APPENDS
    for writer in range(writers):
        assert [record["number"] for record in found if record["writer"] == writer] == list(range(APPENDS))


def read_while(path: pathlib.Path, writing: Callable[[], bool]) -> list[Record]:
    """All records, read piece by piece while others write."""
    found: list[Record] = []
    offset = 0
    more = True
    while more:
        # Asked before reading: what is written until then is read in this round.
        more = writing()
        new, offset = read_records(path, offset)
        found += new
    return found


# Windows finds the end of a file and writes there in two steps.
APPENDS_ARE_ATOMIC = pytest.mark.skipif(
    os.name == "nt", reason="on Windows appends of several may overwrite each other"
)


@APPENDS_ARE_ATOMIC
def test_threads_that_append_at_once_lose_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ledger"

    def write(writer: int) -> None:
        for number in range(APPENDS):
            append_records(path, [{"writer": writer, "number": number, "filling": "x" * 3000}])

    with ThreadPoolExecutor(THREADS) as pool:
        futures: list[Future[None]] = [pool.submit(write, writer) for writer in range(THREADS)]
        found = read_while(path, lambda: not all(future.done() for future in futures))
    for future in futures:
        future.result()
    check_each_writer(found, THREADS)
    assert read_records(path)[0] == found


@APPENDS_ARE_ATOMIC
def test_processes_that_append_at_once_lose_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ledger"
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
        found = read_while(path, lambda: any(child.poll() is None for child in children))
    finally:
        for child in children:
            child.communicate()
    assert [child.returncode for child in children] == [0] * PROCESSES
    check_each_writer(found, PROCESSES)
