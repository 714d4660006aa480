"""A rig's session as it was given: the dictionary of what a lab knows, and the pickle, asked by key with named errors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData, NotFound, VisBehaviorError
from visbehavior.raw.unpickle import read_pickle
from visbehavior.schema.stimulus_pickle import BEHAVIOR, FILES, FORM_OF, FORMS, KNOWN, PICKLED, STIMULUS_FILE

JSON = ".json"
ENDINGS = (".pkl", ".pkl.gz", ".pickle", JSON)
"""Of a rig's pickles, and of what is known of one."""
IN_MEMORY = "<a pickle in memory>"

# A shorter one counts days or mice.
_ID = re.compile(r"\d{6,}")


class RawSession:
    """What a lab has of a session.

    Parameters
    ----------
    session_data : dict
        ``behavior_stimulus_file``, the pickle's path or what it holds, and what is known of the mouse and the session: see `docs/own_rig.md`.
    """

    def __init__(self, session_data: Mapping[str, Any]) -> None:
        if not isinstance(session_data, Mapping):
            raise BadValue(f"session_data is {type(session_data).__name__}; expected a dictionary.", value=session_data)
        self.data = {key: value for key, value in session_data.items() if value is not None}
        for key, value in self.data.items():
            _check_form(key, value)
        given = self.data.get(STIMULUS_FILE)
        if given is None:
            raise MissingData(
                f"session_data has no {STIMULUS_FILE!r}; it has {', '.join(map(repr, self.data)) or 'nothing'}. Give the path of the pickle.",
                name=STIMULUS_FILE,
            )
        self.path = IN_MEMORY if isinstance(given, Mapping) else os.fspath(given)

    def known(self, key: str, default: Any = MissingData) -> Any:
        """An entry of the session's data, or, where it has none, what the pickle says; MissingData if neither does."""
        value = self.data.get(key)
        for keys in ((KNOWN, key), PICKLED.get(key)) if value is None else ():
            if value is None and keys is not None:
                value = self.entry(*keys, default=None)
                if value is not None:
                    _check_form(key, text(value) if isinstance(value, bytes) else value)
        if value is None and default is MissingData:
            raise MissingData(
                f"session_data has no {key!r}; it has {', '.join(map(repr, self.data))}. The page 'Your own rig's data' (docs/own_rig.md) says "
                "what a lab must supply.",
                name=key,
            )
        return default if value is None else value

    def session_id(self) -> int:
        """The id that was given; else the number in the file's name; else what is pickled; else when the session began."""
        given = self.data.get("behavior_session_id")
        given = id_in_name(self.path) if given is None else given
        given = self.known("behavior_session_id", None) if given is None else given
        if given is None:
            with self.reading("start_time"):
                given = f"{self.entry('start_time'):%y%m%d%H%M%S}"
        return int(given)

    @cached_property
    def pickle(self) -> Any:
        """The whole pickle; one that is in memory already is taken as it is."""
        given = self.data[STIMULUS_FILE]
        return given if isinstance(given, Mapping) else read_pickle(self.path)

    def get(self, *keys: str | int, default: Any = MissingData) -> Any:
        """An entry of the behavior part of the pickle; MissingData, with the whole path of keys, if it is not there."""
        return self.entry(*BEHAVIOR, *keys, default=default)

    def entry(self, *keys: str | int, default: Any = MissingData) -> Any:
        """An entry of the pickle."""
        found = self.pickle
        for depth, key in enumerate(keys):
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                if default is not MissingData:
                    return default
                raise self._missing(keys[: depth + 1], found) from None
        return found

    def array(self, *keys: str | int, dtype: Any = np.float64) -> NDArray[Any]:
        """A list of numbers of the behavior part, as an array of one dimension."""
        return self.numbers(self.get(*keys), *keys, dtype=dtype)

    def numbers(self, found: Any, *keys: str | int, dtype: Any = np.float64) -> NDArray[Any]:
        """What was found at these keys, as an array of one dimension."""
        with self.reading(*keys):
            values = np.asarray(found, dtype=dtype)
            if values.ndim != 1:
                raise self.wrong(keys, f"has {values.ndim} dimensions, expected a list of numbers")
            if np.issubdtype(dtype, np.integer) and not np.array_equal(values, np.asarray(found)):
                raise self.wrong(keys, "holds numbers that are not whole")
        return values

    @contextmanager
    def reading(self, *keys: str | int) -> Iterator[None]:
        """Within it, what goes wrong because an entry is not as a rig writes it is named with the entry's keys."""
        try:
            yield
        except VisBehaviorError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise self.wrong(keys, f"is not as a rig writes it ({type(error).__name__}: {said})") from error

    def wrong(self, keys: tuple[str | int, ...], what: str) -> BadValue:
        """The error of an entry that is not as a rig writes it."""
        name = _path(keys if keys[0] in self.pickle else BEHAVIOR + keys)
        return BadValue(
            f"{self.path}: {name} {what}. The file was changed or damaged, or is of another task.",
            path=self.path,
            name=name,
        )

    def _missing(self, keys: tuple[str | int, ...], there: Any) -> MissingData:
        name = _path(keys)
        holds = ", ".join(map(str, there)) if isinstance(there, Mapping) else f"{type(there).__name__}"
        return MissingData(
            f"{self.path} has no {name}; at that place it has {holds or 'nothing'}. Expected the stimulus pickle of a session of the change "
            "detection task (camstim).",
            path=self.path,
            name=name,
        )


def text(value: Any) -> str:
    """Text, also of what Python 2 had as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def plain_number(value: Any) -> float:
    """A number as float; TypeError for an array, of which numpy would take its one value."""
    if np.ndim(value):
        raise TypeError(f"an array of the shape {np.shape(value)} is no number")
    return float(value)


def whole_number(value: Any) -> int:
    """A number as int; TypeError for an array, ValueError for a number that is not whole."""
    if plain_number(value) != int(value):
        raise ValueError(f"{value!r} is not whole")
    return int(value)


def lines(given: Any) -> list[str]:
    """One text, several, or none."""
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def stage_of(raw: RawSession) -> str:
    """The stage, on which the pickle's two sets of parameters must agree."""
    given = [raw.get(part, "stage", default="") for part in ("params", "cl_params")]
    stages = {text(stage) for stage in given} - {""}
    if len(stages) != 1 or not all(isinstance(stage, (str, bytes)) for stage in given):
        raise raw.wrong(
            ("params", "stage"), f"does not agree with cl_params: {', '.join(sorted(stages)) or 'none is given'}"
        )
    return stages.pop()


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a rig's pickle or what is known of one, by its name."""
    return os.fspath(path).endswith(ENDINGS)


def read_session_data(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The session's data of a raw file: a pickle, or a JSON of what is known of a session, which names files beside it.

    Raises
    ------
    NotFound, BadValue
        If there is no such JSON, or it holds something else.
    """
    path = Path(path).expanduser()
    if path.suffix != JSON:
        return {STIMULUS_FILE: str(path)}
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or STIMULUS_FILE not in found:
            raise ValueError(f"it holds no dictionary with {STIMULUS_FILE!r}")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", path=str(path)) from error
    except (OSError, ValueError) as error:
        raise BadValue(
            f"{path} is no JSON of what is known of a session: {error}. The page 'Your own rig's data' (docs/own_rig.md) says what is expected.",
            path=str(path),
        ) from error
    return found | {name: str(path.parent / found[name]) for name in FILES if isinstance(found.get(name), str)}


def id_in_name(path: str | os.PathLike[str]) -> int | None:
    """The session's id, where a file is named after it: the first number of six digits or more."""
    number = _ID.search(Path(path).name)
    return int(number[0]) if number else None


def _check_form(key: str, value: Any) -> None:
    form = FORM_OF.get(key)
    if form is not None and not FORMS[form](value):
        raise BadValue(f"session_data[{key!r}] is {_short(value)}; expected {form}.", name=key, value=value)


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) < 80 else f"{said[:80]}..."


def _path(keys: tuple[str | int, ...]) -> str:
    return "".join(f"[{key!r}]" for key in keys)
