from __future__ import annotations

import pathlib

import pytest

from visbehavior import BadValue, CorruptFile, VisualBehaviorOphysProjectCache, build_cohort, open_cohort
from visbehavior.cohort.store import (
    Description,
    Part,
    PartFile,
    decode_description,
    encode_description,
    hash_bytes,
    is_intact,
    read_description,
    read_session_records,
    write_description,
    write_session_records,
)

FILE = PartFile("licks/a.parquet", 100, 5, 20, hash_bytes(b"x" * 100))
SESSIONS = PartFile("sessions/a.parquet", 100, 5, 20, "0")
DESCRIPTION = Description(
    ("licks",), (Part("a", (1, 2), {"licks": FILE}),), SESSIONS, {"licks": "licks/a.footers"}, "d"
)


def test_descriptions_are_read_as_written(tmp_path: pathlib.Path) -> None:
    assert read_description(tmp_path) is None
    write_description(tmp_path, DESCRIPTION)
    assert read_description(tmp_path) == DESCRIPTION
    assert DESCRIPTION.paths() == {"licks/a.parquet", "sessions/a.parquet", "licks/a.footers"}


@pytest.mark.parametrize("length", range(0, 700, 50))
def test_truncated_descriptions_are_reported(length: int) -> None:
    with pytest.raises(CorruptFile, match=r"cohort\.json of the cohort in here is damaged"):
        decode_description(encode_description(DESCRIPTION)[:length], "here")


def test_records_are_read_as_written(tmp_path: pathlib.Path) -> None:
    records = [{"id": 1, "status": "done"}, {"id": 2, "status": "failed"}]
    write_session_records(tmp_path, records)
    write_session_records(tmp_path, records[1:])
    assert read_session_records(tmp_path) == {2: records[1]}


def test_changed_files_are_not_intact(tmp_path: pathlib.Path) -> None:
    path = tmp_path / FILE.path
    assert not is_intact(tmp_path, FILE)
    path.parent.mkdir()
    for content, expected in ((b"x" * 100, True), (b"x" * 99, False), (b"x" * 99 + b"y", False)):
        path.write_bytes(content)
        assert is_intact(tmp_path, FILE) is expected


@pytest.mark.parametrize("name", ["a*", "a?", "a[1]"])
def test_paths_that_are_patterns_are_rejected(name: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match="without"):
        open_cohort(tmp_path / name)


def test_builds_reject_patterns(cache: VisualBehaviorOphysProjectCache, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match="Rename it"):
        build_cohort(cache, tmp_path / "a*")
    assert not list(tmp_path.iterdir())
