"""Copies of a good session file that were damaged or changed."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import h5py
import numpy as np
import pytest

from tests.nwbfiles import TEXT
from visbehavior import BadValue, BehaviorSession, MissingData

Damage: TypeAlias = Callable[[h5py.File], object]
DamageFile: TypeAlias = Callable[[Damage], pathlib.Path]


@pytest.fixture
def damage_file(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> DamageFile:
    """Function that applies a change to a copy of a good file and returns the path of the copy, damaged.nwb."""
    return lambda damage: damaged_copy(newer_file, tmp_path / "damaged.nwb", damage)


def damaged_copy(source: pathlib.Path, target: pathlib.Path, damage: Damage) -> pathlib.Path:
    shutil.copyfile(source, target)
    with h5py.File(target, "a") as file:
        damage(file)
    return target


def opened(path: pathlib.Path, **options: Any) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(path, **options)


def read(session: BehaviorSession, name: str) -> Any:
    """Return an attribute of a session, or the result of a method without arguments."""
    value = getattr(session, name)
    return value() if callable(value) else value


def delete(name: str) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]

    return damage


def replace(name: str, data: Any, **options: Any) -> Damage:
    """Replace a dataset. Options as for h5py's create_dataset."""

    def damage(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=data, **options)

    return damage


def replace_link(name: str, link: Any) -> Damage:
    """Replace a member with a link."""

    def damage(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return damage


def set_attribute(group: str, name: str, value: Any) -> Damage:
    def damage(file: h5py.File) -> None:
        file[group].attrs[name] = value

    return damage


def set_column_names(group: h5py.Group, names: Iterable[str]) -> None:
    group.attrs["colnames"] = np.array(list(names), dtype=TEXT)


def delete_column(group: str, name: str) -> Damage:
    """Delete a column of intervals, from the list of columns too: the file has no such column."""

    def damage(file: h5py.File) -> None:
        delete_columns(file[group], name)

    return damage


def delete_columns(group: h5py.Group, *names: str) -> None:
    set_column_names(group, [name for name in group.attrs["colnames"] if name not in names])
    for name in names:
        del group[name]


def add_column(group: h5py.Group, name: str, values: Any) -> None:
    """Add a column of intervals."""
    set_column_names(group, [*group.attrs["colnames"], name])
    group[name] = values


def assert_missing(path: pathlib.Path, name: str, message: str = "") -> None:
    """Check that reading an attribute of the session raises MissingData with a message that advises the user."""
    advice = "Files of the release have|This file is incomplete"
    with pytest.raises(MissingData, match=rf"{path.name}.*{message}.*({advice})") as caught:
        read(opened(path), name)
    assert isinstance(caught.value, KeyError)
    # The message of a KeyError is its repr.
    assert not str(caught.value).startswith('"')


def assert_bad_value(path: pathlib.Path, name: str, message: str) -> None:
    """Check that reading an attribute of the session raises BadValue with a message that names the file."""
    with pytest.raises(BadValue, match=message) as caught:
        read(opened(path), name)
    assert isinstance(caught.value, ValueError)
    assert path.name in str(caught.value)
