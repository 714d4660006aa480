"""The natural movie, warped: against a slow twin made from the definition, and against AllenSDK."""

from __future__ import annotations

import pathlib
import subprocess
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.oracle import PYTHON, needs_allensdk
from tests.slowwarp import COLUMNS, ROWS, sample_places
from tests.slowwarp import warped as slowly_warped
from visbehavior import BadValue
from visbehavior.stimuli import natural_movie as module
from visbehavior.stimuli.natural_movie import compute_movie_template
from visbehavior.stimuli.warp import PART_CORNER, shared_geometry

MOVIE_ROWS = 1080

Movie = NDArray[np.uint8]


def random_movie(frames: int, rows: int, columns: int, seed: int = 0) -> Movie:
    return np.random.default_rng(seed).integers(0, 256, (frames, rows, columns), dtype=np.uint8)


def smooth_movie(frames: int, rows: int, columns: int) -> Movie:
    at, row, column = np.mgrid[:frames, :rows, :columns]
    return (127 + 64 * np.sin(row / 20 + at) + 63 * np.cos(column / 35 - at)).astype(np.uint8)


def black_and_white_movie(frames: int, rows: int, columns: int) -> Movie:
    return (random_movie(frames, rows, columns, seed=1) // 128 * 255).astype(np.uint8)


def shares(at: int, length: int, target: int) -> list[tuple[int, int]]:
    """Source pixels of a pixel of the stretched side, and how many of 2**22 parts each gives."""
    scale = length / target
    reach = max(scale, 1.0)
    center = (at + 0.5) * scale
    near = range(max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), length))
    weights = [max(1 - abs((source - center + 0.5) * (1 / reach)), 0) for source in near]
    return [(source, int(weight / sum(weights) * 2**22 + 0.5)) for source, weight in zip(near, weights, strict=True)]


def stretched(frame: Movie, row: int, column: int) -> int:
    """A pixel of the stretched frame, first across, then down, rounded after each."""
    across = shares(column, frame.shape[1], COLUMNS)
    total = 0
    for source, weight in shares(row, frame.shape[0], MOVIE_ROWS):
        total += (sum(int(frame[source, at]) * part for at, part in across) + 2**21 >> 22) * weight
    return total + 2**21 >> 22


def warped(frame: Movie, row: int, column: int) -> int:
    return slowly_warped(lambda at, beside: stretched(frame, at - (ROWS - MOVIE_ROWS) // 2, beside), row, column)


def assert_same(got: pd.DataFrame, expected: pd.DataFrame) -> None:
    for column in ("unwarped", "warped"):
        for ours, theirs in zip(got[column], expected[column], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def template() -> pd.DataFrame:
    return compute_movie_template(random_movie(3, 304, 608))


@pytest.mark.parametrize("size", [(304, 608), (7, 5), (1, 1), (1080, 1920), (1300, 4100)], ids=str)
def test_each_pixel_is_the_definitions(size: tuple[int, int]) -> None:
    frame = black_and_white_movie(1, *size)[0]
    row = compute_movie_template(frame[None]).loc[0]
    for place in sample_places(15):
        assert row.warped[place] == warped(frame, *place), place
    for place in np.random.default_rng(0).choice(np.argwhere(~np.isnan(row.unwarped)), 200):
        assert row.unwarped[tuple(place)] == stretched(frame, place[0] - 60, place[1]), place


def test_all_that_the_mouse_sees_is_shown_and_nothing_else(template: pd.DataFrame) -> None:
    visible = shared_geometry().visible
    seen = np.zeros((ROWS, COLUMNS), dtype=bool)
    top, left = PART_CORNER
    seen[top : top + visible.shape[0], left : left + visible.shape[1]] = visible
    for unwarped in template.unwarped:
        np.testing.assert_array_equal(~np.isnan(unwarped), seen)


def test_the_middle_is_looked_at_through_a_small_number(template: pd.DataFrame) -> None:
    """1e-4 pixels off: what matters is that it is no NaN."""
    assert abs(template.warped[0][600, 960] - template.unwarped[0][600, 960]) <= 1


def test_the_table(template: pd.DataFrame) -> None:
    assert template.columns.tolist() == ["unwarped", "warped"]
    assert template.index.name == "movie_frame_index"
    assert template.index.dtype == np.int64
    assert template.index.tolist() == [0, 1, 2]
    assert template.name == "natural_movie_one"
    for column, dtype in (("unwarped", np.float64), ("warped", np.uint8)):
        for values in template[column]:
            assert (values.dtype, values.shape) == (dtype, (ROWS, COLUMNS))
            assert values.flags.c_contiguous
            assert values.flags.writeable
            assert values.base is None


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_plain_frame_stays_plain(level: int) -> None:
    template = compute_movie_template(np.full((1, 20, 30), level, dtype=np.uint8))
    assert (template.warped[0] == level).all()
    assert set(np.unique(template.unwarped[0][~np.isnan(template.unwarped[0])])) == {level}


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_threads_do_not_matter(template: pd.DataFrame, jobs: int) -> None:
    assert_same(compute_movie_template(random_movie(3, 304, 608), jobs), template)


def test_a_frame_knows_nothing_of_the_others(template: pd.DataFrame) -> None:
    movie = random_movie(3, 304, 608)
    assert_same(compute_movie_template(movie[2:]), template[2:])
    assert_same(compute_movie_template(np.asfortranarray(movie)[::-2]), template[::-2])


def test_the_movie_is_only_read(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "m.npy", random_movie(1, 30, 40))
    mapped = np.load(tmp_path / "m.npy", mmap_mode="r")
    assert_same(compute_movie_template(mapped), compute_movie_template(random_movie(1, 30, 40)))


def test_memory_is_that_of_the_result_and_a_little() -> None:
    movie = random_movie(8, 30, 40)
    # Stays, once a process.
    shared_geometry()
    tracemalloc.start()
    try:
        template = compute_movie_template(movie, jobs=1)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    frames = sum(values.nbytes for column in template for values in template[column])
    assert frames == 8 * 20_736_000
    assert kept - frames < 5e6
    assert peak - frames < 300e6


def test_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    compute_movie_template(random_movie(1, 3, 4), progress=True)
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_movie_is_not_finished_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    class Counted(np.ndarray):
        def __getitem__(self, at: Any) -> Any:
            if isinstance(at, int):
                begun.append(at)
            return np.asarray(self)[at]

    def interrupted(_: bool, done: Any, **__: Any) -> Any:
        yield next(iter(done))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "progress_bar", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compute_movie_template(random_movie(200, 3, 4).view(Counted), jobs=1)
    assert 1 <= len(begun) < 200


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.zeros((3, 4), dtype=np.uint8), r"uint8 with the shape \(3, 4\)"),
        (np.zeros((1, 3, 4, 3), dtype=np.uint8), r"uint8 with the shape \(1, 3, 4, 3\)"),
        (np.zeros((1, 3, 4)), r"float64 with the shape \(1, 3, 4\)"),
        (np.zeros((1, 3, 4), dtype=np.int8), r"int8 with the shape \(1, 3, 4\)"),
        (np.zeros((0, 3, 4), dtype=np.uint8), r"uint8 with the shape \(0, 3, 4\)"),
        (np.zeros((2, 3, 0), dtype=np.uint8), r"uint8 with the shape \(2, 3, 0\)"),
        ([[[1, 2], [3, 4]]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_movie(bad: Any, found: str) -> None:
    with pytest.raises(BadValue, match=f"raw_movie is {found}; expected .* 900 x 304 x 608.* numpy.load") as caught:
        compute_movie_template(bad)
    assert caught.value.name == "raw_movie"


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_threads(jobs: int) -> None:
    with pytest.raises(BadValue, match=f"jobs is {jobs}; expected 1 or more, or None") as caught:
        compute_movie_template(random_movie(1, 3, 4), jobs)
    assert caught.value.value == jobs


@needs_allensdk
@pytest.mark.parametrize("shape", [(2, 304, 608), (1, 1300, 2500)], ids=str)
def test_the_same_as_allensdk(tmp_path: pathlib.Path, shape: tuple[int, int, int]) -> None:
    """In its own environment, in a child process."""
    movie = np.concatenate([make(*shape) for make in (random_movie, smooth_movie, black_and_white_movie)])
    np.save(tmp_path / "movie.npy", movie)
    child = pathlib.Path(__file__).with_name("natural_movie_child.py")
    command = [PYTHON, child, tmp_path / "movie.npy", tmp_path / "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ours = compute_movie_template(movie)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as theirs:
        assert ours.columns.tolist() == theirs["columns"].tolist()
        assert [ours.index.name, ours.name] == theirs["names"].tolist()
        assert ours.index.dtype == theirs["index"].dtype
        np.testing.assert_array_equal(ours.index, theirs["index"])
        for column in ours:
            for at, values in ours[column].items():
                expected = theirs[f"{column}/{at}"]
                assert values.dtype == expected.dtype
                np.testing.assert_array_equal(values, expected, strict=True)
