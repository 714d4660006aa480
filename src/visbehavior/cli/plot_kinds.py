"""Figures of ``visbehavior plot --kind``, other than the timeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from visbehavior.session import BehaviorSession

WINDOW = (-1.0, 3.0)
"""Start and end, relative to the change (s)."""


class Kind(NamedTuple):
    """A kind of figure.

    Parameters
    ----------
    draw : function
        Draws the figure of a session on axes.
    size : tuple of float
        Width and height (inches).
    title : str
        Beginning of the title.
    """

    draw: Callable[[BehaviorSession, Any], Any]
    size: tuple[float, float]
    title: str


def _draw_triggered(session: BehaviorSession, ax: Any) -> None:
    from visbehavior.plots.responses import plot_triggered
    from visbehavior.session_responses import compute_session_response

    outcomes = ("hits", "misses", "false_alarms", "correct_rejects")
    responses = {name: compute_session_response(session, "running", name, WINDOW) for name in outcomes}
    with_events = {name: response for name, response in responses.items() if response.sizes["event"]}
    plot_triggered(with_events or responses, ax, ylabel="running speed (cm/s)")


def _draw_matrix(session: BehaviorSession, ax: Any) -> None:
    from visbehavior.analysis.response_matrix import compute_response_matrix
    from visbehavior.plots.responses import plot_response_matrix

    plot_response_matrix(compute_response_matrix(session.get_flash_table(), session.licks, session.trials).mean, ax)


def _draw_raster(session: BehaviorSession, ax: Any) -> None:
    from visbehavior.analysis.event_kinds import select_events
    from visbehavior.plots.responses import plot_lick_raster

    plot_lick_raster(session.licks, select_events(session.get_flash_table(), "changes"), ax, WINDOW)


def _draw_engagement(session: BehaviorSession, ax: Any) -> None:
    from visbehavior.plots.engagement import plot_engagement

    plot_engagement(session.get_flash_table(), session.trials, ax)


KINDS = {
    "triggered": Kind(_draw_triggered, (8.0, 5.0), "Running speed around changes and sham changes"),
    "matrix": Kind(_draw_matrix, (8.0, 7.0), "Responses by pair of images"),
    "raster": Kind(_draw_raster, (7.0, 8.0), "Licks around changes"),
    "engagement": Kind(_draw_engagement, (12.0, 4.0), "Engagement by six definitions"),
}
"""The kinds by the value of the option."""
