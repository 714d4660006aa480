"""History of each mouse: session numbers, earlier exposures and experience levels.

Definition: AllenSDK 2.16, ``behavior_project_cache/tables/util/prior_exposure_processing.py`` and
``tables/sessions_table.py``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visbehavior.schema.session_type import SessionType, parse_session_type

HISTORY_INPUTS = ("mouse_id", "session_type", "date_of_acquisition")
"""Columns from which the history is computed."""

# Numbers of the imaging stages with familiar and with novel images.
_FAMILIAR, _NOVEL = (0, 1, 2, 3), (4, 5, 6)


def compute_history(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a project table that depend on a mouse's other sessions or on the session type.

    Parameters
    ----------
    sessions : pandas.DataFrame
        All sessions of each mouse, in any order, with the columns mouse_id, session_type and date_of_acquisition.
        Optional column omits: bool, True for sessions with omissions; by default, imaging stages except habituation
        have them.

    Returns
    -------
    pandas.DataFrame
        Same index as `sessions`. Columns: session_number, image_set, behavior_type, experience_level,
        prior_exposures_to_session_type, prior_exposures_to_image_set (missing for gratings),
        prior_exposures_to_omissions.
    """
    types = sessions["session_type"]
    known = types.notna()
    texts = types.where(known, "")
    parts = [parse_session_type(text) for text in texts]
    image_sets = pd.Series([part.image_set_letter for part in parts], index=sessions.index, dtype=object)
    omits = sessions["omits"] if "omits" in sessions else np.array([_has_omissions(part) for part in parts], dtype=bool)
    numbers = pd.array([_session_number(part) for part in parts], dtype="Int64")
    history = pd.DataFrame({"session_number": numbers}, index=sessions.index)
    history["image_set"] = pd.Series([part.image_set for part in parts], index=sessions.index, dtype=object)
    history["behavior_type"] = np.where([part.is_passive for part in parts], "passive_viewing", "active_behavior")
    history.loc[~known, "behavior_type"] = None
    history["prior_exposures_to_session_type"] = _count_earlier_equal(sessions, types)
    history["prior_exposures_to_image_set"] = _count_earlier_equal(sessions, image_sets)
    history["prior_exposures_to_omissions"] = _count_earlier_true(sessions[known], known & omits)
    history["experience_level"] = _experience_level(texts, history)
    return history


def _session_number(session_type: SessionType) -> int | None:
    return session_type.number if session_type.phase == "OPHYS" else None


def _has_omissions(session_type: SessionType) -> bool:
    return session_type.text.startswith("OPHYS") and "habituation" not in session_type.text


def _count_earlier_equal(sessions: pd.DataFrame, values: pd.Series) -> pd.Series:
    """Count the mouse's earlier sessions with an equal value; missing where the value is missing."""
    values = values.loc[_by_date(sessions)].dropna()
    counts = values.groupby([sessions.loc[values.index, "mouse_id"], values]).cumcount()
    return counts.reindex(sessions.index).astype("Int64")


def _count_earlier_true(sessions: pd.DataFrame, flags: pd.Series) -> pd.Series:
    """Count the mouse's earlier sessions for which the flag is true."""
    flags = flags.loc[_by_date(sessions)].astype("int64")
    counts = flags.groupby(sessions.loc[flags.index, "mouse_id"]).cumsum() - flags
    return counts.astype("Int64")


def _by_date(sessions: pd.DataFrame) -> pd.Index:
    return sessions["date_of_acquisition"].sort_values(kind="stable").index


def _experience_level(texts: pd.Series, history: pd.DataFrame) -> pd.Series:
    number, exposures = history["session_number"], history["prior_exposures_to_image_set"]
    first_exposure = (exposures == 0).fillna(False)
    late = number.isin(_NOVEL)
    level = np.select(
        [texts.str.startswith("TRAINING"), number.isin(_FAMILIAR), late & first_exposure, late],
        ["Training", "Familiar", "Novel 1", "Novel >1"],
        "None",
    )
    return pd.Series(level, index=texts.index, dtype=object)
