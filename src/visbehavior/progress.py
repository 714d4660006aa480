"""Progress bars on terminals and in notebooks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any


def progress_bar(show: bool, iterable: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return a tqdm progress bar.

    Parameters
    ----------
    show : bool
        Whether to show the bar on a terminal or in a notebook. Elsewhere it is never shown.
    iterable : iterable or None
        Items to count; None: the caller calls the bar's ``update``.
    **options
        Options of tqdm.
    """
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # Without ipywidgets tqdm warns that its bar is a line of text.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm(iterable, disable=not (show and _is_interactive()), **options)


def is_notebook() -> bool:
    """Return True in a notebook."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def _is_interactive() -> bool:
    """Return True on a terminal and in a notebook, where stderr is not a terminal."""
    return is_notebook() or (sys.stderr is not None and sys.stderr.isatty())
