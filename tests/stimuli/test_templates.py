"""Templates of images and gratings: comparison with a slow reference and with AllenSDK."""

from __future__ import annotations

import io
import lzma
import os
import pathlib
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.slowwarp import sample_pixels, warped_pixel
from visbehavior import BadValue, BehaviorSession, CorruptFile, MissingExtra, NotFound
from visbehavior.raw.unpickle import read_pickle
from visbehavior.stimuli.templates import compute_templates, read_gratings

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", ROOT.parent / "shared" / "golden"))
MONITOR_SHAPE = (1200, 1920)
IMAGE_SHAPE = (918, 1174)
TOP, LEFT = 141, 373
BACKGROUND = 127

Bytes = NDArray[np.uint8]

needs_golden = pytest.mark.skipif(
    not (GOLDEN / "raw").is_dir(),
    reason=f"AllenSDK's recorded results are missing at {GOLDEN} (set VISBEHAVIOR_GOLDEN)",
)


def random_image(seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, IMAGE_SHAPE, dtype=np.uint8)


def on_monitor(image: Bytes) -> Bytes:
    screen = np.full(MONITOR_SHAPE, BACKGROUND, dtype=np.uint8)
    screen[TOP : TOP + IMAGE_SHAPE[0], LEFT : LEFT + IMAGE_SHAPE[1]] = image
    return screen


# Image sets


@pytest.mark.parametrize(
    "image", [random_image(), random_image(1) // 128 * np.uint8(255)], ids=["random", "black and white"]
)
def test_pixels_equal_the_reference(image: Bytes) -> None:
    """The pixels at the edges of the monitor show the background."""
    screen = on_monitor(image)
    (unwarped,), (warped,) = compute_templates({"im": image})
    edges = [(0, 700), (1199, 1100), (0, 961), (500, 0), (650, 1919), (599, 1919)]
    for pixel in edges + sample_pixels(25):
        assert warped[pixel] == warped_pixel(lambda row, column: int(screen[row, column]), *pixel), pixel
    visible = ~np.isnan(unwarped)
    assert visible.sum() == 931_286
    np.testing.assert_array_equal(unwarped[visible], screen[visible])


def test_templates_are_in_the_order_of_the_image_set() -> None:
    images = {f"im{seed:03}": random_image(seed) for seed in (4, 2, 7, 1, 3)}
    copies = {name: image.copy() for name, image in images.items()}
    unwarped, warped = compute_templates(images)
    assert len(unwarped) == len(warped) == len(images)
    for name, one_unwarped, one_warped in zip(images, unwarped, warped, strict=True):
        np.testing.assert_array_equal(images[name], copies[name])
        (expected_unwarped,), (expected_warped,) = compute_templates({"x": copies[name]})
        np.testing.assert_array_equal(one_unwarped, expected_unwarped)
        np.testing.assert_array_equal(one_warped, expected_warped)
        for values, dtype in ((one_unwarped, np.float64), (one_warped, np.uint8)):
            assert (values.dtype, values.shape, values.base) == (dtype, MONITOR_SHAPE, None)
            assert values.flags.c_contiguous
            assert values.flags.writeable
    assert compute_templates({}) == ([], [])


def test_uniform_image_with_the_gray_of_the_background() -> None:
    (unwarped,), (warped,) = compute_templates({"gray": np.full(IMAGE_SHAPE, BACKGROUND, dtype=np.uint8)})
    assert (warped == BACKGROUND).all()
    assert set(np.unique(unwarped[~np.isnan(unwarped)])) == {BACKGROUND}


def test_uniform_image_with_another_gray() -> None:
    (unwarped,), (warped,) = compute_templates({"bright": np.full(IMAGE_SHAPE, 200, dtype=np.uint8)})
    assert (warped[100:-100, 100:-100] == 200).all()
    assert set(np.unique(unwarped[~np.isnan(unwarped)])) == {200}


@pytest.mark.parametrize(
    ("image", "actual"),
    [
        (np.zeros((1174, 918), dtype=np.uint8), r"uint8 with the shape \(1174, 918\)"),
        (np.zeros((*IMAGE_SHAPE, 3), dtype=np.uint8), r"uint8 with the shape \(918, 1174, 3\)"),
        (np.zeros(IMAGE_SHAPE), r"float64 with the shape \(918, 1174\)"),
        (np.zeros(IMAGE_SHAPE, dtype=np.int8), r"int8 with the shape \(918, 1174\)"),
        (np.zeros(0, dtype=np.uint8), r"uint8 with the shape \(0,\)"),
        ([[1]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_bad_image(image: Any, actual: str) -> None:
    with pytest.raises(
        BadValue, match=f"'im065' is {actual}; expected .* uint8 with 918 rows x 1174 columns"
    ) as caught:
        compute_templates({"im061": random_image(), "im065": image})
    assert caught.value.name == "im065"


# Gratings


def grating(seed: int) -> Bytes:
    """Return a uniform image with a band of noise."""
    image = np.full(MONITOR_SHAPE, 40 * seed, dtype=np.uint8)
    image[100:130] = np.random.default_rng(seed).integers(0, 256, (30, MONITOR_SHAPE[1]), dtype=np.uint8)
    return image


def png(image: Bytes) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(shape: tuple[int, int] = MONITOR_SHAPE, depth: int = 8, color: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], depth, color, 0, 0, 0))


def invalid_png(*chunks: bytes) -> bytes:
    """Return a PNG file of these chunks, all with valid checksums."""
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks, chunk(b"IEND", b"")])


def pixel_chunk(filter_type: int = 0, rows: int = MONITOR_SHAPE[0]) -> bytes:
    """Return a chunk of pixels, which are 0; each row of a PNG file begins with the type of its filter."""
    return chunk(b"IDAT", zlib.compress((bytes([filter_type]) + bytes(MONITOR_SHAPE[1])) * rows))


def write_grating(folder: pathlib.Path, degrees: str, unwarped: bytes, warped: bytes) -> None:
    (folder / f"masked_unwarped_grating_{degrees}.png").write_bytes(unwarped)
    (folder / f"warped_grating_{degrees}.png").write_bytes(warped)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for seed, degrees in enumerate(("0", "22.5", "270")):
        write_grating(tmp_path, degrees, png(grating(seed)), png(grating(seed + 3)))
    return tmp_path


def test_gratings_are_in_the_requested_order(folder: pathlib.Path) -> None:
    unwarped, warped = read_gratings(str(folder), [270.0, np.float64(0), 22.5, np.int64(270)])
    for one_unwarped, one_warped, seed in zip(unwarped, warped, (2, 0, 1, 2), strict=True):
        assert (one_unwarped.dtype, one_warped.dtype) == (np.float32, np.uint8)
        np.testing.assert_array_equal(one_unwarped, grating(seed))
        np.testing.assert_array_equal(one_warped, grating(seed + 3))
        assert one_warped.flags.writeable
        assert one_warped.base is None
    assert read_gratings(folder, []) == ([], [])


@pytest.mark.parametrize("name", ["masked_unwarped_grating_0.png", "warped_grating_0.png"])
def test_missing_grating(folder: pathlib.Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NotFound, match=f"{name} is missing; expected two images for each orientation") as caught:
        read_gratings(folder, [270, 0])
    assert caught.value.path == str(folder / name)


def test_missing_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"masked_unwarped_grating_0\.png is missing"):
        read_gratings(tmp_path / "missing", [0.0])


def test_missing_pillow_is_named(monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path) -> None:
    for name in ("PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r'needs pillow, .*pip install "visbehavior\[raw\]"'):
        read_gratings(folder, [0])


VALID = png(grating(1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + VALID[6:],
        VALID[:8],
        VALID[:-12],
        VALID[: len(VALID) // 2],
        VALID[:5000] + bytes([VALID[5000] ^ 1]) + VALID[5001:],
        VALID[:20] + bytes([VALID[20] ^ 1]) + VALID[21:],
        invalid_png(header()),
        invalid_png(header(), pixel_chunk(rows=0)),
        invalid_png(header(), pixel_chunk(filter_type=5)),
        invalid_png(header(), chunk(b"IDAT", b"not zlib")),
    ],
    ids=[
        "empty",
        "no signature",
        "signature only",
        "no last chunk",
        "half of the file",
        "pixel data changed",
        "header changed",
        "no pixel chunk",
        "no rows",
        "unknown filter",
        "not compressed",
    ],
)
def test_damaged_grating(folder: pathlib.Path, data: bytes) -> None:
    path = folder / "warped_grating_0.png"
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match=r"0\.png is damaged, or not a PNG file: .+ Copy the file again") as caught:
        read_gratings(folder, [0])
    assert caught.value.path == str(path)


def test_image_of_another_format(folder: pathlib.Path) -> None:
    path = folder / "warped_grating_0.png"
    Image.fromarray(grating(0)).save(path, "BMP")
    with pytest.raises(CorruptFile, match="is damaged, or not a PNG file"):
        read_gratings(folder, [0])


def test_folder_instead_of_a_grating(folder: pathlib.Path) -> None:
    path = folder / "warped_grating_0.png"
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptFile, match="is damaged, or not a PNG file"):
        read_gratings(folder, [0])


@pytest.mark.parametrize(
    ("head", "actual"),
    [
        (header((1920, 1200)), "1200 x 1920 pixels, mode L"),
        (header((100_000, 100_000)), ".*10000000000 pixels.*"),
        (header(depth=16), "1920 x 1200 pixels, mode I.*"),
        (header(depth=1), "1920 x 1200 pixels, mode 1"),
        (header(color=2), "1920 x 1200 pixels, mode RGB"),
        (header(color=4), "1920 x 1200 pixels, mode LA"),
        (header(color=3), "1920 x 1200 pixels, mode P"),
    ],
    ids=["transposed", "huge", "16 bits", "1 bit", "colors", "alpha", "palette"],
)
def test_unexpected_size_or_mode_is_reported_before_decoding(folder: pathlib.Path, head: bytes, actual: str) -> None:
    """The files have no valid pixel data, so that decoding them would raise another error."""
    path = folder / "masked_unwarped_grating_0.png"
    path.write_bytes(invalid_png(head, pixel_chunk(rows=0)))
    message = rf"unexpected size or mode \({actual}\); expected 8-bit gray \(mode L\), 1920 x 1200 pixels"
    with pytest.raises(BadValue, match=message) as caught:
        read_gratings(folder, [0])
    assert caught.value.path == str(path)


@pytest.mark.parametrize("orientation", ["0", None, "../0", [0]])
def test_bad_orientation(folder: pathlib.Path, orientation: Any) -> None:
    with pytest.raises(BadValue, match="expected a number") as caught:
        read_gratings(folder, [orientation])
    assert caught.value.value == orientation


# AllenSDK's templates


def stored_templates(name: str, folder: pathlib.Path) -> Any:
    """Return the templates in the NWB file that AllenSDK wrote from the same raw file."""
    path = folder / f"{name}.nwb"
    path.write_bytes(lzma.decompress((GOLDEN / "v1.1" / f"{name}.nwb.xz").read_bytes()))
    return BehaviorSession.from_nwb_path(path).stimulus_templates


def assert_equal_images(actual: list[Any], expected: Any) -> None:
    for image, expected_image in zip(actual, expected, strict=True):
        assert image.dtype == expected_image.dtype
        np.testing.assert_array_equal(image, expected_image, strict=True)


@needs_golden
@pytest.mark.parametrize(
    "name",
    [
        "behavior_session_891635659",
        "behavior_session_990100001",
        "behavior_session_990100003",
        "behavior_ophys_experiment_990000002",
    ],
)
def test_image_templates_equal_allensdk(tmp_path: pathlib.Path, name: str) -> None:
    categories = read_pickle(GOLDEN / "raw" / f"{name}.images.pkl.gz").values()
    images = {name.decode(): image for category in categories for name, image in category.items()}
    stored = stored_templates(name, tmp_path)
    unwarped, warped = compute_templates(images)
    assert list(images) == stored.index.tolist()
    assert_equal_images(unwarped, stored.unwarped)
    assert_equal_images(warped, stored.warped)


@needs_golden
@pytest.mark.parametrize("name", ["behavior_session_990100002", "behavior_session_990100004"])
def test_grating_templates_equal_allensdk(tmp_path: pathlib.Path, name: str) -> None:
    stored = stored_templates(name, tmp_path)
    unwarped, warped = read_gratings(GOLDEN / "raw" / "gratings", [0.0, 90.0, 180.0, 270.0])
    assert stored.index.tolist() == ["gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"]
    assert_equal_images(unwarped, stored.unwarped)
    assert_equal_images(warped, stored.warped)
