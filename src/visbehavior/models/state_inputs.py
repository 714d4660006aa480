"""Checks of the sessions and parameters of states."""

from __future__ import annotations

from typing import Any

import numpy as np

from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.inputs import Responses, check_responses
from visbehavior.models.random_walk import Floats

MAX_STATES = 20
"""Largest number of states."""
_SUM_TOLERANCE = 1e-6


def check_sessions(sessions: Any) -> list[Responses]:
    """Return the regressors and responses of sessions.

    Raises
    ------
    BadValue
        If it is not a list of pairs, a pair is wrong, or the sessions have different regressors.
    """
    if not isinstance(sessions, (list, tuple)) or not sessions:
        raise BadValue(f"sessions is {brief_repr(sessions)}; expected a list of (X, y), one for each session.")
    checked = []
    for session in sessions:
        if not isinstance(session, (list, tuple)) or len(session) != 2:
            raise BadValue(f"sessions contains {brief_repr(session)}; expected a pair (X, y) for each session.")
        checked.append(check_responses(*session, warn_of_few=False))
        if not checked[0].names.equals(checked[-1].names):
            names = [", ".join(map(brief_repr, session.names)) for session in (checked[0], checked[-1])]
            raise BadValue(
                f"Sessions have different regressors: {names[0]}, and {names[1]}. Choose sessions that have the same."
            )
    return checked


def check_array(name: str, value: Any, dimensions: int) -> Floats:
    """Return an argument as float64. Raises BadValue unless it is an array of finite numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"its dtype is {array.dtype}")
        array = array.astype(np.float64)
    except Exception as error:
        # Objects of other libraries can raise anything when they are converted.
        raise BadValue(f"{name} is {brief_repr(value)}; expected an array of numbers.", name=name) from error
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise BadValue(f"{name} is {brief_repr(value)}; expected {dimensions} dimensions of finite numbers.", name=name)
    return array


def check_shape(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    """Return an array. Raises BadValue unless it has the shape."""
    if array.shape != shape:
        raise BadValue(f"{name} has the shape {array.shape}; expected {shape}.", name=name)
    return array


def check_probabilities(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    """Return an array. Raises BadValue unless it has the shape, and its rows are probabilities that sum to 1."""
    check_shape(name, array, shape)
    if (array < 0).any() or np.abs(array.sum(axis=-1) - 1).max() > _SUM_TOLERANCE:
        raise BadValue(f"{name} has probabilities below 0, or that do not sum to 1.", name=name)
    return array
