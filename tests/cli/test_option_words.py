"""Messages in the words of the command line."""

from __future__ import annotations

import pytest

from visbehavior.cli.option_words import in_option_words

MESSAGES = {
    "445002 is a mouse: get_mouse(445002) lists its sessions.": "445002 is a mouse: visbehavior sessions --mouse 445002 lists its sessions.",
    "No session 5. get_behavior_session_table() lists them.": "No session 5. visbehavior sessions lists them.",
    "No mouse. get_mice() lists them.": "No mouse. visbehavior sessions lists them.",
    "Choose the release with version=.": "Choose the release with --data-version.",
    "Choose one with version=, or --data-version on the command line.": "Choose one with --data-version.",
    "list_manifest_file_names() lists the releases.": "visbehavior versions lists the releases.",
    "download(ophys_experiment_ids=21) downloads it.": "visbehavior fetch --plane 21 downloads it.",
    "Open it with allensdk_version='2.16' to write it.": "Use --allensdk-version 2.16 to write it.",
    "trials has 3 rows; expected 4.": "trials has 3 rows; expected 4.",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_code_becomes_commands_and_options(message: str) -> None:
    assert in_option_words(message) == MESSAGES[message]
