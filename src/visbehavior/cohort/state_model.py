"""The states of a cohort: fitted once to some of its sessions, then found in every session.

A session by itself does not determine states, and states that are fitted to each cannot be compared. The parameters stay in the
folder of the store, so that sessions which are added later have the same states.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visbehavior.atomic import atomic_write
from visbehavior.cohort.store import hash_bytes
from visbehavior.errors import CorruptFile, VisBehaviorError, VisBehaviorWarning
from visbehavior.models.regressors import StrategyRegressors, compute_strategy_regressors
from visbehavior.models.states import StateEvaluation, evaluate_states, fit_states
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import FileEntry
from visbehavior.project.release import Release
from visbehavior.schema.session_type import parse_session_type
from visbehavior.schema.strategy import REGRESSORS, STATES
from visbehavior.session import BehaviorSession
from visbehavior.store.verified import read_file

MODEL = "states.json"
SESSIONS = 32
"""Sessions that the states are fitted to, at most: active ones with omissions, chosen at random."""
_MAX_FAILURES = 32
"""Sessions that cannot be fitted before the choice ends."""


@dataclass(frozen=True)
class StateModel:
    """Parameters of states.

    Attributes
    ----------
    initial : tuple of float
        Probability of each state at the first flash.
    transition : tuple of tuple of float
        Probability of each state (column) after each state (row).
    weights : tuple of tuple of float
        Weight of each regressor of `visbehavior.schema.strategy.REGRESSORS` in each state (row).
    sessions : tuple of int
        Sessions that they were fitted to.
    """

    initial: tuple[float, ...]
    transition: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    sessions: tuple[int, ...]

    @property
    def key(self) -> str:
        """Hash of the parameters."""
        return hash_bytes(self.encode())

    def encode(self) -> bytes:
        """Return the content of ``states.json``."""
        return json.dumps({"regressors": REGRESSORS, **asdict(self)}).encode()

    def evaluate(self, regressors: StrategyRegressors) -> StateEvaluation:
        """Return the states of a session. Regressors that the session lacks have no effect."""
        X = regressors.X
        weights = pd.DataFrame(self.weights, columns=list(REGRESSORS))[list(X)]
        return evaluate_states(X, regressors.y, self.initial, self.transition, weights)


def find_model(
    folder: Path, release: Release, files: Mapping[int, Sequence[FileEntry]], progress: bool
) -> StateModel | None:
    """Return the states of a store; a new store gets them from a sample of its sessions, or has none if none can be fitted."""
    model = read_model(folder)
    if model is None:
        model = _fit(dict(_sample(release, files, progress)))
        if model is not None:
            with atomic_write(folder / MODEL) as part:
                part.write_bytes(model.encode())
    return model


def read_model(folder: Path) -> StateModel | None:
    """Return the states of a store; None if it has none.

    Raises
    ------
    CorruptFile
        If the file is damaged.
    """
    path = folder / MODEL
    try:
        content = json.loads(read_file(path))
        weights = np.array(content["weights"], dtype=np.float64)
        if content["regressors"] != list(REGRESSORS) or weights.shape != (STATES, len(REGRESSORS)):
            raise ValueError("it has other regressors or states")
        transition = tuple(tuple(map(float, row)) for row in content["transition"])
        return StateModel(tuple(map(float, content["initial"])), transition, _rows(weights), tuple(content["sessions"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptFile(
            f"{path} is damaged ({error}). Remove it, and build the cohort again: the states are fitted again.",
            path=str(path),
        ) from error


def _rows(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, array.tolist()))


def _fit(regressors: Mapping[int, StrategyRegressors]) -> StateModel | None:
    if not regressors:
        return None
    fit = fit_states([(each.X, each.y) for each in regressors.values()], STATES)
    transition, weights = _rows(fit.transition.to_numpy()), _rows(fit.weights.to_numpy())
    return StateModel(tuple(fit.initial.tolist()), transition, weights, tuple(regressors))


def _sample(
    release: Release, files: Mapping[int, Sequence[FileEntry]], progress: bool
) -> Iterator[tuple[int, StrategyRegressors]]:
    """Yield the regressors of sessions at random, the same ones in every build of the same sessions."""
    types = release.session_table()["session_type"].astype(str)
    candidates = [number for number in sorted(files) if not parse_session_type(types.get(number, "")).is_passive]
    random.Random(0).shuffle(candidates)
    found = failures = 0
    with progress_bar(
        progress, total=min(SESSIONS, len(candidates)), unit="session", desc="States", leave=False
    ) as bar:
        for number in candidates:
            if found == SESSIONS or failures == _MAX_FAILURES:
                return
            regressors = _read(release, files[number])
            if regressors is None:
                failures += 1
            else:
                found += 1
                bar.update()
                yield number, regressors


def _read(release: Release, entries: Sequence[FileEntry]) -> StrategyRegressors | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VisBehaviorWarning)
            regressors = compute_strategy_regressors(BehaviorSession(release.open_reader(entries)).get_flash_table())
    except VisBehaviorError:
        return None
    return regressors if tuple(regressors.X) == REGRESSORS else None
