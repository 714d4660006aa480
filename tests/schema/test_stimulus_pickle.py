"""Tests of `visbehavior.schema.stimulus_pickle` and `session_data`, and of their use by readers and simulator."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

from visbehavior import simulate
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.session import SESSION_TABLES
from visbehavior.schema.session_data import SESSION_DATA
from visbehavior.schema.stimulus_pickle import ENTRIES

PACKAGE = pathlib.Path(pickle.__file__).parents[1]
SOURCES = sorted([*PACKAGE.glob("raw/*.py"), *PACKAGE.glob("simulation/*.py")])
DECLARED = {name for entry in ENTRIES for name in (entry.key, entry.path)} | {entry.key for entry in SESSION_DATA}
# Names such as "catch" or "image_set" are also columns of our tables.
COLUMNS = {column.name for table in SESSION_TABLES for column in table}


def key_literals(source: str) -> Iterator[str]:
    """Yield the text literals that are subscripts, arguments of calls or keys of dictionaries."""
    for node in ast.walk(ast.parse(source)):
        keys: list[ast.expr | None] = []
        if isinstance(node, ast.Subscript):
            keys = [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]
        elif isinstance(node, ast.Call):
            keys = [*node.args]
        elif isinstance(node, ast.Dict):
            keys = node.keys
        yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def test_key_literals_are_found() -> None:
    source = 'a["b"]; c.get("d", 1); {"e": "f"}; "g"'
    assert sorted(key_literals(source)) == ["b", "d", "e"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_readers_and_simulator_use_the_declared_entries(path: pathlib.Path) -> None:
    assert (set(key_literals(path.read_text())) & DECLARED) - COLUMNS == set()


def test_keys_start_at_the_top_of_the_pickle() -> None:
    assert pickle.START_TIME.keys() == ("start_time",)
    assert pickle.INTERVALS.keys() == ("items", "behavior", "intervalsms")
    assert pickle.LICK_EVENTS.keys() == ("items", "behavior", "lick_sensors", 0, "lick_events")
    assert pickle.SET_LOG.keys(stimulus="a.b") == ("items", "behavior", "stimuli", "a.b", "set_log")
    assert pickle.TRIAL_CATCH.keys(trial=3) == ("items", "behavior", "trial_log", 3, "trial_params", "catch")
    assert pickle.TRIAL_CATCH.key == "catch"


def test_entries_are_declared_once() -> None:
    assert len({entry.path for entry in ENTRIES}) == len(ENTRIES)
    assert len({entry.key for entry in SESSION_DATA}) == len(SESSION_DATA)


@pytest.mark.parametrize(
    ("session_type", "stimulus", "absent"),
    [
        ("OPHYS_1_images_A", "images", {pickle.GRATING_PHASE, pickle.GRATING_FREQUENCY, pickle.EMBEDDED_IMAGE_SET}),
        (
            "TRAINING_1_gratings",
            "grating",
            {entry for entry in ENTRIES if "image_set" in entry.path or "fingerprint" in entry.path},
        ),
    ],
)
def test_simulated_pickle_has_the_declared_entries(session_type: str, stimulus: str, absent: set[pickle.Entry]) -> None:
    content = simulate(session_type, minutes=30, seed=1)
    for entry in ENTRIES:
        if entry not in absent:
            value = content
            for key in entry.keys(stimulus=stimulus, trial=0):
                value = value[key]
            assert value is not None or entry is pickle.FLASH_INTERVAL, entry.path
