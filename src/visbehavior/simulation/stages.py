"""Session types: stages of training and imaging, with their stimuli and task parameters.

Source: the session types of the published data set, the parameters in camstim pickles, and the technical white paper "Visual
Behavior" of the Allen Institute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from visbehavior.errors import BadValue, brief_repr

IMAGES = {
    "A": ("im061", "im062", "im063", "im065", "im066", "im069", "im077", "im085"),
    "B": ("im000", "im031", "im035", "im045", "im054", "im073", "im075", "im106"),
    "G": ("im036_r", "im012_r", "im044_r", "im047_r", "im083_r", "im111_r", "im115_r", "im078_r"),
    "H": ("im104_r", "im114_r", "im083_r", "im005_r", "im087_r", "im024_r", "im111_r", "im034_r"),
}
"""Names of the eight images of each set."""

IMAGE_SET_FILES = {
    "A": "Natural_Images_Lum_Matched_set_TRAINING_2017.07.14.pkl",
    "B": "Natural_Images_Lum_Matched_set_ophys_6_2017.07.14.pkl",
    "G": "Natural_Images_Lum_Matched_set_ophys_G_2019.05.26.pkl",
    "H": "Natural_Images_Lum_Matched_set_ophys_H_2019.05.26.pkl",
}
"""File name of each image set."""

ORIENTATIONS = {"horizontal": (0, 180), "vertical": (90, 270)}
"""Orientations of the gratings in each group (deg); a change is always to the other group."""
GRATINGS = tuple(f"gratings_{degrees}" for group in ORIENTATIONS.values() for degrees in group)
"""Names of the gratings."""

CURRICULUM = (
    ("TRAINING_0_gratings_autorewards_15min", 1),
    ("TRAINING_1_gratings", 5),
    ("TRAINING_2_gratings_flashed", 3),
    ("TRAINING_3_images_A_10uL_reward", 3),
    ("TRAINING_4_images_A_training", 3),
    ("TRAINING_5_images_A_handoff_ready", 8),
    ("OPHYS_0_images_A_habituation", 2),
    ("OPHYS_1_images_A", 1),
    ("OPHYS_2_images_A_passive", 1),
    ("OPHYS_3_images_A", 1),
    ("OPHYS_4_images_B", 1),
    ("OPHYS_5_images_B_passive", 1),
    ("OPHYS_6_images_B", 1),
)
"""Session types of a mouse in order, with the number of sessions of each."""

NEUROPIXELS_CURRICULUM = (
    ("TRAINING_0_gratings_autorewards_15min_0uL_reward", 1),
    ("TRAINING_1_gratings_10uL_reward", 5),
    ("TRAINING_2_gratings_flashed_10uL_reward", 3),
    ("TRAINING_3_images_G_10uL_reward", 3),
    ("TRAINING_4_images_G_training_7uL_reward", 3),
    ("TRAINING_5_images_G_handoff_ready_5uL_reward", 8),
    ("HABITUATION_5_images_G_handoff_ready_5uL_reward", 5),
    ("EPHYS_1_images_G_5uL_reward", 1),
    ("EPHYS_1_images_H_5uL_reward", 1),
)
"""The same of Visual Behavior Neuropixels: habituation to the recording rig, and two recordings."""

FIRST_SESSION_TYPE = CURRICULUM[0][0]

_SESSION_TYPE = re.compile(r"([A-Z]+)_(\d)_(gratings|images_([ABGH]))(?:_(\w+))?", re.ASCII)
_REWARD = re.compile(r".*?(\d{1,2})uL_reward", re.ASCII)
_STAGES = {"TRAINING": range(6), "OPHYS": range(7), "HABITUATION": (5,), "EPHYS": (1,)}
"""Numbers of the stages of each phase."""
_PASSIVE_STAGES = (2, 5)
_LAST_STATIC_STAGE, _LAST_GRATING_STAGE, _LAST_LARGE_REWARD_STAGE = 1, 2, 3


@dataclass(frozen=True)
class Stage:
    """Stimulus and task parameters of a session type.

    Parameters
    ----------
    name : str
        Session type.
    group : str
        Group of session types with the same behavioral parameters: TRAINING_0 to TRAINING_5, OPHYS_active or OPHYS_passive.
        HABITUATION belongs to TRAINING_5, EPHYS to OPHYS_active.
    image_set : str
        Letter of the image set; "" for gratings.
    flashed : bool
        Whether images are flashed (250 ms image, 500 ms gray); otherwise they stay on until they change.
    auto_rewarded : bool
        Whether every change is followed by a free reward, and licks do not abort trials.
    passive : bool
        Whether the session is passive: the lick spout is retracted.
    has_omissions : bool
        Whether images are omitted at random.
    has_movie : bool
        Whether the session has a gray screen before the task, and a gray screen and a movie after it.
    reward_volume : float
        Volume of an earned reward (mL).
    max_minutes : float
        Maximum duration of the task (min).
    min_change_flashes : int
        Minimum number of flashes from the start of a trial to the change.
    continuation_probability : float
        Ratio of the truncated geometric distribution of the change time: the probability that the change is later than a flash,
        given that it is not earlier.
    """

    name: str
    group: str
    image_set: str
    flashed: bool
    auto_rewarded: bool
    passive: bool
    has_omissions: bool
    has_movie: bool
    reward_volume: float
    max_minutes: float
    min_change_flashes: int
    continuation_probability: float

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images; empty for gratings."""
        return IMAGES[self.image_set] if self.image_set else ()


def parse_stage(session_type: str) -> Stage:
    """Return the stimulus and task parameters of a session type.

    Raises
    ------
    BadValue
        If there is no such session type.
    """
    match = _SESSION_TYPE.fullmatch(session_type) if isinstance(session_type, str) else None
    if match is None or not _exists(match):
        raise BadValue(
            f"There is no session type {brief_repr(session_type)}. Use one of {', '.join(name for name, _ in CURRICULUM)}; the image set may be "
            "A, B, G or H. With Neuropixels also HABITUATION_5_images_G_handoff_ready and EPHYS_1_images_G.",
            value=session_type,
        )
    phase, number, image_set = match[1], int(match[2]), match[4] or ""
    imaging, training = phase == "OPHYS", phase == "TRAINING"
    passive = imaging and number in _PASSIVE_STAGES
    first = training and number == 0
    return Stage(
        name=session_type,
        group=_group(phase, number, passive),
        image_set=image_set,
        flashed=not training or number > _LAST_STATIC_STAGE,
        auto_rewarded=first,
        passive=passive,
        has_omissions=phase == "EPHYS" or (imaging and number > 0),
        has_movie=imaging or (training and number == _STAGES["TRAINING"][-1]),
        reward_volume=_reward_volume(
            match[5] or "", 0.010 if training and number <= _LAST_LARGE_REWARD_STAGE else 0.007
        ),
        max_minutes=15.0 if first else 60.0,
        min_change_flashes=3 if first else 4,
        continuation_probability=0.58 if first else 0.70,
    )


def _group(phase: str, number: int, passive: bool) -> str:
    if phase in ("OPHYS", "EPHYS"):
        return "OPHYS_passive" if passive else "OPHYS_active"
    return f"TRAINING_{number}"


def _reward_volume(suffix: str, default: float) -> float:
    """Return the volume that the session type names, such as 5uL_reward (mL)."""
    named = _REWARD.fullmatch(suffix)
    return int(named[1]) / 1000 if named else default


def _exists(match: re.Match[str]) -> bool:
    phase, number, has_images = match[1], int(match[2]), match[4] is not None
    if number not in _STAGES.get(phase, ()) or has_images != (phase != "TRAINING" or number > _LAST_GRATING_STAGE):
        return False
    return (phase == "OPHYS" and number in _PASSIVE_STAGES) == (match[5] == "passive")
