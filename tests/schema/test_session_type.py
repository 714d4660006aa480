"""Parsing of session types, genotypes and reporter lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior.schema.session_type import (
    SessionType,
    parse_cre_line,
    parse_indicator,
    parse_session_type,
    stage_order,
)
from visbehavior.simulation.stages import CURRICULUM, IMAGES, NEUROPIXELS_CURRICULUM

# Session type: phase, number, letter of the image set, image set, passive, habituation.
SESSION_TYPES = {
    "TRAINING_0_gratings_autorewards_15min": ("TRAINING", 0, None, "gratings", False, False),
    "TRAINING_1_gratings": ("TRAINING", 1, None, "gratings", False, False),
    "TRAINING_2_gratings_flashed": ("TRAINING", 2, None, "gratings", False, False),
    "TRAINING_3_images_A_10uL_reward": ("TRAINING", 3, "A", "images_A", False, False),
    "TRAINING_3_images_B_10uL_reward": ("TRAINING", 3, "B", "images_B", False, False),
    "TRAINING_4_images_A_handoff_ready": ("TRAINING", 4, "A", "images_A", False, False),
    "TRAINING_4_images_A_training": ("TRAINING", 4, "A", "images_A", False, False),
    "TRAINING_4_images_B_training": ("TRAINING", 4, "B", "images_B", False, False),
    "TRAINING_5_images_A_epilogue": ("TRAINING", 5, "A", "images_A", False, False),
    "TRAINING_5_images_A_handoff_lapsed": ("TRAINING", 5, "A", "images_A", False, False),
    "TRAINING_5_images_A_handoff_ready": ("TRAINING", 5, "A", "images_A", False, False),
    "TRAINING_5_images_B_epilogue": ("TRAINING", 5, "B", "images_B", False, False),
    "TRAINING_5_images_B_handoff_lapsed": ("TRAINING", 5, "B", "images_B", False, False),
    "TRAINING_5_images_B_handoff_ready": ("TRAINING", 5, "B", "images_B", False, False),
    "OPHYS_0_images_A_habituation": ("OPHYS", 0, "A", "images_A", False, True),
    "OPHYS_1_images_A": ("OPHYS", 1, "A", "images_A", False, False),
    "OPHYS_1_images_G": ("OPHYS", 1, "G", "images_G", False, False),
    "OPHYS_2_images_A_passive": ("OPHYS", 2, "A", "images_A", True, False),
    "OPHYS_3_images_B": ("OPHYS", 3, "B", "images_B", False, False),
    "OPHYS_4_images_H": ("OPHYS", 4, "H", "images_H", False, False),
    "OPHYS_5_images_B_passive": ("OPHYS", 5, "B", "images_B", True, False),
    "OPHYS_6_images_B": ("OPHYS", 6, "B", "images_B", False, False),
    "HABITUATION_5_images_G_handoff_ready_3uL_reward": ("HABITUATION", 5, "G", "images_G", False, True),
    "EPHYS_1_images_H_3uL_reward": ("EPHYS", 1, "H", "images_H", False, False),
}
ODD_TEXTS = {
    "": ("", None, None, None, False, False),
    "passive": ("", None, None, None, True, False),
    "images_A": ("", None, "A", None, False, False),
    "OPHYS": ("", None, None, None, False, False),
    "OPHYS_images_A": ("", None, "A", None, False, False),
    "ophys_1_images_A": ("", None, "A", "images_A", False, False),
    "OPHYS_7_receptive_field_mapping": ("OPHYS", 7, None, None, False, False),
    "OPHYS_0_gratings": ("OPHYS", 0, None, "gratings", False, True),
    "OPHYS_12_images_A_2": ("OPHYS", 12, "A", "images_A", False, False),
    "OPHYS_1_images": ("OPHYS", 1, None, None, False, False),
    "OPHYS_1_images_": ("OPHYS", 1, None, "images_", False, False),
    "OPHYS_1_images_Ab": ("OPHYS", 1, "A", "images_Ab", False, False),
    "OPHYS_1_movie_images_A": ("OPHYS", 1, "A", None, False, False),
    "OPHYS_²_images_A": ("", None, "A", "images_A", False, False),
    "OPHYS_2_images_A_passive_2": ("OPHYS", 2, "A", "images_A", False, False),
}


@pytest.mark.parametrize(("text", "parts"), [*SESSION_TYPES.items(), *ODD_TEXTS.items()])
def test_session_types_and_other_texts_are_parsed(text: str, parts: tuple[object, ...]) -> None:
    assert parse_session_type(text) == SessionType(text, *parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("session_type", [name for name, _ in (*CURRICULUM, *NEUROPIXELS_CURRICULUM)])
def test_session_types_of_the_simulation_are_parsed(session_type: str) -> None:
    parsed = parse_session_type(session_type)
    assert parsed.phase in ("TRAINING", "OPHYS", "HABITUATION", "EPHYS")
    assert parsed.number is not None
    assert session_type.startswith(f"{parsed.phase}_{parsed.number}_{parsed.image_set}")
    assert parsed.image_set == "gratings" or parsed.image_set_letter in IMAGES


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    assert parse_session_type(text).text == text


@pytest.mark.parametrize(
    ("genotype", "cre_line"),
    [
        ("Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt", "Sst-IRES-Cre"),
        ("Slc17a7-IRES2-Cre/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt", "Slc17a7-IRES2-Cre"),
        ("wt/wt", None),
        (None, None),
        ("", None),
    ],
)
def test_cre_line_is_the_first_part_of_the_genotype(genotype: str | None, cre_line: str | None) -> None:
    assert parse_cre_line(genotype) == cre_line


@pytest.mark.parametrize(
    ("reporter_line", "indicator"),
    [
        ("Ai148(TIT2L-GC6f-ICL-tTA2)", "GCaMP6f"),
        ("Ai94(TITL-GCaMP6s)", "GCaMP6s"),
        ("Ai210(TITL-GC7f-ICF-IRES-tTA2)", "GCaMP7f"),
        ("Ai14(tdTomato)", None),
        ("", None),
        (None, None),
    ],
)
def test_indicator_is_named_in_the_reporter_line(reporter_line: str | None, indicator: str | None) -> None:
    assert parse_indicator(reporter_line) == indicator


def test_stages_are_ordered_as_mice_pass_through_them() -> None:
    shuffled = ["EPHYS_1", "TRAINING_5", "HABITUATION_5", "TRAINING_0"]
    assert sorted(shuffled, key=stage_order) == ["TRAINING_0", "TRAINING_5", "HABITUATION_5", "EPHYS_1"]
    assert sorted(["OPHYS_1", "TRAINING_1", "OPHYS_0"], key=stage_order) == ["TRAINING_1", "OPHYS_0", "OPHYS_1"]
