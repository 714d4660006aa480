"""The tutorials: they run with the bucket of their script, also offline, and have the cells of the script."""

from __future__ import annotations

import pathlib
import re

import nbformat
import pytest

from scripts.tutorials import FOLDER, NOT_EXECUTED, TUTORIALS, execute, make_notebook, serve_tutorial

# Warnings of zmq on Windows, and of jupyter about its folders.
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def output_types(cell: nbformat.NotebookNode) -> list[str]:
    """Return the types of a cell's outputs, without streams: progress bars are split into any number of them."""
    return [output.output_type for output in cell.outputs if output.output_type != "stream"]


@pytest.mark.usefixtures("public_data")
@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_runs_and_has_the_same_outputs(name: str, tmp_path: pathlib.Path) -> None:
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    executed = nbformat.from_dict(stored)
    with serve_tutorial(name, tmp_path / "bucket") as endpoint:
        execute(executed, tmp_path, endpoint)
    for before, after in zip(stored.cells, executed.cells, strict=True):
        if before.cell_type == "code" and NOT_EXECUTED not in before.metadata.get("tags", []):
            assert output_types(before) == output_types(after)
    if name == "one_mouse":
        execute(executed, tmp_path, "http://127.0.0.1:9")
        assert "could not be looked up" in str(executed.cells[3].outputs)


@pytest.mark.parametrize("name", TUTORIALS)
def test_notebook_has_the_cells_of_the_script(name: str) -> None:
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    expected = make_notebook(TUTORIALS[name])
    assert [cell.source for cell in stored.cells] == [cell.source for cell in expected.cells], "run `make docs`"
    nbformat.validate(stored)


def test_notebooks_contain_figures_but_no_local_paths_or_warnings() -> None:
    text = (FOLDER / "one_mouse.ipynb").read_text()
    assert text.count('"image/png"') == 2
    for path in FOLDER.glob("*.ipynb"):
        assert not re.search(r"/tmp/|127\.0\.0\.1|/root|site-packages|Warning", path.read_text()), path


def test_streaming_tutorial_downloads_less_than_5_mb() -> None:
    traffic = re.findall(r"(\d+) requests, ([\d.]+) MB", (FOLDER / "streaming.ipynb").read_text())
    assert len(traffic) == 4
    assert sum(float(megabytes) for _, megabytes in traffic) < 5
