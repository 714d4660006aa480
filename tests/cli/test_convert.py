"""``visbehavior convert``."""

from __future__ import annotations

import csv
import json
import pathlib
import shutil
from typing import Any

import pytest

from tests.cli.command import Invoke, run
from tests.rawfiles import write_raw
from visbehavior import BehaviorSession, simulate

IDS = (990400001, 990400002, 990400003)

# Header of the behavior session table of release 1.1.0.
HEADER = """\
behavior_session_id,ophys_session_id,ophys_container_id,mouse_id,indicator,full_genotype,driver_line,cre_line,reporter_line,sex,\
age_in_days,project_code,session_type,session_number,image_set,behavior_type,experience_level,prior_exposures_to_session_type,\
prior_exposures_to_image_set,prior_exposures_to_omissions,date_of_acquisition,equipment_name,imaging_plane_group_count,\
go_trial_count,ophys_experiment_id,false_alarm_trial_count,engaged_trial_count,trial_count,num_targeted_structures,\
hit_trial_count,correct_reject_trial_count,num_depths_per_area,catch_trial_count,miss_trial_count,file_id"""
COLUMNS = HEADER.split(",")
COUNTS = {name: 0 for name in COLUMNS if name.endswith("trial_count")}
MOUSE = {
    "mouse_id": 457841,
    "full_genotype": "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
    "driver_line": "['Sst-IRES-Cre', 'Ai148']",
    "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
    "sex": "F",
    "age_in_days": 114,
    "project_code": "VisualBehaviorMultiscope",
    "date_of_acquisition": "2019-06-20 11:18:15.777000+00:00",
    "equipment_name": "BEH.D-Box2",
    "file_id": 1962,
}


@pytest.fixture(scope="module")
def pickles(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """Pickles named after their session. As on a rig, they contain no metadata except the mouse_id and the date."""
    folder = tmp_path_factory.mktemp("rig")
    session_types = ("OPHYS_4_images_B", "TRAINING_1_gratings", "OPHYS_5_images_B_passive")
    paths = []
    for session_id, session_type in zip(IDS, session_types, strict=True):
        raw = simulate(session_type, minutes=1, seed=session_id)
        del raw["session_data"]
        paths.append(write_raw(folder / f"{session_id}.pkl", raw))
    return paths


def output_paths(folder: pathlib.Path, *ids: int) -> str:
    """Return the expected output: the path of each session's NWB file."""
    return "".join(f"{folder / f'behavior_session_{session_id}.nwb'}\n" for session_id in ids)


def write_table(path: pathlib.Path, *rows: dict[str, Any]) -> pathlib.Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(COUNTS | row for row in rows)
    return path


def read_metadata(path: pathlib.Path) -> dict[str, Any]:
    return BehaviorSession.from_nwb_path(path).metadata


def test_pickles_are_converted(invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "new" / "nwb"
    status, out, err = invoke("convert", *pickles[:2], "-o", folder, "--jobs", 2)
    assert (status, out, err) == (0, output_paths(folder, *IDS[:2]), "")
    for pickle, path in zip(pickles[:2], out.split(), strict=True):
        session = BehaviorSession.from_json({"behavior_stimulus_file": str(pickle)})
        assert read_metadata(pathlib.Path(path)) == session.metadata


def test_existing_files_are_kept_and_duplicates_ignored(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    path = tmp_path / f"behavior_session_{IDS[0]}.nwb"
    assert invoke("convert", pickles[0], pickles[0], "-o", tmp_path)[1] == output_paths(tmp_path, IDS[0])
    written = path.stat().st_mtime_ns
    assert invoke("convert", *pickles, "-o", tmp_path) == (0, output_paths(tmp_path, *IDS), "")
    assert path.stat().st_mtime_ns == written


def test_unreadable_files_do_not_stop_the_others(pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    missing, truncated = tmp_path / "none.json", tmp_path / "990400077.pkl"
    truncated.write_bytes(pickles[0].read_bytes()[:20_000])
    done = run("convert", pickles[0], missing, truncated, pickles[1], "-o", tmp_path / "nwb")
    assert (done.returncode, done.stdout) == (1, output_paths(tmp_path / "nwb", *IDS[:2]))
    first, second, last = done.stderr.splitlines()
    assert first == f"Error: There is no file {missing}."
    assert second.startswith(f"Error: {truncated} is truncated")
    assert last == "2 of 4 sessions could not be converted."


def test_json_gives_the_pickle_and_metadata(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    shutil.copy(pickles[1], tmp_path / "day.pkl")
    data = {"behavior_stimulus_file": "day.pkl", "behavior_session_id": 7, "sex": "M", "driver_line": ["b", "a"]}
    (tmp_path / "day.json").write_text(json.dumps(data))
    assert invoke("convert", tmp_path / "day.json", "-o", tmp_path) == (0, output_paths(tmp_path, 7), "")
    metadata = read_metadata(tmp_path / "behavior_session_7.nwb")
    assert (metadata["behavior_session_id"], metadata["sex"], metadata["driver_line"]) == (7, "M", ["a", "b"])


def test_project_table_gives_metadata(invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    table = write_table(
        tmp_path / "behavior_session_table.csv",
        {"behavior_session_id": IDS[1]} | MOUSE,
        {"behavior_session_id": IDS[2], "mouse_id": 445002},
    )
    status, out, err = invoke("convert", *pickles[1:], "-o", tmp_path, "--project-table", table)
    assert (status, err) == (0, "")
    full, sparse = (read_metadata(pathlib.Path(path)) for path in out.split())
    assert {name: full[name] for name in ("mouse_id", "sex", "age_in_days", "equipment_name", "project_code")} == {
        "mouse_id": "457841",
        "sex": "F",
        "age_in_days": 114,
        "equipment_name": "BEH.D-Box2",
        "project_code": "VisualBehaviorMultiscope",
    }
    assert full["cre_line"] == "Sst-IRES-Cre"
    assert full["driver_line"] == ["Ai148", "Sst-IRES-Cre"]
    assert full["reporter_line"] == MOUSE["reporter_line"]
    assert str(full["date_of_acquisition"]) == MOUSE["date_of_acquisition"]
    # Empty cells are filled from the pickle, or stay missing.
    pickled = BehaviorSession.from_json({"behavior_stimulus_file": str(pickles[2])}).metadata
    assert sparse == pickled | {"mouse_id": "445002"}
    assert sparse["sex"] is None


def test_session_missing_from_the_project_table_is_reported(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1]} | MOUSE)
    status, out, err = invoke("convert", *pickles[:2], "-o", tmp_path, "--project-table", table)
    assert (status, out) == (1, output_paths(tmp_path, IDS[1]))
    first, last = err.splitlines()
    assert first.startswith(f"Error: {pickles[0]}: session {IDS[0]} is not in the project table.")
    assert last == "1 of 2 sessions could not be converted."
    assert read_metadata(tmp_path / f"behavior_session_{IDS[1]}.nwb")["mouse_id"] == "457841"


def test_project_table_may_have_empty_counts(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1], "trial_count": ""} | MOUSE)
    assert invoke("convert", pickles[1], "-o", tmp_path, "--project-table", table)[0] == 0


def test_precedence_is_options_json_table_pickle(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1]} | MOUSE)
    data = {"behavior_stimulus_file": str(pickles[1]), "rig_name": "from the JSON", "sex": "M"}
    (tmp_path / "data.json").write_text(json.dumps(data))
    options = ("--project-table", table, "--sex", "F", "--genotype", "Vip-IRES-Cre/wt")
    done = invoke("convert", tmp_path / "data.json", "-o", tmp_path, *options)
    assert done == (0, output_paths(tmp_path, IDS[1]), "")
    metadata = read_metadata(tmp_path / f"behavior_session_{IDS[1]}.nwb")
    assert (metadata["sex"], metadata["full_genotype"]) == ("F", "Vip-IRES-Cre/wt")
    assert metadata["equipment_name"] == "from the JSON"
    assert (metadata["mouse_id"], metadata["age_in_days"]) == ("457841", 114)
    assert metadata["session_type"] == "TRAINING_1_gratings"


def test_metadata_options(invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    session = ("--id", 8, "--mouse", "m1", "--rig", "R", "--date", "2024-02-01T10:00:00+01:00", "--age", "P90")
    task = ("--project-code", "Mine", "--monitor-delay", "0.04")
    assert invoke("convert", pickles[0], "-o", tmp_path, *session, *task) == (0, output_paths(tmp_path, 8), "")
    converted = BehaviorSession.from_nwb_path(tmp_path / "behavior_session_8.nwb")
    metadata = converted.metadata
    assert (metadata["mouse_id"], metadata["equipment_name"], metadata["age_in_days"]) == ("m1", "R", 90)
    assert str(metadata["date_of_acquisition"]) == "2024-02-01 09:00:00+00:00"
    assert metadata["project_code"] == "Mine"
    presentations = converted.stimulus_presentations
    delays = presentations["start_time"] - converted.stimulus_timestamps[presentations["start_frame"]]
    assert delays.to_numpy() == pytest.approx(0.04)


@pytest.mark.parametrize("option", ["--id", "--date", "--sync"])
def test_single_session_options_reject_several_pickles(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path, option: str
) -> None:
    status, out, err = invoke("convert", *pickles[:2], "-o", tmp_path / "nwb", option, "7")
    assert (status, out) == (2, "")
    assert err.startswith("Usage: visbehavior")
    assert f"{option} can be used with one session only; 2 were given." in err
    assert not (tmp_path / "nwb").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--id", "seven"), "'behavior_session_id'] is 'seven'; expected a whole number"),
        (("--age", "old"), "age is 'old'; expected days"),
        (("--date", "monday"), "date_of_acquisition is 'monday'"),
        (("--monitor-delay", "late"), "'late'; expected seconds"),
        (("--images", "none.pkl"), "There is no file none.pkl"),
        (("--sync", "none.h5"), "There is no sync file none.h5"),
        (("--project-table", "none.csv"), "There is no file none.csv"),
        pytest.param(("--project-table", __file__), "behavior_session_table.csv", id="table that is not a CSV file"),
    ],
)
def test_wrong_options_are_reported(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path, options: tuple[str, str], message: str
) -> None:
    status, out, err = invoke("convert", pickles[0], "-o", tmp_path, *options)
    assert (status, out) == (1, "")
    first, *others = err.splitlines()
    assert first.startswith("Error: ")
    assert message in first
    assert others in ([], ["1 of 1 sessions could not be converted."])
    assert list(tmp_path.iterdir()) == []


def test_output_folder_that_is_a_file_is_reported(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "nwb").touch()
    status, out, err = invoke("convert", pickles[0], "-o", tmp_path / "nwb")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "nwb") in err


BAD_JSON = {
    "not JSON": '{"behavior_stimulus_file": ',
    "list": "[]",
    "without pickle": '{"sex": "F"}',
    "missing pickle": '{"behavior_stimulus_file": "none.pkl"}',
}
WRONG_TYPES = {
    "behavior_stimulus_file": 5,
    "image_set_file": 5,
    "driver_line": 5,
    "reporter_line": 5,
    "full_genotype": 5,
    "sex": 5,
    "prior_images_shown": 5,
}


@pytest.mark.parametrize(
    "text",
    [
        *(pytest.param(text, id=name) for name, text in BAD_JSON.items()),
        *(
            pytest.param(json.dumps({"behavior_stimulus_file": "day.pkl"} | {key: value}), id=key)
            for key, value in WRONG_TYPES.items()
        ),
    ],
)
def test_bad_json_is_reported_in_one_line(
    invoke: Invoke, pickles: list[pathlib.Path], tmp_path: pathlib.Path, text: str
) -> None:
    shutil.copy(pickles[0], tmp_path / "day.pkl")
    (tmp_path / "bad.json").write_text(text)
    status, out, err = invoke("convert", tmp_path / "bad.json", pickles[1], "-o", tmp_path)
    assert (status, out) == (1, output_paths(tmp_path, IDS[1]))
    first, last = err.splitlines()
    assert first.startswith("Error: ")
    assert last == "1 of 2 sessions could not be converted."
