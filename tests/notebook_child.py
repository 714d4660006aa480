"""Runs the cells of a notebook as a front end would, with visbehavior in AllenSDK's place.

Usage: ``python notebook_child.py VERSION CELLS.json OUT.json``. CELLS is a list of texts; what the last line of each gives
is written to OUT as text, the columns of tables and other lists as they are. The first cell that fails ends it.
"""

from __future__ import annotations

import json
import pathlib
import sys

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

import visbehavior


def shown(value: object) -> object:
    if isinstance(value, pd.DataFrame):
        return {"index": value.index.name, "columns": list(value), "rows": len(value)}
    return value if isinstance(value, (list, dict, str, int, float)) else repr(value)


def main() -> None:
    version, cells, out = sys.argv[1:]
    visbehavior.install_as_allensdk(version)
    shell = InteractiveShell.instance()
    results = []
    for cell in json.loads(pathlib.Path(cells).read_text()):
        done = shell.run_cell(cell)
        done.raise_error()
        results.append(shown(done.result))
        for number in plt.get_fignums():
            plt.figure(number).savefig(f"{out}.{number}.png")
    pathlib.Path(out).write_text(json.dumps(results, default=repr))


main()
