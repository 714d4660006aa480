"""Entries of the rig's stimulus pickle, as camstim writes it for the change detection task.

The readers ask for these entries, the simulator writes them, and the reference of tables lists them. Source: pickles of the
Allen Institute's rigs (camstim 0.5), and the entries that AllenSDK 2.16 reads.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

Keys = tuple[str | int, ...]

BEHAVIOR: Keys = ("items", "behavior")
"""Keys of the behavior session."""

FRAME_RATE = 60.0
"""Nominal rate of the stimulus frames (Hz)."""

WHEEL_RADIUS = 0.5 * (2 * 6.5 * 2.54 / 3)
"""Distance from the wheel's axis to the running mouse (cm): two thirds of the radius of a 6.5 inch wheel."""

IMAGE_SHAPE = (918, 1174)
"""Rows and columns of the images of an image set."""

# Names of events in the trial log.
TRIAL_START, TRIAL_END, ABORT = "trial_start", "trial_end", "abort"
STIMULUS_CHANGED, SHAM_CHANGE = "stimulus_changed", "sham_change"
HIT, MISS, FALSE_ALARM, REJECTION = "hit", "miss", "false_alarm", "rejection"

# Kinds of stimuli in the set log.
IMAGE, ORIENTATION = "Image", "Ori"

_KEY = re.compile(r"[^./\[\]]+")


@dataclass(frozen=True)
class Entry:
    """An entry of the pickle.

    Parameters
    ----------
    path : str
        Keys below `BEHAVIOR`, joined by dots, with list positions in brackets. A path that starts with "/" starts at the top of
        the pickle. ``<name>`` stands for the name of a stimulus and ``<trial>`` for the position of a trial.
    value_type : str
        Type of the value.
    meaning : str
        Definition.
    unit : str
        Unit; "" if there is none.
    required_for : str
        Tables that cannot be read without the entry; "" if it is optional.
    """

    path: str
    value_type: str
    meaning: str
    unit: str = ""
    required_for: str = ""

    @property
    def key(self) -> str:
        """The last key of the path."""
        return str(_split_path(self.path)[-1])

    def keys(self, stimulus: Any = None, trial: int | None = None) -> Keys:
        """Return the keys from the top of the pickle to the entry.

        Parameters
        ----------
        stimulus : str or None
            Name of the stimulus, for paths with ``<name>``.
        trial : int or None
            Position of the trial, for paths with ``<trial>``.
        """
        placeholders = {"<name>": stimulus, "<trial>": trial}
        return tuple(placeholders.get(key, key) for key in _split_path(self.path))


@functools.cache
def _split_path(path: str) -> tuple[Any, ...]:
    keys = tuple(int(key) if key.isdecimal() else key for key in _KEY.findall(path))
    return keys if path.startswith("/") else BEHAVIOR + keys


START_TIME = Entry(
    "/start_time", value_type="datetime", meaning="Start of the session, in local time.", required_for="metadata"
)
SESSION_UUID = Entry("/session_uuid", value_type="text", meaning="UUID of the session.")
EMBEDDED_SESSION_DATA = Entry(
    "/session_data",
    value_type="dictionary",
    meaning="Values for the entries of session_data that are not supplied; simulated pickles have it.",
)
EMBEDDED_IMAGE_SET = Entry(
    "/image_set",
    value_type="dictionary of dictionaries",
    meaning="The image set (category, image name, image); simulated pickles may have it.",
)
COMPUTER_ID = Entry("/comp_id", value_type="text", meaning="The rig; used if session_data has no rig_name.")
INTERVALS = Entry(
    "intervalsms",
    value_type="numbers",
    unit="ms",
    meaning="Interval from each stimulus frame to the next; one value fewer than there are frames.",
    required_for="everything",
)
LICK_EVENTS = Entry(
    "lick_sensors[0].lick_events",
    value_type="whole numbers",
    unit="frames",
    meaning="Frame of each lick.",
    required_for="licks, trials",
)
ENCODER_SIGNAL = Entry(
    "encoders[0].vsig",
    value_type="numbers",
    unit="V",
    meaning="Voltage of the wheel's encoder at each frame; one additional value at the end is ignored.",
    required_for="running, encoder",
)
ENCODER_SUPPLY = Entry(
    "encoders[0].vin",
    value_type="numbers",
    unit="V",
    meaning="Supply voltage of the encoder at each frame.",
    required_for="running, encoder",
)
ENCODER_ROTATION = Entry(
    "encoders[0].dx",
    value_type="numbers",
    unit="deg",
    meaning="Rotation since the previous frame, as computed by the rig.",
    required_for="encoder",
)
TRIAL_LOG = Entry(
    "trial_log",
    value_type="list of dictionaries",
    meaning="The trials, in order.",
    required_for="trials, rewards, presentations",
)
TRIAL = Entry(
    "trial_log[<trial>]",
    value_type="dictionary",
    meaning="One trial.",
    required_for="trials, rewards, presentations",
)
TRIAL_INDEX = Entry(
    "trial_log[<trial>].index", value_type="whole number", meaning="Id of the trial; its position if absent."
)
TRIAL_PARAMS = Entry(
    "trial_log[<trial>].trial_params",
    value_type="dictionary",
    meaning="Parameters of the trial.",
    required_for="trials, rewards, presentations",
)
TRIAL_CATCH = Entry(
    "trial_log[<trial>].trial_params.catch",
    value_type="bool",
    meaning="Whether the trial is a catch trial.",
    required_for="trials, presentations",
)
TRIAL_AUTO_REWARD = Entry(
    "trial_log[<trial>].trial_params.auto_reward",
    value_type="bool",
    meaning="Whether the trial has a free reward.",
    required_for="trials, rewards, presentations",
)
TRIAL_EVENTS = Entry(
    "trial_log[<trial>].events",
    value_type="list of (name, detail, time, frame)",
    meaning="Events, from trial_start to trial_end.",
    required_for="trials, presentations",
)
TRIAL_REWARDS = Entry(
    "trial_log[<trial>].rewards",
    value_type="list of (volume, time, frame)",
    meaning="Rewards of the trial (mL).",
)
TRIAL_CHANGES = Entry(
    "trial_log[<trial>].stimulus_changes",
    value_type="list of (from, to, time, frame)",
    meaning="Changes of the trial; from and to are (category, image or degrees).",
)
STIMULI = Entry(
    "stimuli",
    value_type="dictionary",
    meaning="The stimuli by name.",
    required_for="trials, presentations, task_parameters",
)
STIMULUS = Entry(
    "stimuli.<name>",
    value_type="dictionary",
    meaning="A stimulus: images or gratings.",
    required_for="trials, presentations, task_parameters",
)
SET_LOG = Entry(
    "stimuli.<name>.set_log",
    value_type="list of (kind, image, time, frame)",
    meaning='Each selected image: kind "Image" and its name, or kind "Ori" and degrees. It stays selected until the next.',
    required_for="trials, presentations",
)
DRAW_LOG = Entry(
    "stimuli.<name>.draw_log",
    value_type="numbers",
    meaning="1 in each frame in which the selected image was drawn, else 0.",
    required_for="presentations, task_parameters",
)
IMAGE_SET_PATH = Entry(
    "stimuli.<name>.image_set", value_type="text", meaning="Path of the image set; absent for gratings."
)
STIMULUS_GROUPS = Entry(
    "stimuli.<name>.stim_groups",
    value_type="dictionary",
    meaning="Categories and image names; they define image_index if there is no image set.",
)
GRATING_PHASE = Entry("stimuli.<name>.phase", value_type="number", meaning="Phase of the gratings.")
GRATING_FREQUENCY = Entry(
    "stimuli.<name>.sf", value_type="number", unit="1/deg", meaning="Spatial frequency of the gratings."
)
FLASH_INTERVAL = Entry(
    "stimuli.<name>.flash_interval_sec",
    value_type="two numbers, or None",
    unit="s",
    meaning="Duration of the image and of the gray after it; None if images stay on until they change.",
    required_for="task_parameters",
)
OMISSION_LOG = Entry(
    "omitted_flash_frame_log",
    value_type="dictionary of lists",
    unit="frames",
    meaning="Frame of each omitted image.",
)
MOVIE = Entry("items.fingerprint", value_type="dictionary", meaning="The movie at the end of the session.")
MOVIE_START = Entry(
    "items.fingerprint.starting_frame",
    value_type="whole number",
    unit="frames",
    meaning="First frame of the gray screen before the movie; the last trial ends there.",
)
MOVIE_FRAMES = Entry(
    "items.fingerprint.frame_indices",
    value_type="whole numbers",
    unit="frames",
    meaning="Frames of the gray screen and of the movie.",
    required_for="presentations, if there is a movie",
)
MOVIE_RUNS = Entry(
    "items.fingerprint.static_stimulus.runs",
    value_type="whole number",
    meaning="Number of repeats of the movie.",
    required_for="presentations, if there is a movie",
)
MOVIE_FRAME_LIST = Entry(
    "items.fingerprint.static_stimulus.frame_list",
    value_type="whole numbers",
    meaning="Movie image of each frame; -1 for the gray screen.",
    required_for="presentations, if there is a movie",
)
MOVIE_SWEEPS = Entry(
    "items.fingerprint.static_stimulus.sweep_frames",
    value_type="list of (first, last)",
    unit="frames",
    meaning="First and last frame of each image, counted from the start of the movie.",
    required_for="presentations, if there is a movie",
)
STAGE = Entry(
    "params.stage",
    value_type="text",
    meaning="Session type.",
    required_for="metadata, task_parameters, presentations",
)
COMMAND_LINE_STAGE = Entry(
    "cl_params.stage", value_type="text", meaning="Session type again; must agree with params.stage."
)
MOUSE_ID = Entry(
    "params.mouse_id", value_type="text", meaning="The mouse; used if session_data has no external_specimen_name."
)
OMISSION_PROBABILITY = Entry(
    "params.flash_omit_probability", value_type="number", meaning="Probability that an image is omitted."
)
RESPONSE_WINDOW = Entry(
    "config.DoC.response_window",
    value_type="two numbers",
    unit="s",
    meaning="Start and end of the response window, from the change.",
    required_for="task_parameters, metrics",
)
BLANK_DURATION = Entry(
    "config.DoC.blank_duration_range",
    value_type="two numbers",
    unit="s",
    meaning="Range of the duration of the gray screen between images.",
    required_for="task_parameters",
)
CHANGE_DISTRIBUTION = Entry(
    "config.DoC.change_time_dist",
    value_type="text",
    meaning="Distribution of the time to the change.",
    required_for="task_parameters",
)
AUTO_REWARD_VOLUME = Entry(
    "config.DoC.auto_reward_volume",
    value_type="number",
    unit="mL",
    meaning="Volume of a free reward.",
    required_for="task_parameters",
)
REWARD_VOLUME = Entry(
    "config.reward.reward_volume",
    value_type="number",
    unit="mL",
    meaning="Volume of an earned reward.",
    required_for="task_parameters",
)

ENTRIES = tuple(value for value in globals().values() if isinstance(value, Entry))
"""All entries, in the order of their declaration."""
