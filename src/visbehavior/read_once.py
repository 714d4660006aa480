"""Values that are read when they are first requested, and kept."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from visbehavior.errors import ClosedSession

_log = logging.getLogger("visbehavior")
T = TypeVar("T")
Once = Callable[[str, Callable[[], Any]], Any]
"""Calls a function the first time, and returns its result each time."""

_objects: weakref.WeakSet[ReadOnce] = weakref.WeakSet()


def _after_fork() -> None:
    """Renew the locks in a forked child: a thread that does not exist there may hold them."""
    for item in _objects:
        item._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class ReadOnce:
    """Keeps what was read from a file, for threads and for pickling: a copy reads again.

    Parameters
    ----------
    location : str
        The file, for messages.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._start()

    def _start(self) -> None:
        self._cache: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._closed = False
        _objects.add(self)

    def _once(self, name: str, read: Callable[[], T]) -> T:
        """Return the result of `read`, which is called once and kept."""
        with self._lock:
            if self._closed:
                raise ClosedSession(
                    f"The session of {self._location} is closed. Open it again, or read before closing it.",
                    path=self._location,
                )
            if name not in self._cache:
                _log.debug("reading %s of %s", name, self._location)
                self._cache[name] = read()
            return cast(T, self._cache[name])

    def close(self) -> None:
        """Release what was read. Tables that were returned stay valid; further access to the session is an error."""
        with self._lock:
            self._cache.clear()
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_cache", "_lock", "_closed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def __dir__(self) -> list[str]:
        return sorted(name for name in dir(type(self)) if not name.startswith("_"))
