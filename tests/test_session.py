"""BehaviorSession: lazy, light, safe to share, and saying what it is."""

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

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.nwbfiles import make_session, write_session
from visbehavior import (
    BadValue,
    BehaviorSession,
    ChangedFile,
    ClosedSession,
    NotFound,
    compute_performance_metrics,
    compute_rolling_performance,
)
from visbehavior._version import __version__
from visbehavior.nwb.hdf5 import Hdf5File
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


@pytest.fixture
def datasets_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The datasets that are opened, in order."""
    opened: list[str] = []
    plain = Hdf5File._dataset

    def spy(self: Hdf5File, group: str, name: str) -> object:
        opened.append(f"{group}/{name}")
        return plain(self, group, name)

    monkeypatch.setattr(Hdf5File, "_dataset", spy)
    return opened


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
def test_an_attribute_reads_only_its_own(
    session: BehaviorSession, datasets_read: list[str], attribute: str, groups: set[str]
) -> None:
    getattr(session, attribute)
    assert {"/".join(name.split("/")[:2]) for name in datasets_read} == groups
    if attribute == "stimulus_presentations":
        assert not [name for name in datasets_read if name.endswith(("tags", "timeseries", "image_set"))]


def test_metrics_read_no_text_and_nothing_twice(session: BehaviorSession, datasets_read: list[str]) -> None:
    session.get_performance_metrics()
    assert not [name for name in datasets_read if "image_name" in name]
    before = len(datasets_read)
    session.get_rolling_performance_df()
    session.get_reward_rate()
    assert len(datasets_read) == before


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_the_same_object_each_time(session: BehaviorSession, attribute: str) -> None:
    assert getattr(session, attribute) is getattr(session, attribute)


@pytest.mark.parametrize("metrics_first", [True, False])
def test_changing_a_table_changes_no_metric(newer_file: pathlib.Path, metrics_first: bool) -> None:
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


def test_methods_are_the_functions_on_the_tables(session: BehaviorSession) -> None:
    window_start = session.task_parameters["response_window_sec"][0]
    metrics = session.get_performance_metrics(1.0)
    assert metrics == compute_performance_metrics(session.trials, session.rewards, 1.0, window_start)
    rolling = session.get_rolling_performance_df()
    pd.testing.assert_frame_equal(rolling, compute_rolling_performance(session.trials, window_start))
    assert rolling.index.name == "trials_id"


def test_pickle_carries_path_and_options_alone(newer_file: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(newer_file, allensdk_version="2.10", eye_tracking_z_threshold=1.5)
    size = len(pickle.dumps(session))
    _ = session.trials, session.running_speed
    again = pickle.loads(pickle.dumps(session))
    assert len(pickle.dumps(session)) == size < 1000
    pd.testing.assert_frame_equal(again.trials, session.trials)
    assert list(again.rewards) == ["volume", "timestamps", "autorewarded"]
    pd.testing.assert_frame_equal(again.eye_tracking, session.eye_tracking)


def test_threads_get_one_object(session: BehaviorSession) -> None:
    barrier = threading.Barrier(8)

    def ask(name: str) -> object:
        barrier.wait()
        return getattr(session, name)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, ["trials", "stimulus_presentations"] * 4))
    assert len({id(table) for table in found}) == 2


def test_many_threads_many_sessions(newer_file: pathlib.Path) -> None:
    expected = BehaviorSession.from_nwb_path(newer_file).get_performance_metrics()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: BehaviorSession.from_nwb_path(newer_file).get_performance_metrics(), range(40)))
    assert all(metrics == expected for metrics in found)


def trial_count(session: BehaviorSession) -> int:
    return len(session.trials)


def test_a_pool_of_processes(session: BehaviorSession) -> None:
    _ = session.trials
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(trial_count, [session, session])) == [60, 60]


def test_close_and_with(newer_file: pathlib.Path) -> None:
    with BehaviorSession.from_nwb_path(newer_file) as session:
        licks = session.licks
    assert len(licks)
    with pytest.raises(ClosedSession, match=r"is closed\. Open it again"):
        _ = session.trials
    with pytest.raises(ValueError, match="is closed"):
        session.get_performance_metrics()
    session.close()


def test_a_deleted_session_leaves_arrays_valid(newer_file: pathlib.Path) -> None:
    image = BehaviorSession.from_nwb_path(newer_file).stimulus_templates.loc["im065", "warped"]
    assert image[0, 5] == 5


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_interpreter_ends_well_with_a_session_open(newer_file: pathlib.Path) -> None:
    done = run(
        "import sys, visbehavior\n"
        "s = visbehavior.BehaviorSession.from_nwb_path(sys.argv[1])\n"
        "t = s.stimulus_templates; s.trials; print(t.loc['im065', 'warped'].sum())",
        newer_file,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file handles")
def test_a_thousand_sessions_with_images_need_few_file_handles(newer_file: pathlib.Path) -> None:
    done = run(
        "import resource, sys, visbehavior\n"
        "visbehavior.BehaviorSession\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "kept = [visbehavior.BehaviorSession.from_nwb_path(sys.argv[1]) for _ in range(1000)]\n"
        "total = sum(int(s.stimulus_templates.loc['im077', 'warped'][0, 0]) for s in kept)\n"
        "print(total, len(kept[0].trials))",
        newer_file,
    )
    assert done.stderr == ""
    assert done.stdout.split() == [str(1000 * 192), "60"]


@pytest.mark.parametrize("name", ["repr", "html", "describe"])
def test_a_session_says_what_it_is(session: BehaviorSession, name: str) -> None:
    text = {"repr": repr(session), "html": session._repr_html_(), "describe": session.describe()}[name]
    for fact in (
        "990200001",
        "457841",
        "OPHYS_3_images_A",
        "2019-06-20 11:18",
        "BEH.D-Box2",
        "min",
        "60",
        "300 frames",
        "4 images",
    ):
        assert fact in text, fact


def test_saying_what_it_is_reads_no_table(session: BehaviorSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hdf5File, "_values", None)
    monkeypatch.setattr(Hdf5File, "ragged", None)
    assert "trials" in repr(session)


def test_the_repr_of_a_session_whose_file_is_gone(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session())
    session = BehaviorSession.from_nwb_path(path)
    path.unlink()
    assert "s.nwb" in repr(session)
    assert "s.nwb" in session._repr_html_()


def test_dir_shows_the_public_surface(session: BehaviorSession) -> None:
    names = dir(session)
    assert set(ATTRIBUTES) | {"get_performance_metrics", "close", "source", "list_data_attributes_and_methods"} <= set(
        names
    )
    assert not [name for name in names if name.startswith("_")]
    assert all(hasattr(session, name) for name in names)


def test_source(session: BehaviorSession, newer_file: pathlib.Path) -> None:
    assert session.source.location == str(newer_file)
    assert session.source.layout == "1.1"
    assert session.source.package_version == __version__
    assert session.source.release is None


@pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)
def test_ipython_shows_each_columns_meaning_and_reads_nothing(
    session: BehaviorSession, datasets_read: list[str], table: object, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = InteractiveShell.instance()
    shell.user_ns["session"] = session
    shown = shell.object_inspect(f"session.{table.name}")  # type: ignore[attr-defined]
    assert (
        shown["docstring"] == type(session).__dict__[table.name].__doc__.rstrip("\n")
        or table.summary in shown["docstring"]
    )  # type: ignore[attr-defined]
    shell.run_line_magic("pinfo", f"session.{table.name}")  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    for column in table.columns:  # type: ignore[attr-defined]
        assert column.name in shown["docstring"]
        assert column.name in printed
    assert datasets_read == []


def test_attributes_are_plain_properties() -> None:
    for name in [*ATTRIBUTES, "source"]:
        assert type(BehaviorSession.__dict__[name]) is property
        assert BehaviorSession.__dict__[name].__doc__


def test_it_logs_and_does_not_print(
    newer_file: pathlib.Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="visbehavior"):
        _ = BehaviorSession.from_nwb_path(newer_file).trials
    assert [record for record in caplog.records if "reading trials" in record.getMessage()]
    assert capsys.readouterr() == ("", "")


def test_a_loop_over_sessions_warns_of_missing_eye_tracking_once(tmp_path: pathlib.Path) -> None:
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
def test_thresholds_that_make_no_sense(newer_file: pathlib.Path, options: dict[str, object]) -> None:
    with pytest.raises(BadValue, match=next(iter(options))):
        BehaviorSession.from_nwb_path(newer_file, **options)  # type: ignore[arg-type]


@pytest.fixture
def copied(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "copy.nwb"
    path.write_bytes(newer_file.read_bytes())
    return path


def test_tables_of_one_session_never_come_from_two_files(copied: pathlib.Path, tmp_path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(copied)
    licks = session.licks
    write_session(tmp_path / "other.nwb", make_session(9)).replace(copied)
    with pytest.raises(
        ChangedFile, match=r"was replaced or written to since the session was opened\. Open the session again"
    ):
        _ = session.trials
    with pytest.raises(ChangedFile):
        session.get_performance_metrics()
    assert session.licks is licks
    assert len(BehaviorSession.from_nwb_path(copied).trials) == 40


def test_a_file_that_is_gone(copied: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(copied)
    copied.unlink()
    with pytest.raises(NotFound, match="is gone: there is no such file any more"):
        _ = session.trials


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_child_forked_while_another_thread_reads(newer_file: pathlib.Path) -> None:
    done = run(
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
    assert done.stdout == "60\n", done.stderr
