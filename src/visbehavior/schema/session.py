"""The tables and dictionaries of a behavior session.

Sources: files of releases 1.0.x and 1.1.0, and AllenSDK's ``brain_observatory/behavior`` (2.10.2, 2.16.2).
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table

_NAMES_NOTE = (
    "A session opened with allensdk_version='2.10' uses the names of AllenSDK 2.10, where those are given above. A session "
    "has one set of names: asking for a column by the other name raises KeyError."
)

LICKS = Table(
    name="licks",
    summary="Licks detected by the spout sensor, one row each.",
    group="processing/licking",
    optional=True,
    index_meaning="number of the lick.",
    columns=(
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="licks/timestamps",
            meaning="Time of the stimulus frame in which the lick was detected, so precise to one frame (1/60 s).",
        ),
        Column(
            name="frame",
            dtype="number",
            unit="frames",
            path="licks/data",
            meaning="Stimulus frame of the lick: a position in `stimulus_timestamps`.",
        ),
    ),
    notes=(
        "Lick times do not include the monitor delay; times of `stimulus_presentations` do. A session without licks, such as "
        "a passive one, has an empty table with float64 columns; with allensdk_version='2.10' the columns are then `time` "
        "and `frame`, as in AllenSDK 2.10."
    ),
)
EMPTY_LICKS_2_10 = {"timestamps": "time"}
"""Columns that AllenSDK 2.10 renames if the session has no group of licks."""

REWARDS = Table(
    name="rewards",
    summary="Water rewards, earned and free, one row each.",
    group="processing/rewards",
    optional=True,
    index_meaning="number of the reward.",
    columns=(
        Column(name="volume", dtype="number", unit="mL", path="volume/data", meaning="Volume of water."),
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="autorewarded/timestamps",
            meaning="Time of the stimulus frame in which the reward was delivered.",
        ),
        Column(
            name="auto_rewarded",
            dtype="bool",
            path="autorewarded/data",
            renamed_2_10="autorewarded",
            meaning="True if the reward was free. float64 if the table is empty.",
        ),
    ),
    notes=f"A session without rewards, such as a passive one, has an empty table with float64 columns. {_NAMES_NOTE}",
)

_SAMPLE_TIME = "Time of the encoder sample: one sample per stimulus frame (about 60 Hz)."

RUNNING_SPEED = Table(
    name="running_speed",
    summary="Running speed of the mouse on the wheel, low-pass filtered.",
    group="processing/running",
    index_meaning="number of the stimulus frame.",
    columns=(
        Column(name="timestamps", dtype="float64", unit="s", path="speed/timestamps", meaning=_SAMPLE_TIME),
        Column(
            name="speed",
            dtype="float64",
            unit="cm/s",
            path="speed/data",
            meaning="Speed; forward is positive, small negative values are common.",
        ),
    ),
    notes=(
        "`raw_running_speed` with NaN replaced by 0, filtered forward and backward (Butterworth low-pass of order 3, 4 Hz cutoff "
        "at 60 Hz)."
    ),
)

RAW_RUNNING_SPEED = Table(
    name="raw_running_speed",
    summary="Running speed of the mouse on the wheel, unfiltered.",
    group="processing/running",
    index_meaning="number of the stimulus frame.",
    columns=(
        Column(name="timestamps", dtype="float64", unit="s", path="speed_unfiltered/timestamps", meaning=_SAMPLE_TIME),
        Column(
            name="speed",
            dtype="float64",
            unit="cm/s",
            path="speed_unfiltered/data",
            meaning="Speed; forward is positive. NaN for outliers and the first frames.",
        ),
    ),
)

ENCODER = Table(
    name="encoder",
    summary="Samples of the running wheel's encoder, from which the speed was computed.",
    index_meaning="number of the stimulus frame.",
    columns=(
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="processing/running/dx/timestamps",
            meaning=_SAMPLE_TIME,
        ),
        Column(
            name="dx",
            dtype="number",
            unit="deg",
            path="processing/running/dx/data",
            meaning="Rotation of the wheel since the previous frame, computed by the rig.",
        ),
        Column(
            name="v_sig",
            dtype="float64",
            unit="V",
            path="acquisition/v_sig/data",
            meaning="Voltage of the encoder, proportional to the wheel's angle.",
        ),
        Column(
            name="v_in",
            dtype="float64",
            unit="V",
            path="acquisition/v_in/data",
            meaning="Supply voltage of the encoder, which corresponds to a full turn.",
        ),
    ),
    notes="Not an attribute of AllenSDK's sessions. `write_nwb` needs it.",
)

STIMULUS_TIMESTAMPS = Table(
    name="stimulus_timestamps",
    summary="Time of each stimulus frame: float64, one value per frame, in seconds.",
    group="processing/stimulus",
    kind="array",
    columns=(
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="timestamps/timestamps",
            meaning="Time of the frame, without the monitor delay.",
        ),
    ),
    notes="In imaging sessions the clock is the sync file's and does not start at 0.",
)

PRESENTATIONS_SUFFIX = "_presentations"
"""End of the names of the groups of presentations in a file."""
OMITTED = "omitted"
"""Image name of an omission."""


def _in_recordings(name: str, dtype: str, meaning: str, unit: str = "") -> Column:
    return Column(
        name=name, dtype=dtype, unit=unit, absent_2_10=True, required=False, meaning=f"{meaning} Recordings only."
    )


_RECORDING_STIMULI = (
    _in_recordings("temporal_frequency", "float64", "Temporal frequency of the Gabor patch.", "Hz"),
    _in_recordings("position_x", "float64", "Horizontal position of the Gabor patch.", "deg"),
    _in_recordings("position_y", "float64", "Vertical position of the Gabor patch.", "deg"),
    _in_recordings("contrast", "float64", "Contrast of the Gabor patch or full-field flash."),
    _in_recordings("color", "float64", "-1 for a dark, 1 for a bright full-field flash."),
    _in_recordings(
        "rewarded", "boolean", "True if the image change was rewarded. Missing outside the blocks of images."
    ),
    _in_recordings("stimulus_index", "int64", "0 for Gabor patches, 1 for full-field flashes, else -99."),
)
"""Columns of the stimuli that only recordings of Visual Behavior Neuropixels have."""

STIMULUS_PRESENTATIONS = Table(
    name="stimulus_presentations",
    summary="Stimuli on the monitor: one row per image, omission, grating, gray period or movie frame.",
    group="intervals",
    index="stimulus_presentations_id",
    index_meaning="number of the presentation in order of start_time.",
    columns=(
        Column(
            name="stimulus_block",
            dtype="int64",
            absent_2_10=True,
            required=False,
            meaning=(
                "Number of the block. Files with four blocks: 0 gray, 1 task, 2 gray, 3 movie. Files with one block: 0 task. "
                "Recordings (Neuropixels): 0 task, 1 gray, 2 Gabor patches, 3 gray, 4 full-field flashes, 5 passive replay of "
                "the task's images. Not in releases 1.0.x."
            ),
        ),
        Column(
            name="stimulus_block_name",
            dtype="text",
            absent_2_10=True,
            required=False,
            meaning=(
                "initial_gray_screen_5min, change_detection_behavior or change_detection_passive, "
                "post_behavior_gray_screen_5min, natural_movie_one: a name for each block number. Release 1.1.0 only."
            ),
        ),
        Column(
            name="image_index",
            dtype="int64",
            required=False,
            meaning=(
                "Position of the image in its set and in `stimulus_templates`. For an omission the number of images in the "
                "set, for gray and movie -99. Not in recordings (Neuropixels)."
            ),
        ),
        Column(
            name="image_name",
            dtype="text",
            meaning="Name of the image (im065), `omitted`, or gratings_90.0. Missing for gray and movie.",
        ),
        Column(
            name="movie_frame_index",
            dtype="int64",
            unit="frames",
            absent_2_10=True,
            required=False,
            meaning="Frame of the movie; -99 for other stimuli. Files with a movie only.",
        ),
        Column(name="duration", dtype="float64", unit="s", meaning="Duration; 0.25 for an omission."),
        Column(
            name="start_time",
            dtype="float64",
            unit="s",
            meaning=(
                "Onset on the monitor. Includes the monitor delay in release 1.1.0, not in 1.0.x; lick and reward times never do."
            ),
        ),
        Column(
            name="end_time",
            dtype="float64",
            unit="s",
            path="stop_time",
            renamed_2_10="stop_time",
            meaning="Offset on the monitor; start_time + 0.25 for an omission.",
        ),
        Column(name="start_frame", dtype="number", unit="frames", meaning="Stimulus frame of the onset."),
        Column(
            name="end_frame",
            dtype="number",
            unit="frames",
            meaning=(
                "Stimulus frame of the offset. For omissions start_frame + 15 in release 1.1.0, NaN in release 1.0.x."
            ),
        ),
        Column(
            name="is_change",
            dtype="bool",
            required=False,
            meaning=(
                "True if the image differs from the previous image; omissions are skipped, the first image is never a "
                "change. Includes auto-rewarded changes, so it is not the same as `go` of the trials."
            ),
        ),
        Column(
            name="is_image_novel",
            dtype="boolean",
            absent_2_10=True,
            required=False,
            meaning=(
                "True if the mouse saw the image in no earlier session. Missing for gray, movie and omissions. Release "
                "1.1.0 only."
            ),
        ),
        Column(
            name="omitted",
            dtype="boolean",
            required=False,
            meaning="True if the image was omitted. Missing for gray and movie.",
        ),
        Column(
            name="movie_repeat",
            dtype="int64",
            absent_2_10=True,
            required=False,
            meaning="Earlier showings of the movie; -99 for other stimuli. Files with a movie only.",
        ),
        Column(
            name="flashes_since_change",
            dtype="int64",
            unit="flashes",
            absent_2_10=True,
            meaning=(
                "Images since the last change: 0 at a change; an omission repeats the count. Gray and movie are counted too: if "
                "the session starts with gray, the first image has 1."
            ),
        ),
        Column(
            name="trials_id",
            dtype="int64",
            absent_2_10=True,
            required=False,
            meaning="Trial of the presentation (index of `trials`); -99 if it belongs to none.",
        ),
        Column(
            name="active",
            dtype="bool",
            absent_2_10=True,
            required=False,
            meaning="True in the block of the task, also in passive sessions.",
        ),
        Column(
            name="is_sham_change",
            dtype="bool",
            absent_2_10=True,
            required=False,
            meaning="True at the sham change of a catch trial. Release 1.1.0 only.",
        ),
        Column(
            name="stimulus_name",
            dtype="text",
            absent_2_10=True,
            required=False,
            meaning=(
                "File name of the image set, `grating`, `spontaneous` (gray) or natural_movie_one. Release 1.1.0 only."
            ),
        ),
        Column(
            name="phase",
            dtype="float64",
            unit="cycles",
            required=False,
            meaning="Phase of the grating. Sessions with gratings only.",
        ),
        Column(
            name="spatial_frequency",
            dtype="float64",
            unit="cycles/deg",
            required=False,
            meaning="Spatial frequency of the grating. Sessions with gratings only.",
        ),
        Column(
            name="orientation",
            dtype="float64",
            unit="deg",
            required=False,
            meaning="Orientation of the grating. Sessions with gratings only.",
        ),
        *_RECORDING_STIMULI,
        Column(name="image_set", dtype="text", only_2_10=True, required=False, meaning="Name of the image set."),
        Column(
            name="index",
            dtype="int64",
            only_2_10=True,
            required=False,
            meaning="Row number among the shown images, and separately among the omissions.",
        ),
    ),
    order_2_10=(
        "duration",
        "end_frame",
        "image_index",
        "image_name",
        "image_set",
        "index",
        "is_change",
        "omitted",
        "orientation",
        "phase",
        "spatial_frequency",
        "start_frame",
        "start_time",
        "end_time",
    ),
    notes=(
        "Files of release 1.1.0 include gray periods and the movie, two thirds of the rows: select the task with `active`. "
        "`omitted` then has <NA>: use `omitted.fillna(False)` in conditions. TRAINING_0 and TRAINING_1 show gratings without "
        f"gray between them, so their rows are not flashes of 0.25 s. With allensdk_version='2.10' the table has the task only. {_NAMES_NOTE}"
    ),
)

STIMULUS_TEMPLATES = Table(
    name="stimulus_templates",
    summary="The images of the session: one row each, unwarped and warped for the monitor.",
    group="stimulus/templates",
    index="image_name",
    index_meaning="name of the image.",
    columns=(
        Column(
            name="unwarped",
            dtype="image",
            unit="gray level",
            meaning=(
                "Image as the mouse saw it, (1200, 1920); NaN outside the visible part of the monitor (no NaN for gratings)."
            ),
        ),
        Column(
            name="warped",
            dtype="image",
            unit="gray level",
            path="data",
            meaning="Image as sent to the monitor, (1200, 1920) uint8.",
        ),
    ),
    notes=(
        "The frame's attribute `name` is the name of the image set. Arrays of a local file are memory-mapped copy-on-write: they "
        "use no memory until they are accessed, and writing to them does not change the file. Accessing a mapped file that "
        "was truncated meanwhile ends the process (SIGBUS). On Windows a mapped file cannot be deleted."
    ),
)

TRIALS = Table(
    name="trials",
    summary="Trials, including aborted ones, one row each.",
    group="intervals/trials",
    index="trials_id",
    index_meaning="number of the trial.",
    columns=(
        Column(name="start_time", dtype="float64", unit="s", meaning="Start of the trial."),
        Column(name="stop_time", dtype="float64", unit="s", meaning="End of the trial."),
        Column(name="initial_image_name", dtype="text", meaning="Image before the change."),
        Column(
            name="change_image_name",
            dtype="text",
            meaning=(
                "Image after the change. Equal to initial_image_name on catch trials; on aborted trials no change occurred."
            ),
        ),
        Column(name="is_change", dtype="bool", renamed_2_10="stimulus_change", meaning="True if the image changed."),
        Column(
            name="change_time",
            dtype="float64",
            unit="s",
            required=False,
            meaning=(
                "Onset of the change or sham change on the monitor. Includes the monitor delay, unlike lick times. NaN on "
                "aborted trials. Not in recordings (Neuropixels)."
            ),
        ),
        Column(
            name="change_time_no_display_delay",
            dtype="float64",
            unit="s",
            absent_2_10=True,
            required=False,
            meaning="Frame time of the change, without the monitor delay. Visual Behavior Neuropixels only.",
        ),
        Column(
            name="go",
            dtype="bool",
            meaning="True if the image changed and a lick was rewarded; False on aborted and auto-rewarded trials.",
        ),
        Column(name="catch", dtype="bool", meaning="True for a sham change: the image stayed the same."),
        Column(name="lick_times", dtype="times", unit="s", meaning="Licks of the trial; an empty array if none."),
        Column(
            name="response_time",
            dtype="float64",
            unit="s",
            meaning=(
                "First lick of the trial, also outside the response window. NaN without licks and on aborted trials."
            ),
        ),
        Column(
            name="response_latency",
            dtype="float64",
            unit="s",
            required=False,
            meaning=(
                "response_time - change_time. The change includes the monitor delay and the lick does not, so the latency is "
                "about 20 ms too short and can be negative. inf without licks, NaN on aborted trials."
            ),
        ),
        Column(name="reward_time", dtype="float64", unit="s", meaning="Time of the reward; NaN if none."),
        Column(
            name="reward_volume",
            dtype="number",
            unit="mL",
            meaning="Water delivered in the trial; 0 if none. int64 if no trial has a reward.",
        ),
        Column(
            name="hit",
            dtype="bool",
            meaning="True for a go trial with a lick in the response window, as scored by the rig.",
        ),
        Column(name="false_alarm", dtype="bool", meaning="True for a catch trial with a lick in the response window."),
        Column(name="miss", dtype="bool", meaning="True for a go trial without a lick in the response window."),
        Column(
            name="correct_reject", dtype="bool", meaning="True for a catch trial without a lick in the response window."
        ),
        Column(
            name="aborted",
            dtype="bool",
            meaning="True if the mouse licked before the change, which ended the trial.",
        ),
        Column(name="auto_rewarded", dtype="bool", meaning="True if the reward was free."),
        Column(
            name="change_frame",
            dtype="number",
            unit="frames",
            meaning="Stimulus frame of the change or sham change; -99 if none (NaN in 2.10).",
        ),
        Column(name="trial_length", dtype="float64", unit="s", meaning="stop_time - start_time."),
    ),
    order_2_10=(
        "start_time",
        "stop_time",
        "lick_times",
        "reward_time",
        "reward_volume",
        "hit",
        "false_alarm",
        "miss",
        "is_change",
        "aborted",
        "go",
        "catch",
        "auto_rewarded",
        "correct_reject",
        "trial_length",
        "response_time",
        "change_frame",
        "change_time",
        "response_latency",
        "initial_image_name",
        "change_image_name",
    ),
    notes=(
        "Exactly one of hit, miss, false_alarm, correct_reject, aborted and auto_rewarded is True. The response window is "
        f"task_parameters['response_window_sec'] after the change. A trial spans many flashes. {_NAMES_NOTE}"
    ),
)

METADATA_GROUP = "general/metadata"
METADATA_TYPES = ("BehaviorMetadata", "OphysBehaviorMetadata")
"""Neurodata types of this group, by which it is found in files that were rewritten with other names."""

METADATA = Table(
    name="metadata",
    summary="Mouse, session and rig.",
    group="general",
    kind="dictionary",
    columns=(
        Column(
            name="equipment_name",
            dtype="text",
            path="metadata@equipment_name",
            meaning="The rig: BEH.* training boxes, CAM2P.* and MESO.* microscopes.",
        ),
        Column(name="sex", dtype="text", path="subject/sex", required=False, meaning="M or F."),
        Column(
            name="age_in_days",
            dtype="days",
            unit="days",
            path="subject/age",
            required=False,
            meaning="Age of the mouse.",
        ),
        Column(
            name="stimulus_frame_rate",
            dtype="float64",
            unit="Hz",
            path="metadata@stimulus_frame_rate",
            meaning="Frame rate of the monitor, rounded.",
        ),
        Column(
            name="session_type",
            dtype="text",
            path="metadata@session_type",
            meaning="Stage of training or imaging, such as OPHYS_3_images_A.",
        ),
        Column(
            name="date_of_acquisition",
            dtype="datetime",
            path="/session_start_time",
            meaning=(
                "Start of the session, as stored: in many files of the release the rig's local time (Seattle) is labeled UTC."
            ),
        ),
        Column(
            name="reporter_line",
            dtype="text",
            path="subject@reporter_line",
            required=False,
            meaning="Reporter line, which carries the calcium indicator.",
        ),
        Column(
            name="cre_line",
            dtype="text",
            path="subject/genotype",
            required=False,
            meaning="Cre line: the genotype up to the first `;`, without `/wt`. None if the genotype has no `;`.",
        ),
        Column(
            name="behavior_session_uuid",
            dtype="uuid",
            path="metadata@behavior_session_uuid",
            required=False,
            meaning="Unique id assigned by the rig.",
        ),
        Column(
            name="driver_line",
            dtype="texts",
            path="subject@driver_line",
            required=False,
            meaning="Driver lines, sorted.",
        ),
        Column(
            name="mouse_id",
            dtype="text",
            path="subject/subject_id",
            meaning="The mouse. A number in the convention of AllenSDK 2.10.",
        ),
        Column(
            name="project_code",
            dtype="text",
            path="metadata@project_code",
            absent_2_10=True,
            required=False,
            meaning="Project of the release; `Not Available` in files of release 1.0.x.",
        ),
        Column(
            name="full_genotype",
            dtype="text",
            path="subject/genotype",
            required=False,
            meaning="Genotype of the mouse.",
        ),
        Column(
            name="behavior_session_id", dtype="integer", path="metadata@behavior_session_id", meaning="The session."
        ),
    ),
    notes=(
        "With allensdk_version='2.10' the dictionary of an imaging file also has the imaging entries (ophys_experiment_id, "
        "imaging_depth, field_of_view_width ...), as stored."
    ),
)

TASK_PARAMETERS = Table(
    name="task_parameters",
    summary="Settings of the task.",
    group="general/task_parameters",
    kind="dictionary",
    columns=(
        Column(
            name="auto_reward_volume",
            dtype="float64",
            unit="mL",
            path="@auto_reward_volume",
            meaning="Volume of a free reward.",
        ),
        Column(
            name="blank_duration_sec",
            dtype="floats",
            unit="s",
            path="@blank_duration_sec",
            meaning="Shortest and longest gray period between images.",
        ),
        Column(
            name="image_set",
            dtype="text",
            path=None,
            absent_2_10=True,
            meaning="images_A, images_B, ... or gratings, from the session type; None if that names neither.",
        ),
        Column(
            name="n_stimulus_frames",
            dtype="integer",
            unit="frames",
            path="@n_stimulus_frames",
            meaning="Stimulus frames with an image on the monitor.",
        ),
        Column(
            name="omitted_flash_fraction",
            dtype="float64",
            path="@omitted_flash_fraction",
            meaning="Probability that an image is omitted; NaN if the rig did not record it.",
        ),
        Column(
            name="response_window_sec",
            dtype="floats",
            unit="s",
            path="@response_window_sec",
            meaning="Start and end of the response window after a change.",
        ),
        Column(
            name="reward_volume",
            dtype="float64",
            unit="mL",
            path="@reward_volume",
            meaning="Volume of an earned reward.",
        ),
        Column(name="session_type", dtype="text", path="@session_type", meaning="Stage of training or imaging."),
        Column(name="stimulus", dtype="text", path="@stimulus", meaning="images or grating."),
        Column(
            name="stimulus_distribution",
            dtype="text",
            path="@stimulus_distribution",
            meaning="Distribution of the change time: geometric or exponential.",
        ),
        Column(
            name="stimulus_duration_sec",
            dtype="float64",
            unit="s",
            path="@stimulus_duration_sec",
            meaning="Duration of an image; NaN for gratings without gray between them.",
        ),
        Column(
            name="stimulus_name",
            dtype="text",
            path="@stimulus_name",
            absent_2_10=True,
            required=False,
            meaning="File name of the image set; None in files of release 1.0.x.",
        ),
        Column(name="task", dtype="text", path="@task", meaning="change detection."),
    ),
    order_2_10=(
        "n_stimulus_frames",
        "response_window_sec",
        "auto_reward_volume",
        "session_type",
        "stimulus_distribution",
        "task",
        "stimulus",
        "omitted_flash_fraction",
        "reward_volume",
        "stimulus_duration_sec",
        "blank_duration_sec",
    ),
)


def _ellipse_columns(prefix: str, group: str, object_name: str, at_blinks: str) -> tuple[Column, ...]:
    def column(part: str, unit: str, path: str | None, meaning: str) -> Column:
        return Column(name=f"{prefix}_{part}", dtype="float64", unit=unit, path=path, meaning=meaning)

    return (
        column("center_x", "pixels", None, f"x of the center of the {object_name}."),
        column("center_y", "pixels", None, f"y of the center of the {object_name}."),
        column("width", "pixels", f"{group}/width", f"First half axis of the {object_name}.{at_blinks}"),
        column("height", "pixels", f"{group}/height", f"Second half axis of the {object_name}.{at_blinks}"),
        column("phi", "rad", f"{group}/angle", f"Rotation of the {object_name}.{at_blinks}"),
    )


def _area_column(name: str, meaning: str, path: str | None = None) -> Column:
    return Column(name=name, dtype="float64", unit="pixels^2", path=path, meaning=meaning)


_NAN_AT_BLINKS = " NaN at likely blinks."

EYE_TRACKING = Table(
    name="eye_tracking",
    summary="Ellipses fitted to eye, pupil and corneal reflection: one row per frame of the eye camera.",
    group="acquisition/EyeTracking",
    optional=True,
    order_2_10=(
        *("timestamps", "cr_area", "eye_area", "pupil_area", "likely_blink"),
        *("eye_center_x", "eye_center_y", "eye_area_raw", "eye_height", "eye_width", "eye_phi"),
        *("pupil_center_x", "pupil_center_y", "pupil_area_raw", "pupil_height", "pupil_width", "pupil_phi"),
        *("cr_center_x", "cr_center_y", "cr_area_raw", "cr_height", "cr_width", "cr_phi"),
    ),
    index="frame",
    index_meaning="frame of the eye camera.",
    columns=(
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="eye_tracking/timestamps",
            meaning="Time of the camera frame.",
        ),
        _area_column("cr_area", f"Area of the corneal reflection.{_NAN_AT_BLINKS}"),
        _area_column("eye_area", f"Area of the eye.{_NAN_AT_BLINKS}"),
        _area_column("pupil_area", f"Area of a circle with the pupil's longer half axis.{_NAN_AT_BLINKS}"),
        Column(
            name="likely_blink",
            dtype="bool",
            path=None,
            meaning=(
                "True near an outlier of eye or pupil area; computed on reading (eye_tracking_z_threshold, "
                "eye_tracking_dilation_frames)."
            ),
        ),
        _area_column("pupil_area_raw", "Area of the pupil, blinks included.", "pupil_tracking/area_raw"),
        _area_column(
            "cr_area_raw",
            "Area of the corneal reflection, blinks included.",
            "corneal_reflection_tracking/area_raw",
        ),
        _area_column("eye_area_raw", "Area of the eye, blinks included.", "eye_tracking/area_raw"),
        *_ellipse_columns("cr", "corneal_reflection_tracking", "corneal reflection", ""),
        *_ellipse_columns("eye", "eye_tracking", "eye", _NAN_AT_BLINKS),
        *_ellipse_columns("pupil", "pupil_tracking", "pupil", _NAN_AT_BLINKS),
    ),
    notes=(
        "Training boxes have no eye camera, and a few imaging sessions have no eye tracking: the table is then empty, all columns "
        "float64, with a warning. Widths, heights and angles are stored as NaN at the blinks found when the file was "
        "written (z 3, 2 frames): a higher threshold cannot restore them."
    ),
)
ELLIPSE_CENTERS = {
    "cr": "corneal_reflection_tracking/data",
    "eye": "eye_tracking/data",
    "pupil": "pupil_tracking/data",
}
"""Dataset of each ellipse that holds both center columns, x and y."""


def _position(name: str, unit: str, path: str, meaning: str) -> Column:
    return Column(name=name, dtype="floats", unit=unit, path=path, meaning=meaning)


EYE_TRACKING_RIG_GEOMETRY = Table(
    name="eye_tracking_rig_geometry",
    summary="Positions of monitor, eye camera and LED relative to the eye; {} without eye tracking.",
    group="processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata",
    kind="dictionary",
    optional=True,
    columns=(
        _position("camera_position_mm", "mm", "camera_position", "Position of the camera: x, y, z."),
        _position("camera_rotation_deg", "deg", "camera_rotation", "Rotation of the camera about x, y, z."),
        Column(name="equipment", dtype="text", path="@equipment", meaning="The rig."),
        _position("led_position", "mm", "led_position", "Position of the LED: x, y, z."),
        _position("monitor_position_mm", "mm", "monitor_position", "Position of the monitor: x, y, z."),
        _position("monitor_rotation_deg", "deg", "monitor_rotation", "Rotation of the monitor about x, y, z."),
    ),
)

SESSION_TABLES = tuple(value for value in tuple(globals().values()) if isinstance(value, Table))
"""Every table of this module, in the order above."""
SERIES_TABLES = tuple(table for table in SESSION_TABLES if table.is_series)
"""Tables that the declaration alone is enough to read and write."""
