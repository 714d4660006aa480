"""``visbehavior show``."""

from __future__ import annotations

import click

from visbehavior.cli.arguments import open_session, session_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import report_errors, version_option


@click.command()
@session_argument
@version_option
@cache_options
@report_errors
def show(session: str, allensdk_version: str, cache: CacheOptions) -> None:
    """Print a summary of a session.

    Includes the mouse, session type, date, duration, and the number of trials, licks and rewards.

    \b
    Examples:
      visbehavior show behavior_session_891635659.nwb
      visbehavior show 891635659
    """
    click.echo(open_session(session, cache, allensdk_version).describe())
