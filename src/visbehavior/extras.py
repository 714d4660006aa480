"""Import of libraries that may be missing."""

from __future__ import annotations

import importlib
from typing import Any

from visbehavior.errors import MissingExtra

_EXTRAS = {
    "pynwb": "nwb",
    "hdmf": "nwb",
    "matplotlib": "plots",
    "scipy": "raw",
    "scipy.linalg": "models",
    "scipy.sparse": "imaging",
    "PIL": "raw",
    "xarray": "imaging",
    "duckdb": "cohort",
    "fsspec": "cohort",
    "distributed": "cluster",
    "pyarrow": "",
    "polars": "",
    "pynapple": "",
    "obstore": "",
}
"""The extra that installs each library or module; "" for one that is installed by its own name."""
_PACKAGES = {"PIL": "pillow"}
"""Package of each library whose package has another name."""


def import_extra(module: str) -> Any:
    """Import a library or one of its modules.

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
        package = _PACKAGES.get(library, library)
        extra = _EXTRAS.get(module, _EXTRAS[library])
        requirement = f'"visbehavior[{extra}]"' if extra else package
        raise MissingExtra(
            f"This needs {package}, which is not installed. Install it with: pip install {requirement} "
            f"(or: conda install -c conda-forge {package})",
            library=library,
            extra=extra,
        ) from None
