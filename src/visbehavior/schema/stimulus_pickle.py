"""The rig's raw file: what a camstim pickle of the change detection task holds, and what a lab knows beside it.

The reader asks for these entries, the simulator makes them, and the docs list them. Source: pickles of the Allen Institute's
rigs (camstim 0.5), and what AllenSDK 2.16 reads of them.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

BEHAVIOR = ("items", "behavior")
"""Where a pickle holds the session."""

STIMULUS_FILE = "behavior_stimulus_file"

FRAME_RATE = 60.0
"""Frames of the screen a second, as the rigs are set."""

WHEEL_RADIUS = 0.5 * (2 * 6.5 * 2.54 / 3)
"""Where the mouse runs, from the middle of the wheel (cm): two thirds of a wheel of 6.5 inches."""

IMAGE_SHAPE = (918, 1174)
"""Rows and columns of an image of a set."""

# Names of the events of a trial's log.
TRIAL_START, TRIAL_END, ABORT = "trial_start", "trial_end", "abort"
CHANGED, SHAM_CHANGE = "stimulus_changed", "sham_change"
HIT, MISS, FALSE_ALARM, REJECTION = "hit", "miss", "false_alarm", "rejection"

# Kinds of what is set on the screen.
IMAGE, ORIENTATION = "Image", "Ori"


@dataclass(frozen=True)
class Entry:
    """An entry of the pickle.

    Parameters
    ----------
    path : str
        Its keys below `BEHAVIOR`, joined by dots; "/" before those that begin at the top.
    form : str
        What it holds.
    unit : str
        Unit; "" for what has none.
    meaning : str
        What it is.
    needed_for : str
        What cannot be read without it; "" of what may be absent.
    """

    path: str
    form: str
    unit: str
    meaning: str
    needed_for: str = ""


ENTRIES = (
    Entry("/start_time", "datetime", "", "When the session began, by the rig's local clock.", "metadata"),
    Entry("/session_uuid", "text", "", "The session's identity."),
    Entry(
        "/session_data",
        "dictionary",
        "",
        "Entries of session_data, for those that are not given; simulated pickles have it.",
    ),
    Entry(
        "/image_set",
        "dictionary of dictionaries",
        "",
        "Category, name, image: the image set itself, of simulated pickles.",
    ),
    Entry("/comp_id", "text", "", "The rig, where session_data does not name it."),
    Entry(
        "intervalsms",
        "numbers",
        "ms",
        "From each frame of the screen to the next: one less than there are frames.",
        "everything",
    ),
    Entry(
        "lick_sensors[0].lick_events", "whole numbers", "frames", "Frames in which a lick was seen.", "licks, trials"
    ),
    Entry(
        "encoders[0].vsig",
        "numbers",
        "V",
        "Voltage of the wheel's encoder in each frame; one more at the end is let be.",
        "running",
    ),
    Entry("encoders[0].vin", "numbers", "V", "Voltage of its supply.", "running"),
    Entry("encoders[0].dx", "numbers", "deg", "Rotation since the last frame, as the rig saw it.", "encoder"),
    Entry(
        "trial_log",
        "list of dictionaries",
        "",
        "A trial each: index, trial_params (catch, auto_reward), events (name, detail, time, frame), rewards (volume, time, frame), "
        "stimulus_changes ((category, image) from and to, time, frame).",
        "trials, rewards, presentations",
    ),
    Entry(
        "stimuli.<name>.set_log",
        "list",
        "",
        "(Image or Ori, image or degrees, time, frame) of each image that was chosen; it stays until the next.",
        "trials, presentations",
    ),
    Entry(
        "stimuli.<name>.draw_log",
        "numbers",
        "",
        "1 in each frame in which the image was on the screen, else 0.",
        "presentations",
    ),
    Entry("stimuli.<name>.image_set", "text", "", "Path of the image set; absent with gratings."),
    Entry(
        "stimuli.<name>.stim_groups",
        "dictionary",
        "",
        "The set's categories and images, which number them where the set is not at hand.",
    ),
    Entry("stimuli.<name>.phase", "number", "", "Phase of the gratings."),
    Entry("stimuli.<name>.sf", "number", "1/deg", "Their spatial frequency."),
    Entry(
        "stimuli.<name>.flash_interval_sec",
        "two numbers, or None",
        "s",
        "Image and gray; None where images stay.",
        "task_parameters",
    ),
    Entry("omitted_flash_frame_log", "dictionary of lists", "frames", "Frames in which an image was left out."),
    Entry(
        "items.fingerprint",
        "dictionary",
        "",
        "The movie at the end: starting_frame, frame_indices, static_stimulus (sweep_frames, frame_list, runs).",
    ),
    Entry("params.stage", "text", "", "The stage of training; cl_params.stage must agree.", "metadata, presentations"),
    Entry("params.mouse_id", "text", "", "The mouse, where session_data does not name it."),
    Entry("params.flash_omit_probability", "number", "", "Probability that an image is left out."),
    Entry(
        "config.DoC.response_window",
        "two numbers",
        "s",
        "After a change, in which a lick is a response.",
        "task_parameters, metrics",
    ),
    Entry("config.DoC.blank_duration_range", "two numbers", "s", "Gray between images.", "task_parameters"),
    Entry("config.DoC.change_time_dist", "text", "", "Distribution of the time to a change.", "task_parameters"),
    Entry("config.DoC.auto_reward_volume", "number", "mL", "Of a free reward.", "task_parameters"),
    Entry("config.reward.reward_volume", "number", "mL", "Of a reward.", "task_parameters"),
)

KNOWN, IMAGE_SET = "session_data", "image_set"
"""Entries at the top of a simulated pickle: what a lab would know beside it, and the images."""

PICKLED = {
    "external_specimen_name": (*BEHAVIOR, "params", "mouse_id"),
    "rig_name": ("comp_id",),
    "date_of_acquisition": ("start_time",),
}
"""What the pickle knows too, should session_data not say it."""


_TEXT, _PATH = "text", "path"
_LINES = "text, or list of it"
_PICKLE, _NUMBER, _SECONDS = "path, or what the pickle holds", "a whole number", "number, s"
_NAME, _DAYS, _DATE = "text, or number", "text, or number of days", "ISO 8601 text, or datetime"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


# Options give text, also of numbers.
FORMS: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _PATH: lambda value: isinstance(value, (str, os.PathLike)),
    _PICKLE: lambda value: isinstance(value, (str, os.PathLike, Mapping)),
    _LINES: lambda value: (
        isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value))
    ),
    _NAME: lambda value: isinstance(value, str) or _is_number(value),
    _NUMBER: lambda value: (
        value.isdecimal() if isinstance(value, str) else _is_number(value) and value >= 0 and int(value) == value
    ),
    _DAYS: lambda value: isinstance(value, str) or _is_number(value),
    _DATE: lambda value: isinstance(value, (str, datetime.datetime)),
    _SECONDS: lambda value: isinstance(value, str) or _is_number(value),
}
"""What an entry may hold, and whether a value is that."""


@dataclass(frozen=True)
class Known:
    """What a lab knows of a session, beside the pickle: an entry of ``session_data``.

    Parameters
    ----------
    key : str
        AllenSDK's name of it.
    form : str
        What it holds: one of `FORMS`.
    meaning : str
        What it is, and what becomes of a session without it.
    option : str
        Of ``visbehavior convert``; "" without one.
    column : str
        The column of the behavior session table that knows it; "" if none does.
    """

    key: str
    form: str
    meaning: str
    option: str = ""
    column: str = ""


SESSION_DATA = (
    Known(
        STIMULUS_FILE,
        _PICKLE,
        "The pickle (.pkl, .pkl.gz), or the dictionary that it holds. The one entry that must be there.",
    ),
    Known(
        "behavior_session_id",
        _NUMBER,
        "Id of the session; else the number in the file's name, else as pickled, else the date and time as digits.",
        "--id",
    ),
    Known("external_specimen_name", _NAME, "The mouse; else as pickled.", "--mouse", "mouse_id"),
    Known("rig_name", _TEXT, "The rig; else as pickled.", "--rig", "equipment_name"),
    Known(
        "date_of_acquisition",
        _DATE,
        "When it began; without an offset Seattle's time. Else as pickled.",
        "--date",
        "date_of_acquisition",
    ),
    Known("sex", _TEXT, "M or F.", "--sex", "sex"),
    Known("age", _DAYS, "Age, such as P114 (days).", "--age", "age_in_days"),
    Known("full_genotype", _TEXT, "Genotype; the Cre line is read out of it.", "--genotype", "full_genotype"),
    Known("driver_line", _LINES, "Driver lines.", "", "driver_line"),
    Known("reporter_line", _LINES, "Reporter line; the first one.", "", "reporter_line"),
    Known(
        "project_code", _TEXT, "The project. With one, stimulus blocks have names.", "--project-code", "project_code"
    ),
    Known(
        "prior_images_shown",
        _LINES,
        "Images that the mouse saw on earlier days; without it all of them are novel.",
    ),
    Known("image_set_file", _PATH, "The image set (.pkl): without it there are no templates.", "--images"),
    Known("grating_images_dir", _PATH, "Folder of the grating images, of sessions with gratings.", "--gratings"),
    Known("sync_file", _PATH, "Sync file of an imaging session (.h5): its clock is taken.", "--sync"),
    Known(
        "monitor_delay",
        _SECONDS,
        "From a frame's signal to the screen; else measured in the sync file, else 0.02115.",
        "--monitor-delay",
    ),
)

IMAGES = ("image_set_file", "grating_images_dir")
"""Entries of `SESSION_DATA` that give images."""

FILES = (STIMULUS_FILE, *IMAGES, "sync_file")
"""Entries that name files."""

FORM_OF = {known.key: known.form for known in SESSION_DATA}
