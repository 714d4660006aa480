"""Tests of parsing, naming and comparing manifests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.project.synthetic_release import BUCKET, digest
from visbehavior import BadValue
from visbehavior.project.manifest import describe_changes, manifest_version, newest_first, parse_manifest


def make_manifest(
    url: str = f"{BUCKET}/behavior_sessions/behavior_session_1.nwb", version: str = "1.1.0", **changes: Any
) -> bytes:
    entry = {"url": url, "version_id": "v1", "file_hash": digest(b"x")}
    return json.dumps(
        {"manifest_version": version, "metadata_files": {}, "data_files": {"1": {**entry, **changes}}}
    ).encode()


def test_manifest_is_parsed() -> None:
    manifest = parse_manifest(make_manifest(), "m.json")
    assert manifest.version == "1.1.0"
    assert manifest.folder == "visual-behavior-ophys-1.1.0"
    entry = manifest.files["1"]
    assert entry.path == "behavior_sessions/behavior_session_1.nwb"
    assert (entry.version_id, entry.file_hash) == ("v1", digest(b"x"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        make_manifest()[:-20],
        b"[]",
        b"{}",
        b'{"manifest_version": "1", "metadata_files": [], "data_files": {}}',
        b'{"manifest_version": 1, "metadata_files": {}, "data_files": {}}',
        b'{"manifest_version": "1", "metadata_files": {}, "data_files": {"1": []}}',
        make_manifest(version_id=None),
        make_manifest(file_hash="abc"),
        make_manifest(file_hash=7),
    ],
)
def test_other_content_is_an_error(content: bytes) -> None:
    with pytest.raises(BadValue, match=r"m\.json is not a manifest of visual-behavior-ophys: .*download it again"):
        parse_manifest(content, "m.json")


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "a/../../b.nwb", "%2e%2e/b.nwb", "a/%2E%2E/%2E%2E/b.nwb", "a\\..\\b.nwb", "C:/b.nwb", ""],
)
def test_paths_outside_the_cache_folder_are_an_error(path: str) -> None:
    with pytest.raises(BadValue, match="is not the URL of a file below visual-behavior-ophys/"):
        parse_manifest(make_manifest(url=f"{BUCKET}/{path}"), "m.json")


def test_url_outside_the_project_is_an_error() -> None:
    with pytest.raises(BadValue, match="is not the URL of a file below"):
        parse_manifest(make_manifest(url="https://example.org/other/file.nwb"), "m.json")


def test_releases_are_ordered_by_number() -> None:
    names = [
        f"visual-behavior-ophys_project_manifest_v{version}.json" for version in ("0.3.0", "1.10.0", "1.9.0", "1.1.0")
    ]
    assert newest_first([*names, "notes.txt", "visual-behavior-ophys_project_manifest_vx.json"]) == [
        names[1],
        names[2],
        names[3],
        names[0],
    ]
    assert manifest_version("visual-behavior-ophys_project_manifest_v1.0.1.json") == "1.0.1"
    assert manifest_version("other.json") is None


def test_changes_between_releases_are_described() -> None:
    older = parse_manifest(make_manifest(), "a")
    changed = parse_manifest(make_manifest(version="1.2.0", file_hash=digest(b"y")), "b")
    moved = parse_manifest(
        make_manifest(url=f"{BUCKET}/behavior_sessions/behavior_session_2.nwb", version="1.3.0"), "c"
    )
    assert "1 file changed:\n  behavior_sessions/behavior_session_1.nwb" in describe_changes(older, changed)
    text = describe_changes(older, moved)
    assert text.startswith(
        "From release 1.1.0 to 1.3.0:\n1 file added:\n  behavior_sessions/behavior_session_2.nwb\n1 file removed:"
    )
    assert text.endswith("0 files changed")
