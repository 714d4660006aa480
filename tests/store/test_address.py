"""Locations of the data."""

from __future__ import annotations

import os
import pathlib

import pytest

from tests.store.objects import clear_network_environment
from visbehavior.errors import BadValue
from visbehavior.store.address import Bucket, Folder, Location, Mirror, parse_location

BUCKET = "visual-behavior-ophys-data"


@pytest.mark.parametrize(
    ("text", "endpoint", "location", "shown"),
    [
        (BUCKET, None, Bucket(BUCKET), f"s3://{BUCKET}"),
        (f"s3://{BUCKET}", None, Bucket(BUCKET), f"s3://{BUCKET}"),
        (f"s3://{BUCKET}/", None, Bucket(BUCKET), f"s3://{BUCKET}"),
        (BUCKET, "http://host:9000", Bucket(BUCKET, "http://host:9000"), f"http://host:9000/{BUCKET}"),
        ("https://mirror/a%20b/", None, Mirror("https://mirror/a%20b"), "https://mirror/a%20b"),
        ("https://mirror", "http://host:9000", Mirror("https://mirror"), "https://mirror"),
        ("./folder", None, Folder("./folder"), "./folder"),
        (f"a{os.sep}folder", "http://host:9000", Folder(f"a{os.sep}folder"), f"a{os.sep}folder"),
        ("folder/", None, Folder("folder/"), "folder/"),
    ],
)
def test_texts_are_parsed_and_shown(
    monkeypatch: pytest.MonkeyPatch, text: str, endpoint: str | None, location: Location, shown: str
) -> None:
    clear_network_environment(monkeypatch)
    assert parse_location(text, endpoint) == location
    assert str(location) == shown


def test_a_file_url_is_a_folder(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "some folder"
    location = parse_location(folder.as_uri())
    assert isinstance(location, Folder)
    assert pathlib.Path(location.path) == folder


def test_the_endpoint_of_the_environment_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other")
    assert str(Bucket(BUCKET)) == f"http://other/{BUCKET}"
    assert str(Bucket(BUCKET, "http://host")) == f"http://host/{BUCKET}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        5,
        None,
        b"bucket",
        pathlib.PurePosixPath("bucket"),
        "ftp://x",
        "s3://",
        "s3://bucket/folder",
        "a b",
        "bücket",
        "localhost:9000",
        "http:mirror",
        "https://",
        "https:///folder",
        "http://[",
        "http://mirror:99999",
        "http://mirror:port",
        "http://a b/",
    ],
)
def test_other_texts_are_bad_values(text: object) -> None:
    with pytest.raises(
        BadValue,
        match="expected a bucket name, s3://bucket, the https:// URL of a mirror, or the path of a folder",
    ) as raised:
        parse_location(text)  # type: ignore[arg-type]
    assert repr(text) in str(raised.value)
    assert raised.value.location == text


@pytest.mark.parametrize(
    "endpoint",
    ["", 5, "localhost:9000", "localhost", "ftp://x", "http://", "http://[", "http://a b", "http://ä", "http://x:0"],
)
@pytest.mark.parametrize("text", [BUCKET, "https://mirror", "./folder"])
def test_other_endpoints_are_bad_values(text: str, endpoint: object) -> None:
    with pytest.raises(BadValue, match=r"expected a URL such as https://s3\.example\.org") as raised:
        parse_location(text, endpoint)  # type: ignore[arg-type]
    assert repr(endpoint) in str(raised.value)
