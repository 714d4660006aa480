"""Checks of a pickle's opcodes before it is loaded, so that loading it needs memory in proportion to its size.

The C unpickler allocates what some opcodes claim: a memo of any index, an integer of any number of digits. This scan walks
over all opcodes without executing them. Runs of common opcodes are matched by one regular expression, which takes about a
tenth of the time of loading.

The unpickler also adds any key to a dictionary, which takes a very long time for keys that share a hash, and crashes for
deeply nested tuples. The scan therefore replaces the opcodes of dictionaries: the dictionary becomes a call of the class
`DICTIONARY`, and its items become the state that this object is given.
"""

from __future__ import annotations

import re
from functools import cache

DICTIONARY = ("visbehavior", "dict")
"""Module and name of the class that a checked pickle builds its dictionaries with."""
_MAX_DIGITS = 20
_MAX_FLOAT_LENGTH = 64
_CONTAINERS = 1_000_000
"""A pickle may have so many containers, which need some 80 bytes each ..."""
_BYTES_PER_CONTAINER = 8
"""... plus one for so many bytes. The rigs' pickles have one for 700 bytes."""


class RejectedPickle(Exception):
    """The pickle asks for more memory or time than its size justifies, or has unknown opcodes."""


def _counted(code: bytes, lengths: range = range(256), last: bytes = b"") -> bytes:
    """Return a pattern for an opcode followed by a length byte, as many bytes less one, and a pattern for the last byte."""
    counted = (re.escape(bytes([n])) + b".{%d}" % max(0, n - bool(last)) + (last if n else b"") for n in lengths)
    return re.escape(code) + b"(?:" + b"|".join(counted) + b")"


@cache
def _common_opcodes() -> re.Pattern[bytes]:
    """Return the pattern of runs of common opcodes. It is compiled (10 ms) only if a stimulus pickle is opened."""
    return re.compile(
        b"(?:"
        + b"|".join(
            [
                # Without an argument: constants, stack operations, append, REDUCE, BUILD, memoize.
                rb"[012Nabe)R\x81\x88\x89\x92-\x94]",
                rb"\((?!d)",
                rb"[IL]-?\d{1,%d}L?\n" % _MAX_DIGITS,
                rb"F[^\n]{1,%d}\n" % _MAX_FLOAT_LENGTH,
                rb"[SV][^\n]*\n",
                rb"[pg]\d{1,6}\n",
                rb"c[^\n]*\n[^\n]*\n",
                rb"[Khq\x80].",
                rb"M..",
                rb"[Jj].{4}",
                rb"G.{8}",
                rb"r..[\x00-\x0f]\x00",
                _counted(b"U"),
                _counted(b"C"),
                _counted(b"\x8c"),
                # Integers of 64 bits, with a sign byte if they are unsigned. Among longer ones, many share a hash.
                _counted(b"\x8a", range(9)),
                _counted(b"\x8a", range(9, 10), last=rb"[\x00\xff]"),
            ]
        )
        + b")*+",
        re.DOTALL,
    )


_NEW_DICTIONARY = "c{}\n{}\n)R".format(*DICTIONARY).encode()
_CHECKED_OPCODES: dict[bytes, tuple[int, bytes | None]] = {
    **dict.fromkeys((b"]", b"l", b"t", b"\x85", b"\x86", b"\x87"), (1, None)),
    b"}": (1, _NEW_DICTIONARY),
    # "(d", an empty dictionary: Python's pickles add the items later.
    b"(": (2, _NEW_DICTIONARY),
    # One or several items become a tuple in a tuple, which is the state of the dictionary.
    b"s": (1, b"\x86\x85b"),
    b"u": (1, b"t\x85b"),
}
"""Opcodes of containers: their size, and what replaces them."""
_FRAME = b"\x95"
"""A frame has a length of 8 bytes, which the replacements would change. The unpickler needs no frames."""
_COUNT_SIZE = {b"T": 4, b"X": 4, b"B": 4, b"\x8d": 8, b"\x8e": 8, b"\x96": 8}
"""Opcodes with bytes after a length of so many bytes."""
_BYTES_PER_PUT = 4
_PADDINGS = (b"0\n0\n", b"\n0\n", bytes(256))
"""One of them completes an opcode that is cut off."""
_PUTS = re.compile(rb"p(\d{1,19})\n|r(.{4})", re.DOTALL)


def check_opcodes(data: bytes) -> bytes:
    """Return a pickle with checked dictionaries if it asks for no more than its size justifies.

    Parameters
    ----------
    data : bytes
        The pickle.

    Returns
    -------
    bytes
        The same pickle without frames, in which `DICTIONARY` builds the dictionaries.

    Raises
    ------
    RejectedPickle
        If an opcode claims too much or is unknown, or something follows the pickle.
    EOFError
        If the pickle is truncated.
    """
    remaining = _CONTAINERS + len(data) // _BYTES_PER_CONTAINER
    pieces: list[bytes] = []
    copied = position = 0
    common = _common_opcodes().match
    while True:
        position = common(data, position).end()  # type: ignore[union-attr]
        code = data[position : position + 1]
        if code in _CHECKED_OPCODES:
            size, replacement = _CHECKED_OPCODES[code]
            if replacement is not None:
                pieces += data[copied:position], replacement
                copied = position + size
            position += size
            remaining -= 1
            if remaining < 0:
                raise RejectedPickle("it has too many containers for its size")
        elif code == b".":
            break
        elif code == _FRAME:
            pieces.append(data[copied:position])
            copied = position = _start_of_frame(data, position)
        else:
            position = _after_rare_opcode(data, position)
    if position + 1 != len(data):
        raise RejectedPickle(f"something follows its end at byte {position}")
    return b"".join([*pieces, data[copied:]])


def _start_of_frame(data: bytes, position: int) -> int:
    start = position + 9
    if start + int.from_bytes(data[position + 1 : start], "little") > len(data):
        raise EOFError("pickle data was truncated")
    return start


def _after_rare_opcode(data: bytes, position: int) -> int:
    size = _COUNT_SIZE.get(data[position : position + 1])
    if size is not None:
        count = int.from_bytes(data[position + 1 : position + 1 + size], "little")
        end = position + 1 + size + count
        if end > len(data):
            raise EOFError("pickle data was truncated")
        return end
    put = _PUTS.match(data, position)
    if put and (int(put[1]) if put[1] else int.from_bytes(put[2], "little")) <= len(data) // _BYTES_PER_PUT:
        return put.end()
    if position == len(data) or any(_common_opcodes().match(data[position:] + padding).end() for padding in _PADDINGS):  # type: ignore[union-attr]
        raise EOFError("pickle data was truncated")
    raise RejectedPickle(f"an opcode that no rig writes: {data[position : position + 12]!r} at byte {position}")
