"""Allen Institute Visual Behavior data: sessions, tables and performance metrics.

The public names are imported when they are first used: ``import visbehavior`` loads neither numpy nor pandas.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from visbehavior._version import __version__

_PUBLIC = {
    "BehaviorOphysExperiment": "experiment",
    "BehaviorSession": "session",
    "Image": "image",
    "Mouse": "simulation.mouse",
    "Source": "reader",
    "VisualBehaviorNeuropixelsProjectCache": "project.neuropixels_cache",
    "VisualBehaviorOphysProjectCache": "project.cache",
    "build_release": "publish.build",
    "check_release": "publish.check",
    "compute_performance_metrics": "analysis.performance",
    "compute_performance_table": "performance_table",
    "compute_reward_rate": "analysis.performance",
    "compute_rolling_performance": "analysis.performance",
    "compute_session_rates": "analysis.performance",
    "convert_raw": "convert",
    "install_as_allensdk": "allensdk",
    "plot_max_dprime": "plots.performance",
    "plot_stretch": "plots.timeline",
    "plot_timeline": "plots.timeline",
    "simulate": "simulation.simulate",
    "simulate_mouse": "simulation.simulate",
    "write_nwb": "nwb.writer",
    "AllenSDKImported": "errors",
    "BadValue": "errors",
    "CannotWrite": "errors",
    "ChangedFile": "errors",
    "ClosedSession": "errors",
    "CorruptFile": "errors",
    "DiskFull": "errors",
    "MissingData": "errors",
    "MissingExtra": "errors",
    "NotCached": "errors",
    "NotFound": "errors",
    "TransferFailed": "errors",
    "UnknownVersion": "errors",
    "UnsupportedFile": "errors",
    "VisBehaviorError": "errors",
    "VisBehaviorWarning": "errors",
}
"""Public name: the module that holds it."""

__all__ = [*_PUBLIC, "__version__"]

logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from visbehavior.allensdk import install_as_allensdk as install_as_allensdk
    from visbehavior.analysis.performance import (
        compute_performance_metrics as compute_performance_metrics,
        compute_reward_rate as compute_reward_rate,
        compute_rolling_performance as compute_rolling_performance,
        compute_session_rates as compute_session_rates,
    )
    from visbehavior.performance_table import compute_performance_table as compute_performance_table
    from visbehavior.convert import convert_raw as convert_raw
    from visbehavior.errors import (
        AllenSDKImported as AllenSDKImported,
        BadValue as BadValue,
        CannotWrite as CannotWrite,
        ChangedFile as ChangedFile,
        ClosedSession as ClosedSession,
        CorruptFile as CorruptFile,
        DiskFull as DiskFull,
        MissingData as MissingData,
        MissingExtra as MissingExtra,
        NotCached as NotCached,
        NotFound as NotFound,
        TransferFailed as TransferFailed,
        UnknownVersion as UnknownVersion,
        UnsupportedFile as UnsupportedFile,
        VisBehaviorError as VisBehaviorError,
        VisBehaviorWarning as VisBehaviorWarning,
    )
    from visbehavior.nwb.writer import write_nwb as write_nwb
    from visbehavior.plots.performance import plot_max_dprime as plot_max_dprime
    from visbehavior.plots.timeline import plot_stretch as plot_stretch, plot_timeline as plot_timeline
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache as VisualBehaviorOphysProjectCache
    from visbehavior.project.neuropixels_cache import (
        VisualBehaviorNeuropixelsProjectCache as VisualBehaviorNeuropixelsProjectCache,
    )
    from visbehavior.publish.build import build_release as build_release
    from visbehavior.experiment import BehaviorOphysExperiment as BehaviorOphysExperiment
    from visbehavior.image import Image as Image
    from visbehavior.publish.check import check_release as check_release
    from visbehavior.reader import Source as Source
    from visbehavior.session import BehaviorSession as BehaviorSession
    from visbehavior.simulation.mouse import Mouse as Mouse
    from visbehavior.simulation.simulate import simulate as simulate, simulate_mouse as simulate_mouse


def __getattr__(name: str) -> Any:
    try:
        module = importlib.import_module(f"{__name__}.{_PUBLIC[name]}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
