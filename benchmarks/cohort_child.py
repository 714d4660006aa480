"""One process of the cohort benchmark: ``cohort_child.py allensdk|lazynwb FILE...`` reads the trials of all files, and prints seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")


def allensdk(paths: list[str]) -> Any:
    """Open each session, and join the tables."""
    import pandas as pd
    from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession

    return pd.concat([BehaviorSession.from_nwb_path(path).trials for path in paths])


def lazynwb(paths: list[str]) -> Any:
    import lazynwb

    return lazynwb.scan_nwb(paths, "/intervals/trials").collect()


READERS = {"allensdk": allensdk, "lazynwb": lazynwb}


def main() -> None:
    read, paths = READERS[sys.argv[1]], sys.argv[2:]
    read(paths[:1])
    started = time.perf_counter()
    rows = len(read(paths))
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": rows}))


main()
