"""The published notebook of 2021, cell by cell and unchanged, if its text exists; it is not part of this repository."""

from __future__ import annotations

import pathlib
import re

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.allensdk.cells import METRICS, run_cells
from tests.faultserver import FaultServer
from tests.golden.recordings import GOLDEN
from tests.project.mouse_buckets import NOTEBOOK_SESSIONS, make_notebook_bucket

NOTEBOOK = GOLDEN.parent / "example_behavior_session.txt"
# Commands of the front end: figures that can be moved, a wider page.
FRONT_END = ("%matplotlib notebook", "from IPython.core.display import display")


def cells_of(text: str) -> list[str]:
    """The cells that have a number; where one ends the text does not say: it is as much as is Python."""
    parts = re.split(r"^In\s\[\d+\]:$", text, flags=re.MULTILINE)[1:]
    return [_code(re.split(r"^Out\[", part, flags=re.MULTILINE)[0].strip("\n").split("\n")) for part in parts]


def _code(lines: list[str]) -> str:
    for stop in range(len(lines), 0, -1):
        code = "\n".join(lines[:stop])
        try:
            compile(TransformerManager().transform_cell(code), "cell", "exec")
        except SyntaxError:
            continue
        return code
    raise AssertionError(lines)


@pytest.mark.skipif(not NOTEBOOK.exists(), reason=f"the published notebook is not at {NOTEBOOK}")
@pytest.mark.usefixtures("public_data")
def test_the_published_notebook_runs_unchanged(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("seaborn")
    cells = [code for code in cells_of(NOTEBOOK.read_text()) if not code.startswith(FRONT_END)]
    assert len(cells) == 24
    bucket = make_notebook_bucket(tmp_path / "bucket")
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        # The one thing that the notebook leaves to its reader.
        shown = run_cells(["A_PATH_TO_SOME_LOCAL_FOLDER = 'cache'", *cells], "2.10", tmp_path)
        assert [list(value) for value in shown if isinstance(value, dict) and "trial_count" in value] == [METRICS]
        # As numpy 2 prints it.
        assert shown[4] == "np.int64(445002)"
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        again = run_cells(["A_PATH_TO_SOME_LOCAL_FOLDER = 'cache'", *cells], "2.10", tmp_path)
    assert [value for value in again if isinstance(value, dict)] == [
        value for value in shown if isinstance(value, dict)
    ]
    assert len(list((tmp_path / "cache").rglob("*.nwb"))) == len(NOTEBOOK_SESSIONS)
