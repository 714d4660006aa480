"""The project tables: one row per session, imaging plane or cell of a release.

Sources: the tables of releases 1.0.1 and 1.1.0, and AllenSDK's ``behavior_project_cache/tables`` (2.10.2, 2.16.2). Columns
are in the order of 2.16, which appends the last columns of each table in an order that varies from process to process.
A release may lack some columns.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table


def project_column(name: str, dtype: str, meaning: str, unit: str = "") -> Column:
    """Return the declaration of a column that is stored under its own name."""
    return Column(name=name, dtype=dtype, unit=unit, meaning=meaning)


_BEHAVIOR_SESSION = project_column(
    "behavior_session_id", "int64", "Behavior session: the argument of get_behavior_session."
)
_OPHYS_SESSION = project_column(
    "ophys_session_id", "Int64", "Imaging session. Missing without imaging, which some OPHYS_ sessions lack."
)
_CONTAINERS = project_column(
    "ophys_container_id",
    "list",
    "Containers of the session's planes: the same field of view on several days. Missing without imaging.",
)
_EXPERIMENTS = project_column("ophys_experiment_id", "list", "Imaging planes of the session. Missing without imaging.")

_MOUSE = (
    project_column(
        "mouse_id",
        "text",
        "Mouse. Text in 2.16, so comparing it with a number selects nothing; a number in 2.10.",
    ),
    project_column("indicator", "text", "Calcium indicator."),
    project_column("full_genotype", "text", "Genotype."),
    project_column("driver_line", "list", "Driver lines."),
    project_column("cre_line", "text", "Cre line."),
    project_column("reporter_line", "text", "Reporter line."),
    project_column("sex", "text", "M or F."),
    project_column("age_in_days", "Int64", "Age on the day of the session.", "days"),
)
_PROJECT = project_column("project_code", "text", "Project. Missing for training sessions in release 1.0.x.")
_STAGE = (
    project_column("session_type", "text", "Stage of training or imaging. Missing for 8 sessions."),
    project_column(
        "session_number", "Int64", "Planned number of an imaging day, 0 to 6. Days are repeated, so it is not an order."
    ),
    project_column("image_set", "text", "Image set of the session."),
    project_column("behavior_type", "text", "active_behavior or passive_viewing."),
)
_EXPERIENCE = (
    project_column("experience_level", "text", "Training, Familiar, Novel 1 or Novel >1."),
    project_column(
        "prior_exposures_to_session_type",
        "Int64",
        "Earlier sessions of this type, including sessions that were not published.",
        "sessions",
    ),
    project_column(
        "prior_exposures_to_image_set",
        "Int64",
        "Earlier sessions with this image set. Missing for gratings.",
        "sessions",
    ),
    project_column("prior_exposures_to_omissions", "Int64", "Earlier sessions with omissions.", "sessions"),
    project_column(
        "date_of_acquisition",
        "datetime",
        "Start of the session: the rig's local time (Seattle), labeled UTC. Text in 2.10.",
    ),
    project_column("equipment_name", "text", "Rig."),
)
_GROUP_COUNT = project_column("imaging_plane_group_count", "Int64", "Groups of planes imaged together.")
_PLANES = (
    project_column("num_depths_per_area", "Int64", "Depths imaged in each area."),
    _EXPERIMENTS,
    project_column("num_targeted_structures", "Int64", "Areas imaged."),
)
_FILE = project_column(
    "file_id",
    "number",
    "File in the release's manifest. NaN or -999 for imaging sessions, whose files are those of the planes.",
)


def _count(name: str, meaning: str) -> Column:
    return project_column(name, "int64", meaning, "trials")


COUNTS = (
    _count("trial_count", "All trials."),
    _count("go_trial_count", "Go trials."),
    _count("catch_trial_count", "Catch trials."),
    _count("hit_trial_count", "Hits."),
    _count("miss_trial_count", "Misses."),
    _count("false_alarm_trial_count", "False alarms."),
    _count("correct_reject_trial_count", "Correct rejects."),
    _count("engaged_trial_count", "Engaged trials. Not the definition of get_performance_metrics."),
)

BEHAVIOR_SESSION_TABLE = Table(
    name="behavior_session_table",
    summary="Every behavior session of the release, with and without imaging.",
    index="behavior_session_id",
    index_meaning="behavior session: the argument of get_behavior_session.",
    columns=(
        _OPHYS_SESSION,
        _CONTAINERS,
        *_MOUSE,
        _GROUP_COUNT,
        _PROJECT,
        *_STAGE,
        *_EXPERIENCE,
        *_PLANES,
        *COUNTS,
        _FILE,
    ),
)
OPHYS_SESSION_TABLE = Table(
    name="ophys_session_table",
    summary="Every imaging session of the release.",
    index="ophys_session_id",
    index_meaning="imaging session.",
    # AllenSDK converts the column before it becomes the index.
    index_dtype="Int64",
    columns=(_BEHAVIOR_SESSION, _CONTAINERS, *_MOUSE, _GROUP_COUNT, _PROJECT, *_STAGE, *_EXPERIENCE, *_PLANES),
)
OPHYS_EXPERIMENT_TABLE = Table(
    name="ophys_experiment_table",
    summary="Every imaging plane of the release.",
    index="ophys_experiment_id",
    index_meaning="imaging plane: the argument of get_behavior_ophys_experiment.",
    columns=(
        _BEHAVIOR_SESSION,
        _OPHYS_SESSION,
        project_column("ophys_container_id", "int64", "Container: the same field of view on several days."),
        *_MOUSE,
        project_column("imaging_depth", "int64", "Depth of the plane.", "um"),
        project_column("targeted_structure", "text", "Cortical area."),
        project_column("targeted_imaging_depth", "int64", "Mean depth of the container's planes.", "um"),
        project_column("imaging_plane_group", "Int64", "Planes with the same number were imaged together."),
        _PROJECT,
        *_STAGE,
        project_column("passive", "bool", "True if the lick spout was removed."),
        *_EXPERIENCE,
        project_column("published_at", "text", "Day of publication."),
        project_column("isi_experiment_id", "int64", "Map of the mouse's visual areas."),
        _FILE,
    ),
)
OPHYS_CELLS_TABLE = Table(
    name="ophys_cells_table",
    summary="Every ROI of every imaging plane.",
    index="cell_roi_id",
    index_meaning="ROI (region of interest).",
    columns=(
        project_column(
            "cell_specimen_id",
            "Int64",
            "Cell, the same over the sessions of a container. Missing if the ROI was not matched.",
        ),
        project_column("ophys_experiment_id", "int64", "Imaging plane."),
    ),
)

PROJECT_TABLES = (BEHAVIOR_SESSION_TABLE, OPHYS_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE, OPHYS_CELLS_TABLE)
