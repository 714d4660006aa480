"""Import of optional libraries."""

from __future__ import annotations

import pathlib
import sys

import pytest

from visbehavior import BehaviorSession, MissingExtra, write_nwb
from visbehavior.extras import import_extra


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("pynwb", "pynwb", "nwb"),
        ("matplotlib.figure", "matplotlib", "plots"),
        ("scipy.ndimage", "scipy", "raw"),
        ("PIL.Image", "pillow", "raw"),
        ("xarray", "xarray", "imaging"),
    ],
)
def test_the_error_names_the_extra_that_installs_the_library(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module.split(".")[0], None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingExtra, match=rf'{package}, .*visbehavior\[{extra}\]" .*conda-forge {package}\)'
    ) as caught:
        import_extra(module)
    assert isinstance(caught.value, ImportError)


def test_write_nwb_raises_without_pynwb(
    monkeypatch: pytest.MonkeyPatch, newer_file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(MissingExtra):
        write_nwb(BehaviorSession.from_nwb_path(newer_file), tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []
