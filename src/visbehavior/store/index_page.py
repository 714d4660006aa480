"""Names of files on the index page of a plain HTTP mirror.

The standard library reads the page: obstore rejects responses of unknown length, such as these pages.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from visbehavior.errors import TransferFailed
from visbehavior.store.stall import MAX_LISTING, StallGuard

_TIMEOUT = 10.0
_FILE = re.compile(r'href="([^"?/]+)"', re.IGNORECASE)


def list_index_page(mirror: str, folder: str) -> list[str]:
    """Return the names that a mirror's index page of a folder links; TransferFailed if there is no such page."""
    # These imports take 20 ms and are rarely needed.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        url = urlsplit(mirror)
        path = quote(f"{unquote(url.path).rstrip('/')}/{folder}/")
        with urlopen(url._replace(path=path).geturl(), timeout=_TIMEOUT) as response:
            page = _read_page(response, folder).decode("utf-8", "replace")
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, HTTPError):
            # The error holds the connection.
            error.close()
        raise TransferFailed(
            f"{mirror} has no index page of {folder} ({error}). Choose the release with version=.",
            key=folder,
            offline=not isinstance(error, HTTPError),
        ) from error
    return [unquote(unescape(name)) for name in _FILE.findall(page)]


def _read_page(response: Any, folder: str) -> bytes:
    guard, page = StallGuard(folder), bytearray()
    while chunk := response.read1(1 << 16):
        guard.received(len(chunk))
        page += chunk
        if len(page) > MAX_LISTING:
            raise ValueError("the page does not end")
    return bytes(page)
