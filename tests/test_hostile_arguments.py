"""Public functions with hostile arguments: each returns, or raises a VisBehaviorError with a message of one short line.

The functions and their parameters are found through `visbehavior.__all__`. A new function needs valid arguments in `VALID`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import visbehavior
from tests.hostile import find_problems, is_one_line
from tests.imagingfiles import make_plane, write_plane
from tests.models.sessions import make_session as make_mouse
from tests.models.test_regressors import USED_COLUMNS, make_flash_table
from tests.nwbfiles import write_session
from tests.project import neuropixels_release
from tests.project.synthetic_release import FILES, PROJECT, UNREACHABLE, make_bucket_tree
from tests.rawfiles import session_data, write_raw
from tests.synthetic_session import as_session, make_eye_tracking, make_session
from visbehavior import (
    BehaviorOphysExperiment,
    BehaviorSession,
    MissingExtra,
    Mouse,
    VisBehaviorError,
    VisualBehaviorNeuropixelsProjectCache,
    VisualBehaviorOphysProjectCache,
    simulate,
)
from visbehavior.schema.session_data import SESSION_DATA_BY_KEY
from visbehavior.simulation.simulate import FIRST_DATE

FIRST_STAGE = "TRAINING_0_gratings_autorewards_15min"


class Inputs:
    """Files and objects for valid arguments. Functions write to new folders only."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.synthetic = make_session(seed=1, trials=30).replace(eye=make_eye_tracking())
        self.tables = as_session(self.synthetic, templates=False)
        self.file = write_session(folder / "session.nwb", self.synthetic)
        self.raw = simulate(FIRST_STAGE, minutes=1, seed=1)
        self.plane = write_plane(folder / "plane.nwb", make_plane())
        self.pickle = write_raw(folder / "990400001.pkl", self.raw)
        self.bucket = make_bucket_tree(folder)
        self.neuropixels_bucket = neuropixels_release.make_bucket_tree(folder / "neuropixels")
        plane = self.bucket / PROJECT / FILES["1"][0]
        plane.write_bytes(self.plane.read_bytes())
        movie = self.bucket / PROJECT / "resources" / "Movie_TOE1.npy"
        movie.parent.mkdir()
        np.save(movie, np.zeros((1, 3, 4), dtype=np.uint8))
        self._numbers = itertools.count()

    def new_folder(self) -> pathlib.Path:
        return self.folder / f"new{next(self._numbers)}"

    def session(self) -> BehaviorSession:
        return BehaviorSession.from_nwb_path(self.file)

    def experiment(self) -> BehaviorOphysExperiment:
        return BehaviorOphysExperiment.from_nwb_path(self.plane)

    def cell_ids(self) -> list[int]:
        return self.experiment().get_cell_specimen_ids().tolist()

    def cache(self) -> VisualBehaviorOphysProjectCache:
        return VisualBehaviorOphysProjectCache.from_local_cache(self.bucket, use_static_cache=True)

    def neuropixels_cache(self) -> VisualBehaviorNeuropixelsProjectCache:
        return VisualBehaviorNeuropixelsProjectCache.from_local_cache(self.neuropixels_bucket, use_static_cache=True)

    def axes(self) -> Any:
        from matplotlib.figure import Figure

        return Figure().add_subplot()

    @functools.cached_property
    def flashes(self) -> pd.DataFrame:
        return self.session().get_flash_table()

    @functools.cached_property
    def response(self) -> Any:
        return visbehavior.compute_session_response(self.session(), "running", "changes", (-0.5, 0.5))

    @functools.cached_property
    def performance(self) -> pd.DataFrame:
        return visbehavior.compute_performance_table([self.file])

    @functools.cached_property
    def regressors(self) -> dict[str, Any]:
        return dict(zip(("X", "y"), make_mouse(seed=1, flashes=120), strict=True))

    @functools.cached_property
    def strategy(self) -> visbehavior.StrategyFit:
        return visbehavior.fit_strategy(**self.regressors, sigma=0.1)

    @functools.cached_property
    def states(self) -> visbehavior.StateFit:
        return visbehavior.fit_states([tuple(self.regressors.values())], n_states=2)

    @functools.cached_property
    def tables_of_mice(self) -> dict[str, pd.DataFrame]:
        """Flashes, trials and the table of sessions of one session."""
        session = self.session()
        rates = session.get_session_rates() | session.get_performance_metrics()
        described = {"behavior_session_id": 11, "mouse_id": "1", "day": 0, "stage": "OPHYS_1"}
        return {
            "flashes": self.flashes.assign(behavior_session_id=11),
            "trials": session.trials.assign(behavior_session_id=11),
            "sessions": pd.DataFrame([described | {name: rates[name] for name in ("dprime", "max_dprime")}]),
        }

    @functools.cached_property
    def store(self) -> pathlib.Path:
        folder = self.new_folder()
        visbehavior.build_cohort(self.release_cache(), folder, tables=["licks"])
        return folder

    def release_cache(self) -> VisualBehaviorOphysProjectCache:
        return VisualBehaviorOphysProjectCache.from_local_cache(self.release, use_static_cache=True)

    def cohort(self) -> visbehavior.Cohort:
        return visbehavior.open_cohort(self.store)

    def strategy_file(self) -> pathlib.Path:
        path = self.new_folder().with_suffix(".npz")
        self.strategy.save(path)
        return path

    @functools.cached_property
    def shared_experiment(self) -> BehaviorOphysExperiment:
        """An imaging plane for functions that only read it."""
        return self.experiment()

    @functools.cached_property
    def release(self) -> pathlib.Path:
        folder = self.new_folder()
        visbehavior.build_release([self.raw], folder)
        return folder


BLINKS = {"eye_tracking_z_threshold": 3.0, "eye_tracking_dilation_frames": 2}
EVENTS = {"exclude_invalid_rois": True, "events_filter_scale_seconds": 0.065, "events_filter_n_time_steps": 20}
WINDOW = {"response_window_start": 0.15}
TENSOR = {
    "align": "changes",
    "window": (-0.2, 0.2),
    "rate": 10.0,
    "streams": ("running", "licks"),
    "max_bytes": 10_000_000,
}
BUILD = {"tables": ["licks"], "executor": None, "jobs": 1, "shard": None, "progress": False}
PRUNE = {"partial": True, "other_releases": True, "dry_run": False}
BOOTSTRAP = {"draws": 5, "seed": 0, "level": 0.9}

VALID: dict[str, Callable[[Inputs], dict[str, Any]]] = {
    "BehaviorSession": lambda i: {"reader": i.session()._reader, "allensdk_version": "2.16", **BLINKS},
    "BehaviorSession.from_nwb_path": lambda i: {"nwb_path": i.file, "allensdk_version": "2.16", **BLINKS},
    "BehaviorSession.from_json": lambda i: {
        "session_data": {**dict.fromkeys(SESSION_DATA_BY_KEY), **session_data(i.pickle)},
        "allensdk_version": "2.16",
        **BLINKS,
    },
    "BehaviorSession.get_performance_metrics": lambda i: {"engaged_trial_reward_rate_threshold": 2.0},
    "BehaviorOphysExperiment": lambda i: {
        "reader": i.experiment()._reader,
        "allensdk_version": "2.16",
        **BLINKS,
        **EVENTS,
    },
    "BehaviorOphysExperiment.from_nwb_path": lambda i: {
        "nwb_path": i.plane,
        "allensdk_version": "2.16",
        **BLINKS,
        **EVENTS,
    },
    "BehaviorOphysExperiment.get_cell_specimen_indices": lambda i: {"cell_specimen_ids": i.cell_ids()},
    "BehaviorOphysExperiment.traces": lambda i: {"kind": "dff"},
    "BehaviorOphysExperiment.dff_trace": lambda i: {
        "cell_specimen_id": None,
        "cell_roi_id": i.experiment().cell_specimen_table["cell_roi_id"].iloc[0],
        "start": 5.0,
        "stop": 6.0,
    },
    "ImagingParameters": lambda i: visbehavior.ImagingParameters().__dict__,
    "simulate_imaging": lambda i: {
        "session": i.session(),
        "cells": 2,
        "seed": 0,
        "parameters": visbehavior.ImagingParameters(height=16, width=16),
    },
    "BehaviorOphysExperiment.get_dff_traces": lambda i: {"cell_specimen_ids": i.cell_ids()},
    "BehaviorOphysExperiment.tensor": lambda i: {"align": "flashes", "streams": ("dff", "running")},
    "Image": lambda i: {"data": np.zeros((2, 3)), "spacing": [1.0, 1.0], "unit": "mm"},
    "Mouse": lambda i: Mouse(seen=(FIRST_STAGE,)).__dict__,
    "Mouse.after": lambda i: {"session_type": FIRST_STAGE},
    "Source": lambda i: i.session().source.__dict__,
    "StateFit": lambda i: vars(i.states),
    "StrategyFit": lambda i: vars(i.strategy),
    "StrategyFit.plot": lambda i: {"ax": i.axes()},
    "StrategyFit.save": lambda i: {"path": i.new_folder()},
    "StrategyFit.load": lambda i: {"path": i.strategy_file()},
    "VisualBehaviorOphysProjectCache": lambda i: {
        "files": i.cache()._files,
        "allensdk_version": "2.16",
        "version": "1.1.0",
    },
    "VisualBehaviorOphysProjectCache.from_s3_cache": lambda i: {
        "cache_dir": i.new_folder(),
        "bucket_name_override": i.bucket,
        "allensdk_version": "2.16",
        "version": "1.1.0",
        "endpoint": UNREACHABLE,
    },
    "VisualBehaviorOphysProjectCache.from_local_cache": lambda i: {
        "cache_dir": i.bucket,
        "use_static_cache": True,
        "allensdk_version": "2.16",
        "version": "1.1.0",
    },
    "BehaviorSession.get_rolling_performance_df": lambda i: {"engaged": True},
    "VisualBehaviorOphysProjectCache.get_behavior_session_table": lambda i: {"suppress": ["mouse_id"]},
    "VisualBehaviorOphysProjectCache.get_ophys_session_table": lambda i: {"suppress": ["mouse_id"]},
    "VisualBehaviorOphysProjectCache.get_ophys_experiment_table": lambda i: {"suppress": ["mouse_id"]},
    "VisualBehaviorOphysProjectCache.get_ophys_cells_table": lambda i: {"suppress": ["cell_specimen_id"]},
    "VisualBehaviorOphysProjectCache.file_path": lambda i: {"behavior_session_or_experiment_id": 11},
    "VisualBehaviorOphysProjectCache.get_mouse": lambda i: {"mouse_id": 457841},
    "VisualBehaviorOphysProjectCache.get_behavior_session": lambda i: {"behavior_session_id": 11, "download": False},
    "VisualBehaviorOphysProjectCache.get_behavior_ophys_experiment": lambda i: {
        "ophys_experiment_id": 22,
        "download": False,
    },
    "VisualBehaviorOphysProjectCache.download": lambda i: {
        "behavior_session_ids": [11],
        "ophys_experiment_ids": [22],
        "jobs": 2,
        "progress": False,
        "failures": None,
    },
    "VisualBehaviorOphysProjectCache.prune": lambda i: PRUNE,
    "VisualBehaviorNeuropixelsProjectCache.prune": lambda i: PRUNE,
    "VisualBehaviorOphysProjectCache.verify": lambda i: {"repair": False, "progress": False},
    "VisualBehaviorOphysProjectCache.get_performance_table": lambda i: {
        "ids": [11],
        "engaged_trial_reward_rate_threshold": 2.0,
        "progress": False,
        "failures": None,
    },
    "VisualBehaviorOphysProjectCache.get_natural_movie_template": lambda i: {"n_workers": 1},
    "VisualBehaviorOphysProjectCache.load_manifest": lambda i: {"manifest_name": i.cache().current_manifest()},
    "VisualBehaviorOphysProjectCache.compare_manifests": lambda i: dict.fromkeys(
        ("manifest_0_name", "manifest_1_name"), i.cache().current_manifest()
    ),
    "VisualBehaviorNeuropixelsProjectCache": lambda i: {
        "files": i.neuropixels_cache()._files,
        "allensdk_version": "2.16",
        "version": neuropixels_release.VERSION,
    },
    "VisualBehaviorNeuropixelsProjectCache.from_s3_cache": lambda i: {
        "cache_dir": i.new_folder(),
        "bucket_name_override": i.neuropixels_bucket,
        "allensdk_version": "2.16",
        "version": neuropixels_release.VERSION,
        "endpoint": UNREACHABLE,
    },
    "VisualBehaviorNeuropixelsProjectCache.from_local_cache": lambda i: {
        "cache_dir": i.neuropixels_bucket,
        "use_static_cache": True,
        "allensdk_version": "2.16",
        "version": neuropixels_release.VERSION,
    },
    "VisualBehaviorNeuropixelsProjectCache.get_ecephys_session_table": lambda i: {"filter_abnormalities": False},
    "VisualBehaviorNeuropixelsProjectCache.file_path": lambda i: {"behavior_session_id": 11},
    "VisualBehaviorNeuropixelsProjectCache.get_mouse": lambda i: {"mouse_id": 530862},
    "VisualBehaviorNeuropixelsProjectCache.get_behavior_session": lambda i: {
        "behavior_session_id": 11,
        "download": False,
    },
    "VisualBehaviorNeuropixelsProjectCache.download": lambda i: {
        "behavior_session_ids": [11],
        "jobs": 2,
        "progress": False,
        "failures": None,
    },
    "VisualBehaviorNeuropixelsProjectCache.verify": lambda i: {"repair": False, "progress": False},
    "VisualBehaviorNeuropixelsProjectCache.get_performance_table": lambda i: {
        "ids": [11],
        "engaged_trial_reward_rate_threshold": 2.0,
        "progress": False,
        "failures": None,
    },
    "VisualBehaviorNeuropixelsProjectCache.load_manifest": lambda i: {"manifest_name": neuropixels_release.MANIFEST},
    "VisualBehaviorNeuropixelsProjectCache.compare_manifests": lambda i: dict.fromkeys(
        ("manifest_0_name", "manifest_1_name"), neuropixels_release.MANIFEST
    ),
    "Cohort": lambda i: {"location": str(i.store), "description": i.cohort()._description, "parts": None},
    "Cohort.sql": lambda i: {"query": "SELECT 1", "format": "pandas"},
    "Cohort.table": lambda i: {"name": "licks", "columns": ["timestamps"], "where": "true", "format": "pandas"},
    "Cohort.describe": lambda i: {"name": "licks"},
    "Cohort.count": lambda i: {"name": "licks"},
    "Cohort.size": lambda i: {"name": "licks"},
    "open_cohort": lambda i: {"path_or_url": i.store, "endpoint": None},
    "build_cohort": lambda i: {"cache": i.release_cache(), "path": i.new_folder(), "ids": None, **BUILD},
    **{
        f"{name}.{method}": lambda i: {"ids": [11], "progress": False}
        for name in ("VisualBehaviorOphysProjectCache", "VisualBehaviorNeuropixelsProjectCache")
        for method in ("get_trials", "get_flashes", "get_licks", "get_rewards")
    },
    "VisualBehaviorOphysProjectCache.build_cohort": lambda i: {"path": i.new_folder(), "ids": [11], **BUILD},
    "VisualBehaviorNeuropixelsProjectCache.build_cohort": lambda i: {"path": i.new_folder(), "ids": [11], **BUILD},
    "check_cohort": lambda i: {
        "cache": i.release_cache(),
        "path": i.store,
        "sessions": 1,
        "seed": 0,
        "progress": False,
    },
    "build_release": lambda i: {
        "sessions": [i.raw],
        "out_dir": i.new_folder(),
        "version": "1.0.0",
        "bucket": "a-bucket",
        "jobs": 1,
        "progress": False,
        "project": "ophys",
    },
    "check_release": lambda i: {"out_dir": i.release, "progress": False},
    "SessionTensor": lambda i: dict.fromkeys(("values", "time", "features", "labels", "excluded")),
    "compute_tensor": lambda i: {**TENSOR, "sessions": i.session()},
    "iterate_tensor": lambda i: {**TENSOR, "sessions": i.session()},
    "ResponseMatrix": lambda i: dict.fromkeys(("mean", "count", "dprime"), pd.DataFrame()),
    "compute_learning_curve": lambda i: {"sessions": i.tables_of_mice["sessions"], "metric": "dprime", "by": "day"},
    "compute_days_to_criterion": lambda i: {
        "sessions": i.tables_of_mice["sessions"],
        "metric": "max_dprime",
        "criterion": 2.0,
        "needed": 2,
        "considered": 3,
    },
    "compute_latency_distribution": lambda i: {
        "trials": i.tables_of_mice["trials"],
        "sessions": i.tables_of_mice["sessions"],
        "by": "stage",
        "bin_width": 0.05,
    },
    "compute_omission_responses": lambda i: {
        "flashes": i.tables_of_mice["flashes"],
        "sessions": i.tables_of_mice["sessions"],
    },
    "compute_engaged_fractions": lambda i: i.tables_of_mice,
    "compute_pooled_response_matrix": lambda i: {"flashes": i.tables_of_mice["flashes"]},
    "summarize_mice": lambda i: {"values": pd.DataFrame({0: [1.0, 2.0], 1: [2.0, None]})},
    "plot_mice": lambda i: {
        "values": pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, None]}),
        "ax": i.axes(),
        "label": "mean",
        "color": "red",
    },
    "plot_learning_curve": lambda i: {
        "sessions": i.tables_of_mice["sessions"],
        "metric": "dprime",
        "by": "day",
        "ax": i.axes(),
        "groups": "stage",
    },
    "plot_latency_distribution": lambda i: {
        "trials": i.tables_of_mice["trials"],
        "sessions": i.tables_of_mice["sessions"],
        "by": "stage",
        "ax": i.axes(),
    },
    "plot_omission_responses": lambda i: {
        "flashes": i.tables_of_mice["flashes"],
        "sessions": i.tables_of_mice["sessions"],
        "ax": i.axes(),
    },
    "compare_engagement": lambda i: {"session": i.session()},
    "compute_confidence_band": lambda i: {"response": i.response, **BOOTSTRAP},
    "compute_could_change": lambda i: {
        "flash_table": i.flashes,
        "licks": i.tables.licks,
        "trials": i.tables.trials,
        "method": "vba",
    },
    "compute_engaged_periods": lambda i: {"flash_table": i.flashes, "engaged": i.flashes["is_change"]},
    "compute_engagement": lambda i: {"flash_table": i.flashes, "method": "bou", "trials": i.tables.trials},
    "compute_event_triggered": lambda i: {
        "times": i.tables.running_speed["timestamps"],
        "values": i.tables.running_speed["speed"],
        "event_times": [20.0, 30.0],
        "window": (-1.0, 1.0),
        "sampling_rate": 10.0,
        "method": "interpolate",
        "baseline": (-1.0, 0.0),
    },
    "compute_flash_reward_rate": lambda i: {"flash_table": i.flashes, "method": "sdk", "trials": i.tables.trials},
    "compute_flash_table": lambda i: {
        **{name: getattr(i.tables, name) for name in ("stimulus_presentations", "licks", "rewards", "trials")},
        **{name: getattr(i.tables, name) for name in ("running_speed", "eye_tracking")},
    },
    "compute_image_selectivity": lambda i: {"mean_response": np.ones((3, 2)), "image_names": ["a", "b", "a"]},
    "compute_lick_bouts": lambda i: {"licks": i.tables.licks, "threshold": 0.7, "rewards": i.tables.rewards},
    "compute_mean_response": lambda i: {"response": i.response, "duration": 0.5},
    "compute_modulation": lambda i: {"first": np.ones((3, 2)), "second": np.ones((4, 2)), **BOOTSTRAP},
    "compute_response_matrix": lambda i: {
        "flash_table": i.flashes,
        "licks": i.tables.licks,
        "trials": i.tables.trials,
        "method": "bou",
        "engaged": i.flashes["is_change"],
    },
    "compute_response_p_values": lambda i: {
        "times": np.arange(50.0),
        "values": np.ones((50, 2)),
        "mean_response": np.ones((3, 2)),
        "first_flash": 20.0,
        "duration": 2.0,
        "draws": 10,
        "seed": 0,
    },
    "compute_session_response": lambda i: {
        "session": i.session(),
        "stream": "running",
        "events": "changes",
        "window": (-0.5, 0.5),
        "sampling_rate": 10.0,
        "method": "interpolate",
        "baseline": None,
    },
    "select_events": lambda i: {
        "flash_table": i.flashes,
        "kind": "licks",
        "licks": i.tables.licks,
        "rewards": i.tables.rewards,
    },
    "compute_performance_metrics": lambda i: {
        "trials": i.tables.trials,
        "rewards": i.tables.rewards,
        "engaged_trial_reward_rate_threshold": 2.0,
        **WINDOW,
        "is_passive": None,
    },
    "compute_rolling_performance": lambda i: {"trials": i.tables.trials, **WINDOW, "is_passive": None},
    "compute_reward_rate": lambda i: {"trials": i.tables.trials, **WINDOW},
    "compute_session_rates": lambda i: {"trials": i.tables.trials},
    "compute_performance_table": lambda i: {
        "paths": [i.file],
        "allensdk_version": "2.16",
        "engaged_trial_reward_rate_threshold": 2.0,
        "jobs": 1,
        "progress": False,
        "failures": None,
    },
    "convert_raw": lambda i: {
        "sessions": [i.pickle],
        "out_dir": i.new_folder(),
        "jobs": 1,
        "progress": False,
        "failures": None,
    },
    "compare_state_counts": lambda i: {
        "sessions": [tuple(i.regressors.values())] * 2,
        "n_states": [1],
        "folds": 2,
        "seed": 0,
    },
    "compute_dropout_scores": lambda i: {**i.regressors, "fit": i.strategy, "folds": None, "seed": 0},
    "compute_recovery": lambda i: {
        "source": make_flash_table(1, flashes=130, licks=60)[list(USED_COLUMNS)],
        "mice": 2,
        "seed": 0,
    },
    "compute_wide_bands": lambda i: {**i.regressors, "fit": i.strategy, "seed": 0},
    "compute_strategy_regressors": lambda i: {"flash_table": make_flash_table(1)[list(USED_COLUMNS)]},
    "compute_weights_by_engagement": lambda i: {
        "weights": i.strategy.weights,
        "engaged": i.regressors["y"],
    },
    "cross_validate_strategy": lambda i: {
        **i.regressors,
        "fit": None,
        "heldout": "next",
        "folds": 3,
        "seed": 0,
        "sigma": 0.1,
    },
    "evaluate_states": lambda i: {
        **i.regressors,
        "initial": i.states.initial,
        "transition": i.states.transition,
        "weights": i.states.weights,
    },
    "fit_states": lambda i: {
        "sessions": [tuple(i.regressors.values())],
        "n_states": 2,
        "start": i.states,
        "seed": 0,
    },
    "fit_strategy": lambda i: {**i.regressors, "sigma": {"bias": 0.1, "omissions": 0.1, "task0": 0.1, "timing1D": 0.1}},
    "install_as_allensdk": lambda i: {"version": "2.16"},
    "plot_dropouts": lambda i: {
        "dropouts": visbehavior.compute_dropout_scores(**i.regressors),
        "ax": i.axes(),
    },
    "plot_states": lambda i: {"evaluation": i.states.sessions[0], "ax": i.axes()},
    "plot_strategy": lambda i: {
        "fit": i.strategy,
        "ax": i.axes(),
    },
    "plot_engagement": lambda i: {"flash_table": i.flashes, "trials": i.tables.trials, "ax": i.axes()},
    "plot_lick_raster": lambda i: {
        "licks": i.tables.licks,
        "event_times": [20.0, 30.0],
        "ax": i.axes(),
        "window": (-1.0, 1.0),
    },
    "plot_response_matrix": lambda i: {"matrix": pd.DataFrame(np.eye(2)), "ax": i.axes(), "label": "rate"},
    "plot_triggered": lambda i: {
        "responses": {"changes": i.response},
        "ax": i.axes(),
        "ylabel": "speed",
        "draws": 5,
        "seed": 0,
    },
    "plot_max_dprime": lambda i: {
        "sessions": i.performance,
        "ax": i.axes(),
    },
    "plot_plane": lambda i: {"experiment": i.shared_experiment, "ax": i.axes()},
    "plot_population": lambda i: {"experiment": i.shared_experiment, "ax": i.axes(), "start": 6.0, "stop": 8.0},
    "plot_timeline": lambda i: {
        **{name: getattr(i.tables, name) for name in ("running_speed", "licks", "rewards", "stimulus_presentations")},
        "ax": i.axes(),
        "start": 12.0,
        "stop": 20.0,
        "trials": i.tables.trials,
    },
    "plot_traces": lambda i: {
        "experiment": i.shared_experiment,
        "cell_specimen_ids": i.cell_ids(),
        "ax": i.axes(),
        "start": 6.0,
        "stop": 8.0,
    },
    "simulate": lambda i: {
        "session_type": FIRST_STAGE,
        "mouse": None,
        "minutes": 1,
        "seed": 1,
        "date": None,
        "images": False,
    },
    "simulate_mouse": lambda i: {
        "mouse": None,
        "sessions": [FIRST_STAGE],
        "minutes": 1,
        "seed": 1,
        "first_date": FIRST_DATE,
        "images": False,
    },
    "write_nwb": lambda i: {
        "session": i.session(),
        "path": i.new_folder(),
        "templates": False,
        "compress_templates": False,
        "include_imaging": True,
        "overwrite": False,
    },
}
"""Valid arguments for all parameters of each public function that has parameters."""

INSTANCES: dict[str, Callable[[Inputs], Any]] = {
    "BehaviorOphysExperiment": Inputs.experiment,
    "BehaviorSession": Inputs.session,
    "Cohort": Inputs.cohort,
    "Mouse": lambda _: Mouse(),
    "VisualBehaviorNeuropixelsProjectCache": Inputs.neuropixels_cache,
    "StrategyFit": lambda i: i.strategy,
    "VisualBehaviorOphysProjectCache": Inputs.cache,
    "VisualBehaviorNeuropixelsProjectCache.prune": lambda i: VisualBehaviorNeuropixelsProjectCache.from_s3_cache(
        i.new_folder(), i.neuropixels_bucket
    ),
    "VisualBehaviorOphysProjectCache.prune": lambda i: VisualBehaviorOphysProjectCache.from_s3_cache(
        i.new_folder(), i.bucket
    ),
}
"""Makes the object of a class whose methods are called; a method may need another one."""


def public_functions() -> Iterator[str]:
    """Yield the public functions, classes and methods. Exceptions and warnings are made by the package only."""
    by_value = {id(getattr(visbehavior, name)): name for name in visbehavior.__all__}
    for name in by_value.values():
        value = getattr(visbehavior, name)
        if not callable(value) or (isinstance(value, type) and issubclass(value, Exception)):
            continue
        yield name
        for member, attribute in _members(value, by_value) if isinstance(value, type) else ():
            if not member.startswith("_") and (inspect.isfunction(attribute) or isinstance(attribute, classmethod)):
                yield f"{name}.{member}"


def _members(value: type, public: dict[int, str]) -> Iterator[tuple[str, Any]]:
    """Yield the members of a class, and those that it inherits from classes of the package that are not public."""
    hidden = (
        base for base in value.__mro__[1:] if base.__module__.startswith("visbehavior") and id(base) not in public
    )
    found = {name: attribute for cls in [*hidden][::-1] for name, attribute in vars(cls).items()}
    yield from (found | dict(vars(value))).items()


def parameters_of(name: str) -> list[str]:
    owner, _, method = name.partition(".")
    function = getattr(visbehavior, owner)
    signature = inspect.signature(getattr(function, method) if method else function)
    named = [p.name for p in signature.parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return [name for name in named if name != "self"]


FUNCTIONS = list(public_functions())
PARAMETERS = [(name, parameter) for name in FUNCTIONS for parameter in parameters_of(name)]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(autouse=True)
def _isolated(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, without a network, and undo what install_as_allensdk does."""
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", UNREACHABLE)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    modules = set(sys.modules)
    yield
    # Other finders stay: importlib_metadata, which a library may import here, replaces one of Python's.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("visbehavior.")]
    for name in set(sys.modules) - modules:
        if name.startswith(("allensdk", "pkg_resources")):
            del sys.modules[name]


def valid_arguments(name: str, inputs: Inputs) -> dict[str, Any]:
    if not parameters_of(name):
        return {}
    assert name in VALID, f"add valid arguments of {name} to VALID"
    return VALID[name](inputs)


def make_call(name: str, inputs: Inputs, arguments: dict[str, Any]) -> Callable[[], Any]:
    owner, _, method = name.partition(".")
    value = getattr(visbehavior, owner)
    if method and not isinstance(inspect.getattr_static(value, method), classmethod):
        value = INSTANCES.get(name, INSTANCES[owner])(inputs)
    return functools.partial(getattr(value, method) if method else value, **arguments)


@pytest.mark.filterwarnings("ignore:pandas 3")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_valid_arguments_are_accepted(name: str, inputs: Inputs) -> None:
    arguments = valid_arguments(name, inputs)
    assert set(arguments) == set(parameters_of(name)), f"add valid arguments of {name} to VALID"
    make_call(name, inputs, arguments)()


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_hostile_arguments_are_reported_in_one_line(
    name: str, parameter: str, inputs: Inputs, tmp_path: pathlib.Path
) -> None:
    def call(value: Any) -> Any:
        return make_call(name, inputs, {**valid_arguments(name, inputs), parameter: value})()

    problems = find_problems(call, valid_arguments(name, inputs)[parameter], tmp_path)
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


MISSING = {
    "matplotlib": (
        "plot_timeline",
        "plot_max_dprime",
        "plot_engagement",
        "plot_learning_curve",
        "plot_mice",
        "plot_lick_raster",
        "plot_response_matrix",
        "plot_triggered",
        "plot_strategy",
        "StrategyFit.plot",
        "plot_plane",
        "plot_traces",
        "plot_population",
    ),
    "xarray": ("compute_event_triggered", "compute_session_response", "compute_tensor"),
    "pynwb": ("write_nwb", "BehaviorSession.to_nwb", "convert_raw", "build_release"),
    "scipy": ("fit_strategy", "compute_dropout_scores"),
    "PIL": ("VisualBehaviorOphysProjectCache.get_natural_movie_template",),
    "duckdb": ("build_cohort", "Cohort.sql"),
    "obstore": ("VisualBehaviorOphysProjectCache.from_s3_cache",),
}
"""Functions that need each library."""


@pytest.mark.parametrize(("library", "name"), [(library, name) for library, names in MISSING.items() for name in names])
def test_missing_libraries_are_reported_in_one_line(
    library: str, name: str, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = make_call(name, inputs, valid_arguments(name, inputs))
    for module in [library, *(module for module in sys.modules if module.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(VisBehaviorError) as caught:
        call()
    assert is_one_line(str(caught.value))
    assert "which is not installed. Install it with: pip install" in str(caught.value)
    assert isinstance(caught.value, MissingExtra) or name == "build_release"
