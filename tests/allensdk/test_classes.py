"""Notebooks written for AllenSDK run with our classes: the published one of 2021, rephrased, and the calls of 2023."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.allensdk.cells import METRICS, run_cells
from tests.faultserver import FaultServer
from tests.imagingfiles import make_plane, write_plane
from tests.project.mouse_buckets import MOUSE_POSITION, NOTEBOOK_COLUMNS, NOTEBOOK_SESSIONS, make_notebook_bucket
from tests.project.neuropixels_release import MANIFEST, make_bucket_tree
from visbehavior import BehaviorSession, ImagingParameters, build_release, simulate, simulate_imaging
from visbehavior.schema.convention import LISTED_2_10

NOTEBOOK_2021 = [
    "import numpy as np, pandas as pd, matplotlib.pyplot as plt\n"
    "import allensdk\n"
    "import allensdk.brain_observatory.behavior.behavior_project_cache as bpc\n"
    "import pkg_resources\n"
    "pkg_resources.get_distribution('allensdk').version",
    "bc = bpc.VisualBehaviorOphysProjectCache.from_s3_cache(cache_dir='cache')\n"
    "sessions = bc.get_behavior_session_table()\nsessions",
    f"mouse_id = sessions['mouse_id'].unique()[{MOUSE_POSITION}]\nint(mouse_id)",
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
    "shown = dataset.stimulus_presentations.query('stop_time >= @initial_time and start_time <= @final_time')\n"
    "for _, stimulus in shown.iterrows():\n"
    "    ax.axvspan(stimulus['start_time'], stimulus['stop_time'], color=stimulus['color'], alpha=0.25)\n"
    "ax.set_xlim(initial_time, final_time)\nlen(shown)",
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


@pytest.fixture(scope="module")
def old_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server of a release before 1.0.0, as the notebook of 2021 used."""
    bucket = make_notebook_bucket(tmp_path_factory.mktemp("old"))
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        yield server


def table(index: str | None, columns: list[str], rows: int) -> dict[str, object]:
    return {"index": index, "columns": columns, "rows": rows}


@pytest.mark.usefixtures("public_data")
def test_notebook_of_2021(old_release: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", old_release.endpoint)
    values = run_cells(NOTEBOOK_2021, "2.10", tmp_path)
    number = len(NOTEBOOK_SESSIONS)
    assert values[:5] == [
        "2.10.2",
        table("behavior_session_id", NOTEBOOK_COLUMNS, MOUSE_POSITION + number),
        445002,
        table("behavior_session_id", NOTEBOOK_COLUMNS, number),
        number,
    ]
    assert values[5] == list(LISTED_2_10)
    assert list(values[6]) == TASK  # type: ignore[call-overload]
    assert values[7] == 845572044
    assert values[8] == table("stimulus_presentations_id", PRESENTATIONS, 5)
    assert values[9:12] == [
        table(None, ["timestamps", "frame"], 5),
        table(None, ["volume", "timestamps", "autorewarded"], 5),
        table(None, ["timestamps", "speed"], 5),
    ]
    assert values[12] is True
    assert isinstance(values[13], int)
    assert values[13] > 20
    assert values[14] == table("trials_id", TRIALS, 5)
    assert [list(record) for record in values[15]] == [TRIALS]  # type: ignore[attr-defined]
    assert list(values[16]) == METRICS  # type: ignore[call-overload]
    assert values[17] == table(None, METRICS, number)
    assert values[18] == table("behavior_session_id", NOTEBOOK_COLUMNS + METRICS, number)
    assert (tmp_path / "out.json.2.png").exists()
    # Complete files, as AllenSDK downloads them. The second run requests only the list of releases.
    assert len(list((tmp_path / "cache").rglob("*.nwb"))) == number
    old_release.reset()
    assert run_cells(NOTEBOOK_2021, "2.10", tmp_path)[:9] == values[:9]
    assert [request.key for request in old_release.requests] == [""]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run_cells(NOTEBOOK_2021, "2.10", tmp_path)[16] == values[16]


@pytest.mark.usefixtures("public_data")
def test_calls_of_2023(tmp_path: pathlib.Path) -> None:
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
    values = run_cells(cells, "2.16", tmp_path)
    names = [f"visual-behavior-ophys_project_manifest_v{version}.json" for version in ("1.0.1", "1.1.0")]
    assert values[:5] == ["2.16.2", names[1], names, names[0], True]
    assert "1 file changed" in str(values[5])
    assert values[6:9] == [names, [837658854, 848613406, 838515247], "(1, 2, 2)"]
    assert "trials" in values[9]  # type: ignore[operator]
    assert values[10]["columns"] == ["unwarped", "warped"]  # type: ignore[index]
    assert "is_change" in values[11]["columns"]  # type: ignore[index]
    assert values[12:14] == [True, 837658854]
    assert "837658854" in str(values[14])


@pytest.mark.parametrize("version", ["2.10", "2.16"])
def test_imaging_planes_are_opened_under_allensdks_name(tmp_path: pathlib.Path, version: str) -> None:
    path = write_plane(tmp_path / "behavior_ophys_experiment_990000001.nwb", make_plane(), "1.0")
    cells = [
        "from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment\n"
        f"experiment = BehaviorOphysExperiment.from_nwb_path({str(path)!r})\nexperiment.dff_traces",
        "type(experiment.dff_traces['dff'].iloc[0]).__name__",
        "experiment.ophys_experiment_id",
    ]
    kind = "list" if version == "2.10" else "ndarray"
    assert run_cells(cells, version, tmp_path) == [
        table("cell_specimen_id", ["cell_roi_id", "dff"], 4),
        kind,
        990000001,
    ]


@pytest.mark.parametrize("module", ["", ".behavior_neuropixels_project_cache"])
def test_calls_of_the_neuropixels_course(tmp_path: pathlib.Path, module: str) -> None:
    """Both import paths. Sessions are streamed, because a recording has 3 GB."""
    tree = make_bucket_tree(tmp_path / "release")
    cells = [
        f"from allensdk.brain_observatory.behavior.behavior_project_cache{module} import VisualBehaviorNeuropixelsProjectCache\n"
        f"cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache(cache_dir='cache', bucket_name_override={str(tree)!r})\n"
        "cache.current_manifest()",
        "recordings = cache.get_ecephys_session_table(filter_abnormalities=False)\nrecordings['behavior_session_id'].tolist()",
        "sessions = cache.get_behavior_session_table()\nsessions.query('mouse_id == 530862').index.tolist()",
        "session = cache.get_behavior_session(recordings.behavior_session_id.iloc[0])\n"
        "from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession\nisinstance(session, BehaviorSession)",
        "shown = session.stimulus_presentations\nsorted(shown[shown.active].stimulus_block.unique().tolist())",
        "session.trials.change_time_no_display_delay.notna().any().item()",
        "list(session.get_performance_metrics())",
        "try:\n    cache.get_ecephys_session(31)\nexcept AttributeError as error:\n    text = str(error)\n'not their spikes' in text",
        "local = VisualBehaviorNeuropixelsProjectCache.from_local_cache(cache_dir='cache')\nlocal.current_manifest()",
    ]
    values = run_cells(cells, "2.16", tmp_path)
    assert values == [MANIFEST, [12, 14], [11, 13, 12], True, [0], True, METRICS, True, MANIFEST]
    assert not list((tmp_path / "cache").rglob("*.nwb"))


@pytest.mark.usefixtures("public_data")
def test_allensdks_keywords_and_members(tmp_path: pathlib.Path) -> None:
    cells = [
        "from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache as Cache\n"
        "cache = Cache.from_s3_cache('cache', bucket_name='visual-behavior-ophys-data', project_name='visual-behavior-ophys')\n"
        "Cache.BUCKET_NAME, Cache.PROJECT_NAME",
        "cache.load_manifest(file_name=cache.list_manifest_file_names()[0])\ncache.fetch_api.cache.version",
        "from pathlib import Path\nsorted(path.name for path in Path(cache.fetch_api.cache._cache_dir).glob('*.json'))",
        "cache.fetch_api.cache._manifest._cache_dir == str(cache.cache_dir) and cache.fetch_api.cache.latest_manifest_file",
        "cache.fetch_api.cache.construct_local_manifest()\ncache.fetch_api.cache._downloaded_data_path.is_file()",
        "len(cache.fetch_api.get_behavior_session_table())",
        "session = cache.get_behavior_session(837658854)\n"
        "from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession\n"
        "path = session.source.location\n"
        "BehaviorSession.from_nwb_path(nwb_path=path, add_is_change_to_stimulus_presentations_table=True).behavior_session_id",
        "import pynwb, visbehavior\nvisbehavior.write_nwb(session, 'copy.nwb')\nwith pynwb.NWBHDF5IO('copy.nwb', 'r', load_namespaces=True) as io:\n    opened = BehaviorSession.from_nwb(io.read())\n"
        "opened.behavior_session_id",
        "try:\n    BehaviorSession.from_nwb(object())\nexcept ValueError as error:\n    message = str(error)\nmessage",
        "try:\n    BehaviorSession.from_nwb_path(path, z_threshold=3)\nexcept TypeError as error:\n    message = str(error)\nmessage",
    ]
    values = run_cells(cells, "2.16", tmp_path)
    names = [f"visual-behavior-ophys_project_manifest_v{version}.json" for version in ("1.0.1", "1.1.0")]
    assert values[:2] == ["('visual-behavior-ophys-data', 'visual-behavior-ophys')", "1.0.1"]
    assert set(values[2]) >= {names[0]}  # type: ignore[call-overload]
    assert values[3:6] == [names[1], True, 4]
    assert values[6:8] == [837658854, 837658854]
    assert "expected a file that pynwb read from disk" in str(values[8])
    assert "z_threshold" in str(values[9])


def test_calls_of_imaging_notebooks(tmp_path: pathlib.Path) -> None:
    """Planes by Cre line, depth and container; one plane; dF/F of a cell around changes of hits and misses."""
    raw = simulate("OPHYS_1_images_A", minutes=3, seed=1, images=True)
    session = BehaviorSession.from_json({"behavior_stimulus_file": raw})
    plane = simulate_imaging(session, cells=4, seed=1, parameters=ImagingParameters(height=32, width=32))
    build_release([plane], tmp_path / "bucket")
    cells = [
        "from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorOphysProjectCache\n"
        f"cache = VisualBehaviorOphysProjectCache.from_local_cache({str(tmp_path / 'bucket')!r}, use_static_cache=True)\n"
        "experiments = cache.get_ophys_experiment_table()\n"
        "experiments.groupby(['cre_line', 'targeted_structure', 'imaging_depth', 'ophys_container_id']).size().tolist()",
        "number = experiments.query('passive == False').index[0]\n"
        "dataset = cache.get_behavior_ophys_experiment(ophys_experiment_id=number)\ndataset.ophys_experiment_id",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.imshow(dataset.max_projection, cmap='gray')\n"
        "dataset.max_projection.data.shape",
        "cell = dataset.cell_specimen_table.index[0]\ndff = dataset.dff_traces.loc[cell, 'dff']\n"
        "len(dff) == len(dataset.ophys_timestamps)",
        "import numpy as np\nmeans = {}\n"
        "for name in ('hit', 'miss'):\n"
        "    times = dataset.trials.query(name)['change_time']\n"
        "    rows = [np.searchsorted(dataset.ophys_timestamps, time) for time in times]\n"
        "    means[name] = float(np.mean([dff[row : row + 31].mean() for row in rows])) if rows else 0.0\n"
        "sorted(means)",
        "dataset.roi_masks.loc[cell, 'roi_mask'].sum() > 0 and dataset.events.loc[cell, 'filtered_events'].shape == dff.shape",
        "ids = dataset.get_cell_specimen_ids()\ndataset.get_cell_specimen_indices(ids[1:3])",
        "times, traces = dataset.get_dff_traces(cell_specimen_ids=ids[:2])\ntraces.shape[0]",
        "cells = cache.get_ophys_cells_table()\nlen(cells.query('ophys_experiment_id == @number'))",
        "experiments.loc[number, 'ophys_session_id'] in cache.get_ophys_session_table().index",
    ]
    values = run_cells(cells, "2.16", tmp_path)
    assert values[0] == [1]
    assert values[1] == plane.ophys_experiment_id
    assert str(values[2]) == "(32, 32)"
    assert values[3] is True
    assert values[4] == ["hit", "miss"]
    assert [str(value) for value in values[5:]] == ["True", "[1, 2]", "2", "4", "True"]
