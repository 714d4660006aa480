"""The rig's pickles on the command line: written as NWB files, shown, measured and drawn."""

from __future__ import annotations

import csv
import io
import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.rawfiles import write_raw
from visbehavior import BehaviorSession, simulate
from visbehavior.cli.main import main

IDS = (990400001, 990400002, 990400003)

# Of the table of release 1.1.0.
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
def rig(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of pickles; as a rig's, they know neither their id nor anything of the mouse but its name."""
    folder = tmp_path_factory.mktemp("rig")
    types = ("OPHYS_4_images_B", "TRAINING_1_gratings", "OPHYS_5_images_B_passive")
    for number, session_type in zip(IDS, types, strict=True):
        raw = simulate(session_type, minutes=1, seed=number)
        del raw["session_data"]
        write_raw(folder / f"{number}.pkl", raw)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """The command in this process: its status, stdout and stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments], prog_name="visbehavior")
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return command


def named(folder: pathlib.Path, *ids: int) -> str:
    """Lines of the files of these sessions."""
    return "".join(f"{folder / f'behavior_session_{number}.nwb'}\n" for number in ids)


def write_table(path: pathlib.Path, *rows: dict[str, Any]) -> pathlib.Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(COUNTS | row for row in rows)
    return path


def metadata_of(path: pathlib.Path) -> dict[str, Any]:
    return BehaviorSession.from_nwb_path(path).metadata


# Writing


def test_all_pickles_of_a_folder(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pickles = sorted(rig.glob("*.pkl"))[:2]
    status, out, err = run("convert", *pickles, "-o", tmp_path / "new" / "nwb", "--jobs", 2)
    assert (status, out, err) == (0, named(tmp_path / "new" / "nwb", *IDS[:2]), "")
    for pickle, path in zip(pickles, out.split(), strict=True):
        session = BehaviorSession.from_json({"behavior_stimulus_file": str(pickle)})
        assert metadata_of(pathlib.Path(path)) == session.metadata


def test_a_second_run_passes_over(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A pickle that is named twice is one session."""
    first, *others = sorted(rig.glob("*.pkl"))
    assert run("convert", first, first, "-o", tmp_path)[1] == named(tmp_path, IDS[0])
    written = (tmp_path / f"behavior_session_{IDS[0]}.nwb").stat().st_mtime_ns
    assert run("convert", first, *others, "-o", tmp_path) == (0, named(tmp_path, *IDS), "")
    assert (tmp_path / f"behavior_session_{IDS[0]}.nwb").stat().st_mtime_ns == written


def test_a_bad_pickle_does_not_stop_the_others(rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As a user runs it."""
    first, second, _ = sorted(rig.glob("*.pkl"))
    cut, none = tmp_path / "990400077.pkl", tmp_path / "none.json"
    cut.write_bytes(first.read_bytes()[:20_000])
    command = [sys.executable, "-m", "visbehavior", "convert", first, none, cut, second, "-o", tmp_path / "nwb"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, named(tmp_path / "nwb", *IDS[:2]))
    absent, short, last = done.stderr.splitlines()
    assert absent == f"Error: There is no file {none}."
    assert short.startswith(f"Error: {cut} is cut short")
    assert last == "2 of 4 sessions could not be converted."


# What is known


def test_a_json_names_the_pickle_beside_it(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copy(rig / f"{IDS[1]}.pkl", tmp_path / "day.pkl")
    known = {"behavior_stimulus_file": "day.pkl", "behavior_session_id": 7, "sex": "M", "driver_line": ["b", "a"]}
    (tmp_path / "day.json").write_text(json.dumps(known))
    assert run("convert", tmp_path / "day.json", "-o", tmp_path) == (0, named(tmp_path, 7), "")
    found = metadata_of(tmp_path / "behavior_session_7.nwb")
    assert (found["behavior_session_id"], found["sex"], found["driver_line"]) == (7, "M", ["a", "b"])


def test_a_project_table_knows_the_mouse(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    table = write_table(
        tmp_path / "behavior_session_table.csv",
        {"behavior_session_id": IDS[1]} | MOUSE,
        {"behavior_session_id": IDS[2], "mouse_id": 445002},
    )
    pickles = [rig / f"{number}.pkl" for number in IDS[1:]]
    status, out, err = run("convert", *pickles, "-o", tmp_path, "--project-table", table)
    assert (status, err) == (0, "")
    full, sparse = (metadata_of(pathlib.Path(path)) for path in out.split())
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
    # What a row leaves empty comes from the pickle, or is not known.
    pickled = BehaviorSession.from_json({"behavior_stimulus_file": str(pickles[1])}).metadata
    assert sparse == pickled | {"mouse_id": "445002"}
    assert sparse["sex"] is None


def test_a_session_that_the_table_does_not_have(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1]} | MOUSE)
    pickles = [rig / f"{number}.pkl" for number in IDS[:2]]
    status, out, err = run("convert", *pickles, "-o", tmp_path, "--project-table", table)
    assert (status, out) == (1, named(tmp_path, IDS[1]))
    first, last = err.splitlines()
    assert first.startswith(f"Error: {pickles[0]}: the project table has no session {IDS[0]}.")
    assert last == "1 of 2 sessions could not be converted."
    assert metadata_of(tmp_path / f"behavior_session_{IDS[1]}.nwb")["mouse_id"] == "457841"


def test_options_win_over_json_over_table_over_pickle(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1]} | MOUSE)
    pickle = rig / f"{IDS[1]}.pkl"
    known = {"behavior_stimulus_file": str(pickle), "rig_name": "of the JSON", "sex": "M"}
    (tmp_path / "known.json").write_text(json.dumps(known))
    options = ("--project-table", table, "--sex", "F", "--genotype", "Vip-IRES-Cre/wt")
    assert run("convert", tmp_path / "known.json", "-o", tmp_path, *options) == (0, named(tmp_path, IDS[1]), "")
    found = metadata_of(tmp_path / f"behavior_session_{IDS[1]}.nwb")
    assert (found["sex"], found["full_genotype"]) == ("F", "Vip-IRES-Cre/wt")
    assert found["equipment_name"] == "of the JSON"
    assert (found["mouse_id"], found["age_in_days"]) == ("457841", 114)
    assert found["session_type"] == "TRAINING_1_gratings"


def test_all_that_options_say_of_a_session(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    said = ("--id", 8, "--mouse", "m1", "--rig", "R", "--date", "2024-02-01T10:00:00+01:00", "--age", "P90")
    task = ("--project-code", "Mine", "--monitor-delay", "0.04")
    assert run("convert", rig / f"{IDS[0]}.pkl", "-o", tmp_path, *said, *task) == (0, named(tmp_path, 8), "")
    session = BehaviorSession.from_nwb_path(tmp_path / "behavior_session_8.nwb")
    found = session.metadata
    assert (found["mouse_id"], found["equipment_name"], found["age_in_days"]) == ("m1", "R", 90)
    assert str(found["date_of_acquisition"]) == "2024-02-01 09:00:00+00:00"
    assert found["project_code"] == "Mine"
    presented = session.stimulus_presentations
    delays = presented["start_time"] - session.stimulus_timestamps[presented["start_frame"]]
    assert delays.to_numpy() == pytest.approx(0.04)


# What cannot be


@pytest.mark.parametrize("option", ["--id", "--date", "--sync"])
def test_what_is_of_one_session_cannot_be_said_of_two(
    run: Any, rig: pathlib.Path, tmp_path: pathlib.Path, option: str
) -> None:
    status, out, err = run("convert", *sorted(rig.glob("*.pkl"))[:2], "-o", tmp_path / "nwb", option, "7")
    assert (status, out) == (2, "")
    assert err.startswith("Usage: visbehavior")
    assert f"{option} can be given for one session; there are 2 of them." in err
    assert not (tmp_path / "nwb").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--id", "seven"), "'behavior_session_id'] is 'seven'; expected a whole number"),
        (("--age", "old"), "age is 'old'; expected days"),
        (("--date", "monday"), "date_of_acquisition is 'monday'"),
        (("--monitor-delay", "late"), "'late'; expected seconds"),
        (("--images", "none.pkl"), "There is no file none.pkl"),
        (("--sync", "none.h5"), "There is no sync file none.h5"),
        (("--project-table", "none.csv"), "none.csv cannot be read"),
        pytest.param(
            ("--project-table", __file__),
            "behavior_session_table.csv",
        ),
    ],
)
def test_an_option_that_cannot_be(
    run: Any, rig: pathlib.Path, tmp_path: pathlib.Path, options: tuple[str, str], says: str
) -> None:
    status, out, err = run("convert", rig / f"{IDS[0]}.pkl", "-o", tmp_path, *options)
    assert (status, out) == (1, "")
    first, *others = err.splitlines()
    assert first.startswith("Error: ")
    assert says in first
    assert others in ([], ["1 of 1 sessions could not be converted."])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "nwb").touch()
    status, out, err = run("convert", rig / f"{IDS[0]}.pkl", "-o", tmp_path / "nwb")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "nwb") in err


BAD_JSON = {
    "text": '{"behavior_stimulus_file": ',
    "list": "[]",
    "without a pickle": '{"sex": "F"}',
    "a pickle that is not there": '{"behavior_stimulus_file": "none.pkl"}',
}
WRONG_KINDS = {
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
            for key, value in WRONG_KINDS.items()
        ),
    ],
)
def test_a_bad_json_is_named_in_one_line(run: Any, rig: pathlib.Path, tmp_path: pathlib.Path, text: str) -> None:
    shutil.copy(rig / f"{IDS[0]}.pkl", tmp_path / "day.pkl")
    (tmp_path / "bad.json").write_text(text)
    status, out, err = run("convert", tmp_path / "bad.json", rig / f"{IDS[1]}.pkl", "-o", tmp_path)
    assert (status, out) == (1, named(tmp_path, IDS[1]))
    first, last = err.splitlines()
    assert first.startswith("Error: ")
    assert last == "1 of 2 sessions could not be converted."


def test_a_labs_table_may_leave_columns_empty_that_say_nothing_of_the_mouse(
    run: Any, rig: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = write_table(tmp_path / "table.csv", {"behavior_session_id": IDS[1], "trial_count": ""} | MOUSE)
    assert run("convert", rig / f"{IDS[1]}.pkl", "-o", tmp_path, "--project-table", table)[0] == 0


# Looking at one


@pytest.fixture(scope="module")
def packed(rig: pathlib.Path) -> list[pathlib.Path]:
    """A packed pickle, and a JSON of the same session."""
    raw = simulate("OPHYS_4_images_B", minutes=2, seed=5)
    raw["session_data"].pop("behavior_session_id", None)
    path = write_raw(rig / f"{IDS[0]}.pkl.gz", raw)
    known = {"behavior_stimulus_file": path.name, "external_specimen_name": "m7"}
    (rig / "known.json").write_text(json.dumps(known))
    return [path, rig / "known.json"]


def test_show_a_pickle_and_a_json(run: Any, packed: list[pathlib.Path]) -> None:
    status, out, err = run("show", packed[0])
    assert (status, err) == (0, "")
    assert out == BehaviorSession.from_json({"behavior_stimulus_file": str(packed[0])}).describe() + "\n"
    status, out, err = run("show", packed[1])
    assert (status, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["session"] == str(IDS[0])
    assert lines["mouse"].startswith("m7 ")
    assert lines["file"] == str(packed[0])


def test_performance_of_pickles_and_json(run: Any, packed: list[pathlib.Path]) -> None:
    status, out, err = run("performance", *packed, "--format", "csv")
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    metrics = BehaviorSession.from_json({"behavior_stimulus_file": str(packed[0])}).get_performance_metrics()
    assert [row["mouse_id"] for row in rows][1] == "m7"
    for row in rows:
        assert row["behavior_session_id"] == str(IDS[0])
        assert int(row["trial_count"]) == metrics["trial_count"]
        assert float(row["mean_hit_rate"]) == metrics["mean_hit_rate"]


@pytest.mark.parametrize("which", [0, 1], ids=["pickle", "json"])
def test_plot_a_pickle_and_a_json(run: Any, packed: list[pathlib.Path], tmp_path: pathlib.Path, which: int) -> None:
    image = tmp_path / "stretch.png"
    done = run("plot", packed[which], "--start", 20, "--stop", 50, "-o", image)
    assert done == (0, "", f"Wrote {image}\n")
    assert image.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", ["show", "performance", "plot"])
@pytest.mark.parametrize("name", ["cut.pkl.gz", "none.pkl", "none.json", "bad.json"])
def test_what_cannot_be_looked_at(
    run: Any, packed: list[pathlib.Path], tmp_path: pathlib.Path, command: str, name: str
) -> None:
    (tmp_path / "cut.pkl.gz").write_bytes(packed[0].read_bytes()[:20_000])
    (tmp_path / "bad.json").write_text("{}")
    status, out, err = run(command, tmp_path / name)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert name in err.splitlines()[0]
    assert err.splitlines()[1:] == ["1 of 1 sessions could not be read."] * (command == "performance")
