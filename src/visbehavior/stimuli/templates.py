"""The images of a session, as drawn and as they were sent to the screen: computed from the image set, or read.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/data_objects/stimuli/templates.py`` and
``brain_observatory/behavior/stimulus_processing.py``; of the PNG files, the PNG specification (W3C), sections 5 and 9.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile, NotFound
from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE
from visbehavior.stimuli.warp import PART, PART_CORNER, SCREEN, shared_geometry, unwarped, warped

IMAGE_CORNER = (141, 373)
"""Row and column of the screen where it begins: in the middle."""
BACKGROUND = 127
"""Gray level of the screen around it."""
UNWARPED_GRATING = "masked_unwarped_grating_{:g}.png"
WARPED_GRATING = "warped_grating_{:g}.png"
"""Names of the gratings' files, with the orientation in degrees."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# 8 bits, gray, the one compression, the one set of filters, not interlaced.
_HEADER = struct.pack(">I4sIIBBBBB", 13, b"IHDR", *SCREEN[::-1], 8, 0, 0, 0, 0)
_NONE, _LEFT, _ABOVE, _AVERAGE, _PAETH = range(5)

Bytes = NDArray[np.uint8]


def compute_templates(images: Mapping[str, Bytes]) -> tuple[list[NDArray[np.float64]], list[Bytes]]:
    """What the mouse saw of images, and what was sent to the screen for it.

    Eight images take 166 MB; beside them there are some 90 MB at work, and 38 MB that stay for the next set.

    Parameters
    ----------
    images : mapping of str to numpy.ndarray
        The image set, by name: uint8, 918 x 1,174 pixels, gray levels, first row on top.

    Returns
    -------
    unwarped : list of numpy.ndarray
        float64, 1,200 x 1,920 each, in the order of `images`: the image in the middle of the screen, NaN where no
        pixel of the screen looks.
    warped : list of numpy.ndarray
        uint8, 1,200 x 1,920 each: what was sent to the screen.

    Raises
    ------
    BadValue
        If one of the images is no such array.

    See Also
    --------
    visbehavior.stimuli.warp : the computation, and where it is defined.
    """
    parts = [_on_background(name, image) for name, image in images.items()]
    geometry = shared_geometry()
    cores = os.cpu_count() or 1
    size = max(-(-len(parts) // cores), 1)
    shares = [parts[begin : begin + size] for begin in range(0, len(parts), size)]
    with ThreadPoolExecutor(cores) as pool:
        sent = pool.map(partial(warped, geometry=geometry), shares)
        seen = pool.map(partial(unwarped, geometry=geometry), parts)
        return list(seen), [image for share in sent for image in share]


def read_gratings(
    folder: str | os.PathLike[str], orientations: Sequence[float]
) -> tuple[list[NDArray[np.float32]], list[Bytes]]:
    """The gratings, which are files and not computed.

    Parameters
    ----------
    folder : path
        Where ``masked_unwarped_grating_<degrees>.png`` and ``warped_grating_<degrees>.png`` lie: gray, 8 bits,
        1,920 x 1,200 pixels.
    orientations : sequence of float
        Those that were shown (degrees).

    Returns
    -------
    unwarped : list of numpy.ndarray
        float32 (as NWB files store them), 1,200 x 1,920 each, in the order of `orientations`. Nothing is NaN.
    warped : list of numpy.ndarray
        uint8, 1,200 x 1,920 each.

    Raises
    ------
    NotFound
        If a file is not there.
    CorruptFile
        If a file is damaged, or no PNG.
    BadValue
        If a file is a PNG of another kind or size, or an orientation is no number.
    """
    for orientation in orientations:
        if not isinstance(orientation, Real):
            raise BadValue(
                f"The orientation of a grating is {orientation!r}; expected a number (degrees).",
                name="orientations",
                value=orientation,
            )
    drawn = [_read_image(Path(folder, UNWARPED_GRATING.format(degrees))) for degrees in orientations]
    sent = [_read_image(Path(folder, WARPED_GRATING.format(degrees))) for degrees in orientations]
    return [image.astype(np.float32) for image in drawn], sent


def _on_background(name: str, image: Any) -> Bytes:
    """The part of the screen that the warp looks at."""
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.shape != IMAGE_SHAPE:
        found = f"{image.dtype} with the shape {image.shape}" if is_array else f"a {type(image).__name__}"
        raise BadValue(
            f"The image {name!r} is {found}; expected a numpy array of uint8, {IMAGE_SHAPE[0]} rows x {IMAGE_SHAPE[1]} columns, as the "
            "image sets of the change detection task hold. Give the set that the session's pickle names.",
            name=name,
        )
    part = np.full(PART, BACKGROUND, dtype=np.uint8)
    row, column = (begin - part_begin for begin, part_begin in zip(IMAGE_CORNER, PART_CORNER, strict=True))
    part[row : row + IMAGE_SHAPE[0], column : column + IMAGE_SHAPE[1]] = image
    return part


def _read_image(path: Path) -> Bytes:
    try:
        data = path.read_bytes()
        if not data.startswith(_SIGNATURE):
            raise ValueError("it does not begin as a PNG does")
        packed = _image_data(data)
        if not data.startswith(_HEADER, len(_SIGNATURE)):
            raise BadValue(
                f"{path} is a PNG of another kind; expected gray, 8 bits, {SCREEN[1]} x {SCREEN[0]} pixels, not interlaced. Save "
                "it so, without changing gray levels.",
                path=str(path),
            )
        return _pixels(packed)
    except FileNotFoundError as error:
        raise NotFound(
            f"{path} is not there; expected the images of the gratings in {path.parent}, two for each orientation: "
            f"{UNWARPED_GRATING.format(90)}, {WARPED_GRATING.format(90)} and so on. Name the folder that holds them.",
            path=str(path),
        ) from error
    except BadValue:
        raise
    except (OSError, ValueError, zlib.error, struct.error) as error:
        raise CorruptFile(
            f"{path} cannot be read as a PNG, which was expected: {error}. Copy it again from where it came.",
            path=str(path),
        ) from error


def _image_data(data: bytes) -> bytes:
    """What the chunks of pixels of a PNG hold, still packed."""
    at, packed = len(_SIGNATURE), b""
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        content, checksum = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if zlib.crc32(kind + content).to_bytes(4, "big") != checksum:
            raise ValueError(f"the checksum at byte {at + 8 + length:,} does not agree")
        if kind == b"IEND":
            return packed
        if kind == b"IDAT":
            packed += content
        at += length + 12


def _pixels(packed: bytes) -> Bytes:
    """Lines are a filter each, and bytes less what it foretells of them from the neighbours to the left and above."""
    size = SCREEN[0] * (1 + SCREEN[1])
    unpacked = zlib.decompressobj().decompress(packed, size)
    if len(unpacked) != size:
        raise ValueError(f"it holds {len(unpacked):,} bytes of {size:,}")
    lines = np.frombuffer(unpacked, dtype=np.uint8).reshape(SCREEN[0], 1 + SCREEN[1])
    pixels = np.zeros((SCREEN[0] + 1, SCREEN[1]), dtype=np.uint8)
    for at, (kind, line) in enumerate(zip(lines[:, 0].tolist(), lines[:, 1:], strict=True)):
        pixels[at + 1] = _unfiltered(kind, line, pixels[at])
    return pixels[1:].copy()


def _unfiltered(kind: int, line: Bytes, above: Bytes) -> Bytes:
    if kind in (_NONE, _ABOVE):
        return line + above if kind == _ABOVE else line
    if kind == _LEFT:
        return np.cumsum(line, dtype=np.uint8)
    if kind not in (_AVERAGE, _PAETH):
        raise ValueError(f"a line has the filter {kind}, which there is not")
    left, corner, done = 0, 0, bytearray()
    for value, up in zip(line.tolist(), above.tolist(), strict=True):
        guess = left + up >> 1 if kind == _AVERAGE else _paeth(left, up, corner)
        left, corner = value + guess & 255, up
        done.append(left)
    return np.frombuffer(done, dtype=np.uint8)


def _paeth(left: int, up: int, corner: int) -> int:
    """The neighbour that is nearest to left + up - corner; of equally near ones the first."""
    distances = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return (left, up, corner)[distances.index(min(distances))]
