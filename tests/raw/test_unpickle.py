"""Tests of `visbehavior.raw.unpickle`: allowed classes, rejected classes and damaged files."""

from __future__ import annotations

import collections
import datetime
import gzip
import os
import pathlib
import pickle
import re
from typing import Any

import numpy as np
import pytest

from tests.rawfiles import write_raw
from visbehavior import BehaviorSession, CorruptFile, MissingData, NotFound, UnsupportedFile
from visbehavior.raw.unpickle import read_pickle


class Malicious:
    def __init__(self, target: pathlib.Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_containers_arrays_numbers_and_dates_are_read(tmp_path: pathlib.Path, protocol: int) -> None:
    content = {
        "times": np.arange(5.0),
        "number": np.float64(2.5),
        "items": collections.OrderedDict([("a", (1, "b"))]),
        "when": datetime.datetime(2019, 6, 20, 11, 18),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    read = read_pickle(path)
    np.testing.assert_array_equal(read.pop("times"), content.pop("times"))
    assert read == content
    compressed = tmp_path / "a.pkl.gz"
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_pickle(compressed)["when"] == content["when"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_rejected_and_not_run(tmp_path: pathlib.Path, protocol: int) -> None:
    path, target = tmp_path / "evil.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps({"items": Malicious(target)}, protocol=protocol))
    with pytest.raises(UnsupportedFile, match=r"needs the class (posix|nt)\.mkdir, which is not allowed"):
        read_pickle(path)
    assert not target.exists()


def test_missing_files_folders_and_other_content_are_reported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        read_pickle(tmp_path / "none.pkl")
    with pytest.raises(UnsupportedFile, match="is a folder"):
        read_pickle(tmp_path)
    path = tmp_path / "a.pkl"
    for content, error in (
        (b"", CorruptFile),
        (b"hello world", UnsupportedFile),
        (pickle.dumps([1] * 99, 2)[:-9], CorruptFile),
    ):
        path.write_bytes(content)
        with pytest.raises(error):
            read_pickle(path)


def test_damaged_files_and_other_pickles_are_reported_by_name(tmp_path: pathlib.Path, raw: dict[str, Any]) -> None:
    complete = write_raw(tmp_path / "complete.pkl.gz", raw).read_bytes()
    behavior = r"\['items'\]\['behavior'\]"
    cases = {
        "text.pkl": (b"frames,licks\n1,2\n", UnsupportedFile, "is not a readable pickle"),
        "empty.pkl": (b"", CorruptFile, "is truncated or damaged"),
        "half.pkl.gz": (complete[: len(complete) // 2], CorruptFile, "is truncated"),
        "plain.pkl": (gzip.decompress(complete)[:-500], CorruptFile, "is truncated"),
        "other.pkl": (
            pickle.dumps({"items": {"foraging": 1}}, 2),
            MissingData,
            rf"has no {behavior}: \['items'\] contains foraging",
        ),
        "list.pkl": (
            pickle.dumps([1, 2], 2),
            MissingData,
            r"has no \['items'\]: the pickle is of type list\. Expected the stimulus pickle",
        ),
    }
    for name, (content, error, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        session = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / name})
        with pytest.raises(error, match=message) as caught:
            _ = session.licks
        assert re.search(re.escape(name), str(caught.value))
    with pytest.raises(NotFound, match="no file"):
        _ = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / "absent.pkl"}).licks
