"""Paths beside an incomplete download. The names are a format: caches of older versions have them."""

from __future__ import annotations

import pathlib

from visbehavior.store.paths import has_partial, journal_path, lock_path, partial_path


def test_names_of_the_files_beside_a_download(tmp_path: pathlib.Path) -> None:
    final = tmp_path / "session.nwb"
    assert partial_path(final) == tmp_path / "session.nwb.blocks"
    assert journal_path(final) == tmp_path / "session.nwb.blocks.journal"
    assert lock_path(final) == tmp_path / "session.nwb.blocks.lock"


def test_has_partial_is_true_if_the_partial_file_exists(tmp_path: pathlib.Path) -> None:
    final = tmp_path / "session.nwb"
    journal_path(final).touch()
    assert not has_partial(final)
    partial_path(final).touch()
    assert has_partial(final)
