"""Tests of serving a folder as a bucket, with boto3 and the cache as clients."""

from __future__ import annotations

import pathlib
import urllib.error
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from visbehavior import NotFound, VisualBehaviorOphysProjectCache, build_release, simulate_mouse
from visbehavior.publish.serve import serve_bucket
from visbehavior.settings import BUCKET


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "a").mkdir()
    (folder / "a" / "b & c.txt").write_bytes(bytes(range(200)))
    (folder.parent / "secret.txt").write_text("not served")
    build_release(
        simulate_mouse(sessions=["TRAINING_0_gratings_autorewards_15min", "TRAINING_1_gratings"], minutes=2, seed=1),
        folder / "bucket",
    )
    for path in (folder / "bucket").iterdir():
        path.rename(folder / path.name)
    with serve_bucket(folder) as url:
        yield url


@pytest.fixture
def s3(endpoint: str):
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-west-2",
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


def test_objects_ranges_and_conditional_requests(s3) -> None:
    complete = s3.get_object(Bucket=BUCKET, Key="a/b & c.txt")
    assert complete["Body"].read() == bytes(range(200))
    part = s3.get_object(Bucket=BUCKET, Key="a/b & c.txt", Range="bytes=10-19", IfMatch=complete["ETag"])
    assert part["Body"].read() == bytes(range(10, 20))
    assert part["ContentRange"] == "bytes 10-19/200"
    assert s3.get_object(Bucket=BUCKET, Key="a/b & c.txt", Range="bytes=190-")["Body"].read() == bytes(range(190, 200))
    assert s3.head_object(Bucket=BUCKET, Key="a/b & c.txt")["ContentLength"] == 200
    for options, code in (({"Range": "bytes=200-"}, "InvalidRange"), ({"IfMatch": '"x"'}, "PreconditionFailed")):
        with pytest.raises(s3.exceptions.ClientError, match=code):
            s3.get_object(Bucket=BUCKET, Key="a/b & c.txt", **options)
    for key in ("a/none.txt", "a", "../secret.txt"):
        with pytest.raises(s3.exceptions.ClientError, match="NoSuchKey"):
            s3.get_object(Bucket=BUCKET, Key=key)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        s3.get_object(Bucket="another", Key="a/b & c.txt")


def test_listings_of_objects_and_versions(s3) -> None:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="a/")["Contents"]
    assert [(item["Key"], item["Size"]) for item in listed] == [("a/b & c.txt", 200)]
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="../")
    (version,) = s3.list_object_versions(Bucket=BUCKET, Prefix="a/b & c.txt")["Versions"]
    assert (version["VersionId"], version["IsLatest"]) == ("null", True)


def test_paths_outside_the_folder_are_not_found(endpoint: str) -> None:
    for path in ("..%2Fsecret.txt", "a/..%2F..%2Fsecret.txt", "%2Fetc%2Fpasswd"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{endpoint}/{BUCKET}/{path}")


def test_cache_opens_a_served_release(endpoint: str, tmp_path: pathlib.Path) -> None:
    cache = VisualBehaviorOphysProjectCache.from_s3_cache(tmp_path, endpoint=endpoint)
    table = cache.get_performance_table()
    assert len(table) == 2
    cache.download(behavior_session_ids=table.index[:1])
    assert cache.verify()["state"].value_counts()["complete"] >= 2


def test_missing_folder_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="no folder"), serve_bucket(tmp_path / "none"):
        pass
