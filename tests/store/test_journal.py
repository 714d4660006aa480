"""The journal of a partial file."""

from __future__ import annotations

import pathlib

from visbehavior.store.coalesce import BLOCK
from visbehavior.store.journal import (
    JournalState,
    blocks_record,
    downloader_record,
    load_journal,
    object_record,
)
from visbehavior.store.records import append_records
from visbehavior.store.source import ObjectInfo

INFO = ObjectInfo(2 * BLOCK + 5, '"one"', "v1")


def test_update_applies_the_records_appended_since_the_last_one(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "journal"
    state = JournalState()
    assert (state.info, state.block_count, state.cached_bytes()) == (None, 0, 0)
    append_records(path, [object_record(INFO, is_sparse=False)])
    state = load_journal(path, 5, state)
    assert (state.info, state.is_sparse, state.block_count, state.cached_bytes()) == (INFO, False, 3, 0)
    append_records(path, [blocks_record(state.file_id, 1, [11, 12]), downloader_record("process 7")])
    state = load_journal(path, 5, state)
    assert (state.crcs, state.downloader) == ({1: 11, 2: 12}, "process 7")
    assert state.cached_bytes() == BLOCK + 5


def test_blocks_of_another_partial_file_are_ignored() -> None:
    state = JournalState()
    state.apply(blocks_record("before any object", 0, [1]))
    state.apply(object_record(INFO, is_sparse=True))
    state.apply(blocks_record("another", 0, [1]))
    state.apply(object_record(ObjectInfo(5, None, None), is_sparse=True))
    assert (state.info, state.crcs) == (INFO, {})


def test_a_partial_file_with_another_block_size_is_ignored() -> None:
    state = JournalState()
    state.apply(object_record(INFO, is_sparse=True) | {"block": BLOCK // 2})
    assert state.info is None


def test_a_block_with_another_crc_is_checked_again() -> None:
    state = JournalState()
    state.apply(object_record(INFO, is_sparse=True))
    state.apply(blocks_record(state.file_id, 0, [1, 2]))
    state.checked.update((0, 1))
    state.apply(blocks_record(state.file_id, 0, [1, 3]))
    assert (state.crcs, state.checked) == ({0: 1, 1: 3}, {0})


def test_first_records_differ_between_partial_files_of_one_object(tmp_path: pathlib.Path) -> None:
    paths = [tmp_path / "one", tmp_path / "other"]
    for path in paths:
        append_records(path, [object_record(INFO, is_sparse=True), downloader_record("process 7")])
    first, second = (load_journal(path, 5, JournalState()).first_record for path in paths)
    assert first
    assert second
    assert first != second
    append_records(paths[0], [downloader_record("process 8")])
    assert load_journal(paths[0], 5, JournalState()).first_record == first
    assert load_journal(tmp_path / "none", 5, JournalState()).first_record == b""


def test_a_long_journal_is_read_completely(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "journal"
    append_records(path, [object_record(INFO, is_sparse=True)])
    state = load_journal(path, 5, JournalState())
    for block in range(1000):
        append_records(path, [blocks_record(state.file_id, block, [block + 7])])
    assert load_journal(path, 5, state) is state
    again = load_journal(path, 5, JournalState())
    assert state.crcs == again.crcs == {block: block + 7 for block in range(1000)}
    assert state.offset == path.stat().st_size
