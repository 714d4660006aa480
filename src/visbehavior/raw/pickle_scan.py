"""Checks of a pickle's opcodes before it is loaded, so that loading it needs memory in proportion to its size.

The C unpickler allocates what some opcodes claim: a memo of any index, an integer of any number of digits. This scan walks
over all opcodes without executing them. Runs of common opcodes are matched by one regular expression, which takes about a
tenth of the time of loading.
"""

from __future__ import annotations

import re

MAX_INTEGER_BYTES = 9
"""Largest integer of a stimulus pickle. Longer ones are slow to convert, and many of them share a hash."""
_MAX_DIGITS = 20
_MAX_FLOAT_LENGTH = 64


class RejectedPickle(Exception):
    """The pickle asks for more memory or time than its size justifies, or has unknown opcodes."""


def _counted(code: bytes, limit: int = 256) -> bytes:
    """Return a pattern for an opcode followed by a length byte and as many bytes."""
    lengths = b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in range(limit))
    return re.escape(code) + b"(?:" + lengths + b")"


_COMMON = re.compile(
    b"(?:"
    + b"|".join(
        [
            # Without an argument: marks, containers, constants, stack operations, REDUCE, BUILD, memoize.
            rb"[(.012Nabdel\]os}tu)R\x81\x85-\x89\x8f-\x94\x98]",
            rb"[IL]-?\d{1,%d}L?\n" % _MAX_DIGITS,
            rb"F[^\n]{1,%d}\n" % _MAX_FLOAT_LENGTH,
            rb"[SV][^\n]*\n",
            rb"[pg]\d{1,6}\n",
            rb"[ci][^\n]*\n[^\n]*\n",
            rb"[Khq\x80].",
            rb"M..",
            rb"[Jj].{4}",
            rb"G.{8}",
            rb"r..[\x00-\x0f]\x00",
            _counted(b"U"),
            _counted(b"C"),
            _counted(b"\x8c"),
            _counted(b"\x8a", MAX_INTEGER_BYTES + 1),
        ]
    )
    + b")*+",
    re.DOTALL,
)
_COUNT_SIZE = {b"T": 4, b"X": 4, b"B": 4, b"\x8d": 8, b"\x8e": 8, b"\x96": 8}
"""Opcodes with bytes after a length of so many bytes."""
_FRAME = b"\x95"
_PADDING = b"0\n0\n" + bytes(256)
"""Completes any opcode that is cut off."""
_PUTS = re.compile(rb"p(\d{1,19})\n|r(.{4})", re.DOTALL)


def check_opcodes(data: bytes) -> None:
    """Raise unless all opcodes are known and ask for no more than the pickle's size justifies.

    Raises
    ------
    RejectedPickle
        If an opcode claims too much, or is unknown.
    EOFError
        If the pickle ends within an opcode.
    """
    position = 0
    while True:
        position = _COMMON.match(data, position).end()  # type: ignore[union-attr]
        if position >= len(data):
            return
        position = _after_rare_opcode(data, position)


def _after_rare_opcode(data: bytes, position: int) -> int:
    code = data[position : position + 1]
    size = _COUNT_SIZE.get(code)
    if size is not None:
        count = int.from_bytes(data[position + 1 : position + 1 + size], "little")
        end = position + 1 + size + count
        if end > len(data):
            raise EOFError("pickle data was truncated")
        return end
    if code == _FRAME:
        return position + 9
    put = _PUTS.match(data, position)
    if put and (int(put[1]) if put[1] else int.from_bytes(put[2], "little")) <= len(data):
        return put.end()
    if _COMMON.match(data[position:] + _PADDING).end():  # type: ignore[union-attr]
        raise EOFError("pickle data was truncated")
    raise RejectedPickle(f"an opcode that no rig writes: {data[position : position + 12]!r} at byte {position}")
