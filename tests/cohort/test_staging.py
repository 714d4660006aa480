from __future__ import annotations

import pathlib
from typing import Any

import pandas as pd
import pytest

from visbehavior import CorruptFile
from visbehavior.cohort.staging import (
    compute_digest,
    hash_session,
    pack_tables,
    read_staged_records,
    read_staged_table,
    remove_staged,
    staged_path,
    write_staged,
)
from visbehavior.cohort.store import STAGING, hash_bytes

ROWS = {
    "licks": pd.DataFrame(
        {"behavior_session_id": [7, 7], "licks_id": [0, 1], "timestamps": [0.5, 1.5], "frame": [30, 90]}
    ),
    "rewards": pd.DataFrame(
        {
            "behavior_session_id": [7],
            "rewards_id": [0],
            "volume": [0.007],
            "timestamps": [0.6],
            "auto_rewarded": [False],
        }
    ),
}


@pytest.fixture
def record(tmp_path: pathlib.Path) -> dict[str, Any]:
    """Record of a session that is staged in the folder."""
    (tmp_path / STAGING).mkdir()
    packed = pack_tables(ROWS)
    hashes = {name: hash_bytes(content) for name, content in packed.items()}
    made = {"id": 7, "hashes": hashes, "values": {"dprime": 1.5}}
    write_staged(tmp_path, made, packed)
    return made


def test_tables_are_read_as_written(record: dict[str, Any], tmp_path: pathlib.Path) -> None:
    (read,) = read_staged_records(tmp_path).values()
    assert record.items() <= read.items()
    for name, frame in ROWS.items():
        pd.testing.assert_frame_equal(read_staged_table(tmp_path, 7, name), frame, check_dtype=False)


@pytest.mark.parametrize("position", [0, 20, -1, -100])
def test_damaged_files_are_removed_and_reported(record: dict[str, Any], tmp_path: pathlib.Path, position: int) -> None:
    path = staged_path(tmp_path, record["id"])
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match="Build again"):
        _ = [read_staged_table(tmp_path, 7, name) for name in ROWS]
    assert not path.exists()


def test_truncated_files_and_other_names_are_ignored(record: dict[str, Any], tmp_path: pathlib.Path) -> None:
    path = staged_path(tmp_path, 7)
    content = path.read_bytes()
    for length in (0, 10, len(content) - 1):
        path.write_bytes(content[:length])
        assert read_staged_records(tmp_path) == {}
    path.unlink()
    staged_path(tmp_path, 8).write_bytes(content)
    assert read_staged_records(tmp_path) == {}
    assert read_staged_records(tmp_path / "nothing") == {}
    assert record


def test_a_file_that_was_written_again_is_kept(record: dict[str, Any], tmp_path: pathlib.Path) -> None:
    records = read_staged_records(tmp_path)
    write_staged(tmp_path, {**record, "values": {"dprime": 2.0}}, pack_tables(ROWS))
    remove_staged(tmp_path, records)
    assert staged_path(tmp_path, 7).exists()
    remove_staged(tmp_path, read_staged_records(tmp_path))
    assert not staged_path(tmp_path, 7).exists()


def test_the_digest_depends_on_rows_and_metrics_but_not_on_order() -> None:
    first = {"id": 1, "hashes": {"licks": "a"}, "values": {"dprime": 1.0}}
    second = {"id": 2, "hashes": {"licks": "b"}, "values": {"dprime": None}}
    digest = compute_digest({1: first, 2: second})
    assert compute_digest({2: second, 1: first}) == digest
    assert compute_digest({1: first}) != digest
    changed = [{**first, "values": {"dprime": 1.1}}, {**first, "hashes": {"licks": "c"}}, {**first, "code": "x"}]
    assert [hash_session(record) == hash_session(first) for record in changed] == [False, False, True]
