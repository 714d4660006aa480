"""Choice of the number of states by held-out sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.arguments import as_iterable, check_whole_number
from visbehavior.errors import BadValue
from visbehavior.models.inputs import Responses, check_seed
from visbehavior.models.state_em import MAX_ITERATIONS, PackedSessions, find_start, pack_sessions, run, run_em
from visbehavior.models.state_inputs import MAX_STATES, check_sessions


def compare_state_counts(
    sessions: Any, n_states: Sequence[int] = (1, 2, 3, 4, 5), *, folds: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Compare numbers of states by the likelihood of sessions that were not used for fitting.

    Parameters
    ----------
    sessions : list of (X, y)
        As for `fit_states`; two or more.
    n_states : sequence of int
        Numbers of states to compare.
    folds : int
        Number of groups of sessions, each of which is held out once. At most one for each session is made.
    seed : int
        Seed of the groups and of the random starts.

    Returns
    -------
    pandas.DataFrame
        Index n_states. ``log_likelihood``: sum over the held-out sessions. ``bits_per_flash``: the gain over one state,
        per flash (bits).

    Raises
    ------
    BadValue
        If an argument is wrong, or there are fewer than two sessions.
    """
    counts = list(as_iterable("n_states", n_states, (int,), "one or more numbers of states"))
    if not counts:
        raise BadValue("n_states is empty; expected one or more numbers of states.", name="n_states")
    for count in counts:
        check_whole_number("n_states", count, 1, MAX_STATES)
    check_whole_number("folds", folds, 2)
    check_seed(seed)
    checked = check_sessions(sessions)
    if len(checked) < 2:
        raise BadValue("sessions has one session; expected two or more, because whole sessions are held out.")
    folds = min(folds, len(checked))
    group = np.random.default_rng(seed).permutation(len(checked)) % folds
    divisions = [_divide(checked, (group == held).tolist()) for held in range(folds)]
    one, *others = [sum(_held_out(*division, count, seed) for division in divisions) for count in [1, *counts]]
    flashes = sum(len(session.x) for session in checked)
    table = pd.DataFrame({"log_likelihood": others}, index=pd.Index(counts, name="n_states"))
    table["bits_per_flash"] = (table["log_likelihood"] - one) / flashes / np.log(2)
    return table


def _divide(sessions: list[Responses], is_held: list[bool]) -> tuple[PackedSessions, PackedSessions]:
    """Return the sessions to fit and the sessions to predict."""
    pairs = list(zip(sessions, is_held, strict=True))
    kept, held = ([session for session, flag in pairs if flag == wanted] for wanted in (False, True))
    return pack_sessions(kept), pack_sessions(held)


def _held_out(kept: PackedSessions, held: PackedSessions, n_states: int, seed: int) -> float:
    parameters, _, _ = run_em(kept, find_start(kept, n_states, seed), MAX_ITERATIONS)
    return run(held, parameters).log_likelihood
