"""A synthetic release of Visual Behavior Neuropixels: as a cache folder, and as a copy of the bucket."""

from __future__ import annotations

import json
import pathlib
import shutil

from tests.nwbfiles import write_session
from tests.project.synthetic_release import digest
from tests.recordingfiles import write_recording
from tests.synthetic_session import make_session

PROJECT = "visual-behavior-neuropixels"
BUCKET = f"https://{PROJECT}-data.s3.us-west-2.amazonaws.com/{PROJECT}"
VERSION = "0.5.0"
MANIFEST = f"{PROJECT}_project_manifest_v{VERSION}.json"
TABLES = {
    # Session 13 is a habituation: it has a file, and the id of a recording that was not published. The recording of
    # session 15 is not in the table of recordings.
    "behavior_sessions": (
        "behavior_session_id,equipment_name,genotype,mouse_id,sex,age_in_days,prior_exposures_to_image_set,ecephys_session_id,"
        "date_of_acquisition,session_type,image_set,file_id\n"
        "11,BEH.G-Box2,wt/wt,530862,M,82,,,2020-08-07 12:50:42.917000+00:00,TRAINING_0_gratings_autorewards_15min_0uL_reward,,5001\n"
        "13,NP.1,wt/wt,530862,M,129,3,39,2020-09-23 10:44:14.554000+00:00,HABITUATION_5_images_G_handoff_ready_5uL_reward,G,5003\n"
        "12,NP.1,wt/wt,530862,M,151,33,31,2020-10-15 14:47:08.574000+00:00,EPHYS_1_images_G_5uL_reward,G,-999\n"
        "14,NP.0,Sst-IRES-Cre/wt,531237,F,166,0,32,2021-04-16 13:15:33.574000+00:00,EPHYS_1_images_H_3uL_reward,H,-999\n"
        "15,NP.0,Sst-IRES-Cre/wt,531237,F,167,20,38,2021-04-17 13:15:33.574000+00:00,EPHYS_1_images_G_3uL_reward,G,-999\n"
    ),
    "ecephys_sessions": (
        "ecephys_session_id,behavior_session_id,mouse_id,unit_count,probe_count,structure_acronyms,file_id,abnormal_histology,abnormal_activity\n"
        "31,12,530862,7,2,\"['LGd', 'VISp']\",5006,,\n32,14,531237,7,2,\"['VISp']\",5007,,[301]\n"
    ),
    "units": "unit_id,ecephys_channel_id,ecephys_probe_id,ecephys_session_id,snr,quality\n71,61,51,31,2.5,good\n",
    "probes": "ecephys_probe_id,ecephys_session_id,name,has_lfp_data,file_id\n51,31,probeA,False,-999\n",
    "channels": "ecephys_channel_id,ecephys_probe_id,ecephys_session_id,structure_acronym\n61,51,31,VISp\n",
}
FILES = {
    "5001": ("behavior_only_sessions/11/behavior_session_11.nwb", 11),
    "5003": ("behavior_only_sessions/13/behavior_session_13.nwb", 13),
    "5006": ("behavior_ecephys_sessions/31/ecephys_session_31.nwb", 12),
    "5007": ("behavior_ecephys_sessions/32/ecephys_session_32.nwb", 14),
}


def make_release(folder: pathlib.Path) -> pathlib.Path:
    """Make a cache folder as AllenSDK leaves it."""
    release = folder / f"{PROJECT}-{VERSION}"
    for name, text in TABLES.items():
        (release / "project_metadata").mkdir(parents=True, exist_ok=True)
        (release / "project_metadata" / f"{name}.csv").write_text(text)
    for path, number in FILES.values():
        (release / path).parent.mkdir(parents=True)
        session = make_session(number, trials=20).replace(behavior_session_id=number, mouse_id="530862")
        if "ecephys" in path:
            write_recording(release / path, session)
        else:
            write_session(release / path, session)
    manifest = {
        "project_name": PROJECT,
        "manifest_version": VERSION,
        "metadata_files": {name: _entry(release, f"project_metadata/{name}.csv") for name in TABLES},
        "data_files": {file_id: _entry(release, path) for file_id, (path, _) in FILES.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def make_bucket_tree(folder: pathlib.Path) -> pathlib.Path:
    """Make a copy of the bucket with the same release."""
    cache, tree = make_release(folder), folder / "bucket"
    shutil.copytree(cache / f"{PROJECT}-{VERSION}", tree / PROJECT)
    (tree / PROJECT / "manifests").mkdir()
    shutil.copy(cache / MANIFEST, tree / PROJECT / "manifests" / MANIFEST)
    return tree


def _entry(release: pathlib.Path, path: str) -> dict[str, str]:
    return {"url": f"{BUCKET}/{path}", "version_id": "null", "file_hash": digest((release / path).read_bytes())}
