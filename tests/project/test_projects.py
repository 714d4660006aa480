"""Names of the data sets."""

from __future__ import annotations

import pytest

from visbehavior.project.manifest import check_manifest_name, manifest_file_name, manifest_version, newest_first
from visbehavior.project.projects import NEUROPIXELS, OPHYS, Project

projects = pytest.mark.parametrize("project", [OPHYS, NEUROPIXELS], ids=lambda project: project.name)


@projects
def test_manifests_of_one_data_set_are_not_those_of_the_other(project: Project) -> None:
    names = [manifest_file_name(version, project) for version in project.releases]
    others = [manifest_file_name("1.0.0", other) for other in (OPHYS, NEUROPIXELS) if other != project]
    assert newest_first([*others, *names[::-1]], project) == names
    assert [manifest_version(name, project) for name in names + others] == [*project.releases, None]
    assert check_manifest_name(names[0], project) == names[0]


@projects
def test_bucket_is_named_after_the_data_set(project: Project) -> None:
    assert project.bucket == f"{project.name}-data"


@projects
@pytest.mark.parametrize(
    ("path", "is_plain"), [("a/b-c/d_1.nwb", True), ("../x", False), ("a/..", False), ("a//b", False), (".x", False)]
)
def test_plain_urls_cannot_leave_the_folder(project: Project, path: str, is_plain: bool) -> None:
    match = project.plain_url_pattern.fullmatch(f"https://{project.bucket}.s3.amazonaws.com/{project.name}/{path}")
    assert (match[1] if match else None) == (path if is_plain else None)
