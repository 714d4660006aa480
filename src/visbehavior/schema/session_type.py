"""What is read out of the text of another entry: the same whatever reader a session takes."""

from __future__ import annotations

import re

NO_PROJECT_CODE = "Not Available"


def cre_line_of(genotype: str | None) -> str | None:
    """The Cre line in a genotype: Sst-IRES-Cre of Sst-IRES-Cre/wt;Ai148(...)/wt; None where it names one locus alone."""
    if genotype is None or ";" not in genotype:
        return None
    return genotype.split(";")[0].replace("/wt", "")


def indicator_of(reporter_line: str | None) -> str | None:
    """The calcium indicator in a reporter line: GCaMP6f of Ai148(TIT2L-GC6f-ICL-tTA2); None where it names none."""
    found = re.search(r"GC(?:aMP)?(\d\w)", reporter_line or "")
    return f"GCaMP{found[1]}" if found else None


def image_set_of(session_type: str) -> str | None:
    """images_A of OPHYS_3_images_A, gratings of TRAINING_1_gratings; None of a stage that shows neither."""
    parts = session_type.split("_")
    if len(parts) > 3 and parts[2] == "images":
        return f"images_{parts[3]}"
    return "gratings" if len(parts) > 2 and parts[2] == "gratings" else None
