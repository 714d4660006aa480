"""Descriptions of a session as text and HTML."""

from __future__ import annotations

import pathlib

import pytest

from tests.imagingfiles import make_plane, write_plane
from tests.nwb.damaged_files import damage_file, damaged_copy, delete, opened
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorOphysExperiment, BehaviorSession
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.session_repr import ABSENT

__all__ = ["damage_file"]


@pytest.fixture
def session(newer_file: pathlib.Path) -> BehaviorSession:
    return opened(newer_file)


def describe_as(session: BehaviorSession, form: str) -> str:
    return {"repr": session.__repr__, "html": session._repr_html_, "describe": session.describe}[form]()


@pytest.mark.parametrize("form", ["repr", "html", "describe"])
def test_description_has_the_facts_of_the_session(
    session: BehaviorSession, newer_file: pathlib.Path, form: str
) -> None:
    text = describe_as(session, form)
    for fact in (
        "990200001",
        "457841 (F, 114 days, Sst-IRES-Cre",
        "OPHYS_3_images_A",
        "2019-06-20 11:18, rig BEH.D-Box2",
        " min, ",
        "60",
        "300 frames",
        "4 images",
        "AllenSDK 2.16",
        str(newer_file),
    ):
        assert fact in text, fact


def test_description_has_the_numbers_of_rows(session: BehaviorSession) -> None:
    rows = dict(line.split("  ", 1) for line in session.describe().splitlines())
    numbers = {label: text.strip() for label, text in rows.items()}
    assert numbers["trials"] == f"{len(session.trials):,}"
    assert numbers["licks"] == f"{len(session.licks):,}"
    assert numbers["rewards"] == f"{len(session.rewards):,}"
    assert numbers["presentations"] == f"{len(session.stimulus_presentations):,} rows; 4 images"
    clock = session.stimulus_timestamps
    assert numbers["duration"] == f"{(clock[-1] - clock[0]) / 60:.1f} min, {len(clock):,} stimulus frames"


def test_absent_tables_have_no_rows(tmp_path: pathlib.Path) -> None:
    text = opened(write_session(tmp_path / "s.nwb", make_session(passive=True))).describe()
    rows = {line.split()[0]: line.split()[-1] for line in text.splitlines()}
    assert (rows["licks"], rows["rewards"], rows["eye"]) == ("0", "0", "none")


@pytest.mark.parametrize(
    ("group", "absent"),
    [
        ("intervals/trials", {"trials": ABSENT}),
        ("stimulus/templates", {"presentations": f"473 rows; images {ABSENT}"}),
        ("general/subject", {"mouse": ABSENT}),
        ("processing/stimulus", {"duration": ABSENT}),
        ("session_start_time", {"date": f"{ABSENT}, rig BEH.D-Box2"}),
    ],
)
def test_missing_parts_are_named_and_the_others_described(
    newer_file: pathlib.Path, tmp_path: pathlib.Path, group: str, absent: dict[str, str]
) -> None:
    whole = described_rows(opened(newer_file))
    rows = described_rows(opened(damaged_copy(newer_file, tmp_path / "s.nwb", delete(group))))
    del whole["file"], rows["file"]
    assert rows == whole | absent


def described_rows(session: BehaviorSession) -> dict[str, str]:
    rows = (line.split("  ", 1) for line in session.describe().splitlines())
    return {label: text.strip() for label, text in rows}


def test_description_reads_no_table(session: BehaviorSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hdf5File, "_values", None)
    monkeypatch.setattr(Hdf5File, "ragged", None)
    assert "trials" in repr(session)


def test_repr_has_the_name_of_the_class_and_the_convention(newer_file: pathlib.Path) -> None:
    class Mine(BehaviorSession):
        pass

    session = Mine.from_nwb_path(newer_file, allensdk_version="2.10")
    assert repr(session).startswith("Mine\n  session")
    assert "AllenSDK 2.10" in repr(session)
    assert "<caption>Mine</caption>" in session._repr_html_()


def test_html_is_escaped(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session().replace(mouse_id="<b>"))
    assert "&lt;b&gt; (F" in opened(path)._repr_html_()
    assert "<b> (F" in repr(opened(path))


def test_repr_of_a_deleted_file_is_the_reason(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session())
    session = opened(path)
    path.unlink()
    assert repr(session) == f"<BehaviorSession {path}: {path} no longer exists. Restore it, or open another file.>"
    assert session._repr_html_() == (
        f"<p><b>BehaviorSession</b> {path}: {path} no longer exists. Restore it, or open another file.</p>"
    )


def test_imaging_plane_is_described(tmp_path: pathlib.Path) -> None:
    path = write_plane(tmp_path / "plane.nwb", make_plane())
    for opened_as in (BehaviorSession, BehaviorOphysExperiment):
        rows = described_rows(opened_as.from_nwb_path(path))
        assert rows["imaging plane"] == "990000001 (VISp, 175 um), 5 ROIs"
