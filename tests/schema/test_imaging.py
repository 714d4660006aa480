"""Declaration of the imaging metadata."""

from __future__ import annotations

from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.session import METADATA


def test_entries_are_optional_attributes_under_their_own_name() -> None:
    assert IMAGING_METADATA.kind == "dictionary"
    assert [column.path for column in IMAGING_METADATA] == [f"@{name}" for name in IMAGING_METADATA.names()]
    assert not any(column.required for column in IMAGING_METADATA)


def test_entries_do_not_hide_metadata_of_the_session() -> None:
    assert not set(IMAGING_METADATA.names("2.10")) & set(METADATA.names("2.10"))
