"""Fixtures of the tests of NWB files."""

from __future__ import annotations

from tests.nwb.damaged_files import damage_file

__all__ = ["damage_file"]
