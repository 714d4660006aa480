"""Run notebook cells in IPython, with visbehavior installed as AllenSDK.

Usage: ``python notebook_child.py VERSION CELLS.json OUT.json``. CELLS is a list of code cells. OUT gets the value of each
cell: index, columns and length of a table, other values as JSON or text. Figures are saved as OUT.NUMBER.png. The run
stops at the first cell that fails.
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


def summarize(value: object) -> object:
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
        results.append(summarize(done.result))
        for number in plt.get_fignums():
            plt.figure(number).savefig(f"{out}.{number}.png")
    pathlib.Path(out).write_text(json.dumps(results, default=repr))


main()
