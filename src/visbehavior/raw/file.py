"""A rig's session as it was given: the dictionary of what a lab knows, and the pickle, asked by key with named errors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData
from visbehavior.raw.unpickle import read_pickle

STIMULUS_FILE = "behavior_stimulus_file"
BEHAVIOR = ("items", "behavior")


class RawSession:
    """What a lab has of a session.

    Parameters
    ----------
    session_data : dict
        ``behavior_stimulus_file``, the pickle's path, and what is known of the mouse and the session: see `docs/own_rig.md`.
    """

    def __init__(self, session_data: Mapping[str, Any]) -> None:
        if not isinstance(session_data, Mapping):
            raise BadValue(f"session_data is {type(session_data).__name__}; expected a dictionary.", value=session_data)
        self.data = dict(session_data)
        self.path = os.fspath(self.known(STIMULUS_FILE))

    def known(self, key: str, default: Any = MissingData) -> Any:
        """An entry of the session's data; MissingData if it must be there and is not."""
        value = self.data.get(key)
        if value is None and default is MissingData:
            raise MissingData(
                f"session_data has no {key!r}; it has {', '.join(map(repr, self.data)) or 'nothing'}. The page 'Your own rig' says what a "
                "lab must supply.",
                name=key,
            )
        return default if value is None else value

    @cached_property
    def pickle(self) -> Any:
        """The whole pickle."""
        return read_pickle(self.path)

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
        found = self.get(*keys)
        try:
            values = np.asarray(found, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise self.wrong(keys, f"holds what are no numbers ({error})") from error
        if values.ndim != 1:
            raise self.wrong(keys, f"has {values.ndim} dimensions, expected a list of numbers")
        return values

    def wrong(self, keys: tuple[str | int, ...], what: str) -> BadValue:
        """The error of an entry that is not as a rig writes it."""
        name = _path(BEHAVIOR + keys)
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


def _path(keys: tuple[str | int, ...]) -> str:
    return "".join(f"[{key!r}]" for key in keys)
