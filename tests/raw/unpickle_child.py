"""Read hostile pickles one after another, and report the outcome of each: run with a folder and the number of the first file."""

from __future__ import annotations

import faulthandler
import json
import pathlib
import pickle
import sys
import time

import numpy as np

from tests.fuzzing import check_error, limit_memory, peak_memory, report, reset_peak_memory
from visbehavior import VisBehaviorError
from visbehavior.raw.unpickle import read_pickle

SECONDS = 60
"""Time after which a file hangs."""
MEMORY = 4 << 30


def main() -> None:
    folder, first = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    good = folder / "good.pkl"
    good.write_bytes(pickle.dumps({"a": [np.arange(3.0), np.float64(2)], "b": "x"}, 2))
    expected = repr(read_pickle(good))
    limit_memory(MEMORY)
    for path in sorted(folder.glob("hostile_*.pkl"))[first:]:
        report(json.dumps({"file": path.name}))
        reset_peak_memory()
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        before, start = peak_memory(), time.monotonic()
        try:
            read_pickle(path)
            outcome = "read"
        except VisBehaviorError as error:
            check_error(error)
            outcome = f"{type(error).__name__}: {error}"
        growth, seconds = peak_memory() - before, time.monotonic() - start
        report(json.dumps({"outcome": outcome, "growth": growth, "seconds": seconds}))
        # A file must not change how the next one is read.
        assert repr(read_pickle(good)) == expected
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
