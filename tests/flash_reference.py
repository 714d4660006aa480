"""Slow reference implementations of the flash table, lick bouts and engagement: one loop per definition."""

from __future__ import annotations

import math
from typing import Any

NAN = math.nan
FLASH = 0.75
GAP = 0.7

Row = dict[str, Any]


def lick_bouts(licks: list[float], rewards: list[float], threshold: float = GAP) -> list[Row]:
    """Return the bouts: a longer pause than the threshold starts a new one."""
    bouts: list[list[float]] = []
    for lick in licks:
        if not bouts or lick - bouts[-1][-1] > threshold:
            bouts.append([])
        bouts[-1].append(lick)
    return [
        {
            "start": bout[0],
            "end": bout[-1],
            "n_licks": len(bout),
            "rewarded": any(bout[0] <= reward <= bout[-1] for reward in rewards),
        }
        for bout in bouts
    ]


def flash_of(time: float, start: list[float]) -> int:
    """Return the last flash that started before a time."""
    return max(row for row, flash_start in enumerate(start) if flash_start < time)


def since(events: list[float], now: float) -> float:
    """Return the time since the last event at or before now."""
    return now - max((event for event in events if event <= now), default=NAN)


def rows_since(flags: list[bool], row: int) -> int:
    """Return the rows since the last True; -1 before the first."""
    return next((row - earlier for earlier in range(row, -1, -1) if flags[earlier]), -1)


def flash_table(
    start: list[float], change: list[bool], omitted: list[bool], licks: list[float], rewards: list[float]
) -> list[Row]:
    """Return the flash table without trials, running and pupil."""
    rows: list[Row] = []
    end_of_task = start[-1] + FLASH
    shown = [time for time, is_omitted in zip(start, omitted, strict=True) if not is_omitted]
    in_task = [lick for lick in licks if shown and shown[0] < lick <= end_of_task]
    bouts = lick_bouts(in_task, rewards)
    began = [flash_of(bout["start"], start) for bout in bouts]
    ended = [flash_of(bout["end"], start) for bout in bouts]
    for row, now in enumerate(start):
        stop = start[row + 1] if row + 1 < len(start) else end_of_task
        inside = [lick for lick in licks if now < lick <= stop]
        n_starts, n_ends = began.count(row), ended.count(row)
        is_open = sum(flash < row for flash in began) > sum(flash < row for flash in ended)
        rows.append(
            {
                "n_licks": len(inside),
                "licked": bool(inside),
                "first_lick_time": inside[0] if inside else NAN,
                "lick_latency": inside[0] - now if inside else NAN,
                "num_bout_start": n_starts,
                "bout_start": n_starts > 0,
                "bout_number": max(number for number, flash in enumerate(began, 1) if flash == row)
                if n_starts
                else NAN,
                "num_bout_end": n_ends,
                "bout_end": n_ends > 0,
                "in_lick_bout": is_open and not (n_starts and n_ends),
                "n_rewards": sum(now < reward <= stop for reward in rewards),
                "rewarded": any(now < reward <= stop for reward in rewards),
            }
        )
    events = {
        "change": [time for time, flag in zip(start, change, strict=True) if flag],
        "omitted": [time for time, flag in zip(start, omitted, strict=True) if flag],
        "lick": licks,
        "bout": [bout["start"] for bout in bouts],
        "reward": rewards,
    }
    flags = {
        "change": change,
        "omitted": omitted,
        "lick": [row["licked"] for row in rows],
        "bout": [row["bout_start"] for row in rows],
        "bout_end": [row["bout_end"] for row in rows],
        "reward": [row["rewarded"] for row in rows],
    }
    for number, row in enumerate(rows):
        row |= {f"time_from_last_{name}": since(times, start[number]) for name, times in events.items()}
        row |= {f"flashes_from_last_{name}": rows_since(values, number) for name, values in flags.items()}
    return rows


def could_change(
    start: list[float],
    change: list[bool],
    omitted: list[bool],
    trial: list[int],
    licks: list[float],
    allow_earlier_change: bool,
    windows: list[tuple[float, float, bool]],
    counted_from_1: int | None = None,
) -> list[Row]:
    """Return which images could have changed. A window is its start, its end, and whether its ends belong to it."""
    rows: list[Row] = []
    for row in range(len(start)):
        run = row
        while run > 0 and trial[run - 1] == trial[row]:
            run -= 1
        first, last, closed = windows[row]
        responded = any(first <= lick <= last if closed else first < lick < last for lick in licks)
        earlier = [number for number in range(row) if trial[number] == trial[row]]
        previous_response = any(rows[number]["responded"] for number in earlier)
        previous_change = any(change[number] for number in earlier)
        number_in_trial = row - run + (trial[row] == counted_from_1)
        rows.append(
            {
                "flash_in_trial": number_in_trial,
                "responded": responded,
                "previous_response": previous_response,
                "previous_change": previous_change,
                "could_change": number_in_trial >= 4
                and not previous_response
                and not omitted[row]
                and not (row > 0 and omitted[row - 1])
                and (allow_earlier_change or not previous_change),
            }
        )
    return rows


def trailing_mean(values: list[float]) -> list[float]:
    """Return the triangular weighted mean over 320 rows up to each row."""
    weights = [(2 * min(k, 319 - k) + 1) / 320 for k in range(320)]
    means = []
    for row in range(len(values)):
        pairs = [(weights[319 - back], values[row - back]) for back in range(320) if row - back >= 0]
        means.append(sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs))
    return means


def centered_mean(values: list[float]) -> list[float]:
    """Return the Gaussian weighted mean over the rows from 320 before to 319 after each row, without NaN."""
    means = []
    for row in range(len(values)):
        total = weight = 0.0
        for k in range(640):
            other = row - 320 + k
            if 0 <= other < len(values) and not math.isnan(values[other]):
                share = math.exp(-(((k - 319.5) / 60) ** 2) / 2)
                total, weight = total + share * values[other], weight + share
        means.append(total / weight if weight else NAN)
    return means
