"""Every Python block of the documentation runs, in a folder that holds the files it names, or says why not."""

from __future__ import annotations

import contextlib
import pathlib
import re

import pytest

from tests.nwbfiles import make_session, write_session

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
FILES = re.compile(r"behavior_session_(\d+)\.nwb")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [code for excuse, code in BLOCK.findall(page.read_text()) if not excuse]
    for number in set(FILES.findall("".join(blocks))):
        made = make_session(seed=int(number) % 7, trials=60).but(behavior_session_id=int(number))
        write_session(tmp_path / f"behavior_session_{number}.nwb", made)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks:
        with contextlib.redirect_stdout(None):
            exec(compile(code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_citation_has_the_version() -> None:
    from visbehavior import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
