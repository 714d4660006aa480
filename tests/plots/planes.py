"""Imaging planes in memory, with the attributes that plots read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tests.imagingfiles import SIZE, make_plane
from tests.synthetic_session import as_session

PLANE = make_plane(seed=1, cells=6, frames=2500)


def as_experiment(**attributes: Any) -> SimpleNamespace:
    """Return the plane with its attributes, some of them replaced."""
    session = as_session(PLANE.session)
    index = pd.Index(PLANE.specimen_ids, name="cell_specimen_id")
    metadata = {"ophys_experiment_id": PLANE.experiment_id, "targeted_structure": "VISp", "imaging_depth": 175}
    found = {
        **vars(session),
        "metadata": session.metadata | metadata,
        "ophys_timestamps": PLANE.timestamps,
        "dff_traces": pd.DataFrame({"dff": pd.Series(list(PLANE.traces["dff"].T), dtype=object).values}, index=index),
        "max_projection": np.arange(np.prod(SIZE), dtype=np.uint8).reshape(SIZE),
        "cell_specimen_table": pd.DataFrame(
            {"roi_mask": pd.Series(list(PLANE.masks), dtype=object).values}, index=index
        ),
    }
    return SimpleNamespace(**(found | attributes))


EXPERIMENT = as_experiment()
