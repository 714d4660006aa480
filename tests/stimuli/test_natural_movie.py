"""Templates of the natural movie: comparison with a slow reference and with AllenSDK."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.oracle import PYTHON, needs_allensdk
from tests.slowwarp import COLUMNS, ROWS, sample_pixels, warped_pixel
from visbehavior import BadValue, CorruptFile, MissingExtra
from visbehavior.stimuli import natural_movie as module
from visbehavior.stimuli.natural_movie import compute_movie_template, read_movie
from visbehavior.stimuli.warp import shared_geometry

MOVIE_ROWS = 1080

Movie = NDArray[np.uint8]


def random_movie(frames: int, rows: int, columns: int, seed: int = 0) -> Movie:
    return np.random.default_rng(seed).integers(0, 256, (frames, rows, columns), dtype=np.uint8)


def smooth_movie(frames: int, rows: int, columns: int) -> Movie:
    frame, row, column = np.mgrid[:frames, :rows, :columns]
    return (127 + 64 * np.sin(row / 20 + frame) + 63 * np.cos(column / 35 - frame)).astype(np.uint8)


def black_and_white_movie(frames: int, rows: int, columns: int) -> Movie:
    return (random_movie(frames, rows, columns, seed=1) // 128 * 255).astype(np.uint8)


def bilinear_weights(pixel: int, length: int, resized_length: int) -> list[tuple[int, int]]:
    """Return the source pixels of a resized pixel, and their weights in units of 2**-22."""
    scale = length / resized_length
    reach = max(scale, 1.0)
    center = (pixel + 0.5) * scale
    sources = range(max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), length))
    weights = [max(1 - abs((source - center + 0.5) * (1 / reach)), 0) for source in sources]
    return [(source, int(weight / sum(weights) * 2**22 + 0.5)) for source, weight in zip(sources, weights, strict=True)]


def resized_pixel(frame: Movie, row: int, column: int) -> int:
    """Return a pixel of the resized frame: first columns, then rows, rounded after each."""
    column_weights = bilinear_weights(column, frame.shape[1], COLUMNS)
    total = 0
    for source_row, row_weight in bilinear_weights(row, frame.shape[0], MOVIE_ROWS):
        value = sum(int(frame[source_row, source]) * weight for source, weight in column_weights)
        total += (value + 2**21 >> 22) * row_weight
    return total + 2**21 >> 22


def expected_pixel(frame: Movie, row: int, column: int) -> int:
    margin = (ROWS - MOVIE_ROWS) // 2
    return warped_pixel(lambda r, c: resized_pixel(frame, r - margin, c), row, column)


def assert_equal_templates(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    for column in ("unwarped", "warped"):
        for values, expected_values in zip(actual[column], expected[column], strict=True):
            np.testing.assert_array_equal(values, expected_values)


@pytest.fixture(scope="module")
def template() -> pd.DataFrame:
    return compute_movie_template(random_movie(3, 304, 608))


@pytest.mark.parametrize("size", [(304, 608), (7, 5), (1, 1), (1080, 1920), (1300, 4100)], ids=str)
def test_pixels_equal_the_reference(size: tuple[int, int]) -> None:
    frame = black_and_white_movie(1, *size)[0]
    row = compute_movie_template(frame[None]).loc[0]
    for pixel in sample_pixels(15):
        assert row.warped[pixel] == expected_pixel(frame, *pixel), pixel
    for pixel in np.random.default_rng(0).choice(np.argwhere(~np.isnan(row.unwarped)), 200):
        assert row.unwarped[tuple(pixel)] == resized_pixel(frame, pixel[0] - 60, pixel[1]), pixel


def test_unwarped_frames_have_the_visible_pixels(template: pd.DataFrame) -> None:
    for unwarped in template.unwarped:
        np.testing.assert_array_equal(~np.isnan(unwarped), shared_geometry().visible)


def test_central_pixel_is_almost_unchanged(template: pd.DataFrame) -> None:
    """AllenSDK replaces its angle of 0 by a small number, so that it is not NaN."""
    assert abs(template.warped[0][600, 960] - template.unwarped[0][600, 960]) <= 1


def test_template_table(template: pd.DataFrame) -> None:
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
def test_uniform_frame_stays_uniform(level: int) -> None:
    template = compute_movie_template(np.full((1, 20, 30), level, dtype=np.uint8))
    assert (template.warped[0] == level).all()
    assert set(np.unique(template.unwarped[0][~np.isnan(template.unwarped[0])])) == {level}


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_number_of_threads_does_not_matter(template: pd.DataFrame, jobs: int) -> None:
    assert_equal_templates(compute_movie_template(random_movie(3, 304, 608), jobs), template)


def test_frames_are_independent(template: pd.DataFrame) -> None:
    movie = random_movie(3, 304, 608)
    assert_equal_templates(compute_movie_template(movie[2:]), template[2:])
    assert_equal_templates(compute_movie_template(np.asfortranarray(movie)[::-2]), template[::-2])


def test_memory_mapped_movie(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "m.npy", random_movie(1, 30, 40))
    mapped = np.load(tmp_path / "m.npy", mmap_mode="r")
    assert_equal_templates(compute_movie_template(mapped), compute_movie_template(random_movie(1, 30, 40)))


def test_memory_beyond_the_result_is_bounded() -> None:
    movie = random_movie(8, 30, 40)
    # Computed once per process, and kept.
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


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    compute_movie_template(random_movie(1, 3, 4), progress=True)
    assert capsys.readouterr() == ("", "")


def test_interrupt_cancels_the_remaining_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class CountingArray(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            if isinstance(key, int):
                started.append(key)
            return np.asarray(self)[key]

    def interrupting_bar(_: bool, frames: Any, **__: Any) -> Any:
        yield next(iter(frames))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "progress_bar", interrupting_bar)
    with pytest.raises(KeyboardInterrupt):
        compute_movie_template(random_movie(200, 3, 4).view(CountingArray), jobs=1)
    assert 1 <= len(started) < 200


@pytest.mark.parametrize(
    ("movie", "actual"),
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
def test_bad_movie(movie: Any, actual: str) -> None:
    with pytest.raises(BadValue, match=f"raw_movie is {actual}; expected .* 900 x 304 x 608.* numpy.load") as caught:
        compute_movie_template(movie)
    assert caught.value.name == "raw_movie"


@pytest.mark.parametrize("jobs", [0, -1])
def test_bad_jobs(jobs: int) -> None:
    with pytest.raises(BadValue, match=f"jobs is {jobs}; expected a whole number from 1 to 1000") as caught:
        compute_movie_template(random_movie(1, 3, 4), jobs)
    assert caught.value.value == jobs


@pytest.mark.parametrize("library", ["PIL", "scipy"])
def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for name in (library, f"{library}.Image", f"{library}.ndimage"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r'pip install "visbehavior\[raw\]"'):
        compute_movie_template(random_movie(1, 3, 4))


def test_file_that_is_not_an_array(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "movie.npy"
    path.write_bytes(b"<html>")
    with pytest.raises(CorruptFile, match=r"movie\.npy is not a numpy array: .* Delete the file") as caught:
        read_movie(path)
    assert caught.value.path == str(path)


@needs_allensdk
@pytest.mark.parametrize("shape", [(2, 304, 608), (1, 1300, 2500)], ids=str)
def test_templates_equal_allensdk(tmp_path: pathlib.Path, shape: tuple[int, int, int]) -> None:
    """AllenSDK runs in its own environment, in a child process."""
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
            for frame, values in ours[column].items():
                expected = theirs[f"{column}/{frame}"]
                assert values.dtype == expected.dtype
                np.testing.assert_array_equal(values, expected, strict=True)
