"""The command ``visbehavior`` and its subcommands."""

from __future__ import annotations

import io
import sys

import click

from visbehavior._version import __version__
from visbehavior.cli.cache import cache
from visbehavior.cli.common import Group
from visbehavior.cli.completion import completion
from visbehavior.cli.convert import convert
from visbehavior.cli.demo import demo
from visbehavior.cli.fetch import fetch
from visbehavior.cli.performance import performance
from visbehavior.cli.plot import plot
from visbehavior.cli.plot_performance import plot_performance
from visbehavior.cli.release import release
from visbehavior.cli.sessions import sessions
from visbehavior.cli.show import show
from visbehavior.cli.simulate import simulate
from visbehavior.cli.strategy import strategy
from visbehavior.cli.verify import verify
from visbehavior.cli.versions import versions


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="visbehavior")
def main() -> None:
    """Find, view and analyze Visual Behavior sessions of the Allen Institute.

    Specify a session by its file or by its id. Data for an id are downloaded from the public bucket and cached.

    \b
    Examples:
      visbehavior sessions --mouse 445002
      visbehavior show 891635659
      visbehavior performance --mouse 445002
      visbehavior performance *.nwb --format csv > performance.csv
      visbehavior plot behavior_session_891635659.nwb --start 290 --stop 330
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The names of files may contain bytes that are not text.
        sys.stdout.reconfigure(errors="backslashreplace")


COMMANDS = (
    show,
    performance,
    plot,
    plot_performance,
    sessions,
    fetch,
    verify,
    versions,
    cache,
    convert,
    simulate,
    strategy,
    release,
    demo,
    completion,
)
for command in COMMANDS:
    main.add_command(command)
