"""Which of AllenSDK's modules and names are supplied, and what to use instead of the others."""

from __future__ import annotations

from typing import Any

from visbehavior.allensdk import helpers
from visbehavior.allensdk.classes import (
    make_experiment_class,
    make_neuropixels_cache_class,
    make_ophys_cache_class,
    make_session_class,
)
from visbehavior.image import Image

PACKAGE = "allensdk"
ALLENSDK_VERSIONS = {"2.16": "2.16.2", "2.10": "2.10.2"}
"""Convention: full version number of AllenSDK."""

_BEHAVIOR = f"{PACKAGE}.brain_observatory.behavior"
_CACHE = f"{_BEHAVIOR}.behavior_project_cache"

_HELPERS = {
    "dprime": (
        helpers.get_dprime,
        helpers.get_false_alarm_rate,
        helpers.get_hit_rate,
        helpers.get_rolling_dprime,
        helpers.get_trial_count_corrected_false_alarm_rate,
        helpers.get_trial_count_corrected_hit_rate,
    ),
    "event_detection": (helpers.filter_events_array,),
    "eye_tracking_processing": (
        helpers.compute_circular_area,
        helpers.compute_elliptical_area,
        helpers.determine_likely_blinks,
        helpers.determine_outliers,
        helpers.filter_on_blinks,
    ),
    "session_metrics": (helpers.num_contingent_trials, helpers.response_bias),
    "trial_masks": (helpers.contingent_trials, helpers.reward_rate, helpers.trial_types),
    "trials_processing": (helpers.calculate_reward_rate,),
}
"""Module: its functions."""

_ADVICE = (
    ("behavior_ophys_session", "use allensdk.brain_observatory.behavior.behavior_ophys_experiment"),
    ("BehaviorOphysSession", "use allensdk.brain_observatory.behavior.behavior_ophys_experiment"),
    ("behavior_ophys_analysis", "use visbehavior's plots (plot_timeline)"),
    ("project_metadata_writer", "use visbehavior.build_release, which writes the project tables"),
    ("prior_exposure", "use visbehavior.analysis.history.compute_history"),
    ("behavior_project_cache.tables", "use the methods of VisualBehaviorOphysProjectCache that return tables"),
    ("behavior_project_cache", "use VisualBehaviorOphysProjectCache"),
    ("data_files", "use BehaviorSession.from_json(session_data), which reads the rig's files"),
    ("stimulus_processing", "use BehaviorSession.from_json(session_data), which reads the rig's files"),
    ("sync", "use BehaviorSession.from_json(session_data), which reads the rig's files"),
    ("mtrain", "use BehaviorSession.from_json(session_data), which reads the rig's files"),
    ("rewards_processing", "use BehaviorSession.rewards"),
    ("running_processing", "use BehaviorSession.running_speed"),
    ("eye_tracking_processing", "use BehaviorSession.eye_tracking"),
    ("data_objects", "use the attributes of BehaviorSession and BehaviorOphysExperiment"),
    ("metadata_parsers", "use visbehavior.schema.session_type.parse_session_type"),
    ("write_nwb", "use visbehavior.write_nwb"),
    ("schemas", "use visbehavior.schema, which declares every column"),
    ("image_api", "use visbehavior.Image"),
    ("dprime", "use the other functions of allensdk.brain_observatory.behavior.dprime, or compute_rolling_performance"),
    ("trials_processing", "use BehaviorSession.trials and get_rolling_performance_df()"),
    ("criteria", "use AllenSDK itself in another environment: the rules of training are not part of the data set"),
    ("swdb", "use AllenSDK itself in another environment: these are exercises of a course"),
)
"""Text in the full name: what to use. The first that fits holds."""

_ELSE = (
    "it supplies behavior sessions, imaging planes, the project caches, and the functions that notebooks import with them. For "
    "the rest use AllenSDK in another environment"
)


class BehaviorCloudCacheVersionException(Exception):
    """AllenSDK's error for releases before 1.0.0. Never raised: visbehavior opens these releases."""


class UpdatedStimulusPresentationTableWarning(UserWarning):
    """AllenSDK's warning that presentations have several blocks. Never issued; scripts silence it."""


def module_contents(convention: str) -> dict[str, dict[str, Any]]:
    """Return the names in each module. AllenSDK 2.10 and 2.16 have the same import paths."""
    session, experiment = make_session_class(convention), make_experiment_class(convention)
    cache_class = make_ophys_cache_class(convention, session, experiment)
    neuropixels_class = make_neuropixels_cache_class(convention, session)
    neuropixels = {"VisualBehaviorNeuropixelsProjectCache": neuropixels_class}
    cache = {
        "VisualBehaviorOphysProjectCache": cache_class,
        "UpdatedStimulusPresentationTableWarning": UpdatedStimulusPresentationTableWarning,
    }
    for renamed, module, name in (
        (session, f"{_BEHAVIOR}.behavior_session", "BehaviorSession"),
        (experiment, f"{_BEHAVIOR}.behavior_ophys_experiment", "BehaviorOphysExperiment"),
        (cache_class, _CACHE, "VisualBehaviorOphysProjectCache"),
        (neuropixels_class, _CACHE, "VisualBehaviorNeuropixelsProjectCache"),
    ):
        renamed.__module__, renamed.__name__, renamed.__qualname__ = module, name, name
    return {
        PACKAGE: {"__version__": ALLENSDK_VERSIONS[convention]},
        f"{PACKAGE}.brain_observatory": {},
        _BEHAVIOR: {},
        f"{_BEHAVIOR}.behavior_session": {"BehaviorSession": session},
        f"{_BEHAVIOR}.behavior_ophys_experiment": {"BehaviorOphysExperiment": experiment},
        _CACHE: cache | neuropixels,
        f"{_CACHE}.behavior_project_cache": cache,
        f"{_CACHE}.behavior_neuropixels_project_cache": neuropixels,
        f"{_CACHE}.utils": {"BehaviorCloudCacheVersionException": BehaviorCloudCacheVersionException},
        f"{_BEHAVIOR}.image_api": {"Image": Image},
        **{
            f"{_BEHAVIOR}.{module}": {function.__name__: function for function in functions}
            for module, functions in _HELPERS.items()
        },
    }


def advise(full_name: str) -> str:
    """Return what to use instead of a module or name of AllenSDK that is not supplied, as a clause."""
    return next((advice for text, advice in _ADVICE if text in full_name), _ELSE)
