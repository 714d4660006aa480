"""The command ``visbehavior`` and its subcommands."""

from __future__ import annotations

import click

from visbehavior._version import __version__
from visbehavior.cli.convert import convert
from visbehavior.cli.data import fetch, sessions, verify, versions
from visbehavior.cli.demo import demo
from visbehavior.cli.plot import plot, plot_performance
from visbehavior.cli.sessions import performance, show
from visbehavior.cli.simulation import release, simulate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="visbehavior")
def main() -> None:
    """Allen Institute Visual Behavior sessions: find them, look at them, measure performance.

    A session is named by its file or by its id; what an id needs comes from the public bucket and is kept.

    \b
    Examples:
      visbehavior sessions --mouse 445002
      visbehavior show 891635659
      visbehavior performance --mouse 445002
      visbehavior performance *.nwb --format csv > performance.csv
      visbehavior plot behavior_session_891635659.nwb --start 290 --stop 330
    """


COMMANDS = (
    show,
    performance,
    plot,
    plot_performance,
    sessions,
    fetch,
    verify,
    versions,
    convert,
    simulate,
    release,
    demo,
)
for command in COMMANDS:
    main.add_command(command)
