"""Messages of functions, rewritten for the command line: options and commands instead of Python."""

from __future__ import annotations

import re

_REPLACEMENTS = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"verify\(repair=True\), on the command line (visbehavior verify --repair),", r"\1"),
        (
            r"Choose (the release|one) with version=(, or --data-version on the command line)?",
            r"Choose \1 with --data-version",
        ),
        (r"get_mouse\((\w+)\)", r"visbehavior sessions --mouse \1"),
        (r"get_(mice|behavior_session_table)\(\)(\['\w+'\])?", "visbehavior sessions"),
        (r"get_ophys_experiment_table\(\) lists them", "visbehavior sessions --columns ophys_experiment_id lists them"),
        (r"list_manifest_file_names\(\)", "visbehavior versions"),
        (r"download\(ophys_experiment_ids=(\w+)\)", r"visbehavior fetch --plane \1"),
        (r"download\((\w+)\)", r"visbehavior fetch \1"),
        (
            r"Opened with download=True, the whole file is downloaded first",
            "visbehavior fetch downloads the whole file",
        ),
        (r"Open (it|the session) with allensdk_version='([\d.]+)'", r"Use --allensdk-version \2"),
        (r"(pass|use|with) overwrite=True", "use another output"),
        (
            r" \(if it is a copy of the bucket, use use_static_cache=True\)",
            " (use a copy of the bucket with --bucket FOLDER)",
        ),
        (
            r"Open the cache with from_s3_cache, which fetches missing files, or download",
            "Connect to the network, or download",
        ),
        (r"are in \w+ProjectCache, on the command line (--project \w+)", r"are found with \1"),
        (r"try jobs=1", "try --jobs 1"),
        (r"; open a file with BehaviorSession\.from_nwb_path\(path\)", ""),
    )
)


def in_option_words(message: str) -> str:
    """Return a message with the options and commands that do what its arguments and methods do."""
    for pattern, text in _REPLACEMENTS:
        message = pattern.sub(text, message)
    return message
