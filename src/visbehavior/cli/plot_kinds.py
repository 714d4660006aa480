"""Figures of responses and engagement of ``visbehavior plot --kind``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from visbehavior.session import BehaviorSession

WINDOW = (-1.0, 3.0)
"""Start and end, relative to the change (s)."""


class Kind(NamedTuple):
    """A kind of figure.

    Parameters
    ----------
    draw : function
        Draws the figure of a session.
    title : str
        Beginning of the title.
    """

    draw: Callable[[BehaviorSession], Axes]
    title: str


def _draw_triggered(session: BehaviorSession) -> Axes:
    from visbehavior.plots.responses import plot_triggered
    from visbehavior.session_responses import compute_session_response

    outcomes = ("hits", "misses", "false_alarms", "correct_rejects")
    responses = {name: compute_session_response(session, "running", name, WINDOW) for name in outcomes}
    with_events = {name: response for name, response in responses.items() if response.sizes["event"]}
    return plot_triggered(with_events or responses, ylabel="running speed (cm/s)")


def _draw_matrix(session: BehaviorSession) -> Axes:
    from visbehavior.analysis.response_matrix import compute_response_matrix
    from visbehavior.plots.responses import plot_response_matrix

    return plot_response_matrix(compute_response_matrix(session.get_flash_table(), session.licks, session.trials).mean)


def _draw_raster(session: BehaviorSession) -> Axes:
    from visbehavior.analysis.event_kinds import select_events
    from visbehavior.plots.responses import plot_lick_raster

    return plot_lick_raster(session.licks, select_events(session.get_flash_table(), "changes"), window=WINDOW)


def _draw_engagement(session: BehaviorSession) -> Axes:
    from visbehavior.plots.engagement import plot_engagement

    return plot_engagement(session.get_flash_table(), session.trials)


BEHAVIOR_KINDS = {
    "triggered": Kind(_draw_triggered, "Running speed around changes and sham changes"),
    "matrix": Kind(_draw_matrix, "Responses by pair of images"),
    "raster": Kind(_draw_raster, "Licks around changes"),
    "engagement": Kind(_draw_engagement, "Engagement by six definitions"),
}
"""The kinds by the value of the option."""
