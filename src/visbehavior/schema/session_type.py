"""Parsing of the texts from which other entries are derived: session type, genotype, reporter line."""

from __future__ import annotations

import re
from typing import NamedTuple

NO_PROJECT_CODE = "Not Available"
"""project_code of a session without one."""

# `re` compiles and keeps them when they are first used. Compiling them here would slow down the import.
_SESSION_TYPE = r"(?P<phase>TRAINING|OPHYS|HABITUATION|EPHYS)_(?P<number>\d+)"
_IMAGE_SET = r"images_(\w)"

_FIRST_PHASES = {"TRAINING": 0, "HABITUATION": 1}


class SessionType(NamedTuple):
    """The parts of a session type, such as OPHYS_2_images_A_passive.

    Parameters
    ----------
    text : str
        The session type.
    phase : str
        TRAINING or OPHYS, in Visual Behavior Neuropixels also HABITUATION or EPHYS; "" for other texts.
    number : int or None
        Number of the stage within the phase.
    image_set_letter : str or None
        Letter of the image set: A in images_A. None without images.
    image_set : str or None
        images_A, gratings, or None, by AllenSDK's rule: the second part of the text must be ``images`` or ``gratings``.
    is_passive : bool
        True if the mouse could not lick: the text ends with ``passive``.
    is_habituation : bool
        True for a session of habituation to the microscope or the recording rig.
    """

    text: str
    phase: str
    number: int | None
    image_set_letter: str | None
    image_set: str | None
    is_passive: bool
    is_habituation: bool

    @property
    def stage(self) -> str:
        """Phase and number, such as OPHYS_2; "" for other texts."""
        return "" if self.number is None else f"{self.phase}_{self.number}"


def parse_session_type(text: str) -> SessionType:
    """Return the parts of a session type; any text is accepted."""
    stage, letter = re.match(_SESSION_TYPE, text, re.ASCII), re.search(_IMAGE_SET, text)
    parts = text.split("_")
    image_set = f"images_{parts[3]}" if len(parts) > 3 and parts[2] == "images" else None
    if len(parts) > 2 and parts[2] == "gratings":
        image_set = "gratings"
    phase, number = (stage["phase"], int(stage["number"])) if stage else ("", None)
    return SessionType(
        text=text,
        phase=phase,
        number=number,
        image_set_letter=letter[1] if letter else None,
        image_set=image_set,
        is_passive=text.endswith("passive"),
        is_habituation="habituation" in text or phase == "HABITUATION" or (phase, number) == ("OPHYS", 0),
    )


def parse_cre_line(genotype: str | None) -> str | None:
    """Return the Cre line of a genotype: Sst-IRES-Cre for Sst-IRES-Cre/wt;Ai148(...)/wt. None without a `;`."""
    if genotype is None or ";" not in genotype:
        return None
    return genotype.split(";")[0].replace("/wt", "")


def parse_indicator(reporter_line: str | None) -> str | None:
    """Return the calcium indicator of a reporter line: GCaMP6f for Ai148(TIT2L-GC6f-ICL-tTA2). None if it names none."""
    match = re.search(r"GC(?:aMP)?(\d\w)", reporter_line or "")
    return f"GCaMP{match[1]}" if match else None


def stage_order(stage: str) -> tuple[int, str]:
    """Return the sort key of a stage such as "OPHYS_4": training first, then habituation, then imaging and recordings."""
    phase = stage.partition("_")[0]
    return _FIRST_PHASES.get(phase, len(_FIRST_PHASES)), stage
