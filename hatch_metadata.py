"""Metadata that depend on the address of the repository: project URLs, and links of the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = ""
"""Address of the repository, such as https://github.com/OWNER/visbehavior; "" while there is none."""

_RELATIVE_LINK = re.compile(r"(?<=\]\()(?!https?:|#)(?=[^)]+\))")


class Hook(MetadataHookInterface):
    """Sets the fields ``readme`` and ``urls``."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields. Relative links become absolute, so that they work on a package index."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute_links(readme, REPOSITORY)}
        metadata["urls"] = project_urls(REPOSITORY)


def absolute_links(readme: str, repository: str) -> str:
    """Return the README with links to the files of the repository; as it is without an address."""
    return _RELATIVE_LINK.sub(f"{repository}/raw/main/", readme) if repository else readme


def project_urls(repository: str) -> dict[str, str]:
    """Return the project's URLs; none without an address."""
    if not repository:
        return {}
    pages = {"Documentation": "blob/main/README.md", "Changelog": "blob/main/CHANGELOG.md", "Issues": "issues"}
    return {"Homepage": repository} | {name: f"{repository}/{page}" for name, page in pages.items()}
