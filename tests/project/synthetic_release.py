"""A synthetic release of a few sessions: as a cache folder that AllenSDK filled, as a copy of the bucket, and as a bucket."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.faultserver import FaultServer
from tests.imagingfiles import make_plane, write_plane
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession, VisualBehaviorOphysProjectCache

PROJECT = "visual-behavior-ophys"
BUCKET = f"https://visual-behavior-ophys-data.s3.us-west-2.amazonaws.com/{PROJECT}"
MANIFESTS = [f"{PROJECT}_project_manifest_v{version}.json" for version in ("1.0.1", "1.1.0")]
UNREACHABLE = "http://127.0.0.1:9"
TABLES = {
    # Session 12 is an imaging session: only its planes, 21 and 22, have files. Session 13 was recorded before 11 and 12.
    "behavior_session_table": (
        "behavior_session_id,ophys_session_id,ophys_container_id,mouse_id,driver_line,age_in_days,session_type,session_number,"
        "date_of_acquisition,ophys_experiment_id,trial_count,file_id,novelty\n"
        "11,,,457841,['Sst-IRES-Cre'],80,TRAINING_1_gratings,,2019-05-18 10:00:00+00:00,,30,1941,1\n"
        '12,31,"[41, 42]",457841,"[\'Sst-IRES-Cre\', \'Ai148\']",99,OPHYS_1_images_A,1,2019-05-20 10:00:00.500000+00:00,"[21, 22]",30,-999,2\n'
        "13,,,457841,['Sst-IRES-Cre'],79,TRAINING_0_gratings_autorewards_15min,,2019-05-17 10:00:00+00:00,,30,1942,3\n"
        "14,,,445002,['Vip-IRES-Cre'],80,,,2019-05-17 11:00:00+00:00,,30,1943,4\n"
    ),
    "ophys_session_table": 'ophys_session_id,behavior_session_id,ophys_experiment_id,mouse_id,date_of_acquisition\n31,12,"[21, 22]",457841,2019-05-20 10:00:00\n',
    "ophys_experiment_table": (
        "ophys_experiment_id,behavior_session_id,ophys_session_id,ophys_container_id,mouse_id,passive,date_of_acquisition,file_id\n"
        "21,12,31,41,457841,False,2019-05-20 10:00:00,0\n22,12,31,42,457841,False,2019-05-20 10:00:00,1\n"
    ),
    "ophys_cells_table": "cell_roi_id,cell_specimen_id,ophys_experiment_id\n501,601.0,21\n502,,22\n",
}
FILES = {
    "1941": ("behavior_sessions/behavior_session_11.nwb", 11),
    "1942": ("behavior_sessions/behavior_session_13.nwb", 13),
    "0": ("behavior_ophys_experiments/behavior_ophys_experiment_21.nwb", 12),
    "1": ("behavior_ophys_experiments/behavior_ophys_experiment_22.nwb", 12),
}
DOCUMENTED_IDS = {"11": "837658854", "13": "838515247", "12": "848613406", "457841": "445002", "445002": "457841"}
"""Ids that the documentation uses, by the ids of this release."""


def replace_ids(text: str, ids: Mapping[str, str]) -> str:
    """Replace ids in a text: complete fields of a row, and numbers in file names."""
    return re.sub(r"(?<=[\n,_])\d+(?=[,.\n])", lambda match: ids.get(match[0], match[0]), text)


def digest(content: bytes) -> str:
    """Return the hash that a manifest gives for a file."""
    return hashlib.blake2b(content).hexdigest()


def make_release(
    folder: pathlib.Path,
    version: str = "1.1.0",
    missing: tuple[str, ...] = ("0",),
    ids: Mapping[str, str] = MappingProxyType({}),
) -> pathlib.Path:
    """Make a cache folder. The files `missing` are in the manifest, but not in the folder. `ids` replaces ids."""
    release = folder / f"{PROJECT}-{version}"
    (release / "project_metadata").mkdir(parents=True)
    manifest: dict[str, object] = {"project_name": PROJECT, "manifest_version": version}
    manifest["metadata_files"] = tables = {}
    for name, original in TABLES.items():
        text = replace_ids(original, ids)
        (release / "project_metadata" / f"{name}.csv").write_text(text)
        path = f"{BUCKET}/project_metadata/{name}.csv"
        tables[name] = {"url": path, "version_id": "v1", "file_hash": digest(text.encode())}
    manifest["data_files"] = files = {}
    for file_id, (original, number) in FILES.items():
        path, session_id = replace_ids(original, ids), int(ids.get(str(number), number))
        file_hash = digest(path.encode() + version.encode())
        if file_id not in missing:
            (release / path).parent.mkdir(exist_ok=True)
            session = make_session(number).replace(behavior_session_id=session_id)
            if "ophys_experiment" in path:
                plane = dataclasses.replace(
                    make_plane(), session=session, experiment_id=int(pathlib.Path(path).stem.rpartition("_")[2])
                )
                write_plane(release / path, plane, "1.0")
            else:
                write_session(release / path, session, "1.0")
            file_hash = digest((release / path).read_bytes())
        files[file_id] = {"url": f"{BUCKET}/{path}", "version_id": "v1", "file_hash": file_hash}
    (folder / f"{PROJECT}_project_manifest_v{version}.json").write_text(json.dumps(manifest))
    return folder


def make_bucket_tree(folder: pathlib.Path) -> pathlib.Path:
    """Make a copy of the bucket with the same release."""
    cache = make_release(folder / "cache")
    tree = folder / "bucket"
    shutil.copytree(cache / f"{PROJECT}-1.1.0", tree / PROJECT)
    (tree / PROJECT / "manifests").mkdir()
    name = f"{PROJECT}_project_manifest_v1.1.0.json"
    shutil.copy(cache / name, tree / PROJECT / "manifests" / name)
    return tree


@dataclass(frozen=True)
class Bucket:
    """A bucket with releases 1.0.1 and 1.1.0, which differ in file 1942. Only release 1.1.0 has the table of cells.

    ``folder`` contains the newest version of each object, ``versions`` all versions, in the form that FaultServer expects.
    """

    folder: pathlib.Path
    versions: dict[str, dict[str, pathlib.Path]]

    def content(self, file_id: str, version: str = "1.1.0") -> bytes:
        """Return the content of a session's file in a release."""
        versions = self.versions[f"{PROJECT}/{FILES[file_id][0]}"]
        return (versions.get(f"v{version}") or next(iter(versions.values()))).read_bytes()


def make_bucket(folder: pathlib.Path, ids: Mapping[str, str] = MappingProxyType({})) -> Bucket:
    """Make the bucket's folder and its object versions. `ids` replaces ids."""
    bucket = Bucket(folder / "bucket", {})
    older = make_release(folder, "1.0.1", missing=(), ids=ids)
    original, number = FILES["1942"]
    path, session_id = replace_ids(original, ids), int(ids.get(str(number), number))
    changed = folder / "changed" / path
    changed.parent.mkdir(parents=True)
    write_session(changed, make_session(99).replace(behavior_session_id=session_id), "1.1")
    for version in ("1.0.1", "1.1.0"):
        manifest = json.loads((older / f"{PROJECT}_project_manifest_v1.0.1.json").read_text())
        manifest["manifest_version"] = version
        if version == "1.0.1":
            del manifest["metadata_files"]["ophys_cells_table"]
        for entry in [*manifest["metadata_files"].values(), *manifest["data_files"].values()]:
            name = entry["url"].removeprefix(f"{BUCKET}/")
            is_new = version == "1.1.0" and name == path
            source = changed if is_new else older / f"{PROJECT}-1.0.1" / name
            entry |= {"version_id": f"v{'1.1.0' if is_new else '1.0.1'}", "file_hash": digest(source.read_bytes())}
            key = f"{PROJECT}/{name}"
            bucket.versions[key] = {entry["version_id"]: source} | bucket.versions.get(key, {})
            (bucket.folder / key).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, bucket.folder / key)
        manifests = bucket.folder / PROJECT / "manifests"
        manifests.mkdir(exist_ok=True)
        (manifests / f"{PROJECT}_project_manifest_v{version}.json").write_text(json.dumps(manifest, indent=4))
    return bucket


def open_cache(folder: pathlib.Path, server: FaultServer, **options: str) -> VisualBehaviorOphysProjectCache:
    """Open a cache of the bucket on a server."""
    return VisualBehaviorOphysProjectCache.from_s3_cache(folder, endpoint=server.endpoint, **options)  # type: ignore[arg-type]


def open_offline(folder: pathlib.Path, **options: str) -> VisualBehaviorOphysProjectCache:
    """Open a cache of a server that cannot be reached."""
    return VisualBehaviorOphysProjectCache.from_s3_cache(folder, endpoint=UNREACHABLE, **options)  # type: ignore[arg-type]


def open_original(bucket: Bucket, file_id: str) -> BehaviorSession:
    """Open a session's file in the bucket's folder."""
    return BehaviorSession.from_nwb_path(bucket.folder / PROJECT / FILES[file_id][0])


def cached_path(folder: pathlib.Path, file_id: str, version: str = "1.1.0") -> pathlib.Path:
    """Return the path of a session's file in a cache folder."""
    return folder / f"{PROJECT}-{version}" / FILES[file_id][0]


def read_files(folder: pathlib.Path) -> dict[str, bytes]:
    """Return the content of all files in a folder by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
