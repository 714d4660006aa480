"""``visbehavior versions``."""

from __future__ import annotations

import warnings

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import report_errors
from visbehavior.errors import VisBehaviorWarning


@click.command()
@click.option("--compare", nargs=2, metavar="OLD NEW", help="Print the changes from one release to another.")
@cache_options
@report_errors
def versions(compare: tuple[str, str] | None, cache: CacheOptions) -> None:
    """List the releases of the data set, or compare two.

    \b
    Examples:
      visbehavior versions
      visbehavior versions --compare 1.0.1 1.1.0
    """
    from visbehavior.project.manifest import manifest_file_name, manifest_version

    project = cache.data_set.project

    with warnings.catch_warnings():
        # The list shows which release is in use.
        warnings.filterwarnings("ignore", message=".* was last used with release", category=VisBehaviorWarning)
        opened = cache.open()
    if compare:
        click.echo(opened.compare_manifests(*(manifest_file_name(version, project) for version in compare)))
        return
    cached, current = opened.list_all_downloaded_manifests(), opened.current_manifest()
    for name in opened.list_manifest_file_names():
        marks = ["cached"] * (name in cached) + ["in use"] * (name == current)
        click.echo(f"{manifest_version(name, project)}  {', '.join(marks)}".rstrip())
