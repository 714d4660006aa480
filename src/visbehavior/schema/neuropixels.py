"""The project tables of Visual Behavior Neuropixels: one row per session, recording, probe, channel or unit.

Sources: the tables of release 0.5.0, and AllenSDK 2.16, ``behavior_project_cache/behavior_neuropixels_project_cache.py``.
AllenSDK returns these tables as they are stored, apart from the types of some integer columns. Their names are those of the
CSV files. Units and channels have more columns than are declared here.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table
from visbehavior.schema.project import project_column

_RECORDING = project_column("ecephys_session_id", "number", "Recording.")
_PROBE = project_column("ecephys_probe_id", "number", "Probe of the recording.")
_GENOTYPE = project_column("genotype", "text", "Genotype; wt/wt for mice without driver and reporter lines.")
_MOUSE_ID = project_column("mouse_id", "number", "Mouse, a number. In the metadata of a session it is text.")
_SEX = project_column("sex", "text", "M or F.")
_AGE = project_column("age_in_days", "number", "Age on the day of the session.", "days")
_EQUIPMENT = project_column("equipment_name", "text", "Rig: BEH.* training boxes, NP.* recording rigs.")
_DATE = project_column(
    "date_of_acquisition",
    "text",
    "Start of the session: the rig's local time (Seattle), labeled UTC. The metadata of a recording have the true UTC.",
)
_SESSION_TYPE = project_column("session_type", "text", "Stage, with the reward volume: EPHYS_1_images_G_5uL_reward.")
_IMAGE_SET = project_column("image_set", "text", "Letter of the image set, G or H. Missing for gratings.")
_EXPOSURES = project_column(
    "prior_exposures_to_image_set", "Int64", "Earlier sessions with this image set. Missing for gratings.", "sessions"
)
_OMISSIONS = project_column("prior_exposures_to_omissions", "number", "Earlier sessions with omissions.", "sessions")
_STRUCTURES = project_column("structure_acronyms", "text", "Brain structures, as text of a list.")


def _unit_count(dtype: str) -> Column:
    return project_column("unit_count", dtype, "Units.", "units")


def _channel_count(dtype: str) -> Column:
    return project_column("channel_count", dtype, "Channels.", "channels")


_COORDINATES = tuple(
    project_column(f"{axis}_ccf_coordinate", "float64", f"{meaning} in the common coordinate framework.", "um")
    for axis, meaning in (
        ("anterior_posterior", "Position from front to back"),
        ("dorsal_ventral", "Position from top to bottom"),
        ("left_right", "Position from left to right"),
    )
)
_STRUCTURE = project_column("structure_acronym", "text", "Brain structure.")
_VALID = project_column("valid_data", "bool", "False if the data should not be used.")

BEHAVIOR_SESSIONS = Table(
    name="behavior_sessions",
    summary="Every behavior session of the release, with and without a recording.",
    index="behavior_session_id",
    index_meaning="behavior session: the argument of get_behavior_session.",
    columns=(
        _EQUIPMENT,
        _GENOTYPE,
        _MOUSE_ID,
        _SEX,
        _AGE,
        project_column("session_number", "number", "Number of the session among all sessions of the mouse."),
        project_column("prior_exposures_to_session_type", "number", "Earlier sessions of this type.", "sessions"),
        _EXPOSURES,
        _OMISSIONS,
        project_column(
            "ecephys_session_id",
            "Int64",
            "Recording of the session. Habituation sessions have one too, but no recording of this id was published.",
        ),
        _DATE,
        _SESSION_TYPE,
        _IMAGE_SET,
        project_column(
            "file_id", "number", "File in the release's manifest; -999 if the session is in the recording's file."
        ),
    ),
)
ECEPHYS_SESSIONS = Table(
    name="ecephys_sessions",
    summary="Every recording of the release.",
    index="ecephys_session_id",
    index_meaning="recording.",
    index_dtype="Int64",
    columns=(
        project_column("behavior_session_id", "number", "Behavior session: the argument of get_behavior_session."),
        _DATE,
        _EQUIPMENT,
        _SESSION_TYPE,
        _MOUSE_ID,
        _GENOTYPE,
        _SEX,
        project_column("project_code", "text", "Project."),
        _AGE,
        _unit_count("Int64"),
        project_column("probe_count", "Int64", "Probes.", "probes"),
        _channel_count("Int64"),
        _STRUCTURES,
        _IMAGE_SET,
        _EXPOSURES,
        project_column("session_number", "number", "Day of recording, 1 or 2."),
        project_column("experience_level", "text", "Familiar or Novel."),
        _OMISSIONS,
        project_column("file_id", "number", "File in the release's manifest."),
        project_column(
            "abnormal_histology", "text", "Structures with abnormal tissue, as text of a list. Missing if none."
        ),
        project_column(
            "abnormal_activity",
            "text",
            "Times of abnormal activity, such as seizures (s), as text of a list. Missing if none.",
        ),
    ),
    notes="get_ecephys_session_table() leaves out recordings with abnormal tissue or activity; filter_abnormalities=False keeps them.",
)
PROBES = Table(
    name="probes",
    summary="Every probe of every recording.",
    index="ecephys_probe_id",
    index_meaning="probe of a recording.",
    columns=(
        _RECORDING,
        project_column("name", "text", "Name of the probe: probeA to probeF."),
        project_column("sampling_rate", "float64", "Sampling rate of the spikes.", "Hz"),
        project_column("lfp_sampling_rate", "float64", "Sampling rate of the local field potential.", "Hz"),
        project_column("phase", "float64", "Type of the probe."),
        project_column("has_lfp_data", "bool", "True if the local field potential was published."),
        _unit_count("number"),
        _channel_count("number"),
        _STRUCTURES,
        project_column(
            "file_id", "number", "File of the local field potential in the release's manifest; -999 if none."
        ),
    ),
)
CHANNELS = Table(
    name="channels",
    summary="Every channel of every probe.",
    index="ecephys_channel_id",
    index_meaning="channel of a probe.",
    columns=(
        _PROBE,
        _RECORDING,
        project_column("probe_channel_number", "number", "Number of the channel on its probe."),
        project_column("probe_vertical_position", "float64", "Position along the probe, from the tip.", "um"),
        project_column("probe_horizontal_position", "float64", "Position across the probe.", "um"),
        *_COORDINATES,
        _STRUCTURE,
        _unit_count("number"),
        _VALID,
    ),
)
UNITS = Table(
    name="units",
    summary="Every sorted unit of every recording. More columns describe the quality of the sorting and the waveform.",
    index="unit_id",
    index_meaning="unit.",
    columns=(
        project_column("ecephys_channel_id", "number", "Channel with the largest waveform."),
        _PROBE,
        _RECORDING,
        *_COORDINATES,
        _STRUCTURE,
        project_column("firing_rate", "float64", "Mean firing rate.", "Hz"),
        project_column(
            "isi_violations", "float64", "Rate of too short intervals between spikes, relative to the firing rate."
        ),
        project_column("presence_ratio", "float64", "Fraction of the recording in which the unit had spikes."),
        project_column("amplitude_cutoff", "float64", "Estimated fraction of missed spikes."),
        project_column("snr", "float64", "Signal to noise ratio of the waveform."),
        project_column("quality", "text", "good, or noise."),
        _VALID,
    ),
)

RECORDING_METADATA = Table(
    name="recording_metadata",
    summary="Identity of the file of a recording.",
    kind="dictionary",
    columns=(Column(name="ecephys_session_id", dtype="text", path="/identifier", meaning="Recording."),),
)
RECORDED_PROBES = Table(
    name="recorded_probes",
    summary="Probes in the file of a recording, which are counted only.",
    group="general/extracellular_ephys",
    optional=True,
)
RECORDED_UNITS = Table(
    name="recorded_units",
    summary="Units in the file of a recording, which are counted only.",
    group="units",
    optional=True,
    columns=(Column(name="unit_id", dtype="int64", path="id", meaning="Unit."),),
)

NEUROPIXELS_TABLES = (BEHAVIOR_SESSIONS, ECEPHYS_SESSIONS, UNITS, PROBES, CHANNELS)
"""All project tables of Visual Behavior Neuropixels."""
