"""The one door to optional libraries: import one, or name the extra that brings it and the line that installs it."""

from __future__ import annotations

import importlib
from typing import Any

from visbehavior.errors import MissingExtra

_EXTRAS = {"pynwb": "nwb", "hdmf": "nwb", "matplotlib": "plots", "scipy": "raw"}
"""ReleaseFiles: the extra that brings it."""


def import_extra(module: str) -> Any:
    """An optional library, or one of its modules.

    Parameters
    ----------
    module : str
        Such as "matplotlib.pyplot".

    Raises
    ------
    MissingExtra
        If the library is not installed.
    """
    library = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != library:
            raise
        raise MissingExtra(
            f'This needs {library}, which is not installed. Install it with: pip install "visbehavior[{_EXTRAS[library]}]" '
            f"(or: conda install -c conda-forge {library})",
            library=library,
            extra=_EXTRAS[library],
        ) from None
