"""Write the tutorials, docs/tutorials/*.ipynb, from the cells below. The outputs come from a simulated mouse.

Usage: ``python -m scripts.tutorials``. The notebooks are executed with a bucket on the loopback interface; the tests execute them again.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import nbformat
from nbclient import NotebookClient

from tests.faultserver import FaultServer
from tests.project.mouse_buckets import make_tutorial_bucket, make_tutorial_planes, make_tutorial_release
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

Does a mouse get better at detecting image changes? In this notebook you choose one mouse of the Allen Institute's Visual Behavior data set, look at one of its sessions, and compute its performance in all of them.

{SIMULATED}""",
    INSTALL,
    """## The data set

`from_s3_cache` opens the public bucket. A table is downloaded when it is needed. Everything that is downloaded is kept in a cache folder, so the second time you need no network.""",
    """import matplotlib.pyplot as plt
import pandas as pd

import visbehavior

pd.set_option("display.max_columns", 12)
cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
sessions = cache.get_behavior_session_table()
len(sessions)""",
    """## A mouse

`get_mouse` returns the sessions of a mouse in order of acquisition. `day` counts from the first session. `has_imaging` is True if the session has imaging data. Some `OPHYS_` sessions have none.""",
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
    """A *hit* is a trial with a change and a lick 0.15 to 0.75 s after it. These are the first hits:""",
    """session.trials.query("hit")[["change_time", "initial_image_name", "change_image_name", "response_latency", "reward_volume"]].head()""",
    """### Half a minute of the session

Colored bands are images, one color each; dashed bands are omissions. Ticks are licks, diamonds are rewards, and the line is the running speed.""",
    """start = session.trials.query("hit")["start_time"].iloc[5]
fig, ax = plt.subplots(figsize=(15, 5), layout="constrained")
visbehavior.plot_timeline(
    session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, start + 30
);""",
    """## Performance in the session

d' measures how well the mouse distinguishes changes from sham changes, which are times at which the image could have changed but did not; 0 is chance. The metrics are computed in a window of 100 trials that moves through the session. `mean_dprime` is the mean over all windows, and `max_dprime` is the highest value.""",
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
- Passive sessions, in which the mouse cannot lick: `table["session_type"].str.contains("passive")`.
- The tutorial *Engagement, and responses to changes and omissions*, and the page *Recipes* of the documentation.""",
]

STREAMING = [
    f"""# Behavior from an imaging file

An imaging session has no behavior file of its own. Its behavior is stored in the files of its imaging planes, which have 0.2 to 1.8 GB each. visbehavior downloads only the parts that you use. This notebook measures how much that is.

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
    """The performance metrics, computed twice. The second time nothing is downloaded, because the cache folder has all the parts that are needed.""",
    """print_traffic(lambda: session.get_performance_metrics())
print_traffic(lambda: cache.get_behavior_session(imaged[0]).get_performance_metrics())""",
    """All other behavior tables:""",
    """print_traffic(lambda: [session.trials, session.rewards, session.running_speed, session.stimulus_presentations])""",
    """To download the complete file, use `download=True`. The cached parts are not downloaded again, every byte is verified, and a bar shows the progress:

```python
cache.get_behavior_session(imaged[0], download=True)
```

`source` describes the origin of a session:""",
    """session.source""",
]

RESPONSES = [
    f"""# Engagement, and responses to changes and omissions

A mouse does not take part in the task all the time. When is it engaged, and how does it respond to changes and omissions? In this notebook you choose one session, compare the published definitions of engagement, and align running, licks and the activity of cells to events.

{SIMULATED}""",
    '%pip install --quiet "visbehavior[plots,imaging]"',
    """## The flash table

The flash table has one row per flash or omission: what was shown, and what the mouse did. `session.get_flash_table?` explains the columns.""",
    """import matplotlib.pyplot as plt

import visbehavior

cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
mouse = cache.get_mouse(445002)
active = mouse[mouse["session_type"].str.match("OPHYS_[1346]")]
session = cache.get_behavior_session(active.index[-1])
flashes = session.get_flash_table()
flashes[["start_time", "image_name", "is_change", "omitted", "n_licks", "bout_start", "time_from_last_reward"]].head()""",
    """How often does a lick bout begin at a change, at an omission, and at any other flash?""",
    """kind = flashes["is_change"].map({True: "change", False: "other flash"}).where(~flashes["omitted"], "omission")
flashes.groupby(kind)["bout_start"].agg(["mean", "size"])""",
    """## Engagement

Six published definitions are all called "engaged". In this table, the first column is the fraction of engaged flashes. The other columns are the fraction of flashes at which two definitions disagree.""",
    """visbehavior.compare_engagement(session).round(2)""",
    """fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
visbehavior.plot_engagement(flashes, session.trials, ax)
plt.show()""",
    """No definition is the right one, so name the one that you use. This notebook continues with `sdk`, the definition of AllenSDK. It needs the trials.""",
    """engaged = visbehavior.compute_engagement(flashes, "sdk", session.trials)
visbehavior.compute_engaged_periods(flashes, engaged)""",
    """## Running around changes

`compute_session_response` returns an array of events x times. Here it is the running speed from 1 s before to 3 s after each hit and each miss. Every event has a row. `problems` counts the events that are partly or entirely outside the recording.""",
    """running = {
    name: visbehavior.compute_session_response(session, "running", name, (-1, 3)) for name in ("hits", "misses")
}
running["hits"].attrs["problems"]""",
    """fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
visbehavior.plot_triggered(running, ax, ylabel="running speed (cm/s)")
plt.show()""",
    """The mouse stops to drink. The bands are 95 % confidence intervals by bootstrap over events.

## Licks around omissions, by engagement

The rows of the array are labeled with the rows of the flash table, so any column can select events.""",
    """licks = visbehavior.compute_session_response(session, "licks", "omissions", (-1, 2))
is_engaged = engaged.loc[licks["event"].to_numpy()].to_numpy()
conditions = {"engaged": licks[is_engaged], "not engaged": licks[~is_engaged]}
conditions = {name: response for name, response in conditions.items() if len(response)}

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
visbehavior.plot_triggered(conditions, ax, ylabel="licks per stimulus frame")
plt.show()""",
    """## Responses by pair of images

Each value is the fraction of flashes with a lick. Rows are the previous image, columns the current one. The diagonal has the false alarms: licks at flashes at which the image could have changed but did not.""",
    """matrix = visbehavior.compute_response_matrix(flashes, session.licks, session.trials)
matrix.mean.round(2)""",
    """## Cells

An imaging plane has the same tables, and traces of cells. Here a plane is simulated for the session. `cache.get_behavior_ophys_experiment(ophys_experiment_id)` opens one from the public bucket.""",
    """plane = visbehavior.simulate_imaging(session, cells=20, seed=1)
dff = {
    name: visbehavior.compute_session_response(plane, "dff", name, (-0.5, 1.5)) for name in ("changes", "omissions")
}
dff["changes"].sizes""",
    """`compute_mean_response` returns two means of dF/F for each event and cell: the response, in the 0.5 s after the event, and the baseline, in the 0.5 s before it. For omissions both are 0.75 s long. dF/F is the change of a cell's fluorescence relative to its baseline.""",
    """means = visbehavior.compute_mean_response(dff["changes"])
means.groupby("cell")[["mean_response", "baseline_response"]].mean().head()""",
    """The cell with the largest response to changes, and its response to omissions, by engagement:""",
    """difference = (means["mean_response"] - means["baseline_response"]).groupby(means["cell"]).mean()
best = difference.idxmax()

fig, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained", sharey=True)
for ax, (name, response) in zip(axes, dff.items()):
    is_engaged = engaged.loc[response["event"].to_numpy()].to_numpy()
    cell = response.sel(cell=best)
    conditions = {"engaged": cell[is_engaged], "not engaged": cell[~is_engaged]}
    visbehavior.plot_triggered({key: part for key, part in conditions.items() if len(part)}, ax, ylabel="dF/F")
    ax.set_title(name)
plt.show()""",
    """Does this cell really respond? The ground truth of the simulation has the answer: these are the gains with which the cell was simulated. In a real plane, `compute_response_p_values` compares responses with the gray period before the task.""",
    """planted = plane.gains.set_axis(plane.cell_specimen_table["cell_roi_id"])
planted.loc[best].round(2)""",
]
ONE_PLANE = [
    """# One imaging plane

While the mouse does the task, a microscope records a plane of visual cortex. In this notebook you find a plane, look at its cells, and see how they respond to changes. The file has more than 1 GB, but only the parts that you use are downloaded.

The outputs below are from a simulated plane. Run the notebook to get a real one. On Colab, choose *File > Upload notebook*; the first cell installs the package.""",
    '%pip install --quiet "visbehavior[plots,imaging]"',
    """## Find a plane

The table of imaging planes has one row per plane: the mouse and its Cre line, area and depth, session type, and container. The container is the same in all sessions in which the same plane was imaged.""",
    """import matplotlib.pyplot as plt
import numpy as np

import visbehavior

cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache()
planes = cache.get_ophys_experiment_table()
planes.groupby(["cre_line", "targeted_structure"])["imaging_depth"].agg(["size", "min", "max"])""",
    """active = planes[~planes["passive"].astype(bool)]
experiment = cache.get_behavior_ophys_experiment(active.index[0])
experiment.metadata["targeted_structure"], experiment.metadata["imaging_depth"], experiment.metadata["indicator"]""",
    """AllenSDK calls an imaging plane an experiment. It has everything that a session has (`experiment.trials`, `experiment.licks` ...), and its cells.

## The cells

The maximum projection shows the brightest value of each pixel. The outlines are the cells.""",
    """before = cache.traffic
visbehavior.plot_plane(experiment)
plt.show()
print(f"{(cache.traffic.bytes - before.bytes) / 1e6:.1f} MB in {cache.traffic.requests - before.requests} requests")""",
    """experiment.cell_specimen_table[["cell_roi_id", "x", "y", "width", "height", "valid_roi"]].head()""",
    """A cell has two ids. `cell_roi_id` is its id in this session. `cell_specimen_id` is the same in all sessions in which the cell was found again.

## One cell

`dff_trace` returns the dF/F of one cell, with times. dF/F is the change of a cell's fluorescence relative to its baseline. The file stores frame after frame, so a short range of times downloads only a small part of it.""",
    """roi = experiment.cell_specimen_table["cell_roi_id"].iloc[0]
trace = experiment.dff_trace(cell_roi_id=roi, start=60, stop=90)
trace""",
    """visbehavior.plot_traces(experiment, start=60, stop=90)
plt.show()""",
    """## All cells

`traces` returns a view of all cells and times. Values are read when the view is indexed. Other kinds of traces are `"events"`, `"filtered_events"`, `"corrected"`, `"demixed"` and `"neuropil"`.""",
    """dff = experiment.traces("dff")
dff""",
    """visbehavior.plot_population(experiment, start=60, stop=120)
plt.show()""",
    """## Responses to changes

Here dF/F is aligned to the changes of go trials, from 0.5 s before to 1.5 s after, and averaged over changes.""",
    """changes = experiment.trials.loc[experiment.trials["go"], "change_time"]
response = visbehavior.compute_event_triggered(dff["time"], dff.values.T, changes, (-0.5, 1.5))
mean = response.mean("event")
strength = mean.sel(time=slice(0.1, 0.8)).mean("time") - mean.sel(time=slice(-0.5, 0)).mean("time")
strongest = int(strength.argmax("cell"))
dff["cell_roi_id"].values[strongest], round(float(strength.max()), 2)""",
    """fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
visbehavior.plot_triggered({"go trials": response[:, :, strongest]}, ax, ylabel="dF/F")
plt.show()""",
    """## What to try next

- `experiment.to_pynapple("dff", "trials")` returns pynapple objects, and `experiment.tensor(...)` returns arrays for machine learning.
- The tutorial *Engagement, and responses to changes and omissions* has more on events and conditions.
- `visbehavior.write_nwb(experiment, "plane.nwb")` writes the plane to a file.""",
]

STRATEGY = [
    """# Why does the mouse lick?

Some mice lick because the image changed, others because some time has passed. In this notebook you simulate mice whose strategy is known, fit the model of Piet et al. (2024) to their sessions, and see how well the fits recover what was simulated.

Nothing is downloaded. With the public data, a session comes from `cache.get_behavior_session(...)`, and the rest is the same. On Colab, choose *File > Upload notebook*; the first cell installs the package.""",
    INSTALL.replace("plots", "models,plots,raw"),
    """## Three mice

`sensitivity` is the effect of a change, in standard deviations from the mean of all mice. `timing` is how much the log-odds of a lick bout rise with the time since the last one. `raw["simulation"]["drivers"]` has the values of the session.""",
    """import matplotlib.pyplot as plt
import pandas as pd

import visbehavior
from visbehavior import BehaviorSession, Mouse, simulate

mice = {
    "visual": Mouse(sensitivity=1.5, impulsivity=-1.0, timing=0.5),
    "timing": Mouse(sensitivity=-1.0, timing=5.0),
    "both": Mouse(sensitivity=0.5, engagement=-0.5),
}
raw = {name: simulate("OPHYS_3_images_A", mouse=mouse, seed=1) for name, mouse in mice.items()}
drivers = ["bias", "sensitivity", "timing"]
pd.DataFrame({name: {driver: log["simulation"]["drivers"][driver] for driver in drivers} for name, log in raw.items()}).T.round(2)""",
    """sessions = {name: BehaviorSession.from_json({"behavior_stimulus_file": log}) for name, log in raw.items()}
sessions["visual"]""",
    """## The regressors

Each row of `X` is a flash at which a lick bout can begin, and `y` is True where one begins. `task0` is 1 at a change, and `timing1D` rises from -1 to 0 with the number of flashes since the last bout. The mean of each is subtracted.""",
    """flashes = {name: session.get_flash_table() for name, session in sessions.items()}
regressors = {name: visbehavior.compute_strategy_regressors(table) for name, table in flashes.items()}
regressors["visual"].X.round(3).head()""",
    """## Weights, flash by flash

The weights drift. A band is two standard deviations wide on each side.""",
    """fits = {name: session.fit_strategy() for name, session in sessions.items()}
fits["visual"].plot()
plt.show()""",
    """Over the session, the mean weights separate the three mice as planted: the weight of `task0` follows the sensitivity, and that of `timing1D` follows the timing.""",
    """pd.DataFrame({name: fit.weights.mean() for name, fit in fits.items()}).T.round(2)""",
    """## The strategy index

A dropout score says how much the evidence of the model falls without a regressor. The strategy index compares the scores of `timing1D` and `task0`: above 0 the strategy is visual, else timing.""",
    """dropouts = {name: visbehavior.compute_dropout_scores(r.X, r.y) for name, r in regressors.items()}
pd.DataFrame({name: {"strategy index": d.strategy_index, "strategy": d.strategy} for name, d in dropouts.items()}).T""",
    """visbehavior.plot_dropouts(dropouts["visual"])
plt.show()""",
    """## How far to trust it

`compute_recovery` simulates mice with the fitted weights of a session, fits them, and compares. An index means something if it differs from 0 by more than two spreads.""",
    """recovery = visbehavior.compute_recovery(sessions["visual"], mice=4)
recovery.indices.round(2)""",
    """recovery.weights.round(2)""",
    """## States

`fit_states` describes sessions by hidden states with constant weights, between which the mouse changes. In state 0 the mouse responds most. The mouse `both` stops and starts working.""",
    """X, y = regressors["both"].X, regressors["both"].y
states = visbehavior.fit_states([(X, y)], n_states=2)
states.weights.round(2)""",
    """visbehavior.plot_states(states.sessions[0])
plt.show()""",
    """The simulation knows at which flashes the mouse was engaged. At how many of them does state 0 agree?""",
    """engaged = pd.Series(raw["both"]["simulation"]["engaged"], index=flashes["both"].index)[X.index]
agreement = (states.sessions[0].most_likely == 0) == engaged
print(f"state 0 agrees at {agreement.mean():.0%} of flashes; the mouse was engaged at {engaged.mean():.0%}")""",
    """## What to try next

- `visbehavior strategy --mouse 445002` fits all sessions of a mouse and prints a row for each.
- The page *Strategy and states* describes the model and its limits.
- The tutorial *Engagement, and responses to changes and omissions* has other definitions of engagement.""",
]

TUTORIALS = {
    "one_mouse": ONE_MOUSE,
    "one_plane": ONE_PLANE,
    "streaming": STREAMING,
    "responses": RESPONSES,
    "strategy": STRATEGY,
}


def make_notebook(cells: list[str]) -> nbformat.NotebookNode:
    """Return a notebook with these cells, not executed."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, text in enumerate(cells):
        cell = nbformat.v4.new_code_cell(text) if _is_code(text) else nbformat.v4.new_markdown_cell(text)
        cell.id = f"cell-{number:02}"
        if text.startswith("%pip"):
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


_RELEASES: dict[str, Callable[[pathlib.Path], pathlib.Path]] = {
    "one_plane": make_tutorial_planes,
    # In the last session of this mouse about half of the flashes are engaged.
    "responses": partial(make_tutorial_release, engagement=0.5, seed=2, minutes=29),
}


@contextmanager
def serve_tutorial(name: str, folder: pathlib.Path) -> Iterator[str]:
    """Serve the bucket of a tutorial and yield its endpoint. The files of "streaming" have the size of real ones."""
    if name != "streaming":
        make_release = _RELEASES.get(name, make_tutorial_release)
        with serve_bucket(make_release(folder)) as endpoint:
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
