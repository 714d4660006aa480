"""visbehavior in AllenSDK's place: imports, versions, and the calls of the published notebooks, in our own words.

Each test runs in a process of its own: what is put there stays until the process ends.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faultserver import FaultServer
from tests.project.mouse import COLUMNS_2021, NOTEBOOK_SESSIONS, PLACE_OF_MOUSE, make_notebook_bucket
from visbehavior.schema.convention import LISTED_2_10

CHILD = pathlib.Path(__file__).with_name("notebook_child.py")
NOTEBOOK_2021 = [
    "import numpy as np, pandas as pd, matplotlib.pyplot as plt\n"
    "import allensdk\n"
    "import allensdk.brain_observatory.behavior.behavior_project_cache as bpc\n"
    "import pkg_resources\n"
    "pkg_resources.get_distribution('allensdk').version",
    "bc = bpc.VisualBehaviorOphysProjectCache.from_s3_cache(cache_dir='cache')\n"
    "sessions = bc.get_behavior_session_table()\nsessions",
    f"mouse_id = sessions['mouse_id'].unique()[{PLACE_OF_MOUSE}]\nint(mouse_id)",
    "mouse = sessions.query('mouse_id == @mouse_id').sort_values(by='date_of_acquisition')\nmouse",
    "ids = mouse.index.values\nopened = {}\nfor number in ids:\n    opened[number] = bc.get_behavior_session(number)\nlen(opened)",
    "opened[ids[-1]].list_data_attributes_and_methods()",
    "opened[ids[-1]].task_parameters",
    "ready = mouse.query('session_type == \"TRAINING_5_images_A_handoff_ready\"').index[-1]\ndataset = opened[ready]\nint(ready)",
    "dataset.stimulus_presentations.head(5)",
    "dataset.licks.sample(5)",
    "dataset.rewards.sample(5)",
    "dataset.running_speed.head()",
    "names = np.sort(dataset.stimulus_presentations['image_name'].unique())\n"
    "colors = {name: plt.cm.tab10(i) for i, name in enumerate(names)}\n"
    "dataset.stimulus_presentations['color'] = dataset.stimulus_presentations['image_name'].map(lambda name: colors[name])\n"
    "'color' in dataset.stimulus_presentations",
    "initial_time, final_time = 20, 45\n"
    "fig, ax = plt.subplots(figsize=(15, 5))\n"
    "running = dataset.running_speed.query('timestamps >= @initial_time and timestamps <= @final_time')\n"
    "ax.plot(running['timestamps'], running['speed'])\n"
    "stretch = dataset.stimulus_presentations.query('stop_time >= @initial_time and start_time <= @final_time')\n"
    "for _, stimulus in stretch.iterrows():\n"
    "    ax.axvspan(stimulus['start_time'], stimulus['stop_time'], color=stimulus['color'], alpha=0.25)\n"
    "ax.set_xlim(initial_time, final_time)\nlen(stretch)",
    "dataset.trials.sample(5)",
    "dataset.trials.query('hit').sample(random_state=0).to_dict('records')",
    "opened[ready].get_performance_metrics()",
    "performance = pd.DataFrame([opened[number].get_performance_metrics() for number in ids]).set_index(ids)\nperformance",
    "mouse = mouse.merge(performance, left_index=True, right_index=True)\nmouse",
    "fig, ax = plt.subplots(figsize=(15, 5))\n"
    "ax.plot(np.arange(len(mouse)), mouse['max_dprime'], marker='o')\n"
    "ax.set_xticks(range(len(mouse)))\n"
    "ax.set_xticklabels(list(mouse['session_type'].values), rotation=30, ha='right')\nNone",
]
TRIALS = [
    "start_time",
    "stop_time",
    "lick_times",
    "reward_time",
    "reward_volume",
    "hit",
    "false_alarm",
    "miss",
    "stimulus_change",
    "aborted",
    "go",
    "catch",
    "auto_rewarded",
    "correct_reject",
    "trial_length",
    "response_time",
    "change_frame",
    "change_time",
    "response_latency",
    "initial_image_name",
    "change_image_name",
]
PRESENTATIONS = [
    "duration",
    "end_frame",
    "image_index",
    "image_name",
    "image_set",
    "index",
    "omitted",
    "start_frame",
    "start_time",
    "stop_time",
    "is_change",
]
TASK = [
    "n_stimulus_frames",
    "response_window_sec",
    "auto_reward_volume",
    "session_type",
    "stimulus_distribution",
    "task",
    "stimulus",
    "omitted_flash_fraction",
    "reward_volume",
    "stimulus_duration_sec",
    "blank_duration_sec",
]
METRICS = [
    "trial_count",
    "go_trial_count",
    "catch_trial_count",
    "hit_trial_count",
    "miss_trial_count",
    "false_alarm_trial_count",
    "correct_reject_trial_count",
    "auto_reward_count",
    "earned_reward_count",
    "total_reward_count",
    "total_reward_volume",
    "maximum_reward_rate",
    "engaged_trial_count",
    "mean_hit_rate",
    "mean_hit_rate_uncorrected",
    "mean_hit_rate_engaged",
    "mean_false_alarm_rate",
    "mean_false_alarm_rate_uncorrected",
    "mean_false_alarm_rate_engaged",
    "mean_dprime",
    "mean_dprime_engaged",
    "max_dprime",
    "max_dprime_engaged",
]


@pytest.fixture(scope="module")
def old_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    bucket = make_notebook_bucket(tmp_path_factory.mktemp("old"))
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        yield server


def run_cells(cells: list[str], version: str, folder: pathlib.Path) -> list[object]:
    (folder / "cells.json").write_text(json.dumps(cells))
    command = [sys.executable, CHILD, version, "cells.json", "out.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: list[object] = json.loads((folder / "out.json").read_text())
    return found


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(index: str | None, columns: list[str], rows: int) -> dict[str, object]:
    return {"index": index, "columns": columns, "rows": rows}


@pytest.mark.usefixtures("anywhere")
def test_the_notebook_of_2021(old_bucket: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", old_bucket.endpoint)
    shown = run_cells(NOTEBOOK_2021, "2.10", tmp_path)
    number = len(NOTEBOOK_SESSIONS)
    assert shown[:5] == [
        "2.10.2",
        table("behavior_session_id", COLUMNS_2021, PLACE_OF_MOUSE + number),
        445002,
        table("behavior_session_id", COLUMNS_2021, number),
        number,
    ]
    assert shown[5] == list(LISTED_2_10)
    assert list(shown[6]) == TASK  # type: ignore[call-overload]
    assert shown[7] == 845572044
    assert shown[8] == table("stimulus_presentations_id", PRESENTATIONS, 5)
    assert shown[9:12] == [
        table(None, ["timestamps", "frame"], 5),
        table(None, ["volume", "timestamps", "autorewarded"], 5),
        table(None, ["timestamps", "speed"], 5),
    ]
    assert shown[12] is True
    assert isinstance(shown[13], int)
    assert shown[13] > 20
    assert shown[14] == table("trials_id", TRIALS, 5)
    assert [list(record) for record in shown[15]] == [TRIALS]  # type: ignore[attr-defined]
    assert list(shown[16]) == METRICS  # type: ignore[call-overload]
    assert shown[17] == table(None, METRICS, number)
    assert shown[18] == table("behavior_session_id", COLUMNS_2021 + METRICS, number)
    assert (tmp_path / "out.json.2.png").exists()
    # Whole files, as AllenSDK keeps them: the second time nothing is asked for but the list of releases.
    assert len(list((tmp_path / "cache").rglob("*.nwb"))) == number
    old_bucket.reset()
    assert run_cells(NOTEBOOK_2021, "2.10", tmp_path)[:9] == shown[:9]
    assert [request.key for request in old_bucket.requests] == [""]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run_cells(NOTEBOOK_2021, "2.10", tmp_path)[16] == shown[16]


@pytest.mark.usefixtures("anywhere")
def test_the_calls_of_2023(tmp_path: pathlib.Path) -> None:
    cells = [
        "from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache\n"
        "import allensdk\nallensdk.__version__",
        "cache = VisualBehaviorOphysProjectCache.from_s3_cache(cache_dir='cache')\ncache.current_manifest()",
        "cache.list_manifest_file_names()",
        "cache.load_manifest(cache.list_manifest_file_names()[0])\ncache.current_manifest()",
        "cache.load_latest_manifest()\ncache.current_manifest() == cache.latest_manifest_file()",
        "cache.compare_manifests(*cache.list_manifest_file_names())",
        "cache.list_all_downloaded_manifests()",
        "sessions = cache.get_behavior_session_table()\nsessions.query(\"mouse_id == '445002'\").index.tolist()",
        "len(cache.get_ophys_session_table()), len(cache.get_ophys_experiment_table()), len(cache.get_ophys_cells_table())",
        "session = cache.get_behavior_session(behavior_session_id=837658854)\nsession.list_data_attributes_and_methods()",
        "session.stimulus_templates",
        "session.trials",
        "from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession\nisinstance(session, BehaviorSession)",
        "BehaviorSession.from_nwb_path(session.source.location).behavior_session_id",
        "local = VisualBehaviorOphysProjectCache.from_local_cache(cache_dir='cache')\nlocal.get_behavior_session(837658854)",
    ]
    shown = run_cells(cells, "2.16", tmp_path)
    names = [f"visual-behavior-ophys_project_manifest_v{version}.json" for version in ("1.0.1", "1.1.0")]
    assert shown[:5] == ["2.16.2", names[1], names, names[0], True]
    assert "1 files changed" in str(shown[5])
    assert shown[6:9] == [names, [837658854, 848613406, 838515247], "(1, 2, 2)"]
    assert "trials" in shown[9]  # type: ignore[operator]
    assert shown[10]["columns"] == ["unwarped", "warped"]  # type: ignore[index]
    assert "is_change" in shown[11]["columns"]  # type: ignore[index]
    assert shown[12:14] == [True, 837658854]
    assert "837658854" in str(shown[14])


@pytest.mark.parametrize(("version", "number"), [("2.16", "2.16.2"), ("2.10.2", "2.10.2"), ("2.16.2", "2.16.2")])
def test_versions(version: str, number: str) -> None:
    said = run(
        f"import visbehavior; visbehavior.install_as_allensdk({version!r})\n"
        "import allensdk, importlib.metadata as m, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import pkg_resources\n"
        "print(allensdk.__version__, m.version('allensdk'), m.metadata('allensdk')['Name'], pkg_resources.get_distribution('allensdk').version)\n"
        "print(m.version('numpy') != m.version('allensdk'))\n"
    )
    assert said == f"{number} {number} allensdk {number}\nTrue\n"


def test_where_setuptools_has_no_pkg_resources(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'pkg_resources' else find(name, *a)\n"
        "import visbehavior; visbehavior.install_as_allensdk('2.10'); visbehavior.install_as_allensdk('2.16')\n"
        "import pkg_resources\n"
        "print(pkg_resources.get_distribution('allensdk').version, pkg_resources.__doc__)\n"
    )
    assert run(code).startswith("2.16.2 visbehavior")


def test_the_names_are_those_of_the_last_version_asked_for() -> None:
    said = run(
        "import visbehavior as v\nv.install_as_allensdk('2.10'); v.install_as_allensdk('2.16')\n"
        "import allensdk.brain_observatory.behavior.behavior_session as b\n"
        "from allensdk.brain_observatory.behavior.behavior_project_cache.utils import BehaviorCloudCacheVersionException as E\n"
        "from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_project_cache import VisualBehaviorOphysProjectCache as C\n"
        "print(issubclass(b.BehaviorSession, v.BehaviorSession), b.BehaviorSession.__module__, issubclass(E, Exception), C.__name__)\n"
        "print(b.BehaviorSession.from_nwb_path.__kwdefaults__['allensdk_version'])\n"
    )
    assert said == (
        "True allensdk.brain_observatory.behavior.behavior_session True VisualBehaviorOphysProjectCache\n2.16\n"
    )


def test_the_real_one_is_not_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / "allensdk").mkdir()
    (tmp_path / "allensdk" / "__init__.py").write_text("__version__ = '2.99'")
    said = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import allensdk, visbehavior\n"
        "try:\n    visbehavior.install_as_allensdk()\n"
        "except visbehavior.AllenSDKImported as error:\n    print(isinstance(error, ImportError), error)\n"
        "print(sys.modules['allensdk'].__version__)\n"
    )
    assert said.startswith("True AllenSDK itself (")
    assert "restart the kernel, and call it first.\n2.99\n" in said


def test_what_is_not_here_is_said() -> None:
    said = run(
        "import visbehavior; visbehavior.install_as_allensdk()\n"
        "try:\n    import allensdk.core.mouse_connectivity_cache\n"
        "except ModuleNotFoundError as error:\n    print(error.name, error)\n"
    )
    assert said.startswith("allensdk.core visbehavior stands in for AllenSDK 2.16.2 here, and has no allensdk.core")


def test_an_unknown_version() -> None:
    said = run(
        "import sys, visbehavior\n"
        "try:\n    visbehavior.install_as_allensdk('1.7')\n"
        "except visbehavior.UnknownVersion as error:\n    print(error)\n"
        "print('allensdk' in sys.modules)\n"
    )
    assert said.endswith("False\n")
    assert "2.10" in said
