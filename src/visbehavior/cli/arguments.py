"""Arguments that name sessions and imaging planes: files or ids."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache_options import CacheOptions

if TYPE_CHECKING:
    from visbehavior.experiment import BehaviorOphysExperiment
    from visbehavior.session import BehaviorSession

session_argument = click.argument("session", metavar="FILE|ID")
sessions_argument = click.argument("sessions", metavar="[FILE|ID]...", nargs=-1)


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
