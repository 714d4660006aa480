"""The project tables: what the release knows of every session, plane and cell.

Sources: the tables of releases 1.0.1 and 1.1.0, and AllenSDK's ``behavior_project_cache/tables`` (2.10.2, 2.16.2). The columns
stand in the order of 2.16, which appends the last ones of each table in an order that differs from process to process.
A release need not have every column.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table


def _id(name: str, meaning: str, dtype: str = "Int64") -> Column:
    return Column(name, dtype, "", meaning, name)


_BEHAVIOR_SESSION = _id("behavior_session_id", "The behavior session: what get_behavior_session takes.", "int64")
_OPHYS_SESSION = _id(
    "ophys_session_id",
    "The imaging session; missing where there is no imaging, which OPHYS_ session types need not have.",
)
_CONTAINER_LIST = _id(
    "ophys_container_id", "Containers: the same field of view over days; missing without imaging.", "list"
)
_EXPERIMENT_LIST = _id("ophys_experiment_id", "Planes of the session; missing without imaging.", "list")

_MOUSE = (
    Column(
        "mouse_id",
        "text",
        "",
        "The mouse. Text in 2.16: a query that compares it with a number selects nothing. A number in 2.10.",
        "mouse_id",
    ),
    Column("indicator", "text", "", "Calcium indicator.", "indicator"),
    Column("full_genotype", "text", "", "Genotype.", "full_genotype"),
    Column("driver_line", "list", "", "Driver lines.", "driver_line"),
    Column("cre_line", "text", "", "Cre line.", "cre_line"),
    Column("reporter_line", "text", "", "Reporter line.", "reporter_line"),
    Column("sex", "text", "", "M or F.", "sex"),
    Column("age_in_days", "Int64", "days", "Age on the day.", "age_in_days"),
)
_PROJECT = Column(
    "project_code", "text", "", "Project; missing for training sessions in release 1.0.x.", "project_code"
)
_STAGE = (
    Column("session_type", "text", "", "Stage of training or imaging; missing for 8 sessions.", "session_type"),
    Column(
        "session_number",
        "Int64",
        "",
        "Intended place of an imaging day, 0 to 6: not its order, for days are repeated.",
        "session_number",
    ),
    Column("image_set", "text", "", "Images of the session.", "image_set"),
    Column("behavior_type", "text", "", "active_behavior or passive_viewing.", "behavior_type"),
)
_EXPERIENCE = (
    Column("experience_level", "text", "", "Training, Familiar, Novel 1 or Novel >1.", "experience_level"),
    Column(
        "prior_exposures_to_session_type",
        "Int64",
        "sessions",
        "Earlier sessions of this type, removed ones too.",
        "prior_exposures_to_session_type",
    ),
    Column(
        "prior_exposures_to_image_set",
        "Int64",
        "sessions",
        "Earlier sessions with these images; missing for gratings.",
        "prior_exposures_to_image_set",
    ),
    Column(
        "prior_exposures_to_omissions",
        "Int64",
        "sessions",
        "Earlier sessions with omissions.",
        "prior_exposures_to_omissions",
    ),
    Column(
        "date_of_acquisition",
        "datetime",
        "",
        "When the session began: the rig's local time (Seattle), labelled UTC. Text in 2.10.",
        "date_of_acquisition",
    ),
    Column("equipment_name", "text", "", "The rig.", "equipment_name"),
)
_GROUP_COUNT = Column(
    "imaging_plane_group_count", "Int64", "", "Groups of planes imaged together.", "imaging_plane_group_count"
)
_PLANES = (
    Column("num_depths_per_area", "Int64", "", "Depths imaged in each area.", "num_depths_per_area"),
    _EXPERIMENT_LIST,
    Column("num_targeted_structures", "Int64", "", "Areas imaged.", "num_targeted_structures"),
)
_FILE = Column(
    "file_id",
    "number",
    "",
    "The file in the release's manifest; none (NaN or -999) for imaging sessions, whose planes have files.",
    "file_id",
)


def _count(name: str, what: str) -> Column:
    return Column(name, "int64", "trials", what, name)


COUNTS = (
    _count("trial_count", "All trials."),
    _count("go_trial_count", "Go trials."),
    _count("catch_trial_count", "Catch trials."),
    _count("hit_trial_count", "Hits."),
    _count("miss_trial_count", "Misses."),
    _count("false_alarm_trial_count", "False alarms."),
    _count("correct_reject_trial_count", "Correct rejects."),
    _count("engaged_trial_count", "Engaged trials: counted otherwise than get_performance_metrics counts them."),
)

BEHAVIOR_SESSION_TABLE = Table(
    name="behavior_session_table",
    summary="Every behavior session of the release, with imaging or without.",
    group="project_metadata",
    index="behavior_session_id",
    index_meaning="the behavior session: what get_behavior_session takes.",
    columns=(
        _OPHYS_SESSION,
        _CONTAINER_LIST,
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
    group="project_metadata",
    index="ophys_session_id",
    index_meaning="the imaging session.",
    # AllenSDK types it before it becomes the index.
    index_dtype="Int64",
    columns=(_BEHAVIOR_SESSION, _CONTAINER_LIST, *_MOUSE, _GROUP_COUNT, _PROJECT, *_STAGE, *_EXPERIENCE, *_PLANES),
)
OPHYS_EXPERIMENT_TABLE = Table(
    name="ophys_experiment_table",
    summary="Every imaging plane of the release.",
    group="project_metadata",
    index="ophys_experiment_id",
    index_meaning="the plane: what get_behavior_ophys_experiment takes.",
    columns=(
        _BEHAVIOR_SESSION,
        _OPHYS_SESSION,
        _id("ophys_container_id", "The container: the same field of view over days.", "int64"),
        *_MOUSE,
        Column("imaging_depth", "int64", "um", "Depth of the plane.", "imaging_depth"),
        Column("targeted_structure", "text", "", "Area of the cortex.", "targeted_structure"),
        Column(
            "targeted_imaging_depth", "int64", "um", "Mean depth of the container's planes.", "targeted_imaging_depth"
        ),
        Column("imaging_plane_group", "Int64", "", "Planes of one number were imaged together.", "imaging_plane_group"),
        _PROJECT,
        *_STAGE,
        Column("passive", "bool", "", "True if the spout was away.", "passive"),
        *_EXPERIENCE,
        Column("published_at", "text", "", "Day of publication.", "published_at"),
        _id("isi_experiment_id", "The mouse's map of visual areas.", "int64"),
        _FILE,
    ),
)
OPHYS_CELLS_TABLE = Table(
    name="ophys_cells_table",
    summary="Every region of interest of every plane.",
    group="project_metadata",
    index="cell_roi_id",
    index_meaning="the region of interest.",
    columns=(
        _id("cell_specimen_id", "The cell, the same over the days of a container; missing where it was not matched."),
        _id("ophys_experiment_id", "The plane.", "int64"),
    ),
)

PROJECT_TABLES = (BEHAVIOR_SESSION_TABLE, OPHYS_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE, OPHYS_CELLS_TABLE)
