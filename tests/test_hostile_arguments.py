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
import pytest

import visbehavior
from tests.hostile import find_problems
from tests.nwbfiles import write_session
from tests.project.synthetic_release import PROJECT, UNREACHABLE, make_bucket_tree
from tests.rawfiles import session_data, write_raw
from tests.synthetic_session import as_session, make_eye_tracking, make_session
from visbehavior import BehaviorSession, Mouse, VisualBehaviorOphysProjectCache, simulate
from visbehavior.simulation.simulate import FIRST_DATE

FIRST_STAGE = "TRAINING_0_gratings_autorewards_15min"


class Inputs:
    """Files and objects for valid arguments. Functions write to new folders only."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.synthetic = make_session(seed=1, trials=12).replace(eye=make_eye_tracking())
        self.tables = as_session(self.synthetic, templates=False)
        self.file = write_session(folder / "session.nwb", self.synthetic)
        self.raw = simulate(FIRST_STAGE, minutes=1, seed=1)
        self.pickle = write_raw(folder / "990400001.pkl", self.raw)
        self.bucket = make_bucket_tree(folder)
        movie = self.bucket / PROJECT / "resources" / "Movie_TOE1.npy"
        movie.parent.mkdir()
        np.save(movie, np.zeros((1, 3, 4), dtype=np.uint8))
        self._numbers = itertools.count()

    def new_folder(self) -> pathlib.Path:
        return self.folder / f"new{next(self._numbers)}"

    def session(self) -> BehaviorSession:
        return BehaviorSession.from_nwb_path(self.file)

    def cache(self) -> VisualBehaviorOphysProjectCache:
        return VisualBehaviorOphysProjectCache.from_local_cache(self.bucket, use_static_cache=True)

    def axes(self) -> Any:
        from matplotlib.figure import Figure

        return Figure().add_subplot()

    @functools.cached_property
    def release(self) -> pathlib.Path:
        folder = self.new_folder()
        visbehavior.build_release([self.raw], folder)
        return folder


BLINKS = {"eye_tracking_z_threshold": 3.0, "eye_tracking_dilation_frames": 2}
WINDOW = {"response_window_start": 0.15}

VALID: dict[str, Callable[[Inputs], dict[str, Any]]] = {
    "BehaviorSession": lambda i: {"reader": i.session()._reader, "allensdk_version": "2.16", **BLINKS},
    "BehaviorSession.from_nwb_path": lambda i: {"path": i.file, "allensdk_version": "2.16", **BLINKS},
    "BehaviorSession.from_json": lambda i: {
        "session_data": session_data(i.pickle),
        "allensdk_version": "2.16",
        **BLINKS,
    },
    "BehaviorSession.get_performance_metrics": lambda i: {"engaged_trial_reward_rate_threshold": 2.0},
    "Mouse": lambda i: Mouse(seen=(FIRST_STAGE,)).__dict__,
    "Mouse.after": lambda i: {"session_type": FIRST_STAGE},
    "Source": lambda i: i.session().source.__dict__,
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
    "VisualBehaviorOphysProjectCache.get_mouse": lambda i: {"mouse_id": 457841},
    "VisualBehaviorOphysProjectCache.get_behavior_session": lambda i: {"behavior_session_id": 11, "download": False},
    "VisualBehaviorOphysProjectCache.download": lambda i: {
        "behavior_session_ids": [11],
        "ophys_experiment_ids": [22],
        "jobs": 2,
        "progress": False,
        "failures": {},
    },
    "VisualBehaviorOphysProjectCache.verify": lambda i: {"repair": False, "progress": False},
    "VisualBehaviorOphysProjectCache.get_performance_table": lambda i: {
        "ids": [11],
        "engaged_trial_reward_rate_threshold": 2.0,
        "progress": False,
        "failures": {},
    },
    "VisualBehaviorOphysProjectCache.get_natural_movie_template": lambda i: {"n_workers": 1},
    "VisualBehaviorOphysProjectCache.load_manifest": lambda i: {"manifest_name": i.cache().current_manifest()},
    "VisualBehaviorOphysProjectCache.compare_manifests": lambda i: dict.fromkeys(
        ("manifest_0_name", "manifest_1_name"), i.cache().current_manifest()
    ),
    "build_release": lambda i: {
        "sessions": [i.raw],
        "out_dir": i.new_folder(),
        "version": "1.0.0",
        "bucket": "a-bucket",
        "jobs": 1,
        "progress": False,
    },
    "check_release": lambda i: {"out_dir": i.release, "progress": False},
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
        "failures": {},
    },
    "convert_raw": lambda i: {
        "sessions": [i.pickle],
        "out_dir": i.new_folder(),
        "jobs": 1,
        "progress": False,
        "failures": {},
    },
    "install_as_allensdk": lambda i: {"version": "2.16"},
    "plot_max_dprime": lambda i: {
        "sessions": visbehavior.compute_performance_table([i.file]),
        "ax": i.axes(),
    },
    "plot_timeline": lambda i: {
        **{name: getattr(i.tables, name) for name in ("running_speed", "licks", "rewards", "stimulus_presentations")},
        "ax": i.axes(),
        "start": 12.0,
        "stop": 20.0,
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
        "overwrite": False,
    },
}
"""Valid arguments for all parameters of each public function that has parameters."""
VALID["plot_stretch"] = VALID["plot_timeline"]

INSTANCES: dict[str, Callable[[Inputs], Any]] = {
    "BehaviorSession": Inputs.session,
    "Mouse": lambda _: Mouse(),
    "VisualBehaviorOphysProjectCache": Inputs.cache,
}
"""Makes the object of a class whose methods are called."""


def public_functions() -> Iterator[str]:
    """Yield the public functions, classes and methods. Exceptions and warnings are made by the package only."""
    for name in visbehavior.__all__:
        value = getattr(visbehavior, name)
        if not callable(value) or (isinstance(value, type) and issubclass(value, Exception)):
            continue
        yield name
        for member, attribute in inspect.getmembers_static(value) if isinstance(value, type) else ():
            if not member.startswith("_") and (callable(attribute) or isinstance(attribute, classmethod)):
                yield f"{name}.{member}"


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
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        if name.startswith(("allensdk", "pkg_resources")):
            del sys.modules[name]


def make_call(name: str, inputs: Inputs, arguments: dict[str, Any]) -> Callable[[], Any]:
    owner, _, method = name.partition(".")
    value = getattr(visbehavior, owner)
    if method and not isinstance(inspect.getattr_static(value, method), classmethod):
        value = INSTANCES[owner](inputs)
    return functools.partial(getattr(value, method) if method else value, **arguments)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_valid_arguments_are_accepted(name: str, inputs: Inputs) -> None:
    arguments = VALID[name](inputs) if parameters_of(name) else {}
    assert set(arguments) == set(parameters_of(name)), f"add valid arguments of {name} to VALID"
    make_call(name, inputs, arguments)()


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_hostile_arguments_are_reported_in_one_line(
    name: str, parameter: str, inputs: Inputs, tmp_path: pathlib.Path
) -> None:
    def call_with(changes: dict[str, Any]) -> Callable[[], Any]:
        return make_call(name, inputs, {**VALID[name](inputs), parameter: changes[parameter]})

    problems = find_problems(call_with, VALID[name](inputs), parameter, tmp_path)
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])
