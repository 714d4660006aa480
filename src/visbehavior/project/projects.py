"""The two data sets of the Allen Institute: their names in the buckets and in cache folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from visbehavior.settings import BUCKET, NEUROPIXELS_BUCKET

VERSION = r"\d{1,9}(?:\.\d{1,9}){0,9}"
"""Pattern of the version of a release."""


@dataclass(frozen=True)
class Project:
    """A data set.

    Parameters
    ----------
    name : str
        Name of its folder in the bucket; manifests and release folders begin with it.
    bucket : str
        Public bucket.
    releases : tuple of str
        Published releases, newest first; tried on mirrors that show no directory listing.
    """

    name: str
    bucket: str
    releases: tuple[str, ...]

    @cached_property
    def file_name_pattern(self) -> re.Pattern[str]:
        """Pattern of a manifest's file name; its group is the version."""
        return re.compile(rf"{self.name}_project_manifest_v({VERSION})\.json", re.ASCII)

    @cached_property
    def plain_url_pattern(self) -> re.Pattern[str]:
        """Pattern of the public releases' URLs, which cannot contain ".."; its group is the path below the project's folder."""
        return re.compile(rf"https://[\w.-]+/{self.name}/((?:[\w-][\w.-]*/)*[\w-][\w.-]*)", re.ASCII)


OPHYS = Project("visual-behavior-ophys", BUCKET, ("1.1.0", "1.0.1", "1.0.0", "0.3.0", "0.2.0", "0.1.0"))
"""Visual Behavior: behavior and two-photon imaging."""

NEUROPIXELS = Project("visual-behavior-neuropixels", NEUROPIXELS_BUCKET, ("0.5.0", "0.4.0", "0.3.0", "0.2.0", "0.1.0"))
"""Visual Behavior Neuropixels: behavior and extracellular recordings."""
