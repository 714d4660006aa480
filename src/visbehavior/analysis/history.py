"""What the sessions of a mouse say about each other: earlier exposures, experience, the place of an imaging day.

Definition: AllenSDK 2.16, ``behavior_project_cache/tables/util/prior_exposure_processing.py`` and ``tables/sessions_table.py``.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from visbehavior.schema.session_type import image_set_of

_NUMBER = re.compile(r"OPHYS_(\d+)")
_LETTER = re.compile(r"images_(\w)")
_FAMILIAR, _NOVEL = (0, 1, 2, 3), (4, 5, 6)


def compute_history(sessions: pd.DataFrame) -> pd.DataFrame:
    """What a project table says of sessions beside each one's own facts.

    Parameters
    ----------
    sessions : pandas.DataFrame
        mouse_id, session_type, date_of_acquisition; all sessions of each mouse, in any order. Optional: omits, bool, whether images were left
        out; without it those of the imaging stages that are no habituation.

    Returns
    -------
    pandas.DataFrame
        Index and order of `sessions`: session_number, image_set, behavior_type, experience_level, prior_exposures_to_session_type,
        prior_exposures_to_image_set (missing for gratings), prior_exposures_to_omissions.
    """
    types = sessions["session_type"]
    known = types.notna()
    named = types.where(known, "")
    letters = pd.Series([_found(_LETTER, name) for name in named], index=sessions.index, dtype=object)
    numbers = pd.array([int(number) if (number := _found(_NUMBER, name)) else pd.NA for name in named], dtype="Int64")
    omits = sessions["omits"] if "omits" in sessions else _omits(named)
    history = pd.DataFrame({"session_number": numbers}, index=sessions.index)
    history["image_set"] = pd.Series([image_set_of(name) for name in named], index=sessions.index, dtype=object)
    history["behavior_type"] = np.where(named.str.endswith("passive"), "passive_viewing", "active_behavior")
    history.loc[~known, "behavior_type"] = None
    history["prior_exposures_to_session_type"] = _earlier(sessions, types)
    history["prior_exposures_to_image_set"] = _earlier(sessions, letters)
    history["prior_exposures_to_omissions"] = _earlier_with(sessions, omits & known, known)
    history["experience_level"] = _experience(named, history)
    return history


def _found(pattern: re.Pattern[str], name: str) -> str | None:
    found = pattern.search(name)
    return found[1] if found else None


def _omits(types: pd.Series) -> pd.Series:
    return types.str.startswith("OPHYS") & ~types.str.contains("habituation")


def _earlier(sessions: pd.DataFrame, of: pd.Series) -> pd.Series:
    """How many sessions of the same mouse with the same value came before; missing where there is none."""
    order = sessions["date_of_acquisition"].sort_values(kind="stable").index
    kept = of.loc[order].dropna()
    counts = kept.groupby([sessions.loc[kept.index, "mouse_id"], kept]).cumcount()
    return counts.reindex(sessions.index).astype("Int64")


def _earlier_with(sessions: pd.DataFrame, of: pd.Series, known: pd.Series) -> pd.Series:
    """How many sessions of the same mouse for which this holds came before."""
    order = sessions.loc[known, "date_of_acquisition"].sort_values(kind="stable").index
    held = of.loc[order].astype("int64")
    counts = held.groupby(sessions.loc[order, "mouse_id"]).cumsum() - held
    return counts.reindex(sessions.index).astype("Int64")


def _experience(types: pd.Series, history: pd.DataFrame) -> pd.Series:
    number, before = history["session_number"], history["prior_exposures_to_image_set"]
    new_images = (before == 0).fillna(False)
    late = number.isin(_NOVEL)
    chosen = np.select(
        [types.str.startswith("TRAINING"), number.isin(_FAMILIAR), late & new_images, late],
        ["Training", "Familiar", "Novel 1", "Novel >1"],
        "None",
    )
    return pd.Series(chosen, index=types.index, dtype=object)
