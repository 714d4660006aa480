"""Entries of ``session_data``: the stimulus pickle, and facts about the session that the pickle does not contain."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from visbehavior.arguments import as_float
from visbehavior.schema import stimulus_pickle as pickle

_TEXT, _PATH = "text", "path"
_LINES = "text, or list of text"
_PICKLE, _NUMBER, _SECONDS = "path, or the content of the pickle", "a whole number", "number, s"
_NAME, _DAYS, _DATE = "text, or number", "text, or number of days", "ISO 8601 text, or datetime"


_LIMIT = 2**63
"""Numbers of this size are neither ids nor ages nor delays."""


def _is_number(value: Any) -> bool:
    return abs(as_float(value)) < _LIMIT


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


# The command line supplies numbers as text.
VALUE_TYPES: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _PATH: lambda value: isinstance(value, (str, os.PathLike)),
    _PICKLE: lambda value: isinstance(value, (str, os.PathLike, Mapping)),
    _LINES: lambda value: (
        isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value))
    ),
    _NAME: _is_text_or_number,
    _NUMBER: lambda value: (
        value.isdecimal() and len(value) < 19
        if isinstance(value, str)
        else _is_number(value) and 0 <= value < _LIMIT and int(value) == value
    ),
    _DAYS: _is_text_or_number,
    _DATE: lambda value: isinstance(value, (str, datetime.datetime)),
    _SECONDS: _is_text_or_number,
}
"""Types of values, and a function for each that returns whether a value has the type."""


@dataclass(frozen=True)
class SessionDataEntry:
    """An entry of ``session_data``.

    Parameters
    ----------
    key : str
        Its name in AllenSDK.
    value_type : str
        Type of the value, one of `VALUE_TYPES`.
    meaning : str
        Definition, and the value that is used if the entry is absent.
    option : str
        Option of ``visbehavior convert``; "" if there is none.
    column : str
        Column of the behavior session table with the same value; "" if there is none.
    pickled : Entry or None
        Entry of the pickle that is read if this one is absent.
    """

    key: str
    value_type: str
    meaning: str
    option: str = ""
    column: str = ""
    pickled: pickle.Entry | None = None


STIMULUS_FILE = SessionDataEntry(
    "behavior_stimulus_file",
    value_type=_PICKLE,
    meaning="The stimulus pickle (.pkl, .pkl.gz), or its content as a dictionary. The only required entry.",
)
SESSION_ID = SessionDataEntry(
    "behavior_session_id",
    value_type=_NUMBER,
    meaning="Id of the session. Default: the number in the file name, else the id in the pickle, else the digits of the date and time.",
    option="--id",
)
MOUSE_ID = SessionDataEntry(
    "external_specimen_name",
    value_type=_NAME,
    meaning="The mouse. Default: the mouse in the pickle.",
    option="--mouse",
    column="mouse_id",
    pickled=pickle.MOUSE_ID,
)
RIG_NAME = SessionDataEntry(
    "rig_name",
    value_type=_TEXT,
    meaning="The rig. Default: the rig in the pickle.",
    option="--rig",
    column="equipment_name",
    pickled=pickle.COMPUTER_ID,
)
DATE_OF_ACQUISITION = SessionDataEntry(
    "date_of_acquisition",
    value_type=_DATE,
    meaning="Start of the session; Seattle time if there is no UTC offset. Default: the start in the pickle.",
    option="--date",
    column="date_of_acquisition",
    pickled=pickle.START_TIME,
)
SEX = SessionDataEntry("sex", value_type=_TEXT, meaning="M or F.", option="--sex", column="sex")
AGE = SessionDataEntry(
    "age", value_type=_DAYS, meaning="Age in days, such as P114.", option="--age", column="age_in_days"
)
FULL_GENOTYPE = SessionDataEntry(
    "full_genotype",
    value_type=_TEXT,
    meaning="Genotype; it includes the Cre line.",
    option="--genotype",
    column="full_genotype",
)
DRIVER_LINE = SessionDataEntry("driver_line", value_type=_LINES, meaning="Driver lines.", column="driver_line")
REPORTER_LINE = SessionDataEntry(
    "reporter_line",
    value_type=_LINES,
    meaning="Reporter line; the first is used if there are several.",
    column="reporter_line",
)
PROJECT_CODE = SessionDataEntry(
    "project_code",
    value_type=_TEXT,
    meaning="Project; stimulus blocks have names only if it is set.",
    option="--project-code",
    column="project_code",
)
PRIOR_IMAGES = SessionDataEntry(
    "prior_images_shown",
    value_type=_LINES,
    meaning="Images shown to the mouse in earlier sessions. Default: none, so that all images are novel.",
)
IMAGE_SET_FILE = SessionDataEntry(
    "image_set_file",
    value_type=_PATH,
    meaning="The image set (.pkl); required for stimulus_templates.",
    option="--images",
)
GRATING_IMAGES_DIR = SessionDataEntry(
    "grating_images_dir",
    value_type=_PATH,
    meaning="Folder of the grating images, for sessions with gratings.",
    option="--gratings",
)
SYNC_FILE = SessionDataEntry(
    "sync_file",
    value_type=_PATH,
    meaning="Sync file of an imaging session (.h5); the times of the stimulus frames are read from it.",
    option="--sync",
)
MONITOR_DELAY = SessionDataEntry(
    "monitor_delay",
    value_type=_SECONDS,
    meaning="Delay from the signal of a frame to its display. Default: measured from the sync file, else 0.02115.",
    option="--monitor-delay",
)

SESSION_DATA = tuple(value for value in globals().values() if isinstance(value, SessionDataEntry))
"""All entries, in the order of their declaration."""

SESSION_DATA_BY_KEY = {entry.key: entry for entry in SESSION_DATA}

FILES = (STIMULUS_FILE, IMAGE_SET_FILE, GRATING_IMAGES_DIR, SYNC_FILE)
"""Entries with the path of a file or folder."""

ALLENSDK_KEYS = frozenset(
    [
        "average_intensity_projection_image_file",
        "behavior_session_uuid",
        "cell_specimen_table_dict",
        "container_id",
        "date_of_birth",
        "demix_file",
        "dff_file",
        "events_file",
        "eye_tracking_filepath",
        "eye_tracking_rig_geometry",
        "foraging_id",
        "imaging_plane_group",
        "max_projection_file",
        "movie_height",
        "movie_width",
        "neuropil_corrected_file",
        "neuropil_file",
        "ophys_cell_segmentation_run_id",
        "ophys_experiment_id",
        "ophys_session_id",
        "plane_group_count",
        "raw_eye_tracking_filepath",
        "raw_eye_tracking_video_meta_data",
        "rigid_motion_transform_file",
        "segmentation_mask_image_file",
        "session_name",
        "stim_table_file",
        "stimulus_name",
        "surface_2p_pixel_size_um",
        "targeted_depth",
        "targeted_structure",
    ]
)
"""Keys of AllenSDK's session data that are accepted and not used: they describe imaging and eye tracking."""
