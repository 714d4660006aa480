"""The documentation: Python blocks run, relative links exist, and generated pages are up to date."""

from __future__ import annotations

import contextlib
import gzip
import pathlib
import pickle
import re
import subprocess
import sys
import tomllib
from typing import Any

import pandas as pd
import pytest

from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import VisBehaviorWarning, simulate

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
RECIPES = ROOT / "docs" / "recipes.md"
"""Page whose blocks run on the release of the demo."""
MAX_RECIPE_LINES = 8
# A block that is not run has a comment with the reason before it.
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n *)?```python\n(.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
NWB_FILE = re.compile(r"behavior_session_(\d+)\.nwb")
PICKLE = re.compile(r"behavior_session_\d+\.pkl\.gz")
MAX_DEMO_SIZE = 100e6
"""Bytes."""


def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.usefixtures("public_data")
@pytest.mark.parametrize("page", [page for page in PAGES if page != RECIPES], ids=lambda page: page.name)
def test_python_blocks_run(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The working folder has the files that the blocks name."""
    blocks = [code for reason, code in BLOCK.findall(page.read_text()) if not reason]
    for number in set(NWB_FILE.findall("".join(blocks))):
        session = make_session(seed=int(number) % 7, trials=60).replace(behavior_session_id=int(number))
        write_session(tmp_path / f"behavior_session_{number}.nwb", session)
    for name in set(PICKLE.findall("".join(blocks))):
        with gzip.open(tmp_path / name, "wb") as file:
            pickle.dump(simulate("TRAINING_5_images_A_handoff_lapsed", minutes=5, seed=1), file)
    names: dict[str, object] = {}
    for code in blocks:
        with contextlib.redirect_stdout(None):
            exec(compile(code, str(page), "exec"), names)


@pytest.mark.usefixtures("public_data")
def test_data_set_example_runs_again_offline(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Project tables, a mouse, the metrics of its sessions, and both plots."""
    page = ROOT / "docs" / "data_set.md"
    example = "".join(code for _, code in BLOCK.findall(page.read_text())[:2])
    assert "get_performance_table" in example
    assert "plot_timeline" in example
    first: dict[str, pd.DataFrame] = {}
    exec(compile(example, str(page), "exec"), first)
    images = [tmp_path / "mouse.png", tmp_path / "timeline.png"]
    for image in images:
        image.unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    second: dict[str, pd.DataFrame] = {}
    with pytest.warns(VisBehaviorWarning, match="could not be looked up"):
        exec(compile(example, str(page), "exec"), second)
    pd.testing.assert_frame_equal(first["table"], second["table"])
    assert first["table"]["max_dprime"].notna().all()
    assert all(image.exists() for image in images)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_exist(page: pathlib.Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize(
    ("script", "page"),
    [("tables_page", "tables.md"), ("metrics_page", "metrics.md"), ("layers_figure", "images/layers.svg")],
    ids=["tables", "metrics", "layers"],
)
def test_generated_pages_are_up_to_date(script: str, page: str) -> None:
    path = ROOT / "scripts" / f"{script}.py"
    process = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert (ROOT / "docs" / page).read_text() == process.stdout, "run `make docs`"


def test_api_page_lists_every_public_name() -> None:
    import visbehavior

    page = (ROOT / "docs" / "api.md").read_text()
    caches = (visbehavior.VisualBehaviorOphysProjectCache, visbehavior.VisualBehaviorNeuropixelsProjectCache)
    members = [name for cls in (visbehavior.BehaviorSession, *caches) for name in dir(cls) if not name.startswith("_")]
    names = {*visbehavior.__all__, *members} - {"__version__"}
    assert not [name for name in names if not re.search(rf"\b{name}\b", page)]


def run_demo(folder: pathlib.Path) -> str:
    command = [sys.executable, "-m", "visbehavior", "demo", "--output-dir", "demo"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str]:
    """A folder in which the demo ran, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_demo(folder)


def test_demo_reuses_its_release_when_it_runs_again(demo: tuple[pathlib.Path, str]) -> None:
    folder, first = demo
    outputs = [first, run_demo(folder)]
    assert {path.name for path in (folder / "demo").glob("*.png")} == {"timeline.png", "mouse.png", "plane.png"}
    for output in outputs:
        assert "OPHYS_6_images_B" in output
        assert "36 sessions of 3 mice" in output
        assert "performance --mouse 445002" in output
    assert "The release exists already" in outputs[1]
    metrics = [output[output.index("Compute the performance") : output.index("Downloaded")] for output in outputs]
    assert metrics[0] == metrics[1]
    size = sum(path.stat().st_size for path in (folder / "demo" / "bucket").rglob("*") if path.is_file())
    assert size < MAX_DEMO_SIZE


@pytest.mark.usefixtures("public_data")
def test_recipes_run_on_the_release_of_the_demo(
    demo: tuple[pathlib.Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo[0])
    blocks = [code for _, code in BLOCK.findall(RECIPES.read_text())]
    names: dict[str, Any] = {}
    for code in blocks:
        assert len(code.splitlines()) <= MAX_RECIPE_LINES
        exec(compile(code, str(RECIPES), "exec"), names)
    assert len(blocks) == 1 + 6
    assert names["by_stage"]["count"].sum() == len(names["table"]) - names["table"]["dprime"].isna().sum()
    assert names["response"].sizes["event"] == len(names["session"].rewards)
    for name in ("by_level", "by_mouse", "by_line"):
        assert names[name]["count"].gt(0).all()


def test_demo_of_the_other_data_set(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "visbehavior", "demo", "--project", "neuropixels", "--output-dir", "here"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "EPHYS_1_images_H_5uL_reward" in process.stdout
    assert "30 sessions of 3 mice" in process.stdout
    assert {path.name for path in (tmp_path / "here").glob("*.png")} == {"timeline.png", "mouse.png"}
    (next_step,) = re.findall(r"^ *\S*visbehavior (performance .*)$", process.stdout, re.M)
    command = [sys.executable, "-m", "visbehavior", *next_step.split(), "--cache-dir", "cache"]
    measured = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "EPHYS_1_images_H_5uL_reward" in measured.stdout


def test_readme_lists_what_each_extra_installs() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / "README.md").read_text(), re.M)
    assert {name for name, _ in rows} >= set(re.findall(r"\w+", extras["all"][0])) - {"visbehavior"}
    for name, libraries in rows:
        assert libraries.split(", ") == [re.split(r"\W", requirement)[0] for requirement in extras[name]]


def test_citation_and_changelog_have_the_version() -> None:
    from visbehavior import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
