"""What is read out of the text of another entry: the same whatever road a session takes."""

from __future__ import annotations

NO_PROJECT_CODE = "Not Available"


def cre_line_of(genotype: str | None) -> str | None:
    """The Cre line in a genotype: Sst-IRES-Cre of Sst-IRES-Cre/wt;Ai148(...)/wt; None where it names one locus alone."""
    if genotype is None or ";" not in genotype:
        return None
    return genotype.split(";")[0].replace("/wt", "")


def image_set_of(session_type: str) -> str | None:
    """images_A of OPHYS_3_images_A, gratings of TRAINING_1_gratings; None of a stage that shows neither."""
    parts = session_type.split("_")
    if len(parts) > 3 and parts[2] == "images":
        return f"images_{parts[3]}"
    return "gratings" if len(parts) > 2 and parts[2] == "gratings" else None
