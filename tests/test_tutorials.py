"""The tutorials run, as the script that wrote them says, the second time without a network; and they are what it would write."""

from __future__ import annotations

import pathlib
import re

import nbformat
import pytest

from scripts.tutorials import FOLDER, NOT_EXECUTED, TUTORIALS, execute, notebook_of, served

# Of zmq under Windows and of jupyter's own folders.
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell gives, but for bars, which come in as many pieces as it pleases them."""
    return [output.output_type for output in cell.outputs if output.output_type != "stream"]


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs(name: str, tmp_path: pathlib.Path) -> None:
    written = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    again = nbformat.from_dict(written)
    with served(name, tmp_path / "bucket") as endpoint:
        execute(again, tmp_path, endpoint)
    for before, after in zip(written.cells, again.cells, strict=True):
        if before.cell_type == "code" and NOT_EXECUTED not in before.metadata.get("tags", []):
            assert shown(before) == shown(after)
    if name == "one_mouse":
        execute(again, tmp_path, "http://127.0.0.1:9")
        assert "could not be looked up" in str(again.cells[3].outputs)


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_what_the_script_writes(name: str) -> None:
    written = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    fresh = notebook_of(TUTORIALS[name])
    assert [cell.source for cell in written.cells] == [cell.source for cell in fresh.cells], "run `make docs`"
    nbformat.validate(written)


def test_images_are_in_it_and_nothing_of_the_machine() -> None:
    text = (FOLDER / "one_mouse.ipynb").read_text()
    assert text.count('"image/png"') == 2
    for path in FOLDER.glob("*.ipynb"):
        assert not re.search(r"/tmp/|127\.0\.0\.1|/root|site-packages|Warning", path.read_text()), path


def test_streaming_says_how_little_moves() -> None:
    said = re.findall(r"(\d+) requests, ([\d.]+) MB", (FOLDER / "streaming.ipynb").read_text())
    assert len(said) == 4
    assert sum(float(megabytes) for _, megabytes in said) < 5
