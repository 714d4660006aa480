"""Comparison with what AllenSDK itself returned for the same files (see `tests.golden.recordings`)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts.history_report import HABITUATION, REMOVED, differences
from tests.golden.recordings import GOLDEN, TOLERANCES, load, needs_recordings, recordings, unpacked
from tests.oracle import PYTHON, needs_allensdk
from visbehavior import (
    BehaviorOphysExperiment,
    BehaviorSession,
    VisBehaviorError,
    VisualBehaviorOphysProjectCache,
    compute_session_rates,
)
from visbehavior.analysis.history import compute_history

ROOT = pathlib.Path(__file__).parents[2]
CHILD = ROOT / "tests" / "nwb" / "allensdk_child.py"
REAL_SESSION = GOLDEN / "v1.1" / "behavior_session_891635659.nwb.xz"
ROWS_OF_1_1_0 = GOLDEN / "project_metadata" / "v1.1.0" / "behavior_session_table.csv.gz"
# The computed speeds of raw files, as recorded by AllenSDK on the raw file itself.
RAW_TOLERANCES = TOLERANCES | {"running_speed": 1e-9, "raw_running_speed": 1e-9}

pytestmark = needs_recordings


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("golden")


def session_recordings() -> list[pathlib.Path]:
    """Return recordings of files opened as a BehaviorSession."""
    found = recordings("v1.*/behavior_session_*.sdk-*.npz") + recordings("v1.*/*.behavior.sdk-*.npz")
    return found + recordings("odd/*.sdk-*.npz")


def compare(
    path: pathlib.Path,
    session: Any,
    tolerances: dict[str, float],
    is_compared: Callable[[str], bool] = lambda expression: True,
    are_options_compared: Callable[[str], bool] = lambda options: True,
) -> Iterator[str]:
    """Yield the differences between a recording and our values. `session` opens one with given options."""
    for options, expression, recorded in load(path):
        name = re.match(r"\w+", expression)
        assert name
        if (
            name[0] == "list_data_attributes_and_methods"
            or not is_compared(expression)
            or not are_options_compared(options)
        ):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = eval(f"session.{expression}", {"session": session(**eval(f"dict({options})")), "np": np})
        except VisBehaviorError as error:
            if not recorded.raises:
                yield f"{options} {expression} raises {error}"
            continue
        if recorded.must_raise:
            yield f"{expression} must raise"
        elif not recorded.raises:
            yield from (
                f"{options} {expression}{text}" for text in recorded.differences(value, tolerances.get(name[0], 0.0))
            )


def names(path: pathlib.Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.npz')}"


@pytest.mark.parametrize("path", recordings("v1.*/behavior_ophys_experiment_*[0-9].sdk-*.npz"), ids=names)
def test_imaging_planes_equal_allensdk(path: pathlib.Path, folder: pathlib.Path) -> None:
    stem, version = re.match(r"(\w+)\.sdk-(2\.1\d)", path.name).groups()  # type: ignore[union-attr]
    file = unpacked(path.with_name(f"{stem}.nwb.xz"), folder)

    def experiment(**options: Any) -> BehaviorOphysExperiment:
        return BehaviorOphysExperiment.from_nwb_path(file, allensdk_version=version, **options)

    # AllenSDK and this package reject a keyword that does not exist.
    def is_compared(options: str) -> bool:
        return "events_filter_scale=" not in options

    assert list(compare(path, experiment, TOLERANCES, are_options_compared=is_compared)) == []


@pytest.mark.parametrize("path", session_recordings(), ids=names)
def test_session_equals_recording(path: pathlib.Path, folder: pathlib.Path) -> None:
    stem, convention = re.fullmatch(r"(.*?)(?:\.behavior)?\.sdk-([0-9.]+)\.npz", path.name).groups()  # type: ignore[union-attr]
    (folder / path.parent.name).mkdir(exist_ok=True)
    nwb = unpacked(path.with_name(f"{stem}.nwb.xz"), folder / path.parent.name)

    def session(**options: Any) -> BehaviorSession:
        return BehaviorSession.from_nwb_path(nwb, allensdk_version=convention, **options)

    assert list(compare(path, session, TOLERANCES)) == []


@pytest.mark.parametrize("path", recordings("*/*.input.json"), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_raw_session_equals_recording(path: pathlib.Path, folder: pathlib.Path) -> None:
    """The tables of a pickle are those that AllenSDK reads from the NWB file that it made of it."""
    stem = path.name.removesuffix(".input.json")
    endings = (".behavior.sdk-2.16.npz", ".sdk-2.16.npz")
    made = [p for at in (path.parent, GOLDEN / "v1.1") for end in endings if (p := at / f"{stem}{end}").exists()]
    if not made:
        pytest.skip("AllenSDK made no NWB file of it")
    raw = next(p for end in (".behavior", "") if (p := path.with_name(f"{stem}{end}.raw.sdk-2.16.npz")).exists())

    def session(**options: Any) -> BehaviorSession:
        return BehaviorSession.from_json(session_data(path, folder), **options)

    computed = any("running_speed[" in expression for _, expression, _ in load(made[0]))

    def is_compared(expression: str, speeds_from_raw: bool) -> bool:
        if "experiment" in stem and expression.startswith("eye_tracking"):
            return False
        return not computed or ("running_speed" in expression) == speeds_from_raw

    found = list(compare(made[0], session, RAW_TOLERANCES, lambda e: is_compared(e, False)))
    if computed:
        found += compare(raw, session, RAW_TOLERANCES, lambda e: is_compared(e, True))
    assert found == []


def session_data(path: pathlib.Path, folder: pathlib.Path) -> dict[str, Any]:
    """Return the dictionary of a pickle, its files unpacked."""
    data: dict[str, Any] = json.loads(path.read_text())
    for key, value in data.items():
        file = path.parent / str(value)
        if isinstance(value, str) and value and file.is_file() and file.suffix == ".xz":
            data[key] = str(unpacked(file, folder))
        elif isinstance(value, str) and value and file.exists():
            data[key] = str(file)
    return data


@pytest.mark.parametrize("path", recordings("project_metadata/**/tables.sdk-*.npz"), ids=names)
def test_project_table_equals_recording(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    make_cache_folder(path.parent, tmp_path)
    convention = path.name.removeprefix("tables.sdk-").removesuffix(".npz")

    def cache(**options: Any) -> VisualBehaviorOphysProjectCache:
        return VisualBehaviorOphysProjectCache.from_local_cache(tmp_path, allensdk_version=convention, **options)

    assert list(compare(path, cache, TOLERANCES)) == []


def make_cache_folder(metadata: pathlib.Path, folder: pathlib.Path) -> None:
    """Make a cache folder as AllenSDK leaves it, with the project tables only."""
    packed = next(metadata.glob("*manifest*.json.gz"))
    manifest = json.loads(gzip.decompress(packed.read_bytes()))
    tables = folder / f"{manifest['project_name']}-{manifest['manifest_version']}" / "project_metadata"
    tables.mkdir(parents=True)
    for name, entry in manifest["metadata_files"].items():
        content = gzip.decompress((metadata / f"{name}.csv.gz").read_bytes())
        (tables / f"{name}.csv").write_bytes(content)
        entry["file_hash"] = hashlib.blake2b(content).hexdigest()
    (folder / packed.stem).write_text(json.dumps(manifest))
    (folder / "_manifest_last_used.txt").write_text(packed.stem)


def test_outcome_counts_of_the_real_session_are_the_published_ones(folder: pathlib.Path) -> None:
    """The published project table was made by other code from the same session."""
    published = read_packed_table(ROWS_OF_1_1_0).loc[891635659]
    session = BehaviorSession.from_nwb_path(unpacked(REAL_SESSION, folder))
    metrics = session.get_performance_metrics()
    counted = [
        "trial",
        "go_trial",
        "catch_trial",
        "hit_trial",
        "miss_trial",
        "false_alarm_trial",
        "correct_reject_trial",
    ]
    for name in counted:
        assert metrics[f"{name}_count"] == published[f"{name}_count"], name
    assert [metrics[f"{name}_count"] for name in counted] == [953, 94, 16, 81, 13, 6, 10]
    assert compute_session_rates(session.trials)["hit_rate"] == 81 / 94


def read_packed_table(path: pathlib.Path) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), index_col="behavior_session_id")


@needs_allensdk
def test_converted_pickle_equals_file_that_allensdk_made_of_it(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """AllenSDK reads the same values from both files."""
    known = GOLDEN / "raw" / "behavior_session_891635659.input.json"
    command = [sys.executable, "-m", "visbehavior", "convert", known, "-o", tmp_path]
    converted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    found = []
    for number, path in enumerate((converted, unpacked(REAL_SESSION, folder))):
        subprocess.run([PYTHON, CHILD, path, tmp_path / f"{number}.npz"], check=True, capture_output=True)
        with np.load(tmp_path / f"{number}.npz") as arrays:
            found.append({name: arrays[name] for name in arrays})
    assert found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name], err_msg=name)


def test_history_of_mice_equals_the_public_table() -> None:
    """Except for rows whose earlier sessions were removed, or whose habituation had omissions by mistake."""
    table = read_packed_table(ROWS_OF_1_1_0)
    history = compute_history(table)
    for name in ("session_number", "image_set", "behavior_type"):
        assert (history[name].eq(table[name]) | (history[name].isna() & table[name].isna())).all(), name
    counts = differences(table).groupby(["column", "cause"]).size()
    assert counts.to_dict() == {
        ("prior_exposures_to_session_type", REMOVED): 13,
        ("prior_exposures_to_image_set", REMOVED): 19,
        ("prior_exposures_to_omissions", HABITUATION): 170,
        ("prior_exposures_to_omissions", REMOVED): 35,
    }
