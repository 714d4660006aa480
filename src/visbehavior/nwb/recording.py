"""Numbers of probes and units in the NWB file of a Neuropixels recording. Their data are not read."""

from __future__ import annotations

from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.open_file import OpenFile
from visbehavior.schema.neuropixels import RECORDED_PROBES, RECORDED_UNITS

_PROBE = "EcephysElectrodeGroup"
"""Neurodata type of the group of a probe."""


def count_probes(file: NwbFile) -> int | None:
    """Return the number of probes; None if the file is not a recording."""
    return file.read_one(_count_probes)


def count_units(file: NwbFile) -> int | None:
    """Return the number of units; None if the file is not a recording."""
    return file.read_one(_count_units)


def _count_probes(file: OpenFile) -> int | None:
    group = RECORDED_PROBES.group
    if not file.has(group):
        return None
    return sum(file.neurodata_type(f"{group}/{name}") == _PROBE for name in file.subgroups(group)) or None


def _count_units(file: OpenFile) -> int | None:
    group = RECORDED_UNITS.group
    return file.length(group, str(RECORDED_UNITS.columns[0].path)) if file.has(group) else None
