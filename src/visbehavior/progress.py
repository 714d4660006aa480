"""Progress bars: on a terminal and in notebooks; nowhere else."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any


def progress_bar(show: bool, over: Iterable[Any] | None = None, **options: Any) -> Any:
    """A bar of tqdm.

    Parameters
    ----------
    show : bool
        Whether to show one where there is somebody to see it.
    over : iterable or None
        What is counted; None: the bar's ``update`` is called.
    **options
        As tqdm's.
    """
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # Without ipywidgets the bar is a line of text, which needs no excuse.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm(over, disable=not (show and _is_seen()), **options)


def _is_seen() -> bool:
    """Whether stderr is a terminal, or this is a notebook, whose stderr says that it is none."""
    if "ipykernel" in sys.modules:
        from IPython import get_ipython

        return getattr(get_ipython(), "kernel", None) is not None
    return sys.stderr is not None and sys.stderr.isatty()
