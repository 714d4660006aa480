"""`BehaviorSession`: attributes are read once when they are accessed, and sessions can be shared and pickled."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import h5py
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.nwb.damaged_files import damaged_copy, delete, delete_column
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import (
    BadValue,
    BehaviorSession,
    ClosedSession,
    MissingData,
    compute_performance_metrics,
    compute_rolling_performance,
)
from visbehavior._version import __version__
from visbehavior.schema.columns import Table
from visbehavior.schema.session import SESSION_TABLES

TABLES = [
    "licks",
    "rewards",
    "running_speed",
    "raw_running_speed",
    "stimulus_presentations",
    "stimulus_templates",
    "trials",
    "eye_tracking",
]
ATTRIBUTES = [
    *TABLES,
    "stimulus_timestamps",
    "metadata",
    "task_parameters",
    "eye_tracking_rig_geometry",
    "behavior_session_id",
]


@pytest.fixture
def session(newer_file: pathlib.Path) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(newer_file)


def test_opening_reads_no_dataset(newer_file: pathlib.Path, datasets_read: list[str]) -> None:
    BehaviorSession.from_nwb_path(newer_file)
    assert datasets_read == []


@pytest.mark.parametrize(
    ("attribute", "groups"),
    [
        ("licks", {"processing/licking"}),
        ("rewards", {"processing/rewards"}),
        ("running_speed", {"processing/running"}),
        ("stimulus_timestamps", {"processing/stimulus"}),
        ("trials", {"intervals/trials"}),
        ("stimulus_presentations", {"intervals/Natural_Images_Lum_Matched_set_training_2017_presentations"}),
        ("task_parameters", set()),
        ("behavior_session_id", set()),
    ],
)
def test_attribute_reads_only_its_own_datasets(
    session: BehaviorSession, datasets_read: list[str], attribute: str, groups: set[str]
) -> None:
    getattr(session, attribute)
    assert {"/".join(name.split("/")[:2]) for name in datasets_read} == groups
    if attribute == "stimulus_presentations":
        assert not [name for name in datasets_read if name.endswith(("tags", "timeseries", "image_set"))]


def test_metrics_read_no_text_and_no_dataset_twice(session: BehaviorSession, datasets_read: list[str]) -> None:
    session.get_performance_metrics()
    assert not [name for name in datasets_read if "image_name" in name]
    before = len(datasets_read)
    session.get_rolling_performance_df()
    session.get_reward_rate()
    assert len(datasets_read) == before


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attribute_is_the_same_object_each_time(session: BehaviorSession, attribute: str) -> None:
    assert getattr(session, attribute) is getattr(session, attribute)


@pytest.mark.parametrize("metrics_first", [True, False])
def test_changing_a_table_does_not_change_metrics(newer_file: pathlib.Path, metrics_first: bool) -> None:
    expected = BehaviorSession.from_nwb_path(newer_file)
    session = BehaviorSession.from_nwb_path(newer_file)
    if metrics_first:
        session.get_performance_metrics()
    trials, rewards = session.trials, session.rewards
    for times in trials["lick_times"]:
        times[:] = 0.0
    trials["hit"] = False
    trials.iloc[:, 0] = 0.0
    del trials["false_alarm"]
    rewards["volume"] = 100.0
    session.task_parameters["response_window_sec"][0] = 5.0
    assert session.get_performance_metrics() == expected.get_performance_metrics()
    pd.testing.assert_frame_equal(session.get_rolling_performance_df(), expected.get_rolling_performance_df())
    np.testing.assert_array_equal(session.get_reward_rate(), expected.get_reward_rate())
    assert session.trials is trials


def test_methods_equal_the_functions_on_the_tables(session: BehaviorSession) -> None:
    window_start = session.task_parameters["response_window_sec"][0]
    metrics = session.get_performance_metrics(1.0)
    assert metrics == compute_performance_metrics(session.trials, session.rewards, 1.0, window_start)
    rolling = session.get_rolling_performance_df()
    pd.testing.assert_frame_equal(rolling, compute_rolling_performance(session.trials, window_start))
    assert rolling.index.name == "trials_id"


def test_pickle_has_only_path_and_options(newer_file: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(newer_file, allensdk_version="2.10", eye_tracking_z_threshold=1.5)
    size = len(pickle.dumps(session))
    _ = session.trials, session.running_speed
    copy = pickle.loads(pickle.dumps(session))
    assert len(pickle.dumps(session)) == size < 1000
    pd.testing.assert_frame_equal(copy.trials, session.trials)
    assert list(copy.rewards) == ["volume", "timestamps", "autorewarded"]
    pd.testing.assert_frame_equal(copy.eye_tracking, session.eye_tracking)


def test_threads_get_the_same_object(session: BehaviorSession) -> None:
    barrier = threading.Barrier(8)

    def read(name: str) -> object:
        barrier.wait()
        return getattr(session, name)

    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(read, ["trials", "stimulus_presentations"] * 4))
    assert len({id(table) for table in tables}) == 2


def test_sessions_can_be_read_in_many_threads(newer_file: pathlib.Path) -> None:
    expected = BehaviorSession.from_nwb_path(newer_file).get_performance_metrics()
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda _: BehaviorSession.from_nwb_path(newer_file).get_performance_metrics(), range(40))
        )
    assert all(metrics == expected for metrics in results)


def trial_count(session: BehaviorSession) -> int:
    return len(session.trials)


def test_session_can_be_sent_to_processes(session: BehaviorSession) -> None:
    _ = session.trials
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(trial_count, [session, session])) == [60, 60]


def test_closed_session_cannot_be_read(newer_file: pathlib.Path) -> None:
    with BehaviorSession.from_nwb_path(newer_file) as session:
        licks = session.licks
    assert len(licks)
    with pytest.raises(ClosedSession, match=r"is closed\. Open it again"):
        _ = session.trials
    with pytest.raises(ValueError, match="is closed"):
        session.get_performance_metrics()
    session.close()


def test_arrays_stay_valid_without_their_session(newer_file: pathlib.Path) -> None:
    image = BehaviorSession.from_nwb_path(newer_file).stimulus_templates.loc["im065", "warped"]
    assert image[0, 5] == 5


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_interpreter_exits_normally_with_an_open_session(newer_file: pathlib.Path) -> None:
    process = run(
        "import sys, visbehavior\n"
        "s = visbehavior.BehaviorSession.from_nwb_path(sys.argv[1])\n"
        "t = s.stimulus_templates; s.trials; print(t.loc['im065', 'warped'].sum())",
        newer_file,
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit file handles")
def test_thousand_sessions_with_images_need_few_file_handles(newer_file: pathlib.Path) -> None:
    process = run(
        "import resource, sys, visbehavior\n"
        "visbehavior.BehaviorSession\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "kept = [visbehavior.BehaviorSession.from_nwb_path(sys.argv[1]) for _ in range(1000)]\n"
        "total = sum(int(s.stimulus_templates.loc['im077', 'warped'][0, 0]) for s in kept)\n"
        "print(total, len(kept[0].trials))",
        newer_file,
    )
    assert process.stderr == ""
    assert process.stdout.split() == [str(1000 * 192), "60"]


def test_dir_lists_public_names(session: BehaviorSession) -> None:
    names = dir(session)
    assert set(ATTRIBUTES) | {"get_performance_metrics", "close", "source", "list_data_attributes_and_methods"} <= set(
        names
    )
    assert not [name for name in names if name.startswith("_")]
    assert all(hasattr(session, name) for name in names)


def test_source_has_location_layout_and_version(session: BehaviorSession, newer_file: pathlib.Path) -> None:
    assert session.source.location == str(newer_file)
    assert session.source.layout == "1.1"
    assert session.source.package_version == __version__
    assert session.source.release is None


@pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)
def test_ipython_shows_the_columns_and_reads_nothing(
    session: BehaviorSession,
    datasets_read: list[str],
    table: Table,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # IPython warns if another environment than the one of the tests is active.
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    shell = InteractiveShell.instance()
    shell.user_ns["session"] = session
    docstring = shell.object_inspect(f"session.{table.name}")["docstring"]
    assert table.summary in docstring
    shell.run_line_magic("pinfo", f"session.{table.name}")
    printed = capsys.readouterr().out
    for column in table:
        assert column.name in docstring
        assert column.name in printed
    assert datasets_read == []


def test_attributes_are_plain_properties() -> None:
    for name in [*ATTRIBUTES, "source"]:
        assert type(BehaviorSession.__dict__[name]) is property
        assert BehaviorSession.__dict__[name].__doc__


def test_reads_are_logged_and_not_printed(
    newer_file: pathlib.Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="visbehavior"):
        _ = BehaviorSession.from_nwb_path(newer_file).trials
    assert [record for record in caplog.records if "reading trials" in record.getMessage()]
    assert capsys.readouterr() == ("", "")


def test_missing_eye_tracking_warns_once_in_a_loop_over_sessions(tmp_path: pathlib.Path) -> None:
    paths = [write_session(tmp_path / f"{i}.nwb", make_session(i)) for i in range(5)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for path in paths:
            _ = BehaviorSession.from_nwb_path(path).eye_tracking
    assert len(caught) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"eye_tracking_z_threshold": 0},
        {"eye_tracking_z_threshold": float("nan")},
        {"eye_tracking_z_threshold": "3"},
        {"eye_tracking_dilation_frames": -1},
        {"eye_tracking_dilation_frames": 1.5},
        {"eye_tracking_dilation_frames": True},
    ],
)
def test_invalid_thresholds_are_rejected(newer_file: pathlib.Path, options: dict[str, object]) -> None:
    with pytest.raises(BadValue, match=next(iter(options))):
        BehaviorSession.from_nwb_path(newer_file, **options)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_forked_child_can_read_while_a_thread_of_the_parent_reads(newer_file: pathlib.Path) -> None:
    process = run(
        "import os, sys, threading, visbehavior\n"
        "session = visbehavior.BehaviorSession.from_nwb_path(sys.argv[1])\n"
        "session._lock.acquire()\n"
        "def child():\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        os._exit(len(session.trials))\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "thread = threading.Thread(target=child); thread.start(); thread.join()",
        newer_file,
    )
    assert process.stdout == "60\n", process.stderr


def test_behavior_session_rejects_a_path(newer_file: pathlib.Path) -> None:
    with pytest.raises(BadValue, match=r"open a file with BehaviorSession\.from_nwb_path"):
        BehaviorSession(str(newer_file))  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_passive_session_has_no_licks_and_rewards(tmp_path: pathlib.Path, layout: str) -> None:
    session = BehaviorSession.from_nwb_path(write_session(tmp_path / "s.nwb", make_session(passive=True), layout))
    assert session.licks.empty
    assert session.rewards.empty
    assert all(session.rewards.dtypes == np.float64)
    assert session.get_performance_metrics()["max_dprime"] == 0.0


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
@pytest.mark.parametrize("trials", [0, 1, 11])
@pytest.mark.parametrize("outcomes", ["a", "aaah", "A", "h"])
def test_sessions_with_few_trials_or_outcomes_can_be_read(
    tmp_path: pathlib.Path, layout: str, trials: int, outcomes: str
) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(trials=trials, outcomes=outcomes), layout)
    session = BehaviorSession.from_nwb_path(path)
    assert session.get_performance_metrics()["trial_count"] == trials
    assert len(session.get_rolling_performance_df()) == len(session.trials) == trials
    assert session.get_reward_rate().shape == (trials,)
    assert len(session.stimulus_presentations)


def test_metrics_need_the_processed_data(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = damaged_copy(newer_file, tmp_path / "s.nwb", delete("processing"))
    with pytest.raises(MissingData, match="has no /processing"):
        BehaviorSession.from_nwb_path(path).get_performance_metrics()


def test_session_named_passive_has_no_dprime_in_2_10_only(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """2.10 goes by the session type, 2.16 by whether any trial has a lick or a reward."""
    path = tmp_path / "passive.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "r+") as file:
        for group in ("metadata", "task_parameters"):
            file[f"general/{group}"].attrs["session_type"] = "OPHYS_2_images_A_passive"
    current, older = (BehaviorSession.from_nwb_path(path, allensdk_version=v) for v in ("2.16", "2.10"))
    assert current.get_performance_metrics()["hit_trial_count"] > 0
    assert older.get_performance_metrics()["max_dprime"] == 0
    assert (older.get_rolling_performance_df()["rolling_dprime"].dropna() == 0).all()
    expected = BehaviorSession.from_nwb_path(newer_file).get_performance_metrics()["max_dprime"]
    assert current.get_performance_metrics()["max_dprime"] == expected


def test_attribute_of_an_imaging_plane_says_what_has_it(session: BehaviorSession) -> None:
    with pytest.raises(
        AttributeError, match=r"no attribute 'dff_traces', which belongs to an imaging plane: open it with"
    ):
        _ = session.dff_traces  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"'BehaviorSession' object has no attribute 'lick'$"):
        _ = session.lick  # type: ignore[attr-defined]


def test_rolling_performance_appends_engaged_if_asked(session: BehaviorSession) -> None:
    plain, engaged = session.get_rolling_performance_df(), session.get_rolling_performance_df(engaged=True)
    pd.testing.assert_frame_equal(engaged.drop(columns="engaged"), plain)
    assert engaged["engaged"].tolist() == (plain["reward_rate"] > 2).tolist()
    assert engaged["engaged"].sum() == session.get_performance_metrics()["engaged_trial_count"]


@pytest.mark.parametrize(
    "method", ["get_performance_metrics", "get_rolling_performance_df", "get_session_rates", "get_reward_rate"]
)
def test_missing_column_that_a_metric_needs_is_reported_with_the_file(
    newer_file: pathlib.Path, tmp_path: pathlib.Path, method: str
) -> None:
    names = {"get_session_rates": "hit", "get_reward_rate": "start_time"}
    name = names.get(method, "false_alarm")
    path = damaged_copy(newer_file, tmp_path / "s.nwb", delete_column("intervals/trials", name))
    with pytest.raises(MissingData, match=name) as caught:
        getattr(BehaviorSession.from_nwb_path(path), method)()
    assert str(path) in str(caught.value)
    assert caught.value.name == name
