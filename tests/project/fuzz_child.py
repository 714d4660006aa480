"""Open caches of mutated releases: run with a folder, the first seed, and the one after the last.

A release consists of manifests, project tables and files in the folder of a bucket. All operations of a cache are called; nothing
may be written outside the cache folder.
"""

from __future__ import annotations

import copy
import functools
import json
import pathlib
import random
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any

from tests.fuzzing import check_error, run_cases
from tests.project.synthetic_release import BUCKET, FILES, MANIFESTS, PROJECT, TABLES, digest
from visbehavior import VisBehaviorError
from visbehavior import VisualBehaviorOphysProjectCache as Cache

SECONDS, MEMORY, GROWTH = 60, 4 << 30, 300 << 20

PATHS = ["../x", "../../x", "a/../../../x", "%2e%2e/%2e%2e/x", "..%2fx", "/x", "//x/y", "~/x", "C:/x", "C:\\x", "..\\x"]
PATHS += [
    "CON",
    "nul.txt",
    "x.",
    "x ",
    "x\0y",
    "x\ny",
    "a:b",
    "x" * 5000,
    "a/" * 600 + "x",
    ".",
    "..",
    "",
    "a//b",
    "\u2603/\u202e.nwb",
]
PATHS += [
    "\ud800",
    "project_metadata",
    "manifests/x.json",
    "_visbehavior_verified.txt",
    "?a=b",
    "x?versionId=1",
    "x#y",
    "*",
    "$HOME",
]
URLS = [f"{BUCKET}/{path}" for path in PATHS] + PATHS
URLS += [
    "file:///etc/passwd",
    "https://[",
    "https://[::1",
    "http://a@b:c/d",
    "s3://bucket/x",
    "javascript:1",
    f"http://x/{PROJECT}",
]
URLS += [f"https://example.org/{PROJECT}/../{PROJECT}/../../x", f"/{PROJECT}/x", f"{BUCKET}/{PROJECT}/../../x"]
VERSIONS = [
    "../1.1.0",
    "1.1.0/../../x",
    "9" * 5000,
    "1.1.0\n",
    "v1.1.0",
    "",
    "1." * 11,
    "\u0661.0",
    "-1",
    "1.1.0 ",
    "999999999.0",
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    -0.0,
    [],
    {},
    "",
    "x" * 100_000,
    "\0",
    "\x1b[31m",
    "\ud800",
]
VALUES += [
    float("nan"),
    float("inf"),
    [[[[1]]]],
    {"a": {"b": {}}},
    "0" * 128,
    "F" * 128,
    "\u0660" * 128,
    "null",
    "None",
]
CELLS = [
    "",
    "nan",
    "-999",
    "1e400",
    "9" * 400,
    "0x1F",
    "True",
    "[",
    "[]",
    "[1",
    "['a'",
    '"',
    '""',
    "\0",
    "x" * 100_000,
    "-" * 5000 + "1",
]
CELLS += [
    "[" * 5000,
    "[" * 90_000,
    "[-" + "-" * 5000 + "1]",
    "__import__('os')",
    "[1e999]",
    "[" + "9" * 5000 + "]",
    "{'a': 1}",
]
CELLS += [
    "2019-99-99",
    "9999999-01-01",
    "NaT",
    "now",
    "2019-05-18 10:00:00+99:00",
    "1.5",
    "99999999999999999999",
    "=cmd()",
    "\u0663",
]


def mutate(document: Any, rng: random.Random) -> None:
    """Change a value, a key or the number of entries somewhere in a document of JSON."""
    nodes = [node for node in walk(document) if node]
    if not nodes:
        return
    node = rng.choice(nodes)
    key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
    action = rng.randrange(5)
    if action == 0:
        del node[key]
    elif action == 1 and isinstance(node, dict):
        node[rng.choice([*URLS, *VERSIONS, "-999", "21"])] = node.pop(key)
    elif action == 2 and isinstance(node, dict):
        node[str(rng.random())] = copy.deepcopy(rng.choice(list(node.values())))
    else:
        node[key] = copy.deepcopy(rng.choice(rng.choice([URLS, URLS, VERSIONS, VALUES])))


def walk(node: Any) -> list[Any]:
    """Return all dictionaries and lists of a document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    below = [found for child in children for found in walk(child)]
    return [node, *below] if isinstance(node, (dict, list)) else []


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    if not changed:
        return b""
    at = rng.randrange(len(changed))
    action = rng.randrange(5)
    if action == 0:
        del changed[at:]
    elif action == 1:
        changed[at] ^= 1 << rng.randrange(8)
    elif action == 2:
        changed[at:at] = rng.choice(
            [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b"\0", b"\xff", b"\xef\xbb\xbf", b"NaN", b'"']
        )
    elif action == 3:
        changed[at:at] = changed[at : at + 1000]
    else:
        start = rng.randrange(len(changed))
        changed[at : at + 50] = changed[start : start + 50]
    return bytes(changed)


def mutate_table(text: str, rng: random.Random) -> bytes:
    """Change cells, columns or rows of a table."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.choice([1, 1, 3])):
        row = rng.choice(rows)
        action = rng.randrange(6)
        if action == 0:
            rows.insert(rng.randrange(len(rows)), list(row))
        elif action == 1:
            del row[rng.randrange(len(row))]
        elif action == 2:
            column = rng.randrange(len(row))
            for other in rows:
                other[column : column + 1] = [rng.choice(CELLS)]
        else:
            row[rng.randrange(len(row))] = rng.choice([*CELLS, *rng.choice(rows)])
        rows = [row for row in rows if row] or [[""]]
    content = "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
    return mutate_bytes(content, rng) if rng.random() < 0.2 else content


def write_release(bucket: pathlib.Path, rng: random.Random) -> dict[str, bytes]:
    """Write a release with mutated tables, and return its manifests by file name."""
    document: dict[str, Any] = {
        "project_name": PROJECT,
        "manifest_version": "1.1.0",
        "metadata_files": {},
        "data_files": {},
    }
    objects = {f"project_metadata/{name}.csv": text.encode() for name, text in TABLES.items()}
    for name, text in TABLES.items():
        if rng.random() < 0.3:
            objects[f"project_metadata/{name}.csv"] = mutate_table(text, rng)
    objects |= {path: f"content of {path}".encode() for path, _ in FILES.values()}
    for path, content in objects.items():
        (bucket / path).parent.mkdir(parents=True, exist_ok=True)
        (bucket / path).write_bytes(content)
        file_hash = digest(content) if rng.random() < 0.98 else digest(b"other")
        entry = {"url": f"{BUCKET}/{path}", "version_id": rng.choice(["v1", "null"]), "file_hash": file_hash}
        ids = [file_id for file_id, (file, _) in FILES.items() if file == path]
        document["data_files" if ids else "metadata_files"][ids[0] if ids else pathlib.Path(path).stem] = entry
    manifests = {}
    for name, version in zip(MANIFESTS, ("1.0.1", "1.1.0"), strict=True):
        changed = copy.deepcopy(document) | {"manifest_version": version}
        for _ in range(rng.choice([0, 1, 1, 1, 5])):
            mutate(changed, rng)
        content = json.dumps(changed, indent=rng.choice([None, 4])).encode()
        manifests[name] = mutate_bytes(content, rng) if rng.random() < 0.2 else content
    return manifests


def attempt(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or None if it raises an error of visbehavior."""
    try:
        return call()
    except VisBehaviorError as error:
        check_error(error)
        return None


def use(cache: Cache) -> None:
    """Call all operations of a cache."""
    tables = [cache.get_behavior_session_table, cache.get_ophys_session_table, cache.get_ophys_experiment_table]
    calls: list[Callable[[], Any]] = [*tables, cache.get_ophys_cells_table, cache.list_manifest_file_names]
    calls += [cache.list_all_downloaded_manifests, cache.current_manifest, lambda: repr(cache)]
    calls += [lambda: cache.get_mouse(457841), lambda: cache.get_mouse("445002")]
    calls += [lambda number=number: cache.get_behavior_session(number).licks for number in (11, 12, 21, 457841, 7)]
    calls += [lambda: cache.get_behavior_session(13, download=True).licks, lambda: cache.compare_manifests(*MANIFESTS)]
    calls += [lambda: cache.download((11, 12, 13, 14), (21, 22), progress=False, failures={})]
    calls += [lambda: cache.get_performance_table(progress=False, failures={}), lambda: cache.verify(progress=False)]
    calls += [lambda: cache.verify(repair=True, progress=False), cache.construct_local_manifest]
    calls += [lambda name=name: cache.load_manifest(name) for name in MANIFESTS]
    for call in calls:
        attempt(call)


def list_outside(folder: pathlib.Path, cache: pathlib.Path) -> dict[str, int]:
    """Return the size of each file and folder below a folder, except in the cache."""
    paths = [path for path in folder.rglob("*") if cache not in path.parents]
    return {str(path): path.stat().st_size if path.is_file() else -1 for path in paths}


def run_case(folder: pathlib.Path, rng: random.Random) -> None:
    case = folder / "case" / "parent"
    bucket, cache = case / "bucket" / PROJECT, case / "cache"
    shutil.rmtree(folder / "case", ignore_errors=True)
    manifests = write_release(bucket, rng)
    (bucket / "manifests").mkdir()
    cache.mkdir()
    for name, content in manifests.items():
        (bucket / "manifests" / name).write_bytes(content)
        if rng.random() < 0.2:
            (cache / name).write_bytes(mutate_bytes(content, rng))
    if rng.random() < 0.3:
        records: dict[str, Any] = {f"/old/{PROJECT}-1.0.1/{path}": digest(b"x") for path, _ in FILES.values()}
        mutate(records, rng)
        (cache / "_downloaded_data.json").write_text(json.dumps(records))
        (cache / "_manifest_last_used.txt").write_text(rng.choice([*MANIFESTS, *VERSIONS]), errors="replace")
    before = list_outside(folder, cache)
    convention = rng.choice(["2.16", "2.10"])
    opened = attempt(lambda: Cache.from_s3_cache(cache, f"{case / 'bucket'}/", allensdk_version=convention))
    if opened is not None:
        use(opened)
    opened = attempt(lambda: Cache.from_local_cache(cache, allensdk_version=convention))
    if opened is not None:
        use(opened)
    assert list_outside(folder, cache) == before


def main() -> None:
    folder, first, last = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    run_cases(first, last, functools.partial(run_case, folder), SECONDS, MEMORY, GROWTH)


if __name__ == "__main__":
    main()
