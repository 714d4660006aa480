"""Only containers, arrays, numbers and dates are built out of a rig's pickle; all else is refused before it runs."""

from __future__ import annotations

import collections
import datetime
import gzip
import os
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest

from visbehavior import BehaviorSession, CorruptFile, MissingData, NotFound, UnsupportedFile
from visbehavior.raw.unpickle import read_pickle


class Harmful:
    def __init__(self, target: pathlib.Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_what_a_rig_writes_comes_back(tmp_path: pathlib.Path, protocol: int) -> None:
    content = {
        "times": np.arange(5.0),
        "number": np.float64(2.5),
        "items": collections.OrderedDict([("a", (1, "b"))]),
        "when": datetime.datetime(2019, 6, 20, 11, 18),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_pickle(path)
    np.testing.assert_array_equal(found.pop("times"), content.pop("times"))
    assert found == content
    packed = tmp_path / "a.pkl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_pickle(packed)["when"] == content["when"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_harmful_pickle_does_not_run(tmp_path: pathlib.Path, protocol: int) -> None:
    path, target = tmp_path / "evil.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps({"items": Harmful(target)}, protocol=protocol))
    with pytest.raises(UnsupportedFile, match=r"wants to build (posix|nt)\.mkdir, which no rig's file holds"):
        read_pickle(path)
    assert not target.exists()


def test_files_that_are_none(tmp_path: pathlib.Path) -> None:
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


def test_another_experiments_pickle(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"items": {"foraging": {}}}))
    with pytest.raises(MissingData, match=r"has no \['items'\]\['behavior'\]; at that place it has foraging"):
        _ = BehaviorSession.from_json({"behavior_stimulus_file": str(path), "rig_name": "r"}).licks
    with pytest.raises(MissingData, match="session_data has no 'behavior_stimulus_file'"):
        BehaviorSession.from_json({})
