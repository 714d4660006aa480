"""The stages of training and imaging: what is shown, and by which rules.

Source: the session types of the published data set, the parameters that a camstim pickle holds, and the technical white paper
"Visual Behavior" of the Allen Institute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from visbehavior.errors import BadValue

IMAGES = {
    "A": ("im061", "im062", "im063", "im065", "im066", "im069", "im077", "im085"),
    "B": ("im000", "im031", "im035", "im045", "im054", "im073", "im075", "im106"),
    "G": ("im012", "im036", "im044", "im047", "im078", "im083", "im111", "im115"),
    "H": ("im005", "im024", "im034", "im083", "im087", "im104", "im111", "im114"),
}
"""Names of the eight images of each set."""

SET_FILES = {
    "A": "Natural_Images_Lum_Matched_set_TRAINING_2017.07.14.pkl",
    "B": "Natural_Images_Lum_Matched_set_ophys_6_2017.07.14.pkl",
    "G": "Natural_Images_Lum_Matched_set_ophys_G_2019.05.26.pkl",
    "H": "Natural_Images_Lum_Matched_set_ophys_H_2019.05.26.pkl",
}

ORIENTATIONS = {"horizontal": (0, 180), "vertical": (90, 270)}
"""Gratings: degrees of each group; a change goes from one group to the other."""

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
"""A mouse's life: session types and how many days each takes."""

FIRST_DAY = CURRICULUM[0][0]

_NAME = re.compile(r"(TRAINING|OPHYS)_(\d)_(gratings|images_([ABGH]))(?:_(\w+))?", re.ASCII)
_LAST = {"TRAINING": 5, "OPHYS": 6}
_PASSIVE = (2, 5)
_GRATINGS_UNTIL, _STATIC_UNTIL = 2, 1


@dataclass(frozen=True)
class Stage:
    """What a session type means.

    Parameters
    ----------
    name : str
        The session type.
    group : str
        The stages that are alike: TRAINING_0 to TRAINING_5, OPHYS_active, OPHYS_passive.
    image_set : str
        Letter of the image set; "" for gratings.
    flashed : bool
        Whether images come and go, or stay until they change.
    auto_rewarded : bool
        Whether every change is rewarded for nothing, and licks abort no trial.
    passive : bool
        Whether the spout is away.
    omits : bool
        Whether images are left out.
    surrounded : bool
        Whether gray comes first, and gray and a movie last.
    reward_volume : float
        Of an earned reward (mL).
    longest : float
        Minutes that the task lasts at most.
    fewest_flashes : int
        Before a change.
    go_on : float
        Probability that a change comes not at this flash but a later one, once it may come.
    """

    name: str
    group: str
    image_set: str
    flashed: bool
    auto_rewarded: bool
    passive: bool
    omits: bool
    surrounded: bool
    reward_volume: float
    longest: float
    fewest_flashes: int
    go_on: float

    @property
    def images(self) -> tuple[str, ...]:
        """Names of its images; none for gratings."""
        return IMAGES[self.image_set] if self.image_set else ()


def parse_stage(session_type: str) -> Stage:
    """What a session type means.

    Raises
    ------
    BadValue
        If there is no such type.
    """
    found = _NAME.fullmatch(session_type) if isinstance(session_type, str) else None
    if found is None or not _is_known(found):
        raise BadValue(
            f"There is no session type {session_type!r}. Those of a mouse's life are {', '.join(name for name, _ in CURRICULUM)}; "
            "images may be of the set A, B, G or H.",
            value=session_type,
        )
    kind, number, letter = found[1], int(found[2]), found[4] or ""
    passive = kind == "OPHYS" and number in _PASSIVE
    first = kind == "TRAINING" and number == 0
    group = ("OPHYS_passive" if passive else "OPHYS_active") if kind == "OPHYS" else f"{kind}_{number}"
    return Stage(
        name=session_type,
        group=group,
        image_set=letter,
        flashed=kind == "OPHYS" or number > _STATIC_UNTIL,
        auto_rewarded=first,
        passive=passive,
        omits=kind == "OPHYS" and number > 0,
        surrounded=kind == "OPHYS" or number == _LAST["TRAINING"],
        reward_volume=0.010 if kind == "TRAINING" and number <= 3 else 0.007,
        longest=15.0 if first else 60.0,
        fewest_flashes=3 if first else 4,
        go_on=0.58 if first else 0.70,
    )


def _is_known(found: re.Match[str]) -> bool:
    kind, number, has_images = found[1], int(found[2]), found[4] is not None
    if number > _LAST[kind] or has_images != (kind == "OPHYS" or number > _GRATINGS_UNTIL):
        return False
    return (kind == "OPHYS" and number in _PASSIVE) == (found[5] == "passive")
