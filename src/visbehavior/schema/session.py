"""The tables and dictionaries of a behavior session.

Sources: the files of releases 1.0.x and 1.1.0 and AllenSDK's ``brain_observatory/behavior`` (2.10.2, 2.16.2).
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table

OLDER_NAMES_NOTE = (
    "A session opened with allensdk_version='2.10' has the names of AllenSDK 2.10 instead, where they are given above; "
    "each session has one set of names, so a column asked for by the other one's name is a KeyError."
)

LICKS = Table(
    name="licks",
    summary="Licks: one row for each lick that the sensor of the spout detected.",
    group="processing/licking",
    optional=True,
    index_meaning="counts the licks.",
    columns=(
        Column(
            "timestamps",
            "float64",
            "s",
            "When the lick was seen: the time of its stimulus frame, so known to one frame (1/60 s).",
            "licks/timestamps",
        ),
        Column(
            "frame",
            "number",
            "frames",
            "Stimulus frame of the lick: a position in `stimulus_timestamps`.",
            "licks/data",
        ),
    ),
    notes=(
        "Times do not hold the delay of the monitor; those of `stimulus_presentations` do. A session without licks "
        "(all passive ones) has an empty table, both columns float64; with allensdk_version='2.10' its columns are "
        "then `time` and `frame`, as AllenSDK 2.10 has it."
    ),
)
EMPTY_LICKS_2_10 = {"timestamps": "time"}
"""AllenSDK 2.10 names the columns of an empty licks table otherwise."""

REWARDS = Table(
    name="rewards",
    summary="Rewards: one row for each drop of water, earned or given for nothing.",
    group="processing/rewards",
    optional=True,
    index_meaning="counts the rewards.",
    columns=(
        Column("volume", "number", "mL", "Volume of the drop.", "volume/data"),
        Column(
            "timestamps",
            "float64",
            "s",
            "When it was given: the time of its stimulus frame.",
            "autorewarded/timestamps",
        ),
        Column(
            "auto_rewarded",
            "bool",
            "",
            "True if the drop was given without a lick. float64 where the table is empty.",
            "autorewarded/data",
            name_2_10="autorewarded",
        ),
    ),
    notes="A session without rewards (all passive ones) has an empty table, every column float64. " + OLDER_NAMES_NOTE,
)

_TIMESTAMPS = "When the encoder was read, once each stimulus frame (about 60 Hz)."

RUNNING_SPEED = Table(
    name="running_speed",
    summary="Running speed of the mouse on its wheel, smoothed.",
    group="processing/running",
    index_meaning="counts the stimulus frames.",
    columns=(
        Column("timestamps", "float64", "s", _TIMESTAMPS, "speed/timestamps"),
        Column("speed", "float64", "cm/s", "Speed, forward positive; small negative values are common.", "speed/data"),
    ),
    notes=(
        "`raw_running_speed` with NaN as 0, through a low-pass filter forward and backward (Butterworth, order 3, 4 Hz at 60 Hz)."
    ),
)

RAW_RUNNING_SPEED = Table(
    name="raw_running_speed",
    summary="Running speed of the mouse on its wheel, unfiltered.",
    group="processing/running",
    index_meaning="counts the stimulus frames.",
    columns=(
        Column("timestamps", "float64", "s", _TIMESTAMPS, "speed_unfiltered/timestamps"),
        Column(
            "speed",
            "float64",
            "cm/s",
            "Speed, forward positive; NaN for outliers and the first frames.",
            "speed_unfiltered/data",
        ),
    ),
)

ENCODER = Table(
    name="encoder",
    summary="What the running wheel's encoder gave, from which the speed was computed.",
    group="",
    index_meaning="counts the stimulus frames.",
    columns=(
        Column("timestamps", "float64", "s", _TIMESTAMPS, "processing/running/dx/timestamps"),
        Column(
            "dx",
            "number",
            "deg",
            "Rotation of the wheel since the last frame, as the rig's program saw it.",
            "processing/running/dx/data",
        ),
        Column("v_sig", "float64", "V", "Voltage of the encoder: its angle.", "acquisition/v_sig/data"),
        Column("v_in", "float64", "V", "Supply voltage of the encoder: a full turn.", "acquisition/v_in/data"),
    ),
    notes="Not among AllenSDK's attributes; kept so that a session can be written again.",
)

STIMULUS_TIMESTAMPS = Table(
    name="stimulus_timestamps",
    summary="Time of each stimulus frame: float64, one value a frame, in s.",
    group="processing/stimulus",
    kind="array",
    columns=(
        Column(
            "timestamps",
            "float64",
            "s",
            "Time of the frame, without the delay of the monitor.",
            "timestamps/timestamps",
        ),
    ),
    notes="In imaging sessions the clock is that of the sync file: it does not begin at 0.",
)

PRESENTATIONS_ENDING = "_presentations"
"""How the names of the groups of presentations end in a file."""
OMITTED = "omitted"
"""The name that an omission has among those of the images."""

STIMULUS_PRESENTATIONS = Table(
    name="stimulus_presentations",
    summary="What the screen showed: one row for each image, omission, grating, gray stretch or movie frame.",
    group="intervals",
    index="stimulus_presentations_id",
    index_meaning="counts the presentations in order of start_time.",
    columns=(
        Column(
            "stimulus_block",
            "int64",
            "",
            "Number of the block: in files of four blocks 0 gray, 1 the task, 2 gray, 3 the movie; in the others the task is block 0. Newer files only.",
            "stimulus_block",
            name_2_10=None,
            required=False,
        ),
        Column(
            "stimulus_block_name",
            "text",
            "",
            "initial_gray_screen_5min, change_detection_behavior or change_detection_passive, post_behavior_gray_screen_5min, natural_movie_one. Named by the number of the block. Newer files only.",
            "stimulus_block_name",
            name_2_10=None,
            required=False,
        ),
        Column(
            "image_index",
            "int64",
            "",
            "Place of the image in its set (and in `stimulus_templates`); the number of images for an omission; -99 for gray and movie.",
            "image_index",
        ),
        Column(
            "image_name",
            "text",
            "",
            "Name of the image (im065), `omitted`, or gratings_90.0; missing for gray and movie.",
            "image_name",
        ),
        Column(
            "movie_frame_index",
            "int64",
            "frames",
            "Frame of the movie; -99 elsewhere. Files with a movie only.",
            "movie_frame_index",
            name_2_10=None,
            required=False,
        ),
        Column("duration", "float64", "s", "How long it was shown; 0.25 for an omission.", "duration"),
        Column(
            "start_time",
            "float64",
            "s",
            "When it appeared on the screen, the delay of the monitor included (in files of release 1.0.x not): not the clock of licks.",
            "start_time",
        ),
        Column(
            "end_time",
            "float64",
            "s",
            "When it disappeared; start_time + 0.25 for an omission.",
            "stop_time",
            name_2_10="stop_time",
        ),
        Column("start_frame", "number", "frames", "Stimulus frame of its start.", "start_frame"),
        Column(
            "end_frame",
            "number",
            "frames",
            "Stimulus frame of its end; of omissions start_frame + 15 in newer files, NaN in older ones.",
            "end_frame",
        ),
        Column(
            "is_change",
            "bool",
            "",
            "True if the image differs from the last one shown, omissions skipped; never the first. Holds auto-rewarded changes too, so it is not `go`.",
            "is_change",
            required=False,
        ),
        Column(
            "is_image_novel",
            "boolean",
            "",
            "True if the mouse had not seen the image in an earlier session; missing for gray, movie and omissions. Newer files only.",
            "is_image_novel",
            name_2_10=None,
            required=False,
        ),
        Column(
            "omitted",
            "boolean",
            "",
            "True if the image was left out; missing for gray and movie.",
            "omitted",
            required=False,
        ),
        Column(
            "movie_repeat",
            "int64",
            "",
            "How often the movie had been shown before; -99 elsewhere. Files with a movie only.",
            "movie_repeat",
            name_2_10=None,
            required=False,
        ),
        Column(
            "flashes_since_change",
            "int64",
            "flashes",
            "Images since the last change: 0 at a change, an omission repeats the count. Counts on through gray and movie; where gray comes first the first image has 1.",
            name_2_10=None,
        ),
        Column(
            "trials_id",
            "int64",
            "",
            "The trial that it belongs to (index of `trials`); -99 for none.",
            "trials_id",
            name_2_10=None,
            required=False,
        ),
        Column(
            "active",
            "bool",
            "",
            "True in the block of the task, in passive sessions too.",
            "active",
            name_2_10=None,
            required=False,
        ),
        Column(
            "is_sham_change",
            "bool",
            "",
            "True where a catch trial would have changed the image. Newer files only.",
            "is_sham_change",
            name_2_10=None,
            required=False,
        ),
        Column(
            "stimulus_name",
            "text",
            "",
            "The image set's file name, `grating`, `spontaneous` (gray) or natural_movie_one. Newer files only.",
            "stimulus_name",
            name_2_10=None,
            required=False,
        ),
        Column(
            "phase", "float64", "cycles", "Phase of the grating. Sessions with gratings only.", "phase", required=False
        ),
        Column(
            "spatial_frequency",
            "float64",
            "cycles/deg",
            "Spatial frequency of the grating. Sessions with gratings only.",
            "spatial_frequency",
            required=False,
        ),
        Column(
            "orientation",
            "float64",
            "deg",
            "Orientation of the grating. Sessions with gratings only.",
            "orientation",
            required=False,
        ),
        Column("image_set", "text", "", "Name of the image set.", "image_set", in_2_16=False, required=False),
        Column(
            "index",
            "int64",
            "",
            "Row within the shown images, and counted anew within the omissions.",
            "index",
            in_2_16=False,
            required=False,
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
        "Newer files (release 1.1.0) hold gray and movie too, two thirds of the rows: select the task with "
        "`active`. `omitted` then has <NA>: use `omitted.fillna(False)` in conditions. TRAINING_0 and TRAINING_1 "
        "show gratings without a break, so nothing there is a flash of 0.25 s. With allensdk_version='2.10' the "
        "table holds the task alone. " + OLDER_NAMES_NOTE
    ),
)

STIMULUS_TEMPLATES = Table(
    name="stimulus_templates",
    summary="The images: one row each, as drawn and as the mouse saw them.",
    group="stimulus/templates",
    index="image_name",
    index_meaning="name of the image.",
    columns=(
        Column(
            "unwarped",
            "image",
            "gray level",
            "The image as seen by the mouse, (1200, 1920), NaN where the screen does not reach (gratings: none).",
            "unwarped",
        ),
        Column("warped", "image", "gray level", "The image as sent to the screen, (1200, 1920) uint8.", "data"),
    ),
    notes=(
        "The frame's attribute `name` is the image set's. Arrays of a local file are mapped into memory, copy on write: they take "
        "no memory until looked at, and writing to them changes no file. A file that is cut short while it is mapped ends the "
        "process when the lost part is touched (SIGBUS); Windows cannot delete a file while it is mapped."
    ),
)

TRIALS = Table(
    name="trials",
    summary="Trials: one row each, aborted ones included.",
    group="intervals/trials",
    index="trials_id",
    index_meaning="number of the trial.",
    columns=(
        Column("start_time", "float64", "s", "Start of the trial.", "start_time"),
        Column("stop_time", "float64", "s", "End of the trial.", "stop_time"),
        Column("initial_image_name", "text", "", "Image before the change.", "initial_image_name"),
        Column(
            "change_image_name",
            "text",
            "",
            "Image after the change; the same as before on catch trials; on aborted ones no change happened.",
            "change_image_name",
        ),
        Column("is_change", "bool", "", "True if the image changed.", "is_change", name_2_10="stimulus_change"),
        Column(
            "change_time",
            "float64",
            "s",
            "When the change, or the sham change, was on the screen: monitor delay included, unlike licks. NaN on aborted trials.",
            "change_time",
        ),
        Column(
            "go",
            "bool",
            "",
            "True if the image changed and a lick was wanted; False on aborted and auto-rewarded trials.",
            "go",
        ),
        Column("catch", "bool", "", "True if the image did not change at the time at which it could have.", "catch"),
        Column("lick_times", "times", "s", "Licks of the trial; an empty array for none.", "lick_times"),
        Column(
            "response_time",
            "float64",
            "s",
            "First lick of the trial, even outside the response window; NaN without one and on aborted trials.",
            "response_time",
        ),
        Column(
            "response_latency",
            "float64",
            "s",
            "response_time - change_time. The lick is without and the change with the monitor's delay, so it is some 20 ms short, and may be negative. inf without a lick, NaN on aborted trials.",
            "response_latency",
            required=False,
        ),
        Column("reward_time", "float64", "s", "When the reward was given; NaN without one.", "reward_time"),
        Column(
            "reward_volume",
            "number",
            "mL",
            "Water given in the trial; 0 for none (int64 where no trial has any).",
            "reward_volume",
        ),
        Column("hit", "bool", "", "A go trial with a lick in the response window, as the rig judged it.", "hit"),
        Column("false_alarm", "bool", "", "A catch trial with a lick in the response window.", "false_alarm"),
        Column("miss", "bool", "", "A go trial without one.", "miss"),
        Column("correct_reject", "bool", "", "A catch trial without one.", "correct_reject"),
        Column("aborted", "bool", "", "The mouse licked before the change, which then did not come.", "aborted"),
        Column("auto_rewarded", "bool", "", "The reward was given for nothing.", "auto_rewarded"),
        Column(
            "change_frame",
            "number",
            "frames",
            "Stimulus frame of the change; -99 for none (2.10: NaN). Not to be used as a position unchecked.",
            "change_frame",
        ),
        Column("trial_length", "float64", "s", "stop_time less start_time.", "trial_length"),
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
        "task_parameters['response_window_sec'] after the change. A trial is not a flash: it spans many. "
        + OLDER_NAMES_NOTE
    ),
)

METADATA = Table(
    name="metadata",
    summary="Who, when and where: the mouse, the session and the rig.",
    group="general",
    kind="dictionary",
    columns=(
        Column(
            "equipment_name",
            "text",
            "",
            "The rig: BEH.* training boxes, CAM2P.* and MESO.* microscopes.",
            "metadata@equipment_name",
        ),
        Column("sex", "text", "", "M or F.", "subject/sex", required=False),
        Column("age_in_days", "days", "days", "Age of the mouse.", "subject/age", required=False),
        Column(
            "stimulus_frame_rate",
            "float64",
            "Hz",
            "Frames a second of the screen, rounded.",
            "metadata@stimulus_frame_rate",
        ),
        Column(
            "session_type",
            "text",
            "",
            "Stage of training or imaging, such as OPHYS_3_images_A.",
            "metadata@session_type",
        ),
        Column(
            "date_of_acquisition",
            "datetime",
            "",
            "When the session began. The release labels the rig's local time (Seattle) as UTC in many files; it is passed on unchanged.",
            "/session_start_time",
        ),
        Column(
            "reporter_line", "text", "", "The line that carries the indicator.", "subject@reporter_line", required=False
        ),
        Column(
            "cre_line",
            "text",
            "",
            "Cre line: the genotype up to its first `;`, without `/wt`; None where there is no `;`.",
            "subject/genotype",
            required=False,
        ),
        Column(
            "behavior_session_uuid",
            "uuid",
            "",
            "The rig's own identity of the session.",
            "metadata@behavior_session_uuid",
            required=False,
        ),
        Column("driver_line", "texts", "", "Driver lines, sorted.", "subject@driver_line", required=False),
        Column("mouse_id", "text", "", "The mouse. A number in the convention of AllenSDK 2.10.", "subject/subject_id"),
        Column(
            "project_code",
            "text",
            "",
            "Project of the release; `Not Available` in files of release 1.0.x.",
            "metadata@project_code",
            name_2_10=None,
            required=False,
        ),
        Column("full_genotype", "text", "", "Genotype of the mouse.", "subject/genotype", required=False),
        Column("behavior_session_id", "integer", "", "The session.", "metadata@behavior_session_id"),
    ),
    notes=(
        "With allensdk_version='2.10' an imaging file's dictionary holds its imaging entries too (ophys_experiment_id, "
        "imaging_depth, field_of_view_width ...), as they stand in the file."
    ),
)

IMAGING_ENTRIES = (
    "ophys_experiment_id",
    "ophys_session_id",
    "experiment_container_id",
    "ophys_container_id",
    "field_of_view_width",
    "field_of_view_height",
    "imaging_depth",
    "targeted_imaging_depth",
    "imaging_plane_group",
    "imaging_plane_group_count",
)
"""Attributes of an imaging file's metadata, in the order in which AllenSDK 2.10 gives them; newer files name the container otherwise."""

TASK_PARAMETERS = Table(
    name="task_parameters",
    summary="How the task was set.",
    group="general/task_parameters",
    kind="dictionary",
    columns=(
        Column("auto_reward_volume", "float64", "mL", "Water of a reward given for nothing.", "@auto_reward_volume"),
        Column(
            "blank_duration_sec",
            "floats",
            "s",
            "Least and greatest length of the gray between images.",
            "@blank_duration_sec",
        ),
        Column(
            "image_set",
            "text",
            "",
            "images_A, images_B, ... or gratings, from the session type; None where that names neither.",
            None,
            name_2_10=None,
        ),
        Column("n_stimulus_frames", "integer", "frames", "Frames in which an image was drawn.", "@n_stimulus_frames"),
        Column(
            "omitted_flash_fraction",
            "float64",
            "",
            "Probability that an image is left out; NaN where the rig does not say.",
            "@omitted_flash_fraction",
        ),
        Column(
            "response_window_sec",
            "floats",
            "s",
            "Start and end of the window after the change in which a lick counts.",
            "@response_window_sec",
        ),
        Column("reward_volume", "float64", "mL", "Water of an earned reward.", "@reward_volume"),
        Column("session_type", "text", "", "Stage of training or imaging.", "@session_type"),
        Column("stimulus", "text", "", "images or grating.", "@stimulus"),
        Column(
            "stimulus_distribution",
            "text",
            "",
            "Distribution of the time of change: geometric or exponential.",
            "@stimulus_distribution",
        ),
        Column(
            "stimulus_duration_sec",
            "float64",
            "s",
            "How long an image is shown; NaN for gratings without a break.",
            "@stimulus_duration_sec",
        ),
        Column(
            "stimulus_name",
            "text",
            "",
            "The image set's file name; None in files of release 1.0.x.",
            "@stimulus_name",
            name_2_10=None,
            required=False,
        ),
        Column("task", "text", "", "change detection.", "@task"),
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


def _ellipse_columns(prefix: str, group: str, what: str, blinks: str) -> tuple[Column, ...]:
    return (
        Column(f"{prefix}_center_x", "float64", "pixels", f"Centre of the {what}, x."),
        Column(f"{prefix}_center_y", "float64", "pixels", f"Centre of the {what}, y."),
        Column(f"{prefix}_width", "float64", "pixels", f"Half axis of the {what}.{blinks}", f"{group}/width"),
        Column(
            f"{prefix}_height", "float64", "pixels", f"The other half axis of the {what}.{blinks}", f"{group}/height"
        ),
        Column(f"{prefix}_phi", "float64", "rad", f"Rotation of the {what}.{blinks}", f"{group}/angle"),
    )


_AT_BLINKS = " NaN at likely blinks."

EYE_TRACKING = Table(
    name="eye_tracking",
    summary="Ellipses fitted to eye, pupil and corneal reflection: one row a frame of the eye camera.",
    group="acquisition/EyeTracking",
    optional=True,
    index="frame",
    index_meaning="frame of the eye camera.",
    columns=(
        Column("timestamps", "float64", "s", "When the frame was taken.", "eye_tracking/timestamps"),
        Column("cr_area", "float64", "pixels^2", "Area of the corneal reflection." + _AT_BLINKS),
        Column("eye_area", "float64", "pixels^2", "Area of the eye." + _AT_BLINKS),
        Column(
            "pupil_area",
            "float64",
            "pixels^2",
            "Area of the pupil, taken as a circle of its greater half axis." + _AT_BLINKS,
        ),
        Column(
            "likely_blink",
            "bool",
            "",
            "True near an outlier of eye or pupil area; found anew on reading (eye_tracking_z_threshold, eye_tracking_dilation_frames).",
        ),
        Column(
            "pupil_area_raw", "float64", "pixels^2", "Area of the pupil, blinks included.", "pupil_tracking/area_raw"
        ),
        Column(
            "cr_area_raw",
            "float64",
            "pixels^2",
            "Area of the corneal reflection, blinks included.",
            "corneal_reflection_tracking/area_raw",
        ),
        Column("eye_area_raw", "float64", "pixels^2", "Area of the eye, blinks included.", "eye_tracking/area_raw"),
        *_ellipse_columns("cr", "corneal_reflection_tracking", "corneal reflection", ""),
        *_ellipse_columns("eye", "eye_tracking", "eye", _AT_BLINKS),
        *_ellipse_columns("pupil", "pupil_tracking", "pupil", _AT_BLINKS),
    ),
    notes=(
        "Training boxes have no eye camera, and a few imaging sessions have no eye tracking: the table is then empty, every column float64, "
        "and a warning says so. Widths, heights and angles are stored without the blinks found when the file was written (z 3, "
        "2 frames): a milder threshold cannot bring them back."
    ),
)

EYE_TRACKING_RIG_GEOMETRY = Table(
    name="eye_tracking_rig_geometry",
    summary="Where monitor, eye camera and LED stood, against the mouse's eye; {} without eye tracking.",
    group="processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata",
    kind="dictionary",
    optional=True,
    columns=(
        Column("camera_position_mm", "floats", "mm", "Camera: x, y, z.", "camera_position"),
        Column("camera_rotation_deg", "floats", "deg", "Camera: rotation about x, y, z.", "camera_rotation"),
        Column("equipment", "text", "", "The rig.", "@equipment"),
        Column("led_position", "floats", "mm", "LED: x, y, z.", "led_position"),
        Column("monitor_position_mm", "floats", "mm", "Monitor: x, y, z.", "monitor_position"),
        Column("monitor_rotation_deg", "floats", "deg", "Monitor: rotation about x, y, z.", "monitor_rotation"),
    ),
)

SESSION_TABLES = (
    LICKS,
    REWARDS,
    RUNNING_SPEED,
    RAW_RUNNING_SPEED,
    ENCODER,
    STIMULUS_TIMESTAMPS,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TEMPLATES,
    TRIALS,
    METADATA,
    TASK_PARAMETERS,
    EYE_TRACKING,
    EYE_TRACKING_RIG_GEOMETRY,
)
