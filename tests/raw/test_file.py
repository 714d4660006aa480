"""Tests of `visbehavior.raw.file`: session_data and access to entries of the pickle."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.rawfiles import changed_session, session_data
from visbehavior import BadValue, BehaviorSession, MissingData, NotFound, VisBehaviorError
from visbehavior.raw.file import RawSession, id_in_name, read_session_data, text
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.session_data import MOUSE_ID, SEX


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "session_data has no 'behavior_stimulus_file'; it has nothing"),
        ({"sex": "F"}, r"it has 'sex'\. Set it to the path of the pickle"),
        ("a.pkl", "session_data is str; expected a dictionary"),
    ],
)
def test_session_data_must_have_a_pickle(data: Any, message: str) -> None:
    with pytest.raises(VisBehaviorError, match=message):
        BehaviorSession.from_json(data)


def test_values_of_session_data_must_have_the_declared_type(raw: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=r"behavior_session_id.* is 'abc'; expected a whole number"):
        RawSession({"behavior_stimulus_file": raw, "behavior_session_id": "abc"})


def test_supplied_values_precede_those_in_the_pickle(raw: dict[str, Any]) -> None:
    pickled = raw | {"session_data": {"external_specimen_name": "2", "sex": b"M", "behavior_session_id": 7}}
    assert RawSession({"behavior_stimulus_file": pickled, "external_specimen_name": "1"}).session_data(MOUSE_ID) == "1"
    session = RawSession({"behavior_stimulus_file": pickled})
    assert session.session_data(MOUSE_ID) == "2"
    assert session.session_data(SEX) == b"M"
    assert session.session_id() == 7
    changed = {**raw, "items": {"behavior": {"params": {"mouse_id": "3"}}}}
    assert RawSession({"behavior_stimulus_file": changed}).session_data(MOUSE_ID) == "3"
    assert RawSession({"behavior_stimulus_file": raw}).session_data(SEX, None) is None
    with pytest.raises(MissingData, match="session_data has no 'sex'; it has 'behavior_stimulus_file'"):
        RawSession({"behavior_stimulus_file": raw}).session_data(SEX)


def test_session_id_is_supplied_or_in_the_file_name_or_the_start_time(raw: dict[str, Any]) -> None:
    assert RawSession({"behavior_stimulus_file": "behavior_session_891635659.pkl"}).session_id() == 891635659
    given = {"behavior_stimulus_file": "behavior_session_891635659.pkl", "behavior_session_id": "5"}
    assert RawSession(given).session_id() == 5
    assert RawSession({"behavior_stimulus_file": raw}).session_id() == 190411193150
    assert id_in_name("rig/457841.pkl") == 457841
    assert id_in_name("mouse_12345.pkl") is None


def test_missing_entry_is_reported_with_its_keys(raw: dict[str, Any]) -> None:
    session = RawSession({"behavior_stimulus_file": raw})
    with pytest.raises(
        MissingData, match=r"has no \['comp_id'\]: the pickle contains start_time, session_uuid, items\."
    ):
        session.get(pickle.COMPUTER_ID)
    assert session.get(pickle.COMPUTER_ID, default=None) is None
    with pytest.raises(MissingData, match=r"has no .+\['trial_log'\]\[999\]: .+\['trial_log'\] is of type list\."):
        session.get(pickle.TRIAL_EVENTS, trial=999)


def test_the_two_stages_must_agree(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: b["params"].update(stage="another"))
    with pytest.raises(
        BadValue, match=r"\['params'\]\['stage'\] and .+ must name one stage; they have OPHYS_1.+, another"
    ):
        _ = session.metadata


def test_session_data_is_read_from_json_with_paths_relative_to_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"behavior_stimulus_file": "a.pkl", "sync_file": "b.h5", "sex": "F"}))
    files = {"behavior_stimulus_file": str(tmp_path / "a.pkl"), "sync_file": str(tmp_path / "b.h5")}
    assert read_session_data(path) == {**files, "sex": "F"}
    assert read_session_data("a.pkl") == {"behavior_stimulus_file": "a.pkl"}


def test_json_without_session_data_is_reported(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.json"
    for content in ("{", "[]", '{"sex": "F"}'):
        path.write_text(content)
        with pytest.raises(BadValue, match=r"a\.json is not a JSON file with session_data: "):
            read_session_data(path)
    with pytest.raises(NotFound, match="There is no file"):
        read_session_data(tmp_path / "none.json")


def test_none_in_session_data_counts_as_absent(raw: dict[str, Any]) -> None:
    assert RawSession(session_data(pathlib.Path("a.pkl"), sex=None)).data.keys() == session_data(
        pathlib.Path()
    ).keys() - {"sex"}


def test_long_names_are_an_error(raw: dict[str, Any]) -> None:
    """An array of text needs room for the longest name in each of its rows."""
    assert text("x" * 1000) == text(b"x" * 1000) == "x" * 1000
    for name in ("x" * 1001, b"x" * 1001, [1] * 1000):
        with pytest.raises(BadValue, match=r"A name in the pickle is .+ characters; expected 1,000 at most"):
            text(name)
    session = changed_session(
        raw, lambda b: b["stimuli"]["images"]["set_log"].insert(0, ("Image", "x" * 10**6, 0.0, 0))
    )
    with pytest.raises(BadValue, match=r"A name in the pickle is 'xxx"):
        _ = session.trials
