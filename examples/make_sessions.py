"""Make three short sessions of one made-up mouse, and write them as NWB files.

Usage: ``python examples/make_sessions.py FOLDER``. The mouse learns from day to day. What it does is drawn at random (the same at
every run); the tables have the form of the release's.
"""

from __future__ import annotations

import datetime
import pathlib
import sys
import uuid
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

import visbehavior
from visbehavior.analysis.presentations import compute_flashes_since_change, compute_is_change, compute_trials_id
from visbehavior.schema.session import TRIALS

MINUTES = 12
FRAME_RATE = 60.0
FLASH, CADENCE = 0.25, 0.75
MONITOR_DELAY = 0.02115
FIRST_FLASH = 6.0
PICTURES = ("im065", "im077", "im066", "im061", "im063", "im062", "im085", "im069")
PICTURE_SET = "made_up_pictures"
REWARD, FREE_REWARD = 0.007, 0.005
# Session type, then the probabilities of a lick at a change, at a sham change, and too early in a trial; of an omission.
DAYS = (
    ("TRAINING_3_images_A_10uL_reward", 0.45, 0.30, 0.35, 0.0),
    ("TRAINING_4_images_A_training", 0.70, 0.22, 0.25, 0.0),
    ("OPHYS_1_images_A", 0.88, 0.10, 0.15, 0.05),
)
CATCH = 0.2
FREE_REWARDS = 3


def make_sessions(folder: pathlib.Path) -> list[pathlib.Path]:
    """Write the sessions into a folder; their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for day, kind in enumerate(DAYS):
        path = folder / f"behavior_session_{990900001 + day}.nwb"
        visbehavior.write_nwb(make_session(day, *kind), path, overwrite=True)
        print(f"  wrote {path}", flush=True)
        paths.append(path)
    return paths


def make_session(
    day: int, session_type: str, hits: float, false_alarms: float, early: float, omissions: float
) -> SimpleNamespace:
    """An object with the attributes of a BehaviorSession."""
    rng = np.random.default_rng(day)
    clock = np.arange(int(MINUTES * 60 * FRAME_RATE)) / FRAME_RATE
    trials, changes = _make_trials(rng, hits, false_alarms, early)
    licks = np.sort(np.concatenate([*trials["lick_times"], rng.uniform(0, clock[-1], 30)]))
    given = trials["reward_volume"] > 0
    return SimpleNamespace(
        stimulus_timestamps=clock,
        trials=trials,
        licks=pd.DataFrame({"timestamps": licks, "frame": _frame(licks)}),
        rewards=pd.DataFrame(
            {
                "volume": trials.loc[given, "reward_volume"],
                "timestamps": trials.loc[given, "reward_time"],
                "auto_rewarded": trials.loc[given, "auto_rewarded"],
            }
        ).reset_index(drop=True),
        stimulus_presentations=_make_presentations(rng, trials, changes, omissions),
        stimulus_templates=_make_templates(),
        metadata=_metadata(day, session_type),
        task_parameters=_task_parameters(session_type, omissions),
        **_make_running(rng, clock),
    )


def _make_trials(
    rng: np.random.Generator, hits: float, false_alarms: float, early: float
) -> tuple[pd.DataFrame, dict[int, str]]:
    """The trials, and the flashes at which the picture changes."""
    rows: list[dict[str, Any]] = []
    changes: dict[int, str] = {}
    flash, picture = 0, "im065"
    last = int((MINUTES * 60 - FIRST_FLASH) / CADENCE) - 12
    while flash < last:
        row, flash, picture = _make_trial(rng, len(rows), flash, picture, (hits, false_alarms, early), changes)
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(range(len(rows)), name="trials_id"))
    table["trial_length"] = table["stop_time"] - table["start_time"]
    return table[TRIALS.names()], changes


def _make_trial(
    rng: np.random.Generator,
    number: int,
    flash: int,
    picture: str,
    chances: tuple[float, float, float],
    changes: dict[int, str],
) -> tuple[dict[str, Any], int, str]:
    hits, false_alarms, early = chances
    start = _flash_time(flash) - 0.02
    at = flash + int(rng.integers(3, 9))
    free = number < FREE_REWARDS
    aborted = not free and rng.random() < early
    catch = not free and not aborted and rng.random() < CATCH
    go = not (free or aborted or catch)
    new = picture if catch or aborted else str(rng.choice([name for name in PICTURES if name != picture]))
    change = _flash_time(at) + MONITOR_DELAY
    licked = free or rng.random() < (hits if go else false_alarms if catch else 1.0)
    first = _on_frame(
        _flash_time(flash) + rng.uniform(0.3, 1.8) if aborted else _flash_time(at) + rng.uniform(0.25, 0.6)
    )
    bout = first + _on_frame(np.cumsum(np.r_[0, rng.uniform(0.12, 0.2, int(rng.integers(1, 8)))]))
    if not aborted and new != picture:
        changes[at] = new
    row = {
        "start_time": start,
        "stop_time": first + 1.0 if aborted else _flash_time(at) + 4.2,
        "initial_image_name": picture,
        "change_image_name": new,
        "is_change": go or free,
        "change_time": np.nan if aborted else change,
        "go": go,
        "catch": catch,
        "lick_times": bout if licked else np.empty(0),
        "response_time": first if licked and not aborted else np.nan,
        "response_latency": np.nan if aborted else first - change if licked else np.inf,
        "reward_time": _on_frame(_flash_time(at) + 0.2) if free else first if go and licked else np.nan,
        "reward_volume": FREE_REWARD if free else REWARD if go and licked else 0.0,
        "hit": go and licked,
        "false_alarm": catch and licked,
        "miss": go and not licked,
        "correct_reject": catch and not licked,
        "aborted": aborted,
        "auto_rewarded": free,
        "change_frame": -99 if aborted else int(_frame(_flash_time(at))),
    }
    following = int(np.ceil((row["stop_time"] + 0.1 - FIRST_FLASH) / CADENCE))
    return row, following, new


def _make_presentations(
    rng: np.random.Generator, trials: pd.DataFrame, changes: dict[int, str], omissions: float
) -> pd.DataFrame:
    flashes = np.arange(int((MINUTES * 60 - FIRST_FLASH) / CADENCE))
    pictures, picture = [], "im065"
    for flash in flashes:
        picture = changes.get(int(flash), picture)
        pictures.append(picture)
    # Never the change, nor the one before it.
    may_be_omitted = ~np.isin(flashes, [*changes, *(at - 1 for at in changes), 0])
    omitted = may_be_omitted & (rng.random(len(flashes)) < omissions)
    names = np.where(omitted, "omitted", pictures).astype(object)
    start = _flash_time(flashes) + MONITOR_DELAY
    is_change = compute_is_change(names, ~omitted)
    sham = trials.loc[trials["catch"], "change_frame"]
    everywhere = np.ones(len(flashes), dtype=bool)
    times = trials["start_time"].to_numpy(), trials["stop_time"].to_numpy(), trials.index.to_numpy()
    return pd.DataFrame(
        {
            "stimulus_block": 0,
            "stimulus_block_name": "change_detection_behavior",
            "image_index": [(*PICTURES, "omitted").index(name) for name in names],
            "image_name": names,
            "duration": FLASH,
            "start_time": start,
            "end_time": start + FLASH,
            "start_frame": _frame(_flash_time(flashes)),
            "end_frame": _frame(_flash_time(flashes)) + 15,
            "is_change": is_change,
            "is_image_novel": pd.array(np.where(omitted, None, False), dtype="boolean"),
            "omitted": omitted,
            "flashes_since_change": compute_flashes_since_change(is_change, omitted),
            "trials_id": compute_trials_id(start, everywhere, *times),
            "active": everywhere,
            "is_sham_change": np.isin(_frame(_flash_time(flashes)), sham),
            "stimulus_name": PICTURE_SET,
        },
        index=pd.RangeIndex(len(flashes), name="stimulus_presentations_id"),
    )


def _make_running(rng: np.random.Generator, clock: np.ndarray) -> dict[str, pd.DataFrame]:
    """Bouts of running of some seconds, and the same with the encoder's noise."""
    wish = np.repeat(rng.choice([0.0, 0.0, 12.0, 25.0], len(clock) // 240 + 1), 240)[: len(clock)]
    smooth = np.convolve(wish, np.hanning(150) / np.hanning(150).sum(), mode="same") + 0.8 * np.sin(clock * 7)
    noisy = smooth + rng.normal(0, 2.0, len(clock))
    return {
        "running_speed": pd.DataFrame({"timestamps": clock, "speed": smooth}),
        "raw_running_speed": pd.DataFrame({"timestamps": clock, "speed": noisy}),
    }


def _make_templates() -> pd.DataFrame:
    """Small stand-ins for the pictures: gratings of their own."""
    rows, columns = np.mgrid[0:60, 0:96]
    waves = [np.sin((rows * np.cos(turn) + columns * np.sin(turn)) / 4) for turn in np.linspace(0, 3, len(PICTURES))]
    unwarped = [127 + 100 * wave for wave in waves]
    table = pd.DataFrame(
        {
            "unwarped": pd.Series(unwarped, dtype=object),
            "warped": pd.Series([picture.astype(np.uint8) for picture in unwarped], dtype=object),
        }
    )
    table.index = pd.Index(PICTURES, name="image_name")
    table.name = PICTURE_SET
    return table


def _metadata(day: int, session_type: str) -> dict[str, Any]:
    return {
        "equipment_name": "made-up rig",
        "sex": "F",
        "age_in_days": 100 + day,
        "stimulus_frame_rate": FRAME_RATE,
        "session_type": session_type,
        "date_of_acquisition": datetime.datetime(2026, 1, 5 + day, 10, 0, tzinfo=datetime.UTC),
        "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
        "cre_line": "Vip-IRES-Cre",
        "behavior_session_uuid": uuid.UUID(int=day),
        "driver_line": ["Vip-IRES-Cre"],
        "mouse_id": "990001",
        "project_code": "made up",
        "full_genotype": "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
        "behavior_session_id": 990900001 + day,
    }


def _task_parameters(session_type: str, omissions: float) -> dict[str, Any]:
    return {
        "auto_reward_volume": FREE_REWARD,
        "blank_duration_sec": [0.5, 0.5],
        "image_set": "images_A",
        "n_stimulus_frames": int(MINUTES * 60 / CADENCE * 15),
        "omitted_flash_fraction": omissions,
        "response_window_sec": [0.15, 0.75],
        "reward_volume": REWARD,
        "session_type": session_type,
        "stimulus": "images",
        "stimulus_distribution": "geometric",
        "stimulus_duration_sec": FLASH,
        "stimulus_name": PICTURE_SET,
        "task": "change detection",
    }


def _flash_time(flash: Any) -> Any:
    return FIRST_FLASH + np.asarray(flash) * CADENCE


def _frame(time: Any) -> Any:
    return np.round(np.asarray(time) * FRAME_RATE).astype(np.int64)


def _on_frame(time: Any) -> Any:
    return np.round(np.asarray(time) * FRAME_RATE) / FRAME_RATE


if __name__ == "__main__":
    make_sessions(pathlib.Path(sys.argv[1]))
