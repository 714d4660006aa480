"""The flash table: one row per flash or omission of the task.

The names are those of the field's utilities: licking_behavior (LB, feb9158) for licks and bouts,
brain_observatory_utilities (BOU, c0a47b4) for times and trials.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table

_OF_CHANGE_TRIAL = "of the trial whose change or sham change is at this flash. <NA> at other flashes. Needs trials."


def _count_since(name: str, event: str) -> Column:
    return Column(
        name=f"flashes_from_last_{name}",
        dtype="int64",
        unit="flashes",
        path=None,
        meaning=f"Flashes and omissions since the last one with {event}: 0 at it, -1 before the first.",
    )


def _time_since(name: str, event: str) -> Column:
    return Column(
        name=f"time_from_last_{name}",
        dtype="float64",
        unit="s",
        path=None,
        meaning=f"start_time minus the time of the last {event} at or before it; NaN before the first.",
    )


def _of_trial(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="boolean", path=None, meaning=f"{meaning} {_OF_CHANGE_TRIAL}")


FLASHES = Table(
    name="flash_table",
    summary="Flashes and omissions of the task: one row each, with licks, bouts, rewards, running, pupil and trial.",
    index="stimulus_presentations_id",
    index_meaning="label of the flash in `stimulus_presentations`.",
    columns=(
        Column(
            name="start_time",
            dtype="float64",
            unit="s",
            path=None,
            meaning="Start of the flash, as in `stimulus_presentations`.",
        ),
        Column(name="image_name", dtype="text", path=None, meaning="Name of the image, or `omitted`."),
        Column(
            name="previous_image_name",
            dtype="text",
            path=None,
            meaning="image_name of the previous row; None in the first row.",
        ),
        Column(name="is_change", dtype="bool", path=None, meaning="True if the image differs from the previous image."),
        Column(name="omitted", dtype="bool", path=None, meaning="True if the image was omitted."),
        Column(
            name="n_licks",
            dtype="int64",
            path=None,
            meaning="Licks after start_time, up to and with the next start_time.",
        ),
        Column(name="licked", dtype="bool", path=None, meaning="True if n_licks > 0."),
        Column(
            name="first_lick_time", dtype="float64", unit="s", path=None, meaning="First of these licks; NaN if none."
        ),
        Column(name="lick_latency", dtype="float64", unit="s", path=None, meaning="first_lick_time - start_time."),
        Column(
            name="num_bout_start",
            dtype="int64",
            path=None,
            meaning=(
                "Lick bouts that begin at this flash. A bout belongs to the last flash or omission that started before "
                "its first lick."
            ),
        ),
        Column(name="bout_start", dtype="bool", path=None, meaning="True if num_bout_start > 0."),
        Column(
            name="bout_number",
            dtype="Int64",
            path=None,
            meaning="Number of the last bout that begins at this flash, from 1.",
        ),
        Column(
            name="num_bout_end",
            dtype="int64",
            path=None,
            meaning="Lick bouts whose last lick is after this flash or omission started, and not after the next one did.",
        ),
        Column(name="bout_end", dtype="bool", path=None, meaning="True if num_bout_end > 0."),
        Column(
            name="in_lick_bout",
            dtype="bool",
            path=None,
            meaning=(
                "True if a bout of an earlier flash was not over when the flash started. False if a bout both begins and ends at this flash."
            ),
        ),
        Column(
            name="n_rewards",
            dtype="int64",
            path=None,
            meaning="Rewards after start_time, up to and with the next start_time.",
        ),
        Column(name="rewarded", dtype="bool", path=None, meaning="True if n_rewards > 0."),
        _time_since("change", "change"),
        _time_since("omitted", "omission"),
        _time_since("lick", "lick"),
        _time_since("bout", "start of a lick bout"),
        _time_since("reward", "reward"),
        _count_since("change", "a change"),
        _count_since("omitted", "an omission"),
        _count_since("lick", "a lick"),
        _count_since("bout", "the start of a lick bout"),
        _count_since("bout_end", "the end of a lick bout"),
        _count_since("reward", "a reward"),
        Column(
            name="mean_running_speed",
            dtype="float64",
            unit="cm/s",
            path=None,
            meaning="Mean of the samples from start_time until 0.75 s later. NaN if one is NaN. Needs running_speed.",
        ),
        Column(
            name="mean_pupil_width",
            dtype="float64",
            unit="pixels",
            path=None,
            meaning=(
                "Mean of pupil_width, interpolated over likely blinks, from start_time until 0.75 s later. Needs eye_tracking."
            ),
        ),
        Column(
            name="trials_id",
            dtype="int64",
            path=None,
            meaning="Trial of the flash (index of `trials`); -99 if it belongs to none. Needs trials.",
        ),
        Column(
            name="change_trials_id",
            dtype="Int64",
            path=None,
            meaning=(
                "Trial whose change or sham change is less than 0.5 s from start_time, if there is exactly one. Needs trials."
            ),
        ),
        _of_trial("go", "True for a real change,"),
        _of_trial("catch", "True for a sham change,"),
        _of_trial("auto_rewarded", "True for a free reward,"),
        _of_trial("hit", "True for a hit,"),
        _of_trial("miss", "True for a miss,"),
        _of_trial("false_alarm", "True for a false alarm,"),
        _of_trial("correct_reject", "True for a correct rejection,"),
        Column(
            name="could_change",
            dtype="bool",
            path=None,
            meaning=(
                "True if the image could have changed at this flash: the fifth or a later flash of its trial, no earlier "
                "lick or change in the trial, and neither it nor the previous flash omitted. Definition of BOU; see "
                "`compute_could_change`. Needs trials."
            ),
        ),
    ),
    notes=(
        "Windows of licks and rewards are (start_time, next start_time]; the last row ends 0.75 s after its start. start_time "
        "includes the monitor delay in release 1.1.0; times of licks and rewards never do, and nothing is corrected. Bouts are "
        "those of the licks after the first image, up to 0.75 s after the last start_time; a pause longer than 0.7 s separates "
        "them. Licks and bouts are defined as in licking_behavior (annotate_bouts), times since events and trials as in "
        "brain_observatory_utilities (data_formatting). In sessions with gratings a row is a grating, which lasts many "
        "seconds. The names are the same in both conventions."
    ),
)
