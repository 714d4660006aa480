"""The images of a rig's session: warped as by the slow twin, gratings read from PNG files, both as AllenSDK has them."""

from __future__ import annotations

import lzma
import os
import pathlib
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.slowwarp import sample_places
from tests.slowwarp import warped as slowly_warped
from visbehavior import BadValue, BehaviorSession, CorruptFile, NotFound
from visbehavior.raw.unpickle import read_pickle
from visbehavior.stimuli.templates import compute_templates, read_gratings

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", ROOT.parent / "shared" / "golden"))
SCREEN = (1200, 1920)
IMAGE = (918, 1174)
TOP, LEFT = 141, 373
BACKGROUND = 127

Bytes = NDArray[np.uint8]

needs_golden = pytest.mark.skipif(
    not (GOLDEN / "raw").is_dir(),
    reason=f"AllenSDK's recordings are not at {GOLDEN}: nothing was compared with AllenSDK (set VISBEHAVIOR_GOLDEN)",
)


def random_image(seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, IMAGE, dtype=np.uint8)


def on_screen(image: Bytes) -> Bytes:
    screen = np.full(SCREEN, BACKGROUND, dtype=np.uint8)
    screen[TOP : TOP + IMAGE[0], LEFT : LEFT + IMAGE[1]] = image
    return screen


# Images of a set


@pytest.mark.parametrize(
    "image", [random_image(), random_image(1) // 128 * np.uint8(255)], ids=["random", "black and white"]
)
def test_each_pixel_is_the_definitions(image: Bytes) -> None:
    """At the edges of the screen too, where the background tells."""
    screen = on_screen(image)
    (unwarped,), (warped,) = compute_templates({"im": image})
    edges = [(0, 700), (1199, 1100), (0, 961), (500, 0), (650, 1919), (599, 1919)]
    for place in edges + sample_places(25):
        assert warped[place] == slowly_warped(lambda row, column: int(screen[row, column]), *place), place
    seen = ~np.isnan(unwarped)
    assert seen.sum() == 931_286
    np.testing.assert_array_equal(unwarped[seen], screen[seen])


def test_as_many_as_were_given_in_their_order() -> None:
    images = {f"im{seed:03}": random_image(seed) for seed in (4, 2, 7, 1, 3)}
    kept = {name: image.copy() for name, image in images.items()}
    unwarped, warped = compute_templates(images)
    assert len(unwarped) == len(warped) == len(images)
    for name, drawn, sent in zip(images, unwarped, warped, strict=True):
        np.testing.assert_array_equal(images[name], kept[name])
        (alone,), (sent_alone,) = compute_templates({"x": kept[name]})
        np.testing.assert_array_equal(drawn, alone)
        np.testing.assert_array_equal(sent, sent_alone)
        for values, dtype in ((drawn, np.float64), (sent, np.uint8)):
            assert (values.dtype, values.shape, values.base) == (dtype, SCREEN, None)
            assert values.flags.c_contiguous
            assert values.flags.writeable
    assert compute_templates({}) == ([], [])


def test_a_plain_image_of_the_backgrounds_gray() -> None:
    (unwarped,), (warped,) = compute_templates({"gray": np.full(IMAGE, BACKGROUND, dtype=np.uint8)})
    assert (warped == BACKGROUND).all()
    assert set(np.unique(unwarped[~np.isnan(unwarped)])) == {BACKGROUND}


def test_a_plain_image_of_another_gray_is_plain_but_for_its_edges() -> None:
    (unwarped,), (warped,) = compute_templates({"bright": np.full(IMAGE, 200, dtype=np.uint8)})
    assert (warped[100:-100, 100:-100] == 200).all()
    assert set(np.unique(unwarped[~np.isnan(unwarped)])) == {200}


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.zeros((1174, 918), dtype=np.uint8), r"uint8 with the shape \(1174, 918\)"),
        (np.zeros((*IMAGE, 3), dtype=np.uint8), r"uint8 with the shape \(918, 1174, 3\)"),
        (np.zeros(IMAGE), r"float64 with the shape \(918, 1174\)"),
        (np.zeros(IMAGE, dtype=np.int8), r"int8 with the shape \(918, 1174\)"),
        (np.zeros(0, dtype=np.uint8), r"uint8 with the shape \(0,\)"),
        ([[1]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_image(bad: Any, found: str) -> None:
    with pytest.raises(BadValue, match=f"'im065' is {found}; expected .* uint8, 918 rows x 1174 columns") as caught:
        compute_templates({"im061": random_image(), "im065": bad})
    assert caught.value.name == "im065"


# Gratings


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(shape: tuple[int, int] = SCREEN, depth: int = 8, color: int = 0, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], depth, color, 0, 0, interlaced))


def paeth(left: int, up: int, corner: int) -> int:
    distances = [abs(left + up - corner - one) for one in (left, up, corner)]
    return (left, up, corner)[distances.index(min(distances))]


FORETOLD: list[Callable[[int, int, int], int]] = [
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) // 2,
    paeth,
]


def lines(image: Bytes, kinds: list[int]) -> bytes:
    """Each line by its filter, a byte at a time as the specification of PNG has it."""
    above, written = [0] * image.shape[1], bytearray()
    for kind, line in zip(kinds, image.tolist(), strict=True):
        lefts, corners = [0, *line[:-1]], [0, *above[:-1]]
        neighbours = zip(line, lefts, above, corners, strict=True)
        written += bytes([kind, *(value - FORETOLD[kind](*near) & 255 for value, *near in neighbours)])
        above = line
    return bytes(written)


def png(unpacked: bytes, head: bytes | None = None, pieces: int = 1) -> bytes:
    packed = zlib.compress(unpacked, 1)
    step = -(-len(packed) // pieces)
    data = [chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step)]
    return b"".join([b"\x89PNG\r\n\x1a\n", head or header(), chunk(b"tEXt", b"a\0b"), *data, chunk(b"IEND", b"")])


def drawing(seed: int) -> Bytes:
    """Plain, with a piece of noise: what every filter meets, and quickly written."""
    image = np.full(SCREEN, 40 * seed, dtype=np.uint8)
    image[100:130] = np.random.default_rng(seed).integers(0, 256, (30, SCREEN[1]), dtype=np.uint8)
    return image


def lines_of_none(image: Bytes) -> bytes:
    return np.insert(image, 0, 0, axis=1).tobytes()


def write_pair(folder: pathlib.Path, degrees: str, drawn: bytes, sent: bytes) -> None:
    (folder / f"masked_unwarped_grating_{degrees}.png").write_bytes(drawn)
    (folder / f"warped_grating_{degrees}.png").write_bytes(sent)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for number, degrees in enumerate(("0", "22.5", "270")):
        pair = (png(lines_of_none(drawing(number + shift))) for shift in (0, 3))
        write_pair(tmp_path, degrees, *pair)
    return tmp_path


def test_gratings_come_in_the_order_asked_for(folder: pathlib.Path) -> None:
    unwarped, warped = read_gratings(str(folder), [270.0, np.float64(0), 22.5, np.int64(270)])
    for drawn, sent, seed in zip(unwarped, warped, (2, 0, 1, 2), strict=True):
        assert (drawn.dtype, sent.dtype) == (np.float32, np.uint8)
        np.testing.assert_array_equal(drawn, drawing(seed))
        np.testing.assert_array_equal(sent, drawing(seed + 3))
        assert sent.flags.writeable
        assert sent.base is None
    assert read_gratings(folder, []) == ([], [])


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_of_png(tmp_path: pathlib.Path, kind: int) -> None:
    image = drawing(3)
    kinds = np.random.default_rng(kind).integers(0, 5, SCREEN[0])
    # The first line has nothing above it.
    kinds[0] = kinds[105:120] = kind
    written = png(lines(image, kinds.tolist()), pieces=3)
    write_pair(tmp_path, "90", written, written)
    _, (sent,) = read_gratings(tmp_path, [90])
    np.testing.assert_array_equal(sent, image)


def test_pillows_files_are_read(tmp_path: pathlib.Path) -> None:
    """Another program's choice of filters."""
    pillow = pytest.importorskip("PIL.Image")
    row, column = np.mgrid[: SCREEN[0], : SCREEN[1]]
    image = (127 + 64 * np.sin(row / 20) + 63 * np.cos(column / 35)).astype(np.uint8)
    for name in ("masked_unwarped_grating_90.png", "warped_grating_90.png"):
        pillow.fromarray(image).save(tmp_path / name)
    (drawn,), (sent,) = read_gratings(tmp_path, [90])
    np.testing.assert_array_equal(sent, image)
    np.testing.assert_array_equal(drawn, image)


@pytest.mark.parametrize("name", ["masked_unwarped_grating_0.png", "warped_grating_0.png"])
def test_a_grating_that_is_not_there(folder: pathlib.Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NotFound, match=f"{name} is not there; expected the images of the gratings") as caught:
        read_gratings(folder, [270, 0])
    assert caught.value.path == str(folder / name)


def test_a_folder_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"masked_unwarped_grating_0\.png is not there"):
        read_gratings(tmp_path / "nowhere", [0.0])


WHOLE = png(lines_of_none(drawing(1)))


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        (b"", "does not begin as a PNG does"),
        (b"GIF89a" + WHOLE[6:], "does not begin as a PNG does"),
        (WHOLE[:8], "unpack_from"),
        (WHOLE[:-12], "unpack_from"),
        (WHOLE[:-2], "checksum at byte .* does not agree"),
        (WHOLE[: len(WHOLE) // 2], "checksum at byte .* does not agree"),
        (WHOLE[:5000] + bytes([WHOLE[5000] ^ 1]) + WHOLE[5001:], "checksum at byte .* does not agree"),
        (WHOLE[:20] + bytes([WHOLE[20] ^ 1]) + WHOLE[21:], "checksum at byte 29 does not agree"),
        (png(b""), r"0 bytes of 2,305,200"),
        (png(lines_of_none(drawing(1)[:-1])), r"2,303,279 bytes of 2,305,200"),
        (png(b"\5" + lines_of_none(drawing(1))[1:]), "the filter 5"),
        (b"".join([WHOLE[:8], header(), chunk(b"IDAT", b"no zlib"), chunk(b"IEND", b"")]), "decompress"),
    ],
    ids=str,
)
def test_a_damaged_grating(folder: pathlib.Path, damaged: bytes, what: str) -> None:
    path = folder / "warped_grating_0.png"
    path.write_bytes(damaged)
    with pytest.raises(CorruptFile, match=f"cannot be read as a PNG, .*{what}.* Copy it again") as caught:
        read_gratings(folder, [0])
    assert caught.value.path == str(path)


def test_a_folder_in_place_of_a_grating(folder: pathlib.Path) -> None:
    path = folder / "warped_grating_0.png"
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptFile, match="cannot be read as a PNG"):
        read_gratings(folder, [0])


@pytest.mark.parametrize(
    "head",
    [header((1920, 1200)), header(depth=16), header(color=2), header(color=4), header(color=3), header(interlaced=1)],
    ids=["turned", "16 bits", "colors", "alpha", "palette", "interlaced"],
)
def test_pngs_of_other_kinds(folder: pathlib.Path, head: bytes) -> None:
    path = folder / "masked_unwarped_grating_0.png"
    path.write_bytes(png(b"", head))
    with pytest.raises(BadValue, match="PNG of another kind; expected gray, 8 bits, 1920 x 1200 pixels") as caught:
        read_gratings(folder, [0])
    assert caught.value.path == str(path)


@pytest.mark.parametrize("orientation", ["0", None, "../0", [0]])
def test_what_is_no_orientation(folder: pathlib.Path, orientation: Any) -> None:
    with pytest.raises(BadValue, match="expected a number") as caught:
        read_gratings(folder, [orientation])
    assert caught.value.value == orientation


# AllenSDK's own


def stored_templates(name: str, folder: pathlib.Path) -> Any:
    """What our reader finds in the file that AllenSDK made of the same raw file."""
    path = folder / f"{name}.nwb"
    path.write_bytes(lzma.decompress((GOLDEN / "v1.1" / f"{name}.nwb.xz").read_bytes()))
    return BehaviorSession.from_nwb_path(path).stimulus_templates


def assert_same(ours: list[Any], theirs: Any) -> None:
    for got, expected in zip(ours, theirs, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected, strict=True)


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
def test_images_equal_allensdks(tmp_path: pathlib.Path, name: str) -> None:
    categories = read_pickle(GOLDEN / "raw" / f"{name}.images.pkl.gz").values()
    images = {name.decode(): image for category in categories for name, image in category.items()}
    stored = stored_templates(name, tmp_path)
    unwarped, warped = compute_templates(images)
    assert list(images) == stored.index.tolist()
    assert_same(unwarped, stored.unwarped)
    assert_same(warped, stored.warped)


@needs_golden
@pytest.mark.parametrize("name", ["behavior_session_990100002", "behavior_session_990100004"])
def test_gratings_equal_allensdks(tmp_path: pathlib.Path, name: str) -> None:
    stored = stored_templates(name, tmp_path)
    unwarped, warped = read_gratings(GOLDEN / "raw" / "gratings", [0.0, 90.0, 180.0, 270.0])
    assert stored.index.tolist() == ["gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"]
    assert_same(unwarped, stored.unwarped)
    assert_same(warped, stored.warped)
