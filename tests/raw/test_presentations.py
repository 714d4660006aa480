"""Tests of `visbehavior.raw.presentations`: damaged and unusual pickles.

Correct pickles are compared with a reference in test_reader.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rawfiles import changed_session, session_of
from visbehavior import BadValue, MissingData

BEHAVIOR = r"\['items'\]\['behavior'\]"


def images_of(b: dict[str, Any]) -> dict[str, Any]:
    return b["stimuli"]["images"]


def rename_image(b: dict[str, Any], old: str, new: str) -> None:
    set_log = images_of(b)["set_log"]
    set_log[:] = [(kind, new if image == old else image, *rest) for kind, image, *rest in set_log]
    for trial in b["trial_log"]:
        trial["stimulus_changes"] = [
            (*((new, new) if pair == (old, old) else pair for pair in (before, after)), *rest)
            for before, after, *rest in trial["stimulus_changes"]
        ]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda b: b["stimuli"].clear(), BadValue, rf"{BEHAVIOR}\['stimuli'\] has no stimulus"),
        (lambda b: images_of(b).pop("draw_log"), MissingData, r"\['images'\]\['draw_log'\]"),
        (
            lambda b: images_of(b)["draw_log"].__setitem__(slice(-20, None), [1] * 20),
            BadValue,
            "has an image in the last frame",
        ),
        (lambda b: images_of(b)["set_log"].reverse(), BadValue, r"\['set_log'\] is out of order"),
        (
            lambda b: rename_image(b, "im065", "im999"),
            BadValue,
            "has im999, which the image set does not contain: it has im0",
        ),
        (
            lambda b: b["omitted_flash_frame_log"].update(x=[10**7]),
            BadValue,
            r"'omitted_flash_frame_log'\] refers to frame",
        ),
        (
            lambda b: b.update(omitted_flash_frame_log=[1]),
            BadValue,
            r"'omitted_flash_frame_log'\] cannot be interpreted",
        ),
        (
            lambda b: b.update(omitted_flash_frame_log=np.arange(5)),
            BadValue,
            r"'omitted_flash_frame_log'\] cannot be interpreted",
        ),
        (lambda b: b["items"]["fingerprint"].pop("frame_indices"), MissingData, "'frame_indices'"),
        (
            lambda b: b["items"]["fingerprint"]["static_stimulus"].update(runs=0),
            BadValue,
            "ZeroDivisionError",
        ),
    ],
)
def test_invalid_stimuli_are_reported_with_their_keys(
    raw: dict[str, Any], change: Any, error: type[Exception], message: str
) -> None:
    session = changed_session(raw, change)
    with pytest.raises(error, match=message):
        _ = session.stimulus_presentations


def test_omissions_logged_near_an_image_or_twice_are_dropped(raw: dict[str, Any]) -> None:
    presentations = session_of(raw).stimulus_presentations
    image_frame = int(presentations.loc[presentations["image_name"].notna(), "start_frame"].iloc[3])
    log = [frame for part in raw["items"]["behavior"]["omitted_flash_frame_log"].values() for frame in part]
    logs = {"a": log, "b": [*log, image_frame + 2, image_frame - 3]}
    changed = changed_session(raw, lambda b: b.update(omitted_flash_frame_log=logs))
    assert changed.stimulus_presentations.equals(presentations)


def test_pickle_without_omission_log_has_no_omissions(raw: dict[str, Any]) -> None:
    presentations = changed_session(raw, lambda b: b.pop("omitted_flash_frame_log")).stimulus_presentations
    assert not presentations["omitted"].fillna(False).any()
