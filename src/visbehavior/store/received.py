"""The bytes of an object that several attempts receive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from visbehavior.errors import ChangedFile

if TYPE_CHECKING:
    from visbehavior.store.source import ObjectInfo


class Received:
    """Passes on the bytes of an object as they arrive. All attempts must receive the same object.

    Parameters
    ----------
    key, source : str
        Names of the object and of its source, for messages.
    start : int
        Offset of the first byte.
    on_chunk, on_info : function
        Called with bytes as they arrive, and before that with the object.

    Attributes
    ----------
    position : int
        Offset of the next byte.
    """

    def __init__(
        self,
        key: str,
        source: str,
        start: int,
        on_chunk: Callable[[memoryview], object],
        on_info: Callable[[ObjectInfo], object],
    ) -> None:
        self.position = start
        self._key, self._source, self._start, self._on_chunk, self._on_info = key, source, start, on_chunk, on_info
        self._info: ObjectInfo | None = None

    def check(self, info: ObjectInfo) -> None:
        """Note the object of an attempt; ChangedFile if there are bytes of another one."""
        if self.position > self._start and info != self._info:
            raise ChangedFile(
                f"{self._key} of {self._source} was replaced while it was read. Try again.", key=self._key
            )
        self._info = info
        self._on_info(info)

    def receive(self, chunk: memoryview) -> None:
        """Pass on a part of the bytes."""
        self.position += len(chunk)
        self._on_chunk(chunk)
