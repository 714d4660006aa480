"""Arguments that name sessions: files, ids, or all sessions of a mouse."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache_options import CacheOptions

if TYPE_CHECKING:
    from visbehavior.experiment import BehaviorOphysExperiment
    from visbehavior.session import BehaviorSession

session_argument = click.argument("session", metavar="FILE|ID")
sessions_argument = click.argument("sessions", metavar="[FILE|ID]...", nargs=-1)
mouse_option = click.option("--mouse", metavar="MOUSE_ID", help="Select all sessions of a mouse.")


def is_session_id(argument: str) -> bool:
    """Return whether an argument is an id: digits only, and not the name of a file."""
    return argument.isdecimal() and not os.path.exists(argument)


def open_session(argument: str, cache: CacheOptions, allensdk_version: str) -> BehaviorSession:
    """Open the session of a file or an id."""
    if is_session_id(argument):
        return cache.open(allensdk_version).get_behavior_session(argument)
    from visbehavior.performance_table import open_file

    return open_file(argument, allensdk_version)


def open_experiment(argument: str, cache: CacheOptions, allensdk_version: str) -> BehaviorOphysExperiment:
    """Open the imaging plane of a file or an id."""
    if is_session_id(argument):
        return cache.open_ophys(allensdk_version).get_behavior_ophys_experiment(argument)
    from visbehavior.experiment import BehaviorOphysExperiment

    return BehaviorOphysExperiment.from_nwb_path(argument, allensdk_version=allensdk_version)


def list_sessions(arguments: Sequence[str], mouse: str | None, cache: CacheOptions) -> list[str]:
    """Return the files and ids, followed by the ids of the mouse's sessions in order of acquisition."""
    if not arguments and mouse is None:
        raise click.UsageError("Give files, behavior session ids, or a mouse (--mouse 445002).")
    mouse_sessions = [] if mouse is None else cache.open().get_mouse(mouse).index.astype(str).tolist()
    return [*arguments, *mouse_sessions]
