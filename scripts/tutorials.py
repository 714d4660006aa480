"""Write the tutorials, docs/tutorials/*.ipynb, from the cells below. The outputs come from a simulated mouse.

Usage: ``python -m scripts.tutorials``. The notebooks are executed with a bucket on the loopback interface; the tests execute them again.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import nbformat
from nbclient import NotebookClient

from tests.faultserver import FaultServer
from tests.project.mouse_buckets import make_tutorial_bucket, make_tutorial_release
from visbehavior.publish.serve import serve_bucket

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "tutorials"
NOT_EXECUTED = "skip-execution"
CELL_TIMEOUT = 300
"""Seconds."""

INSTALL = '%pip install --quiet "visbehavior[plots]"'
SIMULATED = (
    "The outputs below are from a simulated mouse with the id of a real one. Run the notebook to get the data of the real mouse. On Colab, choose "
    "*File > Upload notebook*; the first cell installs the package."
)

ONE_MOUSE = [
    f"""# One mouse, day by day

Does a mouse get better at detecting a change of an image? We take one mouse of the Allen Institute's Visual Behavior data set, look at one of its sessions, and compute the performance in all of them.

{SIMULATED}""",
    INSTALL,
    """## The data set

`from_s3_cache` opens the public bucket and downloads the tables when they are needed. Everything that is downloaded is kept in a cache folder, so the second time you need no network.""",
    """import matplotlib.pyplot as plt
import pandas as pd

import visbehavior

pd.set_option("display.max_columns", 12)
cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
sessions = cache.get_behavior_session_table()
len(sessions)""",
    """## A mouse

`get_mouse` returns the sessions of a mouse in order of acquisition. `day` counts from the first session. `has_imaging` says whether there are imaging data; not every `OPHYS_` session has them.""",
    """mouse = cache.get_mouse(445002)
mouse[["session_type", "day", "has_imaging"]]""",
    """## A session

Each attribute downloads only its own part of the file. `session.trials?` explains the columns.""",
    """session = cache.get_behavior_session(mouse.index[-2])
session""",
    """session.licks.head()""",
    """session.rewards.head()""",
    """session.running_speed.head()""",
    """session.stimulus_presentations[["image_name", "start_time", "end_time", "is_change", "omitted"]].head()""",
    """A *hit* is a trial with a lick 0.15 to 0.75 s after the change. These are the first hits:""",
    """session.trials.query("hit")[["change_time", "initial_image_name", "change_image_name", "response_latency", "reward_volume"]].head()""",
    """### Half a minute of the session

Colored bands are images, one color each; dashed bands are omissions. Ticks are licks, diamonds are rewards, and the line is the running speed.""",
    """start = session.trials.query("hit")["start_time"].iloc[5]
fig, ax = plt.subplots(figsize=(15, 5), layout="constrained")
visbehavior.plot_timeline(
    session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, start + 30
);""",
    """## Performance in the session

d' measures how well the mouse distinguishes changes from sham changes; 0 is chance. The metrics are computed in a window of 100 trials that moves through the session. `mean_dprime` is the mean over all windows, and `max_dprime` is the highest value.""",
    """metrics = session.get_performance_metrics()
{name: round(metrics[name], 3) for name in ("hit_trial_count", "miss_trial_count", "mean_hit_rate", "mean_dprime", "max_dprime")}""",
    """The rates in these metrics are means of rolling rates. The plain rates of the session, such as hits / go trials, are:""",
    """rates = visbehavior.compute_session_rates(session.trials)
{name: round(rate, 3) for name, rate in rates.items()}""",
    """## All sessions

`get_performance_table` computes the metrics of all sessions and returns them with the columns of the session table.""",
    """table = cache.get_performance_table(mouse.index)
table[["session_type", "trial_count", "hit_trial_count", "mean_hit_rate", "max_dprime"]]""",
    """fig, ax = plt.subplots(figsize=(11, 6), layout="constrained")
visbehavior.plot_max_dprime(table, ax);""",
    """## What to try next

- Another mouse: `sessions["mouse_id"].unique()` lists them.
- The rolling rates of a session: `session.get_rolling_performance_df()`.
- Passive sessions, in which the mouse cannot lick: `table["session_type"].str.contains("passive")`.""",
]

STREAMING = [
    f"""# Behavior from an imaging file

An imaging session has no behavior file of its own: its behavior is stored in the files of its imaging planes, which have 0.2 to 1.8 GB. visbehavior downloads only the parts that you use. How much is that?

{SIMULATED}""",
    INSTALL,
    """import visbehavior

cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
mouse = cache.get_mouse(445002)
cache.get_ophys_experiment_table()
imaged = mouse.index[mouse["has_imaging"]]
before = cache.traffic
session = cache.get_behavior_session(imaged[0])
cache.traffic.bytes - before.bytes""",
    """Opening the session downloads nothing. The licks:""",
    """def print_traffic(read):
    before = cache.traffic
    read()
    after = cache.traffic
    print(f"{after.requests - before.requests} requests, {(after.bytes - before.bytes) / 1e6:.2f} MB")


print_traffic(lambda: session.licks)""",
    """The performance metrics, and then the same once more. The second time nothing is downloaded, because the cache folder has all parts that are needed.""",
    """print_traffic(lambda: session.get_performance_metrics())
print_traffic(lambda: cache.get_behavior_session(imaged[0]).get_performance_metrics())""",
    """All other behavior tables:""",
    """print_traffic(lambda: [session.trials, session.rewards, session.running_speed, session.stimulus_presentations])""",
    """To download the complete file, use `download=True`. The parts that you have are not downloaded again, every byte is verified, and a bar shows the progress:

```python
cache.get_behavior_session(imaged[0], download=True)
```

`source` tells where a session comes from:""",
    """session.source""",
]

TUTORIALS = {"one_mouse": ONE_MOUSE, "streaming": STREAMING}


def make_notebook(cells: list[str]) -> nbformat.NotebookNode:
    """Return a notebook with these cells, not executed."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, text in enumerate(cells):
        cell = nbformat.v4.new_code_cell(text) if _is_code(text) else nbformat.v4.new_markdown_cell(text)
        cell.id = f"cell-{number:02}"
        if text == INSTALL:
            cell.metadata.tags = [NOT_EXECUTED]
        notebook.cells.append(cell)
    return notebook


def execute(notebook: nbformat.NotebookNode, folder: pathlib.Path, endpoint: str) -> None:
    """Execute a notebook in a folder, with its own cache and the bucket of an endpoint."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "VISBEHAVIOR_CACHE_DIR": str(folder / "cache")}
    # The backend of the environment would keep figures out of the notebook.
    environment.pop("MPLBACKEND", None)
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment)


def _is_code(text: str) -> bool:
    if text.startswith("%"):
        return True
    try:
        compile(text, "cell", "exec")
    except SyntaxError:
        return False
    return True


@contextmanager
def serve_tutorial(name: str, folder: pathlib.Path) -> Iterator[str]:
    """Serve the bucket of a tutorial and yield its endpoint. `build_release` cannot make imaging files."""
    if name != "streaming":
        with serve_bucket(make_tutorial_release(folder)) as endpoint:
            yield endpoint
        return
    bucket = make_tutorial_bucket(folder)
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        yield server.endpoint


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, cells in TUTORIALS.items():
        with (
            tempfile.TemporaryDirectory() as temporary,
            serve_tutorial(name, pathlib.Path(temporary) / "bucket") as endpoint,
        ):
            notebook, home = make_notebook(cells), pathlib.Path(temporary) / name
            home.mkdir()
            execute(notebook, home, endpoint)
            for cell in notebook.cells:
                # The times of execution would change the file each time.
                cell.metadata.pop("execution", None)
            text = nbformat.writes(notebook).replace(str(home), "/home/me").replace(endpoint + "/", "s3://")
            (FOLDER / f"{name}.ipynb").write_text(text + "\n")


if __name__ == "__main__":
    main()
