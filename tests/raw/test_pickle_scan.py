"""Tests of `visbehavior.raw.pickle_scan`: opcodes, their lengths, and the replacement of dictionaries."""

from __future__ import annotations

import contextlib
import datetime
import io
import pickle
import pickletools
import struct
from typing import Any

import numpy as np
import pytest

from tests.raw.hostile_pickles import attacks
from visbehavior.raw.pickle_scan import DICTIONARY, RejectedPickle, check_opcodes

CONTENT = {
    "a": [1, -1, 2.5, None, True, 2**40, 2**64 - 1, "é", b"bytes", "x" * 300, b"y" * 300],
    "b": (1, (2,), (), [], {}, {"c": {1: 2}}),
    "d": datetime.datetime(2019, 4, 11, 19, 31),
    "e": {str(i): [i] for i in range(2000)},
}


class PlainDictionaries(pickle.Unpickler):
    """An unpickler that builds the dictionaries of a checked pickle."""

    def find_class(self, module: str, name: str) -> Any:
        return StateDictionary if (module, name) == DICTIONARY else super().find_class(module, name)


class StateDictionary(dict[Any, Any]):
    def __setstate__(self, state: Any) -> None:
        (items,) = state
        self.update(zip(items[::2], items[1::2], strict=True))


@pytest.mark.parametrize("protocol", range(6))
def test_checked_pickle_has_the_same_content(protocol: int) -> None:
    content = pickle.dumps(CONTENT, protocol)
    assert PlainDictionaries(io.BytesIO(check_opcodes(content))).load() == pickle.loads(content)


@pytest.mark.parametrize("protocol", range(6))
def test_checked_pickle_has_no_opcode_of_dictionaries(protocol: int) -> None:
    checked = check_opcodes(pickle.dumps(CONTENT, protocol))
    names = {opcode.name for opcode, _, _ in pickletools.genops(checked)}
    assert not names & {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "FRAME"}


@pytest.mark.parametrize("protocol", range(6))
def test_truncated_pickle_is_an_error_at_every_byte(protocol: int) -> None:
    content = pickle.dumps({"a": [1, 2.5, "b", b"c", None, 2**40, np.arange(2)]}, protocol)
    for size in range(len(content)):
        with pytest.raises(EOFError):
            check_opcodes(content[:size])


@pytest.mark.parametrize(
    "opcodes",
    [
        b"}.",
        b"(dp0\nS's'\np1\nI1\ns.",
        b"}U\x04(du}N" + b"s.",
        b"}X\x05\0\0\0}su.dN" + b"s.",
        b"]q\x7dh\x7da.",
        b"(K}Ks\x86" + b"t.",
        b"c}s\nu\n.",
    ],
)
def test_bytes_in_arguments_are_not_opcodes(opcodes: bytes) -> None:
    """Only dictionaries change: text, lengths and indices may contain the bytes of any opcode."""
    checked = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(check_opcodes(opcodes))]
    for opcode, argument, _ in pickletools.genops(opcodes):
        assert argument is None or (opcode.name, argument) in checked


def test_claims_without_bytes_are_rejected() -> None:
    # The unpickler itself rejects these before it allocates anything.
    harmless = ("PUT of nothing", "BINGET of nothing", "LONG_BINGET 2**32 - 1", "PROTO 255", "FLOAT of words")
    for name, content in attacks("claims").items():
        if name not in harmless:
            with pytest.raises((RejectedPickle, EOFError)):
                check_opcodes(content)


@pytest.mark.parametrize("value", [0, 1, -1, 2**62, -(2**63), 2**63, 2**64 - 1])
def test_integers_of_64_bits_are_accepted(value: int) -> None:
    for protocol in range(6):
        content = pickle.dumps(value, protocol)
        assert pickle.loads(check_opcodes(content)) == value


@pytest.mark.parametrize("value", [2**64 + 2**63, -(2**67), 2**100])
def test_larger_integers_are_rejected(value: int) -> None:
    with pytest.raises(RejectedPickle, match="an opcode that no rig writes"):
        check_opcodes(pickle.dumps(value, 2))


def test_index_of_the_memo_is_limited_by_the_size() -> None:
    padding = b"B" + struct.pack("<I", 8 << 20) + bytes(8 << 20) + b"0"
    put = b"Nr" + struct.pack("<I", 2 << 20)
    check_opcodes(padding + put + b".")
    check_opcodes(padding + b"Np2000000\n.")
    for content in (put + b".", b"Np2000000\n."):
        with pytest.raises(RejectedPickle):
            check_opcodes(content)


@pytest.mark.parametrize("more", [b".", b"more", b"\0", pickle.dumps([1])])
def test_bytes_after_the_end_are_rejected(more: bytes) -> None:
    content = pickle.dumps({"a": 1})
    with pytest.raises(RejectedPickle, match=f"something follows its end at byte {len(content) - 1}"):
        check_opcodes(content + more)


@pytest.mark.parametrize("opcode", sorted({opcode.code for opcode in pickletools.opcodes}))
def test_each_opcode_is_accepted_or_rejected_by_itself(opcode: str) -> None:
    """No opcode raises another error, whatever follows it."""
    for rest in (b"", b".", b"\xff" * 20, bytes(20), b"1\n1\n."):
        with contextlib.suppress(RejectedPickle, EOFError):
            check_opcodes(opcode.encode("latin1") + rest)
