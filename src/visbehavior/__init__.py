"""Allen Institute Visual Behavior data: sessions, tables and performance metrics.

The public names are imported when they are first used: ``import visbehavior`` loads neither numpy nor pandas.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from visbehavior._version import __version__

_PUBLIC = {
    "BehaviorOphysExperiment": "experiment",
    "BehaviorSession": "session",
    "Image": "image",
    "ImagingParameters": "simulation.imaging",
    "Mouse": "simulation.mouse",
    "ResponseMatrix": "analysis.response_matrix",
    "SessionTensor": "session_tensor",
    "Source": "reader",
    "VisualBehaviorNeuropixelsProjectCache": "project.neuropixels_cache",
    "StateFit": "models.states",
    "StrategyFit": "models.strategy",
    "VisualBehaviorOphysProjectCache": "project.cache",
    "build_release": "publish.build",
    "check_release": "publish.check",
    "compare_engagement": "session_responses",
    "compare_state_counts": "models.state_counts",
    "compute_confidence_band": "analysis.responses",
    "compute_could_change": "analysis.could_change",
    "compute_dropout_scores": "models.dropouts",
    "compute_engaged_periods": "analysis.engagement",
    "compute_engagement": "analysis.engagement",
    "compute_event_triggered": "analysis.alignment",
    "compute_flash_reward_rate": "analysis.engagement",
    "compute_flash_table": "analysis.flashes",
    "compute_image_selectivity": "analysis.responses",
    "compute_lick_bouts": "analysis.licking",
    "compute_mean_response": "analysis.responses",
    "compute_modulation": "analysis.responses",
    "compute_performance_metrics": "analysis.performance",
    "compute_performance_table": "performance_table",
    "compute_recovery": "models.recovery",
    "compute_response_matrix": "analysis.response_matrix",
    "compute_response_p_values": "analysis.responses",
    "compute_reward_rate": "analysis.performance",
    "compute_rolling_performance": "analysis.performance",
    "compute_session_rates": "analysis.performance",
    "compute_session_response": "session_responses",
    "compute_strategy_regressors": "models.regressors",
    "compute_tensor": "session_tensor",
    "compute_weights_by_engagement": "models.dropouts",
    "compute_wide_bands": "models.wide_bands",
    "convert_raw": "convert",
    "cross_validate_strategy": "models.cross_validation",
    "evaluate_states": "models.states",
    "fit_states": "models.states",
    "fit_strategy": "models.strategy",
    "install_as_allensdk": "allensdk",
    "iterate_tensor": "session_tensor",
    "plot_dropouts": "plots.strategy",
    "plot_engagement": "plots.engagement",
    "plot_lick_raster": "plots.responses",
    "plot_max_dprime": "plots.performance",
    "plot_plane": "plots.plane",
    "plot_population": "plots.traces",
    "plot_response_matrix": "plots.responses",
    "plot_states": "plots.strategy",
    "plot_strategy": "plots.strategy",
    "plot_stretch": "plots.timeline",
    "plot_timeline": "plots.timeline",
    "plot_traces": "plots.traces",
    "plot_triggered": "plots.responses",
    "select_events": "analysis.event_kinds",
    "simulate": "simulation.simulate",
    "simulate_imaging": "simulated_experiment",
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
    from visbehavior.analysis.alignment import (
        compute_event_triggered as compute_event_triggered,
    )
    from visbehavior.analysis.could_change import (
        compute_could_change as compute_could_change,
    )
    from visbehavior.analysis.engagement import (
        compute_engaged_periods as compute_engaged_periods,
        compute_engagement as compute_engagement,
        compute_flash_reward_rate as compute_flash_reward_rate,
    )
    from visbehavior.analysis.event_kinds import (
        select_events as select_events,
    )
    from visbehavior.analysis.flashes import (
        compute_flash_table as compute_flash_table,
    )
    from visbehavior.analysis.licking import (
        compute_lick_bouts as compute_lick_bouts,
    )
    from visbehavior.analysis.response_matrix import (
        ResponseMatrix as ResponseMatrix,
        compute_response_matrix as compute_response_matrix,
    )
    from visbehavior.analysis.responses import (
        compute_confidence_band as compute_confidence_band,
        compute_image_selectivity as compute_image_selectivity,
        compute_mean_response as compute_mean_response,
        compute_modulation as compute_modulation,
        compute_response_p_values as compute_response_p_values,
    )
    from visbehavior.plots.engagement import (
        plot_engagement as plot_engagement,
    )
    from visbehavior.plots.responses import (
        plot_lick_raster as plot_lick_raster,
        plot_response_matrix as plot_response_matrix,
        plot_triggered as plot_triggered,
    )
    from visbehavior.session_tensor import (
        SessionTensor as SessionTensor,
        compute_tensor as compute_tensor,
        iterate_tensor as iterate_tensor,
    )
    from visbehavior.session_responses import (
        compare_engagement as compare_engagement,
        compute_session_response as compute_session_response,
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
    from visbehavior.models.cross_validation import cross_validate_strategy as cross_validate_strategy
    from visbehavior.models.dropouts import (
        compute_dropout_scores as compute_dropout_scores,
        compute_weights_by_engagement as compute_weights_by_engagement,
    )
    from visbehavior.models.recovery import compute_recovery as compute_recovery
    from visbehavior.models.regressors import compute_strategy_regressors as compute_strategy_regressors
    from visbehavior.models.state_counts import compare_state_counts as compare_state_counts
    from visbehavior.models.states import (
        StateFit as StateFit,
        evaluate_states as evaluate_states,
        fit_states as fit_states,
    )
    from visbehavior.models.strategy import StrategyFit as StrategyFit, fit_strategy as fit_strategy
    from visbehavior.models.wide_bands import compute_wide_bands as compute_wide_bands
    from visbehavior.nwb.writer import write_nwb as write_nwb
    from visbehavior.plots.performance import plot_max_dprime as plot_max_dprime
    from visbehavior.plots.plane import plot_plane as plot_plane
    from visbehavior.plots.traces import plot_population as plot_population, plot_traces as plot_traces
    from visbehavior.plots.strategy import (
        plot_dropouts as plot_dropouts,
        plot_states as plot_states,
        plot_strategy as plot_strategy,
    )
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
    from visbehavior.simulated_experiment import simulate_imaging as simulate_imaging
    from visbehavior.simulation.imaging import ImagingParameters as ImagingParameters
    from visbehavior.simulation.mouse import Mouse as Mouse
    from visbehavior.simulation.simulate import simulate as simulate, simulate_mouse as simulate_mouse

else:
    # Type checkers know the names above, and would accept every name if they saw this function.
    def __getattr__(name: str) -> Any:
        if name not in _PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
        value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
