"""Writes the tutorials, docs/tutorials/*.ipynb: their cells stand here, what the cells show comes from a simulated mouse.

Usage: ``python -m scripts.tutorials``. They are executed on a bucket on loopback. The tests execute them again.
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
from tests.project.mouse import make_tutorial_bucket, make_tutorial_release
from visbehavior.publish.serve import serve_bucket

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "tutorials"
NOT_EXECUTED = "skip-execution"
SECONDS = 300

INSTALL = '%pip install --quiet "visbehavior[plots]"'
MADE_UP = (
    "The numbers and images that stand here are of a simulated mouse, which carries the number of a real one: run the notebook, and you have the "
    "real one's. On Colab choose *File > Upload notebook*; the first cell installs what is needed."
)

ONE_MOUSE = [
    f"""# One mouse, day by day

Does a mouse get better at seeing that an image has changed? We take one mouse of the Allen Institute's Visual Behavior data set, look at one of its sessions, and measure all of them.

{MADE_UP}""",
    INSTALL,
    """## The data set

`from_s3_cache` opens the public bucket. Nothing is downloaded yet; what comes later stays in a folder on this machine, so that the second time needs no network.""",
    """import matplotlib.pyplot as plt
import pandas as pd

import visbehavior

pd.set_option("display.max_columns", 12)
cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
sessions = cache.get_behavior_session_table()
len(sessions)""",
    """## A mouse

`get_mouse` gives its sessions in the order in which they took place. `day` counts from the first; `has_imaging` says whether cells were imaged, which an `OPHYS_` stage alone does not.""",
    """mouse = cache.get_mouse(445002)
mouse[["session_type", "day", "has_imaging"]]""",
    """## A session

An attribute brings only its own part of the file. Ask `session.trials?` what a column means.""",
    """session = cache.get_behavior_session(mouse.index[-2])
session""",
    """session.licks.head()""",
    """session.rewards.head()""",
    """session.running_speed.head()""",
    """session.stimulus_presentations[["image_name", "start_time", "end_time", "is_change", "omitted"]].head()""",
    """A *hit* is a lick within 0.15 to 0.75 s of a change. Here are some:""",
    """session.trials.query("hit")[["change_time", "initial_image_name", "change_image_name", "response_latency", "reward_volume"]].head()""",
    """### Half a minute of it

Bands are images, a colour each; dashed ones were omitted. Ticks are licks, diamonds rewards, the line is how fast the mouse runs.""",
    """start = session.trials.query("hit")["start_time"].iloc[5]
fig, ax = plt.subplots(figsize=(15, 5), layout="constrained")
visbehavior.plot_timeline(
    session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, start + 30
);""",
    """## How good is it?

d' says how well the mouse tells changes from no changes: 0 is chance. The metrics are of windows of 100 trials that roll over the session; `max_dprime` is that of its best stretch.""",
    """metrics = session.get_performance_metrics()
{name: round(metrics[name], 3) for name in ("hit_trial_count", "miss_trial_count", "mean_hit_rate", "mean_dprime", "max_dprime")}""",
    """Rates in these metrics are means of rolling rates. The plain ones, hits over go trials, stand beside them:""",
    """rates = visbehavior.compute_session_rates(session.trials)
{name: round(rate, 3) for name, rate in rates.items()}""",
    """## All its days

`get_performance_table` opens all sessions at once, measures them, and puts the metrics beside what the table of sessions knows of each.""",
    """table = cache.get_performance_table(mouse.index)
table[["session_type", "trial_count", "hit_trial_count", "mean_hit_rate", "max_dprime"]]""",
    """fig, ax = plt.subplots(figsize=(11, 6), layout="constrained")
visbehavior.plot_max_dprime(table, ax);""",
    """## What to try

- Another mouse: `sessions["mouse_id"].unique()`.
- The rolling rates of a session: `session.get_rolling_performance_df()`.
- Passive sessions, where no lick is rewarded: `table["session_type"].str.contains("passive")`.""",
]

STREAMING = [
    f"""# Behavior out of an imaging file

A session with imaging has no file of its own for the behavior: it is part of a plane's file, 0.2 to 1.8 GB. visbehavior brings the parts that you ask for. How much is that?

{MADE_UP}""",
    INSTALL,
    """import visbehavior

cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
mouse = cache.get_mouse(445002)
cache.get_ophys_experiment_table()
imaged = mouse.index[mouse["has_imaging"]]
before = cache.traffic
session = cache.get_behavior_session(imaged[0])
cache.traffic.bytes - before.bytes""",
    """Opening moves nothing. The licks:""",
    """def moved(read):
    before = cache.traffic
    read()
    now = cache.traffic
    print(f"{now.requests - before.requests} requests, {(now.bytes - before.bytes) / 1e6:.2f} MB")


moved(lambda: session.licks)""",
    """The performance of the session, and once more: what came is kept, in memory, and in a folder for the next time.""",
    """moved(lambda: session.get_performance_metrics())
moved(lambda: cache.get_behavior_session(imaged[0]).get_performance_metrics())""",
    """Everything of the behavior but the images that were shown:""",
    """moved(lambda: [session.trials, session.rewards, session.running_speed, session.stimulus_presentations])""",
    """Should you want the whole file after all, this finishes what was begun, verifies every byte of it, and shows how far it is:

```python
cache.get_behavior_session(imaged[0], download=True)
```""",
    """session.source""",
]

TUTORIALS = {"one_mouse": ONE_MOUSE, "streaming": STREAMING}


def notebook_of(cells: list[str]) -> nbformat.NotebookNode:
    """The notebook, not executed."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, text in enumerate(cells):
        cell = nbformat.v4.new_code_cell(text) if _is_code(text) else nbformat.v4.new_markdown_cell(text)
        cell.id = f"cell-{number:02}"
        if text == INSTALL:
            cell.metadata.tags = [NOT_EXECUTED]
        made.cells.append(cell)
    return made


def execute(notebook: nbformat.NotebookNode, folder: pathlib.Path, endpoint: str) -> None:
    """Run a notebook in a folder, with its own cache, on the bucket that is served there."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "VISBEHAVIOR_CACHE_DIR": str(folder / "cache")}
    # Images are to come into the notebook, whatever they do elsewhere.
    environment.pop("MPLBACKEND", None)
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
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
def served(name: str, folder: pathlib.Path) -> Iterator[str]:
    """The endpoint of the bucket on which a tutorial runs; that of imaging files cannot be made by `build_release` yet."""
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
        with tempfile.TemporaryDirectory() as made, served(name, pathlib.Path(made) / "bucket") as endpoint:
            notebook, home = notebook_of(cells), pathlib.Path(made) / name
            home.mkdir()
            execute(notebook, home, endpoint)
            for cell in notebook.cells:
                # When it ran is nobody's business.
                cell.metadata.pop("execution", None)
            text = nbformat.writes(notebook).replace(str(home), "/home/me").replace(endpoint + "/", "s3://")
            (FOLDER / f"{name}.ipynb").write_text(text + "\n")


if __name__ == "__main__":
    main()
