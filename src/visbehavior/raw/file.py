"""The input of a raw session: ``session_data``, and entries of the stimulus pickle with checked access."""

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

from visbehavior.arguments import parse_path
from visbehavior.errors import BadValue, MissingData, VisBehaviorError, brief_repr, did_you_mean
from visbehavior.raw.unpickle import read_pickle
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.session_data import (
    ALLENSDK_KEYS,
    FILES,
    SESSION_DATA_BY_KEY,
    SESSION_ID,
    STIMULUS_FILE,
    VALUE_TYPES,
    SessionDataEntry,
)
from visbehavior.schema.stimulus_pickle import Entry, Keys
from visbehavior.store.verified import read_file

JSON = ".json"
SUFFIXES = (".pkl", ".pkl.gz", ".pickle", JSON)
"""File names of stimulus pickles, and of JSON files with session_data."""
IN_MEMORY = "<a pickle in memory>"
_HELP = 'See the page "Your own rig\'s data" (docs/own_rig.md).'
_MAX_TEXT = 1000
"""Characters of the longest name in a pickle."""

# Shorter numbers in file names are counters or mice. Longer ones are too large for an id.
_ID = re.compile(r"(?<!\d)\d{6,18}(?!\d)")


class RawSession:
    """Input of a raw session: ``session_data`` and the pickle that it names.

    Parameters
    ----------
    session_data : dict
        `behavior_stimulus_file` (the path of the pickle, or its content), and facts about the mouse and the session: see
        `visbehavior.schema.session_data`.
    """

    def __init__(self, session_data: Mapping[str, Any]) -> None:
        if not isinstance(session_data, Mapping):
            raise BadValue(f"session_data is {type(session_data).__name__}; expected a dictionary.", value=session_data)
        self.data = {key: value for key, value in session_data.items() if value is not None}
        for key, value in self.data.items():
            _check_key(key)
            _check_type(key, value)
        file = self.data.get(STIMULUS_FILE.key)
        if file is None:
            raise MissingData(
                f"session_data has no {STIMULUS_FILE.key!r}; it has {_listed(self.data)}. Set it to the path of the pickle.",
                name=STIMULUS_FILE.key,
            )
        self.path = IN_MEMORY if isinstance(file, Mapping) else os.fspath(file)

    @cached_property
    def content(self) -> Any:
        """The unpickled content."""
        file = self.data[STIMULUS_FILE.key]
        return file if isinstance(file, Mapping) else read_pickle(self.path)

    def session_id(self) -> int:
        """Return the supplied id, else that in the file name, else that in the pickle, else the digits of the start time."""
        number = self.data.get(SESSION_ID.key)
        number = id_in_name(self.path) if number is None else number
        number = self.session_data(SESSION_ID, None) if number is None else number
        if number is None:
            with self.reading(pickle.START_TIME):
                number = f"{self.get(pickle.START_TIME):%y%m%d%H%M%S}"
        return int(number)

    def session_data(self, entry: SessionDataEntry, default: Any = MissingData) -> Any:
        """Return an entry of session_data, or its value in the pickle; raise MissingData if there is neither."""
        value = self.data.get(entry.key)
        if value is None:
            value = self._pickled(entry)
        if value is None and default is MissingData:
            raise MissingData(
                f"session_data has no {entry.key!r}; it has {_listed(self.data)}. {_HELP}", name=entry.key
            )
        return default if value is None else value

    def _pickled(self, entry: SessionDataEntry) -> Any:
        embedded = (*pickle.EMBEDDED_SESSION_DATA.keys(), entry.key)
        for keys in (embedded, entry.pickled.keys() if entry.pickled else ()):
            value = self._find(keys, default=None) if keys else None
            if value is not None:
                _check_type(entry.key, text(value) if isinstance(value, bytes) else value)
                return value
        return None

    def get(self, entry: Entry, *, default: Any = MissingData, **position: Any) -> Any:
        """Return an entry of the pickle.

        Parameters
        ----------
        entry : Entry
            The entry.
        default : object
            Value if the entry is absent; MissingData is raised if there is no default.
        **position
            `stimulus` or `trial`, as for `Entry.keys`.
        """
        return self._find(entry.keys(**position), default)

    def array(self, entry: Entry, *, dtype: Any = np.float64, **position: Any) -> NDArray[Any]:
        """Return an entry of the pickle as a one-dimensional array."""
        return self.numbers(self.get(entry, **position), entry, dtype=dtype, **position)

    def numbers(self, values: Any, entry: Entry, *, dtype: Any = np.float64, **position: Any) -> NDArray[Any]:
        """Return values of an entry as a one-dimensional array."""
        with self.reading(entry, **position):
            array = np.asarray(values, dtype=dtype)
            if array.ndim != 1:
                raise self.error(entry, f"has {array.ndim} dimensions; expected a list of numbers", **position)
            if np.issubdtype(dtype, np.integer) and not np.array_equal(array, np.asarray(values)):
                raise self.error(entry, "contains numbers that are not whole", **position)
        return array

    @contextmanager
    def reading(self, entry: Entry, **position: Any) -> Iterator[None]:
        """Convert errors raised within the block to a BadValue that names the entry."""
        try:
            yield
        except VisBehaviorError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            cause = f"{type(error).__name__}: {' '.join(str(error)[:200].split())}"
            raise self.error(entry, f"cannot be interpreted ({cause})", **position) from error

    def error(self, entry: Entry, problem: str, **position: Any) -> BadValue:
        """Return the error for an entry with an invalid value."""
        name = _in_brackets(entry.keys(**position))
        return BadValue(
            f"{self.path}: {name} {problem}. The file may be damaged or edited, or from another task.",
            path=self.path,
            name=name,
        )

    def _find(self, keys: Keys, default: Any = MissingData) -> Any:
        value = self.content
        for depth, key in enumerate(keys):
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                if default is not MissingData:
                    return default
                raise self._missing(keys[: depth + 1], value) from None
        return value

    def _missing(self, keys: Keys, parent: Any) -> MissingData:
        name, above = _in_brackets(keys), _in_brackets(keys[:-1]) or "the pickle"
        contents = f"contains {', '.join(map(str, parent)) or 'nothing'}" if isinstance(parent, Mapping) else ""
        return MissingData(
            f"{self.path} has no {name}: {above} {contents or f'is of type {type(parent).__name__}'}. Expected the stimulus pickle of a "
            "session of the change detection task (camstim).",
            path=self.path,
            name=name,
        )


def text(value: Any) -> str:
    """Return a name as text; Python 2 pickled text as bytes."""
    name = value.decode("latin1") if isinstance(value, bytes) else str(value)
    if len(name) > _MAX_TEXT:
        raise BadValue(
            f"A name in the pickle is {brief_repr(name)}, of {len(name):,} characters; expected {_MAX_TEXT:,} at most. The file may be "
            "damaged.",
            value=name[:_MAX_TEXT],
        )
    return name


def plain_number(value: Any) -> float:
    """Return a number as float; raise TypeError for an array, even of one value."""
    if np.ndim(value):
        raise TypeError(f"expected a number, not an array of shape {np.shape(value)}")
    return float(value)


def whole_number(value: Any) -> int:
    """Return a number as int; raise TypeError for an array and ValueError for a fraction."""
    if plain_number(value) != int(value):
        raise ValueError(f"{brief_repr(value)} is not a whole number")
    return int(value)


def as_list(value: Any) -> list[str]:
    """Return a list of text from text, a list of text or None."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def read_stage(raw: RawSession) -> str:
    """Return the session type, which two entries of the pickle must agree on."""
    values = [raw.get(entry, default="") for entry in (pickle.STAGE, pickle.COMMAND_LINE_STAGE)]
    stages = {text(value) for value in values} - {""}
    if len(stages) != 1 or not all(isinstance(value, (str, bytes)) for value in values):
        other = _in_brackets(pickle.COMMAND_LINE_STAGE.keys())
        raise raw.error(
            pickle.STAGE, f"and {other} must name one stage; they have {', '.join(sorted(stages)) or 'none'}"
        )
    return stages.pop()


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Return whether a file name is that of a stimulus pickle or of a JSON file with session_data."""
    return os.fspath(path).endswith(SUFFIXES)


def read_session_data(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the session_data for a raw file: a pickle, or a JSON file with session_data.

    Paths in a JSON file are relative to its folder.

    Raises
    ------
    NotFound, UnsupportedFile, CorruptFile, BadValue
        If the JSON file does not exist, is a folder, cannot be read, or contains something else.
    """
    path = parse_path("path", path)
    if path.suffix != JSON:
        return {STIMULUS_FILE.key: str(path)}
    content = read_file(path)
    try:
        data = json.loads(content)
        if not isinstance(data, dict) or STIMULUS_FILE.key not in data:
            raise ValueError(f"expected a dictionary with {STIMULUS_FILE.key!r}")
    except (ValueError, RecursionError) as error:
        raise BadValue(f"{path} is not a JSON file with session_data: {error}. {_HELP}", path=str(path)) from error
    keys = [entry.key for entry in FILES]
    return data | {key: str(path.parent / data[key]) for key in keys if isinstance(data.get(key), str)}


def id_in_name(path: str | os.PathLike[str]) -> int | None:
    """Return the session id in a file name: the first number of 6 to 18 digits."""
    number = _ID.search(Path(path).name)
    return int(number[0]) if number else None


def _check_key(key: Any) -> None:
    if key not in SESSION_DATA_BY_KEY and key not in ALLENSDK_KEYS:
        raise BadValue(
            f"session_data has an unknown key {brief_repr(key)}.{did_you_mean(key, SESSION_DATA_BY_KEY)} The known ones are "
            f"{', '.join(SESSION_DATA_BY_KEY)}.",
            name=key,
        )


def _check_type(key: str, value: Any) -> None:
    entry = SESSION_DATA_BY_KEY.get(key)
    if entry is not None and not VALUE_TYPES[entry.value_type](value):
        raise BadValue(
            f"session_data[{brief_repr(key)}] is {brief_repr(value)}; expected {entry.value_type}.",
            name=key,
            value=value,
        )


def _listed(data: Mapping[str, Any]) -> str:
    return ", ".join(map(brief_repr, data)) or "nothing"


def _in_brackets(keys: Keys) -> str:
    return "".join(f"[{brief_repr(key)}]" for key in keys)
