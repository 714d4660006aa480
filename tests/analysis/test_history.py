"""History of each mouse: comparison with a slow reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from visbehavior.analysis.history import compute_history
from visbehavior.simulation.stages import CURRICULUM

TYPES = [name for name, _ in CURRICULUM] + [None, "OPHYS_6_images_H", "TRAINING_5_images_B_epilogue"]


def image_set_letter(session_type):
    return session_type.split("images_")[1][0] if session_type and "images_" in session_type else None


def has_omissions(session_type):
    return bool(session_type) and session_type.startswith("OPHYS") and "habituation" not in session_type


def slow_history(rows):
    """Compute the history of each session from a list of all earlier sessions of its mouse."""
    for position, row in enumerate(rows):
        kind = row["session_type"]
        earlier = [
            other["session_type"]
            for other_position, other in enumerate(rows)
            if other["mouse_id"] == row["mouse_id"]
            and (other["date_of_acquisition"], other_position) < (row["date_of_acquisition"], position)
            and other["session_type"] is not None
        ]
        letter = image_set_letter(kind)
        images = None if letter is None else sum(image_set_letter(other) == letter for other in earlier)
        number = int(kind.split("_")[1]) if kind and kind.startswith("OPHYS") else None
        if kind and kind.startswith("TRAINING"):
            level = "Training"
        elif number is None:
            level = "None"
        elif number < 4:
            level = "Familiar"
        else:
            level = "Novel 1" if images == 0 else "Novel >1"
        yield {
            "session_number": number,
            "behavior_type": None
            if kind is None
            else "passive_viewing"
            if kind.endswith("passive")
            else "active_behavior",
            "prior_exposures_to_session_type": None if kind is None else earlier.count(kind),
            "prior_exposures_to_image_set": images,
            "prior_exposures_to_omissions": None if kind is None else sum(map(has_omissions, earlier)),
            "experience_level": level,
        }


@settings(deadline=None, max_examples=60)
@given(
    sessions=st.lists(
        st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(TYPES), st.integers(0, 20)), min_size=1, max_size=25
    )
)
def test_history_equals_the_reference(sessions) -> None:
    rows = [
        {
            "mouse_id": mouse,
            "session_type": kind,
            "date_of_acquisition": pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day),
        }
        for mouse, kind, day in sessions
    ]
    table = pd.DataFrame(rows, index=pd.Index(np.arange(len(rows)) + 100, name="behavior_session_id"))
    history = compute_history(table)
    assert history.index.equals(table.index)
    expected = list(slow_history(rows))
    for name in expected[0]:
        values = [None if pd.isna(value) else value for value in history[name]]
        assert values == [row[name] for row in expected], name


def test_omits_column_replaces_the_default() -> None:
    """Some habituation sessions had omissions by mistake."""
    kinds = ["OPHYS_0_images_A_habituation", "OPHYS_0_images_A_habituation", "OPHYS_1_images_A"]
    table = pd.DataFrame(
        {
            "mouse_id": "1",
            "session_type": kinds,
            "date_of_acquisition": pd.date_range("2024-01-01", periods=3, tz="UTC"),
        }
    )
    assert compute_history(table)["prior_exposures_to_omissions"].tolist() == [0, 0, 0]
    table["omits"] = [True, False, True]
    assert compute_history(table)["prior_exposures_to_omissions"].tolist() == [0, 1, 1]
    assert compute_history(table)["image_set"].tolist() == ["images_A"] * 3
