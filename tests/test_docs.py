"""Every Python block of the documentation runs, in a folder that holds the files it names, or says why not."""

from __future__ import annotations

import contextlib
import gzip
import pathlib
import pickle
import re
import subprocess
import sys

import pandas as pd
import pytest

from tests.nwbfiles import make_session, write_session
from visbehavior import VisBehaviorWarning, simulate

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
FILES = re.compile(r"behavior_session_(\d+)\.nwb")
PICKLES = re.compile(r"behavior_session_\d+\.pkl\.gz")


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    blocks = [code for excuse, code in BLOCK.findall(page.read_text()) if not excuse]
    for number in set(FILES.findall("".join(blocks))):
        made = make_session(seed=int(number) % 7, trials=60).but(behavior_session_id=int(number))
        write_session(tmp_path / f"behavior_session_{number}.nwb", made)
    for name in set(PICKLES.findall("".join(blocks))):
        with gzip.open(tmp_path / name, "wb") as file:
            pickle.dump(simulate("TRAINING_5_images_A_handoff_lapsed", minutes=5, seed=1), file)
    names: dict[str, object] = {}
    for code in blocks:
        with contextlib.redirect_stdout(None):
            exec(compile(code, str(page), "exec"), names)


@pytest.mark.usefixtures("anywhere")
def test_the_story_of_a_mouse_runs_again_without_a_network(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, one mouse, all its sessions, the metrics in its table, both images."""
    page = ROOT / "docs" / "data_set.md"
    story = "".join(code for _, code in BLOCK.findall(page.read_text())[:2])
    assert "get_performance_table" in story
    assert "plot_timeline" in story
    first: dict[str, pd.DataFrame] = {}
    exec(compile(story, str(page), "exec"), first)
    images = [tmp_path / "mouse.png", tmp_path / "timeline.png"]
    for image in images:
        image.unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    second: dict[str, pd.DataFrame] = {}
    with pytest.warns(VisBehaviorWarning, match="could not be looked up"):
        exec(compile(story, str(page), "exec"), second)
    pd.testing.assert_frame_equal(first["table"], second["table"])
    assert first["table"]["max_dprime"].notna().all()
    assert all(image.exists() for image in images)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_reference_of_tables_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "tables_page.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "tables.md").read_text() == done.stdout, "run `make docs`"


def test_every_public_name_is_on_the_page_of_what_is_public() -> None:
    import visbehavior

    page = (ROOT / "docs" / "api.md").read_text()
    cache = visbehavior.VisualBehaviorOphysProjectCache
    members = [name for of in (visbehavior.BehaviorSession, cache) for name in vars(of) if not name.startswith("_")]
    names = {*visbehavior.__all__, *members} - {"__version__"}
    assert not [name for name in names if not re.search(rf"\b{name}\b", page)]


def test_the_demo_runs_and_the_second_time_it_makes_nothing_anew(tmp_path: pathlib.Path) -> None:
    """As `make demo` does, in the environment of the tests."""
    command = [sys.executable, "-m", "visbehavior", "demo", "--output-dir", "here"]
    texts = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert {path.name for path in (tmp_path / "here").glob("*.png")} == {"timeline.png", "mouse.png"}
    for text in texts:
        assert "OPHYS_6_images_B" in text
        assert "36 sessions of 3 mice" in text
        assert "performance --mouse 445002" in text
    assert "It is there already" in texts[1]
    measured = [text[text.index("measured") : text.index("For that")] for text in texts]
    assert measured[0] == measured[1]
    size = sum(path.stat().st_size for path in (tmp_path / "here" / "bucket").rglob("*") if path.is_file())
    assert size < 100e6


def test_the_citation_has_the_version() -> None:
    from visbehavior import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
