"""Read mutated pickles: run with a folder, the first seed, and the one after the last.

Half of the pickles are a simulated session, of which all tables are read. The others are small, or random opcodes.
"""

from __future__ import annotations

import datetime
import functools
import gzip
import pathlib
import pickle
import pickletools
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.fuzzing import check_error, run_cases
from tests.raw import hostile_pickles as made
from tests.rawfiles import make_raw, session_data
from visbehavior import BehaviorSession, VisBehaviorError
from visbehavior.raw.unpickle import read_pickle
from visbehavior.schema.session import SESSION_TABLES

SECONDS, MEMORY, GROWTH = 60, 4 << 30, 300 << 20
NAMES = ("behavior_session_id", "describe", "get_performance_metrics", *(table.name for table in SESSION_TABLES))
SMALL = [
    {"a": [1, -1, 2.5, None, True, 2**40], "b": ("x", b"y", [])},
    {"a": np.arange(5.0), "b": np.array(["x", None], object), "c": np.float64(2), "d": np.array(["x", "y"])},
    [[i, float(i), str(i)] for i in range(30)],
]


@functools.cache
def sources() -> tuple[tuple[bytes, list[int]], ...]:
    """Return pickles, and the positions of their opcodes."""
    session = make_raw(gray_before=False, trials=6, seed=3)
    pickles = [pickle.dumps(content, protocol) for protocol in range(6) for content in (session, *SMALL)]
    return tuple((content, [position for _, _, position in pickletools.genops(content)]) for content in pickles)


def flip_bits(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    for _ in range(rng.choice([1, 4, 30])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def flip_bits_of_opcodes(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    for position in rng.choices(positions, k=rng.choice([1, 4])):
        content[min(position + rng.randrange(3), len(content) - 1)] ^= 1 << rng.randrange(8)


def cut(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    start = rng.choice(positions)
    del content[start : start + rng.choice([1, 2, 9, 1000, len(content)])]


def splice(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    other, others = rng.choice(sources())
    start, end = sorted(rng.choices(others, k=2))
    at = rng.choice(positions)
    content[at : at + rng.choice([0, end - start])] = other[start : min(end, start + 100_000)]


def change_opcodes(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    codes = [opcode.code.encode("latin1")[0] for opcode in pickletools.opcodes]
    for position in rng.choices(positions, k=rng.choice([1, 4])):
        content[position] = rng.choice(codes)


def duplicate(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    start, end = sorted((rng.choice(positions), rng.choice(positions)))
    content[start:start] = content[start : min(end, start + 1000)] * rng.choice([1, 2, 50])


def change_lengths(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    """Change the argument of an opcode that has a length, an index or a number."""
    counted = [position for position in positions if content[position] in b"TXBUC\x8c\x8d\x8e\x95\x96hjqrKMJ"]
    for position in rng.choices(counted or positions, k=2):
        value = rng.choice([0, 1, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1])
        size = rng.choice([1, 4, 8])
        content[position + 1 : position + 1 + size] = (value & 256**size - 1).to_bytes(size, "little")


def insert_opcodes(content: bytearray, positions: Sequence[int], rng: random.Random) -> None:
    at = rng.choice(positions)
    content[at:at] = random_opcodes(rng)


MUTATIONS: Sequence[Callable[[bytearray, Sequence[int], random.Random], None]] = (
    flip_bits,
    flip_bits_of_opcodes,
    cut,
    splice,
    change_opcodes,
    duplicate,
    change_lengths,
    insert_opcodes,
)


def random_opcodes(rng: random.Random) -> bytes:
    """Return opcodes in random order, and parts that build, call and change the allowed classes."""
    index = bytes([rng.randrange(6)])
    parts = [b"N", b"(", b"]", b"}", b")", b"t", b"e", b"u", b"s", b"a", b"R", b"b", b"0", b"1", b"2", b"\x85", b"\x86"]
    parts += [
        b"\x87",
        b"\x88",
        b"\x81",
        b"\x92",
        b"\x93",
        b"\x94",
        b"(d",
        b"l",
        b"h" + index,
        b"q" + index,
        b"K" + index,
    ]
    return b"".join(rng.choice([rng.choice(parts), random_value(rng)]) for _ in range(rng.choice([3, 10, 40])))


def random_value(rng: random.Random, depth: int = 0) -> bytes:
    """Return the opcodes of a value, which may be a call or a state that is almost right."""
    kind = rng.randrange(12 if depth < 4 else 5)
    if kind < 5:
        return random_leaf(rng)
    parts = [random_value(rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 2, 3, 5]))]
    if kind == 5:
        return made.list_of(*parts) + rng.choice([b"", b"q\x01"])
    if kind == 6:
        return made.tuple_of(*parts) + rng.choice([b"", b"q\x02"])
    if kind == 7:
        return made.dictionary_of(*(random_leaf(rng) + part for part in parts)) + rng.choice([b"", b"q\x03"])
    if kind == 8:
        return rng.choice(parts or [b"N"]) + rng.choice([made.tuple_of(*parts), b"".join(parts[:1]) or b"N"]) + b"b"
    if kind == 9:
        return made.call(rng.choice(CLASSES), *parts)
    return random_array(rng, depth)


def random_leaf(rng: random.Random) -> bytes:
    eight = rng.randbytes(8)
    leaves = [
        b"N",
        b"\x88",
        b")",
        b"K" + eight[:1],
        b"J" + eight[:4],
        b"G" + eight,
        b"\x8a\x08" + eight,
        b"L-1L\n",
        b"U\x02ab",
    ]
    leaves += [
        made.content(eight),
        made.text("f8"),
        made.integer(rng.choice([0, 1, 2, -1, 2**31, 2**62])),
        b"cnumpy\nndarray\n",
    ]
    leaves += [
        made.dtype(random_code(rng), rng.choice("<>|=!")),
        made.date(eight + eight[:2]),
        b"h" + bytes([rng.randrange(4)]),
    ]
    return rng.choice(leaves)


def random_array(rng: random.Random, depth: int) -> bytes:
    """Return an array or a number whose dtype, shape and content may not fit."""
    code, shape = random_code(rng), rng.choices([0, 1, 1, 2, 8], k=rng.choice([0, 1, 1, 2]))
    values = rng.choice(
        [made.content(rng.choice([bytes(8), rng.randbytes(8), rng.randbytes(rng.randrange(40))]))] * 3 + [b"]"]
    )
    if rng.random() < 0.2:
        values = made.list_of(*(random_value(rng, depth + 1) for _ in range(2)))
    built = [made.array(code, values, *shape), made.frombuffer(code, values, *shape), made.scalar(code, values)]
    state = made.tuple_of(made.integer(1), made.tuple_of(*map(made.integer, shape)), made.dtype(code), b"\x89", values)
    return rng.choice([*built, made.array_of(state), made.array_of(state) + state + b"b"])


def random_code(rng: random.Random) -> str:
    return rng.choice(["f8", "f8", "O8", "O", "b1", "U2", "S8", "S4", "i4", "u1", "c16", "V8", ">i8"])


CLASSES = [
    "numpy.dtype",
    "collections.OrderedDict",
    "datetime.datetime",
    "_codecs.encode",
    "builtins.bytes",
    "visbehavior.dict",
]
CLASSES += [
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "os.system",
]
NESTED: list[Any] = [1.0]
for _ in range(40):
    NESTED = [NESTED] * 8
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    2**64 - 1,
    -(2**63),
    1e308,
    float("nan"),
    float("inf"),
    0.5,
    "",
    "x" * 100_000,
    b"\xff",
]
VALUES += [
    [],
    {},
    (),
    [[]],
    {"a": {}},
    [None],
    ["x"],
    {1: 2},
    [0] * 1000,
    NESTED,
    "im065",
    "Ori",
    "stimulus_changed",
    np.float64("nan"),
]
VALUES += [
    np.zeros(0),
    np.array(1.5),
    np.zeros((3, 3)),
    np.array(["x"]),
    np.array([None], object),
    np.arange(5),
    np.zeros((1000, 0)),
]
VALUES += [
    np.array([2**64 - 1], np.uint64),
    np.array([True]),
    np.full(5, np.inf),
    datetime.datetime.min,
    datetime.datetime.max,
]


def mutate_content(rng: random.Random) -> bytes:
    """Return the pickle of a session with other values, keys or lengths."""
    content = pickle.loads(sources()[2 * (1 + len(SMALL))][0])
    for _ in range(rng.choice([1, 1, 2, 5])):
        node = content
        while rng.random() < 0.85:
            below = [child for child in children(node) if isinstance(child, (dict, list)) and len(child)]
            if not below:
                break
            node = rng.choice(below)
        if not node:
            break
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        action = rng.randrange(6)
        if action == 0:
            del node[key]
        elif action == 1 and isinstance(node, list):
            node[key:key] = rng.choices(node, k=rng.choice([1, 100]))
        elif action == 2:
            node[key] = rng.choice(list(children(node)))
        elif action == 3 and isinstance(node[key], (list, str)):
            node[key] = node[key][: rng.randrange(3)]
        else:
            node[key] = rng.choice(VALUES)
    return pickle.dumps(content, rng.randrange(6))


def children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


def mutate(rng: random.Random, is_session: bool) -> bytes:
    """Return a mutated pickle."""
    matching = [source for number, source in enumerate(sources()) if (number % (1 + len(SMALL)) == 0) == is_session]
    original, positions = rng.choice(matching)
    content = bytearray(original)
    for mutation in rng.choices(MUTATIONS, k=rng.choice([1, 1, 1, 3])):
        inside = [position for position in positions if position < len(content)]
        if inside:
            mutation(content, inside, rng)
    return bytes(content)


def read_session(path: pathlib.Path) -> None:
    """Read all tables of a session; only errors of visbehavior may be raised."""
    try:
        session = BehaviorSession.from_json(session_data(path))
    except VisBehaviorError as error:
        check_error(error)
        return
    for name in NAMES:
        try:
            value: Any = getattr(session, name)
            _ = value() if callable(value) else value
        except VisBehaviorError as error:
            check_error(error)
            if type(error).__name__ in ("UnsupportedFile", "CorruptFile"):
                return


def run_case(path: pathlib.Path, rng: random.Random) -> None:
    is_session = rng.random() < 0.5
    mutated = mutate_content(rng) if is_session and rng.random() < 0.6 else mutate(rng, is_session)
    content = random_opcodes(rng) + b"." if not is_session and rng.random() < 0.3 else mutated
    if not is_session and rng.random() < 0.5:
        content = random_value(rng) + b"."
    path.write_bytes(gzip.compress(content, 1) if rng.random() < 0.3 else content)
    if is_session:
        read_session(path)
        return
    try:
        value = read_pickle(path)
    except VisBehaviorError as error:
        check_error(error)
    else:
        # Whatever was built can be used: numpy reads no memory that is not its own.
        _ = repr(value), str(value)


def main() -> None:
    folder, first, last = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    sources()
    run_cases(first, last, functools.partial(run_case, folder / "mutated.pkl"), SECONDS, MEMORY, GROWTH)


if __name__ == "__main__":
    main()
