"""``visbehavior completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from visbehavior.cli.common import report_errors

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_VISBEHAVIOR_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
@report_errors
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    \b
    Examples:
      eval "$(visbehavior completion bash)"
      visbehavior completion zsh > ~/.zfunc/_visbehavior
      visbehavior completion fish > ~/.config/fish/completions/visbehavior.fish
    """
    command = context.find_root().command
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(command, {}, "visbehavior", _VARIABLE).source())
