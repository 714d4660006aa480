"""Limits on servers that answer too slowly or too much."""

from __future__ import annotations

import time

from visbehavior.errors import TransferFailed

WINDOW = 30.0
"""Seconds in which a response must deliver ..."""
MIN_BYTES = 16 << 10
"""... at least so many bytes, unless it is complete before."""
MAX_LISTING = 16 << 20
"""Bytes of a listing or manifest; more is not a listing."""
MAX_LISTED = 10_000
"""Objects of a folder that are listed."""
LISTING_TIMEOUT = 60.0
"""Seconds for a complete listing."""


class StallGuard:
    """Raises TransferFailed if fewer than MIN_BYTES arrive within WINDOW.

    Parameters
    ----------
    name : str
        Name of the download in the message.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = time.monotonic()
        self._received = 0

    def received(self, count: int) -> None:
        """Count received bytes."""
        self._received += count
        now = time.monotonic()
        if now - self._start < WINDOW:
            return
        if self._received < MIN_BYTES:
            raise TransferFailed(
                f"{self._name} stalled: {self._received} bytes in {now - self._start:.0f} s. Downloaded bytes are kept; try again, or "
                "check the network.",
                key=self._name,
            )
        self._start, self._received = now, 0
