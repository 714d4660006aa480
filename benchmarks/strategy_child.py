"""Time psytrack on the regressors and responses in a file. Runs in psytrack's own environment."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import psytrack

FIRST_SIGMA = 2.0**-4


def main() -> None:
    file = np.load(sys.argv[1])
    names = file["names"].tolist()
    inputs = {name: file["x"][:, [column]] for column, name in enumerate(names)}
    data = {"y": file["y"].astype(int) + 1, "inputs": inputs}
    hyper = {"sigInit": 2.0**4, "sigma": [FIRST_SIGMA] * len(names), "sigDay": None}
    started = time.perf_counter()
    psytrack.hyperOpt(data, hyper, dict.fromkeys(names, 1), ["sigma"])
    print(json.dumps({"seconds": time.perf_counter() - started}))


main()
