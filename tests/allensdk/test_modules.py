"""Public names of AllenSDK 2.16.2: each is supplied, or its import error says what to use."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

NAMES = pathlib.Path(__file__).with_name("public_names.txt")
"""A line per module of ``allensdk.brain_observatory`` that is about behavior: its name, then its public functions and classes."""

CHILD = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
import visbehavior
visbehavior.install_as_allensdk(sys.argv[1])
answers = {}
for line in open(sys.argv[2]):
    module, *names = line.split()
    for name in names or [None]:
        full = f"allensdk.brain_observatory.{module}" + (f".{name}" if name else "")
        try:
            if name is None:
                importlib.import_module(full)
            else:
                exec(f"from allensdk.brain_observatory.{module} import {name}", {})
            answers[full] = None
        except ImportError as error:
            answers[full] = str(error)
print(json.dumps(answers))
"""

SUPPLIED = {
    "behavior_ophys_experiment.BehaviorOphysExperiment",
    "behavior_project_cache.behavior_project_cache.VisualBehaviorOphysProjectCache",
    "behavior_project_cache.behavior_project_cache.UpdatedStimulusPresentationTableWarning",
    "behavior_project_cache.utils.BehaviorCloudCacheVersionException",
    "behavior_session.BehaviorSession",
    "dprime.get_rolling_dprime",
    "dprime.get_trial_count_corrected_hit_rate",
    "event_detection.filter_events_array",
    "eye_tracking_processing.determine_likely_blinks",
    "image_api.Image",
    "session_metrics.response_bias",
    "trial_masks.reward_rate",
}


@pytest.mark.parametrize("version", ["2.10", "2.16"])
def test_each_public_name_is_supplied_or_answered(version: str) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, version, NAMES], capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    assert len(answers) > 300
    supplied = {
        name.removeprefix("allensdk.brain_observatory.behavior.") for name, answer in answers.items() if not answer
    }
    assert supplied >= SUPPLIED
    for name, answer in answers.items():
        assert answer is None or (answer.split("'")[1] in name and " use " in answer and len(answer) < 500), (
            name,
            answer,
        )
