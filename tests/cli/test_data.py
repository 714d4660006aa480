"""The commands that use the data set, on a made-up bucket on loopback."""

from __future__ import annotations

import csv
import io
import json
import pathlib
import subprocess
import sys

import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.project.release import PROJECT
from visbehavior import VisualBehaviorOphysProjectCache

pytestmark = pytest.mark.usefixtures("anywhere")
OF_MOUSE = ["838515247", "837658854", "848613406"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visbehavior", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_sessions() -> None:
    done = run("sessions", "--mouse", "445002")
    assert (done.returncode, done.stderr) == (0, "3 sessions.\n")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == OF_MOUSE
    assert done.stdout.splitlines()[-1].split()[1:5] == ["445002", "OPHYS_1_images_A", "3", "2019-05-20"]


def test_sessions_that_were_asked_for() -> None:
    rows = rows_of(run("sessions", "--session-type", "ophys_1", "--format", "csv"))
    assert [row["behavior_session_id"] for row in rows] == ["848613406"]
    assert rows[0]["novelty"] == "2"
    found = json.loads(run("sessions", "--session-type", "TRAINING_1", "--format", "json").stdout)
    assert [row["ophys_session_id"] for row in found] == [None]
    nothing = run("sessions", "--session-type", "OPHYS_9")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "0 sessions.\n")
    unknown = run("sessions", "--mouse", "7")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("Error: Release 1.1.0 has no mouse '7'.")


def test_a_release_is_chosen() -> None:
    assert run("show", 838515247, "--data-version", "1.0.1").returncode == 0
    assert run("versions").stdout == "1.0.1  here, in use\n1.1.0\n"
    done = run("sessions", "--data-version", "9.9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there are visual-behavior-ophys_project_manifest_v1.0.1.json" in done.stderr


def test_what_changed() -> None:
    done = run("versions", "--compare", "1.0.1", "1.1.0")
    assert done.stdout.startswith(
        "From release 1.0.1 to 1.1.0:\n1 files added:\n  project_metadata/ophys_cells_table.csv\n"
    )


def test_show_and_plot_by_id(tmp_path: pathlib.Path) -> None:
    shown = run("show", 837658854)
    assert shown.stdout.startswith("session        837658854\n")
    assert shown.stdout.splitlines()[-1].endswith("/behavior_sessions/behavior_session_837658854.nwb")
    plotted = run("plot", 837658854, "--start", 20, "--stop", 50)
    assert plotted.returncode == 0, plotted.stderr
    assert (tmp_path / "behavior_session_837658854_20-50s.png").exists()


def test_the_notebook_in_a_line_each(anywhere: FaultServer, tmp_path: pathlib.Path) -> None:
    rows = rows_of(run("performance", "--mouse", "445002", "--format", "csv"))
    assert [row["behavior_session_id"] for row in rows] == OF_MOUSE
    cache = VisualBehaviorOphysProjectCache.from_s3_cache()
    for row in rows:
        metrics = cache.get_behavior_session(row["behavior_session_id"]).get_performance_metrics()
        assert list(row)[-len(metrics) :] == list(metrics)
        assert float(row["max_dprime"]) == metrics["max_dprime"]
    anywhere.requests.clear()
    drawn = run("plot-performance", "--mouse", "445002")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "mouse_445002_max_dprime.png").exists()
    # What was measured before is not asked for again.
    assert not any(request.key.endswith(".nwb") for request in anywhere.requests)


def test_files_and_ids_together(anywhere: FaultServer) -> None:
    file = anywhere.folder / PROJECT / "behavior_sessions" / "behavior_session_837658854.nwb"
    rows = rows_of(run("performance", file, "837658854", "--format", "csv"))
    assert rows[0]["max_dprime"] == rows[1]["max_dprime"]
    assert list(rows[0]) == list(rows[1])


def test_one_that_cannot_be_read_does_not_stop_the_others() -> None:
    done = run("performance", "837658854", "22", "gone.nwb", "--format", "csv")
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["behavior_session_id", "837658854"]
    assert "22 is an ophys_experiment_id, of behavior session 848613406." in done.stderr
    assert done.stderr.endswith("2 of 3 sessions could not be read.\n")
    nothing = run("performance")
    assert nothing.returncode == 2
    assert "Name files, ids of behavior sessions, or a mouse (--mouse 445002)." in nothing.stderr


def test_fetch_and_verify(anywhere: FaultServer, tmp_path: pathlib.Path) -> None:
    done = run("fetch", "837658854", "--plane", "22")
    assert (done.returncode, done.stderr) == (0, "")
    paths = [pathlib.Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in paths] == ["behavior_session_837658854.nwb", "behavior_ophys_experiment_22.nwb"]
    verified = run("verify")
    assert (verified.returncode, verified.stderr) == (0, "4 whole\n")
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    damaged = run("verify", "--format", "csv")
    assert (damaged.returncode, damaged.stderr) == (1, "3 whole, 1 damaged\n")
    assert "behavior_session_837658854.nwb,damaged," in damaged.stdout
    anywhere.faults = [Fault("403", key="*.nwb", times=FOREVER)]
    assert run("verify", "--repair").stderr.endswith("3 whole, 1 not repaired\n")
    anywhere.reset()
    assert run("verify", "--repair").stderr == "3 whole, 1 repaired\n"
    assert run("verify").returncode == 0


def test_what_does_not_come(anywhere: FaultServer) -> None:
    done = run("fetch", "837658854", "999")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == (
        "Error: Release 1.1.0 has no behavior session 999. get_behavior_session_table() lists them.\n1 of 2 files did not come.\n"
    )
    assert run("fetch").returncode == 2


def test_without_a_network(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("show", "837658854")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = run("show", "837658854")
    assert done.returncode == 0
    assert done.stderr == (
        f"Warning: Newer releases could not be looked up in http://127.0.0.1:9/{PROJECT}-data; what is in {tmp_path / 'cache'} is used.\n"
    )
    lacking = run("show", "838515247")
    assert (lacking.returncode, lacking.stdout) == (1, "")
    assert "Error: behavior_session_838515247.nwb, or what is wanted of it, is not in the cache" in lacking.stderr
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "empty"))
    assert "No release is in" in run("sessions").stderr


def test_a_mirror(anywhere: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    options = ["--cache-dir", tmp_path / "other", "--endpoint", anywhere.endpoint]
    assert run("show", "837658854", *options).returncode == 0
    assert (tmp_path / "other").is_dir()
    assert run("show", "837658854", "--cache-dir", tmp_path / "third", "--bucket", anywhere.folder).returncode == 0
    wrong = run("sessions", "--endpoint", "localhost:9000")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Error: The endpoint is 'localhost:9000'; expected an address")
