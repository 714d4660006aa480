"""The command ``visbehavior`` and its subcommands."""

from __future__ import annotations

import click

from visbehavior._version import __version__
from visbehavior.cli.pictures import plot, plot_performance
from visbehavior.cli.sessions import performance, show


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="visbehavior")
def main() -> None:
    """Allen Institute Visual Behavior sessions: look at them, measure performance.

    \b
    Examples:
      visbehavior show behavior_session_891635659.nwb
      visbehavior performance *.nwb --format csv > performance.csv
      visbehavior plot behavior_session_891635659.nwb --start 290 --stop 330
    """


main.add_command(show)
main.add_command(performance)
main.add_command(plot)
main.add_command(plot_performance)
