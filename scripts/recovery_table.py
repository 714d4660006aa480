"""Print the table of docs/strategy.md: how well the strategies of eight simulated mice are recovered.

Usage: ``python scripts/recovery_table.py``. It takes about ten minutes. No test runs it.
"""

from __future__ import annotations

import warnings

import pandas as pd

from visbehavior import BehaviorSession, Mouse, compute_recovery, simulate

MICE = ((0.5, 3.2), (2.0, 3.2), (0.5, 0.5), (2.0, 0.5))
"""Sensitivity and timing of four mice; four more have the same and lick more. All are engaged."""
MINUTES = (15, 60)
SIMULATED_MICE = 8


def flash_table(seed: int, minutes: int) -> pd.DataFrame:
    """Return the flash table of a mouse that is simulated once, cut to its first minutes."""
    sensitivity, timing = MICE[seed % 4]
    mouse = Mouse(sensitivity=sensitivity, timing=timing, impulsivity=seed // 4, engagement=3)
    session = BehaviorSession.from_json(
        {"behavior_stimulus_file": simulate("OPHYS_3_images_A", mouse=mouse, minutes=60, seed=seed + 1)}
    )
    table = session.get_flash_table()
    return table[table["start_time"] < table["start_time"].iloc[0] + 60 * minutes]


def row(seed: int, minutes: int) -> str:
    """Return a row of the table."""
    recovery = compute_recovery(flash_table(seed, minutes), mice=SIMULATED_MICE)
    weight, strategy = recovery.indices.loc["weight_index"], recovery.indices.loc["strategy_index"]
    coverage = recovery.weights[["coverage", "wide_coverage"]].mean()
    cells = [
        f"{seed + 1}, {minutes} min",
        f"{recovery.flashes:,}",
        f"{recovery.bouts:,}",
        f"{strategy['planted']:.1f} ± {strategy['spread']:.1f}",
        f"{strategy['bias']:.1f}",
        f"{weight['planted']:.2f} ± {weight['spread']:.2f}",
        f"{weight['bias']:.2f}",
        f"{coverage.iloc[0]:.0%}, {coverage.iloc[1]:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("| mouse | flashes | bouts | strategy index | its bias | weight index | its bias | coverage, wide |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in range(8):
        for minutes in MINUTES:
            print(row(seed, minutes), flush=True)
