"""Names from files and servers that are joined with a folder."""

import os
import pathlib
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visbehavior.errors import BadValue
from visbehavior.paths import is_inside, join_inside

HARMLESS = ["a", "a/b.nwb", "project_metadata/1.1.0/x.csv", "behavior_session_1.nwb", ".hidden", "ä/ö", "a..b", "-x"]
HOSTILE = [
    *["", "/", "/etc/passwd", "..", ".", "../x", "a/../../x", "a/..", "a/./b", "a//b", "a/", "./a"],
    *["a\\b", "..\\x", "C:", "C:/x", "c:x", "\\\\server\\share", "//server/share", "a\0b", "a\nb", "~\x7f"],
    *["NUL", "con.txt", "a/COM1.nwb", "lpt9", "x.", "x ", "... ", "a?", "a*", "a|b", "<a>", '"', "x:stream"],
    *["\ud800", "x" * 300, "ä" * 150, "a/" * 600 + "a", b"a", None, 7, ["a"]],
]
PART = st.text(st.sampled_from("./\\:~ \0\n" + string.ascii_letters), max_size=6) | st.sampled_from(
    ["..", ".", "", "NUL"]
)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_names_are_joined(name: str) -> None:
    assert join_inside(pathlib.Path("folder"), name) == pathlib.Path("folder") / name


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:20])
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(BadValue, match="is not the name of a file inside"):
        join_inside(pathlib.Path("folder"), name)


@given(parts=st.lists(PART, max_size=4), root=st.sampled_from(["", "/", "C:\\", "//"]))
@example(parts=["a", "..", "..", "b"], root="")
def test_no_name_leads_out_of_the_folder_on_any_system(parts: list[str], root: str) -> None:
    name = root + "/".join(parts)
    if not is_inside(name):
        return
    for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath):
        base = kind("/base/folder")
        joined = base / name
        assert joined.is_relative_to(base)
        assert joined != base
        assert ".." not in joined.parts
        assert not joined.drive
    assert "\0" not in name


@given(name=st.text(max_size=30))
def test_accepted_names_can_be_created(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not is_inside(name):
        return
    folder = tmp_path_factory.mktemp("names")
    path = join_inside(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert folder.resolve() in path.resolve().parents
    assert os.path.lexists(path)
