"""Files of fits."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import make_session
from visbehavior import BadValue, CannotWrite, NotFound, StrategyFit, UnsupportedFile, fit_strategy

X, Y = make_session(1, 120)
FIT = fit_strategy(X, Y, sigma=0.05)


def test_file_has_plain_arrays(tmp_path: pathlib.Path) -> None:
    FIT.save(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights"], FIT.weights)
        assert arrays["regressors"].tolist() == X.columns.tolist()
        assert arrays["flashes"].tolist() == X.index.tolist()


@pytest.mark.parametrize("labels", [[f"flash {number:03}" for number in range(120)], np.arange(120) / 2])
def test_labels_are_kept(labels: object, tmp_path: pathlib.Path) -> None:
    index = pd.Index(labels)
    fit = fit_strategy(X.set_axis(index), Y.set_axis(index), sigma=0.05)
    fit.save(tmp_path / "fit.npz")
    assert StrategyFit.load(tmp_path / "fit.npz").weights.index.tolist() == index.tolist()


def test_labels_that_need_pickle_raise(tmp_path: pathlib.Path) -> None:
    index = pd.date_range("2024-01-01", periods=120)
    fit = fit_strategy(X.set_axis(index), Y.set_axis(index), sigma=0.05)
    with pytest.raises(BadValue, match=r"expected numbers or texts\. Rename them"):
        fit.save(tmp_path / "fit.npz")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_raises(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CannotWrite):
        FIT.save(tmp_path / "missing" / "fit.npz")


def test_missing_file_raises(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*fit\.npz\. Expected one that StrategyFit\.save wrote"):
        StrategyFit.load(tmp_path / "fit.npz")


def test_other_and_damaged_files_raise(tmp_path: pathlib.Path) -> None:
    FIT.save(tmp_path / "fit.npz")
    content = (tmp_path / "fit.npz").read_bytes()
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "pickle.npz", weights=np.array([{}], dtype=object), allow_pickle=True)
    damaged = {
        "half.npz": content[: len(content) // 2],
        "text.npz": b"a text",
        "empty.npz": b"",
        "flipped.npz": content[:3000] + bytes(byte ^ 255 for byte in content[3000:3010]) + content[3010:],
    }
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
    for name in ("other.npz", "pickle.npz", *damaged):
        with pytest.raises(UnsupportedFile, match="cannot be read as a fit"):
            StrategyFit.load(tmp_path / name)
    with pytest.raises(UnsupportedFile, match="is not a file"):
        StrategyFit.load(tmp_path)
