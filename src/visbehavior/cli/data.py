"""``visbehavior sessions``, ``fetch``, ``verify`` and ``versions``: the data set."""

from __future__ import annotations

import sys

import click

from visbehavior.cli.cache import CacheOptions, cache_options, mouse_option, sessions_of
from visbehavior.cli.common import convention_option, errors_in_one_line, format_option, say, write_table
from visbehavior.errors import VisBehaviorError, VisBehaviorWarning
from visbehavior.store.download import JOBS

# What fits on a screen; CSV and JSON have every column.
SHOWN = (
    "mouse_id",
    "session_type",
    "day",
    "date_of_acquisition",
    "cre_line",
    "has_imaging",
    "trial_count",
    "hit_trial_count",
)


@click.command()
@mouse_option
@click.option("--session-type", help="Stage, or a part of it: OPHYS_1, images_A, TRAINING ...")
@click.option("--cre", help="Cre line, or a part of it: Vip, Sst, Slc17a7 ...")
@format_option
@convention_option
@cache_options
@errors_in_one_line
def sessions(
    mouse: str | None,
    session_type: str | None,
    cre: str | None,
    form: str,
    allensdk_version: str,
    cache: CacheOptions,
) -> None:
    """List the behavior sessions of the release.

    \b
    Examples:
      visbehavior sessions --mouse 445002
      visbehavior sessions --session-type OPHYS_1 --cre Vip --format csv > sessions.csv
    """
    import pandas as pd

    opened = cache.open(allensdk_version)
    table = opened.get_behavior_session_table() if mouse is None else opened.get_mouse(mouse)
    table = table.assign(has_imaging=table["ophys_session_id"].notna().astype(bool))
    for column, part in (("session_type", session_type), ("cre_line", cre)):
        if part is not None:
            table = table[table[column].str.contains(part, case=False, regex=False, na=False)]
    if form == "table":
        shown = table[[name for name in SHOWN if name in table]]
        if len(shown):
            dates = pd.to_datetime(shown["date_of_acquisition"], utc=True, format="ISO8601")
            write_table(shown.assign(date_of_acquisition=dates.dt.strftime("%Y-%m-%d %H:%M")), form)
    else:
        write_table(table, form)
    say(f"{len(table):,} sessions.")


@click.command()
@click.argument("ids", nargs=-1)
@mouse_option
@click.option("--plane", "planes", multiple=True, help="An imaging plane (ophys_experiment_id); may be repeated.")
@click.option("--jobs", type=click.IntRange(1, 64), default=JOBS, show_default=True, help="Connections at once.")
@cache_options
@errors_in_one_line
def fetch(ids: tuple[str, ...], mouse: str | None, planes: tuple[str, ...], jobs: int, cache: CacheOptions) -> None:
    """Fetch whole files of behavior sessions, verified, and print where they are.

    What is here is not fetched again; a download that broke off goes on where it was. A file that does not come is reported and
    skipped; the exit status is then 1.

    \b
    Examples:
      visbehavior fetch 891635659
      visbehavior fetch --mouse 445002 --jobs 16
    """
    sessions = sessions_of(ids, mouse, cache) if ids or mouse or not planes else []
    failures: dict[str, VisBehaviorError] = {}
    for path in cache.open().download(sessions, planes, jobs=jobs, failures=failures):
        click.echo(path)
    for error in failures.values():
        say(f"Error: {error}")
    if failures:
        say(f"{len(failures)} of {len(sessions) + len(planes)} files did not come.")
        sys.exit(1)


@click.command()
@click.option("--repair", is_flag=True, help="Fetch again what is damaged, and finish what is here in part.")
@format_option
@cache_options
@errors_in_one_line
def verify(repair: bool, form: str, cache: CacheOptions) -> None:
    """Hash every file of the cache and compare with the releases' manifests.

    The exit status is 1 where a file is damaged and was not repaired.

    \b
    Example:
      visbehavior verify --repair
    """
    table = cache.open().verify(repair)
    if len(table):
        write_table(table, form)
    counts = table["state"].where(~table["state"].str.startswith("not repaired"), "not repaired").value_counts()
    say(", ".join(f"{count} {state}" for state, count in counts.items()) or "Nothing is here yet.")
    if not counts.index.isin(["whole", "in part", "repaired"]).all():
        sys.exit(1)


@click.command()
@click.option(
    "--compare", nargs=2, metavar="OLDER NEWER", help="Say what changed from a release to another: 1.0.1 1.1.0."
)
@cache_options
@errors_in_one_line
def versions(compare: tuple[str, str] | None, cache: CacheOptions) -> None:
    """List the releases of the data set, or say what changed between two.

    \b
    Examples:
      visbehavior versions
      visbehavior versions --compare 1.0.1 1.1.0
    """
    import warnings

    from visbehavior.project.manifest import manifest_file_name, manifest_version

    with warnings.catch_warnings():
        # That an older release is in use is what the list says.
        warnings.filterwarnings("ignore", message=".* was last used with release", category=VisBehaviorWarning)
        opened = cache.open()
    if compare:
        click.echo(opened.compare_manifests(*map(manifest_file_name, compare)))
        return
    here, current = opened.list_all_downloaded_manifests(), opened.current_manifest()
    for name in opened.list_manifest_file_names():
        marks = ["here"] * (name in here) + ["in use"] * (name == current)
        click.echo(f"{manifest_version(name)}  {', '.join(marks)}".rstrip())
