"""Pickles that were made to crash the interpreter, run code, or use up memory and time.

They are written in opcodes: a pickler refuses to write them.
"""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Iterator

MODULUS = 2**61 - 1
"""Integers that differ by it have the same hash."""
MANY = 300_000
DATE = b"\x07\xe3\4\x0b\x13\x1f\x32\0\0\0"


# Parts of pickles


def call(name: str, *arguments: bytes) -> bytes:
    """Return the call of a class or function, such as numpy.dtype."""
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n(".encode() + b"".join(arguments) + b"tR"


def integer(value: int) -> bytes:
    return b"I%d\n" % value


def text(value: str) -> bytes:
    content = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def content(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def list_of(*parts: bytes) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def dictionary_of(*parts: bytes) -> bytes:
    return b"}(" + b"".join(parts) + b"u"


def dtype(code: str, order: str = "<", fields: bytes = b"NNN", size: int = -1) -> bytes:
    made = call("numpy.dtype", text(code), integer(0), integer(1))
    return made + tuple_of(integer(3), text(order), fields, integer(size), integer(size), integer(0)) + b"b"


def array(code: str, values: bytes, *shape: int, is_fortran: bytes = b"I00\n") -> bytes:
    """Return an array; `values` is the pickle of its content."""
    return array_of(tuple_of(integer(1), tuple_of(*map(integer, shape)), dtype(code), is_fortran, values))


def array_of(state: bytes) -> bytes:
    """Return an array with any state."""
    new = call("numpy.core.multiarray._reconstruct", b"cnumpy\nndarray\n", tuple_of(integer(0)), text("b"))
    return new + state + b"b"


def scalar(code: str, values: bytes) -> bytes:
    return call("numpy.core.multiarray.scalar", dtype(code), values)


def frombuffer(code: str, values: bytes, *shape: int, order: bytes = b"S'C'\n") -> bytes:
    return call("numpy.core.numeric._frombuffer", values, dtype(code), tuple_of(*map(integer, shape)), order)


def date(values: bytes, *others: bytes) -> bytes:
    return call("datetime.datetime", content(values), *others)


def long(value: int) -> bytes:
    """Return an integer in as few bytes as it needs."""
    return pickle.dumps(value, 2)[2:-1]


# Attacks


def attacks(group: str) -> dict[str, bytes]:
    """Return the hostile files of one of the groups, by name."""
    if group == "files":
        return _files()
    return {name: opcodes + b"." for name, opcodes in _GROUPS[group]().items()}


def _classes() -> dict[str, bytes]:
    names = ["os.system", "posix.system", "builtins.eval", "builtins.getattr", "builtins.object", "__builtin__.set"]
    names += ["copyreg._reconstructor", "copy_reg._reconstructor", "numpy.core.multiarray.fromfile", "numpy.load"]
    names += ["numpy.dtype.__init__", "visbehavior.raw.unpickle.read_pickle", "sys.modules", "datetime.timezone"]
    command = tuple_of(text("exit 3"))
    return {name: call(name, text("exit 3")) for name in names} | {
        "STACK_GLOBAL": b"\x8c\x02os\x8c\x06system\x93" + command + b"R",
        "STACK_GLOBAL of numbers": b"K\x01K\x02\x93",
        "STACK_GLOBAL of lines": text("os\nsystem\x1b[31m") + text("a\r\nb") + b"\x93",
        "GLOBAL of 2 MB": b"c" + b"a" * 10**6 + b"\n" + b"b" * 10**6 + b"\n",
        "INST": b"(" + text("exit 3") + b"ios\nsystem\n",
        "OBJ": b"(cos\nsystem\n" + text("exit 3") + b"o",
        "NEWOBJ": b"cos\nsystem\n" + command + b"\x81",
        "NEWOBJ_EX": b"cos\nsystem\n" + command + b"}\x92",
        "NEWOBJ of ndarray": b"cnumpy\nndarray\n" + tuple_of(integer(5)) + b"\x81",
        "NEWOBJ of OrderedDict": b"ccollections\nOrderedDict\n)\x81",
        "NEWOBJ_EX of dtype": b"cnumpy\ndtype\n" + tuple_of(text("O")) + b"}\x92",
        "INST of datetime": b"(I2020\nI1\nI1\nidatetime\ndatetime\n",
        "call of ndarray": call("numpy.ndarray", tuple_of(integer(5)), text("O"), content(bytes(40))),
        "call of bytes": call("builtins.bytes", integer(10**9)),
        "call of text": text("a") + b")R",
        "call of a list": b"])R",
        "call with a list": b"cnumpy\ndtype\n" + list_of(text("f8")) + b"R",
        "call with itself": b"cnumpy\ndtype\nq\x00h\x00\x85R",
        "encode in another encoding": call("_codecs.encode", text("a"), text("rot13")),
        "encode of bytes": call("_codecs.encode", content(b"a"), text("latin1")),
        "encode to an array": call("_codecs.encode", text("a"), array("f8", content(bytes(16)), 2)),
        "OrderedDict of a dictionary": call("collections.OrderedDict", dictionary_of(text("a"), b"N")),
        "OrderedDict of an array": call("collections.OrderedDict", array("i1", content(bytes(10**6)), 10**6)),
        "OrderedDict of triples": call("collections.OrderedDict", list_of(list_of(b"NNN"))),
        "class of dictionaries with an argument": call("visbehavior.dict", list_of(b"N")),
    }


def _states() -> dict[str, bytes]:
    """Return pickles that set attributes."""
    attributes, slots = b"}" + text("_function") + b"Nsb", b"N}" + text("_function") + b"Ns\x86b"
    values = {
        "builder": b"cnumpy\ndtype\n",
        "class of arrays": b"cnumpy\nndarray\n",
        "OrderedDict": call("collections.OrderedDict"),
        "dictionary": b"}",
        "list": b"]",
        "text": text("a"),
        "None": b"N",
        "date": date(DATE),
        "dtype": dtype("f8"),
        "unset array": array_of(b"")[:-1],
        "array": array("f8", content(bytes(8)), 1),
    }
    made = {f"attributes of {name}": value + attributes for name, value in values.items()}
    made |= {f"slots of {name}": value + slots for name, value in values.items()}
    return made | {
        "attribute of 1 MB": text("a") + b"}" + text("x" * 10**6) + b"Nsb",
        "slot of 1 MB": text("a") + b"N}" + text("x" * 10**6) + b"Ns\x86b",
        "attribute that is no text": text("a") + b"}" + b"K\x01Nsb",
        "items of OrderedDict": call("collections.OrderedDict") + b"}" + text("items") + b"Nsb",
        "item without a value": b"}(" + text("a") + b"u",
    }


def _dtypes() -> dict[str, bytes]:
    codes = [
        "V8",
        "O8,f8",
        "(2,)f8",
        "f8,O",
        "M8[ns]",
        "S0",
        "U0",
        "S\u0663",
        "U9999999999",
        "\xff",
        "",
        "float64",
        "O16",
    ]
    codes += ["f16", "i3", "U-1", "O8\n", "f8\0", "|O", "<f8"]
    fields = dictionary_of(text("a"), tuple_of(dtype("O"), integer(0)))
    unset = call("numpy.dtype", text("f8"))
    version = integer(1) + tuple_of(integer(1))
    return {f"code {code!r}": array(code, content(bytes(8)), 1) for code in codes} | {
        "code that is a number": call("numpy.dtype", integer(8)),
        "code that is a tuple": call("numpy.dtype", tuple_of(text("f8"), integer(2**40))),
        "code of 1 MB": call("numpy.dtype", text("x" * 10**6)),
        "no code": call("numpy.dtype"),
        "fields": dtype("f8", fields=b"N" + tuple_of(text("a")) + fields),
        "subarray": dtype("f8", fields=tuple_of(dtype("f8"), tuple_of(integer(2**40))) + b"NN"),
        "unknown order": dtype("f8", order="?"),
        "array as order": unset
        + tuple_of(integer(3), array("f8", content(bytes(80)), 10), b"NNNI-1\nI-1\nI0\n")
        + b"b",
        "short state": unset + tuple_of(integer(3)) + b"b",
        "text as state": unset + text("<" * 10**6) + b"b",
        "array as state": unset + array("i1", content(bytes(10**6)), 10**6) + b"b",
        "text in its place": array_of(tuple_of(version, text("O"), b"I00\n", content(bytes(8)))),
        "class in its place": array_of(tuple_of(version, b"cnumpy\ndtype\n", b"I00\n", content(bytes(8)))),
        "changed after its use": dtype("i1")
        + b"q\x010"
        + array_of(tuple_of(version, b"h\x01", b"I00\n", content(b"a")))
        + b"0h\x01"
        + tuple_of(integer(3), text("|"), b"N" + tuple_of(text("a")) + fields, integer(8), integer(8), integer(0))
        + b"b",
    }


def _arrays() -> dict[str, bytes]:
    """Return arrays, numbers and text whose bytes do not fit."""
    eight = content(bytes(8))
    shapes = {
        "huge": (2**62,),
        "of overflowing size": (2**32, 2**32),
        "negative": (-1,),
        "twice negative": (-1, -1),
        "longer": (2,),
        "shorter": (0,),
        "empty with many rows": (2**39, 0),
        "of 33 dimensions": (1,) * 33,
        "of 2**200": (2**60,) * 4,
    }
    version, plain, c_order = integer(1), dtype("f8"), b"I00\n"
    one = tuple_of(integer(1))
    states = {
        "with a list as shape": tuple_of(version, list_of(integer(1)), plain, c_order, eight),
        "with a float as length": tuple_of(version, tuple_of(b"F1.0\n"), plain, c_order, eight),
        "with a bool as length": tuple_of(version, tuple_of(b"\x88"), plain, c_order, eight),
        "with a list as content": tuple_of(version, one, plain, c_order, list_of(b"N")),
        "with an array as content": tuple_of(version, one, plain, c_order, array("f8", eight, 1)),
        "with text that is not latin1": tuple_of(version, one, plain, c_order, text("\u0100" * 8)),
        "with a huge order": tuple_of(version, one, plain, b"\x8a\x08" + b"\xff" * 7 + b"\x7f", eight),
        "with an array as order": tuple_of(version, one, plain, array("f8", content(bytes(80)), 10), eight),
        "with too few parts": tuple_of(version, one),
        "with too many parts": tuple_of(version, version, one, plain, c_order, eight),
        "with text as state": text("x" * 10**6),
        "with an array as state": array("i1", content(bytes(10**6)), 10**6),
        "with a dictionary as state": dictionary_of(text("shape"), one),
        "with None as state": b"N",
        "of more objects": tuple_of(version, tuple_of(integer(2)), dtype("O8"), c_order, list_of(b"N")),
        "of fewer objects": tuple_of(version, tuple_of(integer(0)), dtype("O8"), c_order, list_of(b"N")),
        "of objects in a tuple": tuple_of(version, one, dtype("O8"), c_order, tuple_of(b"N")),
        "of objects in bytes": tuple_of(version, one, dtype("O8"), c_order, eight),
        "of objects in text": tuple_of(version, one, dtype("O4"), c_order, text("a" * 8)),
        "of objects in an array": tuple_of(version, one, dtype("O"), c_order, array("f8", eight, 1)),
        "of lists": tuple_of(version, one, dtype("O"), c_order, list_of(b"]")),
        "of arrays": tuple_of(version, one, dtype("O"), c_order, list_of(array("f8", eight, 1))),
        "of callables": tuple_of(version, one, dtype("O"), c_order, list_of(b"cnumpy\ndtype\n")),
    }
    made = {f"shape {name}": array("f8", eight, *shape) for name, shape in shapes.items()}
    made |= {f"contiguous shape {name}": frombuffer("f8", eight, *shape) for name, shape in shapes.items()}
    made |= {name: array_of(state) for name, state in states.items()}
    nested = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nI0\n\x85S'b'\n\x87q\x02" + dtype("O")
    nested += b"q\x03I1\n\x85q\x04N"
    level = b"q\x050h\x01h\x02R(I1\nh\x04h\x03I00\n](h\x05etb"
    return made | {
        "of another class": call(
            "numpy.core.multiarray._reconstruct", text("ndarray"), tuple_of(integer(0)), text("b")
        ),
        "set twice": array("f8", eight, 1) + tuple_of(version, one, plain, c_order, eight) + b"b",
        "contiguous set twice": frombuffer("f8", eight, 1) + tuple_of(version, one, plain, c_order, eight) + b"b",
        "contiguous of objects": frombuffer("O", eight, 1),
        "contiguous of objects in a list": frombuffer("O", list_of(b"]"), 1),
        "contiguous in unknown order": frombuffer("f8", eight, 1, order=b"S'K'\n"),
        "contiguous with an array as order": frombuffer("f8", eight, 1, order=array("f8", content(bytes(80)), 10)),
        "contiguous of a bytearray": frombuffer("f8", b"\x96" + struct.pack("<Q", 7) + bytes(7), 1),
        "boolean 2": array("b1", content(b"\0\2\1"), 3),
        "scalar boolean 255": scalar("b1", content(b"\xff")),
        "character 0xFFFFFFFF": array("U1", content(b"\xff" * 4), 1),
        "scalar character 0x110000": scalar("U1", content(struct.pack("<I", 0x110000))),
        "scalar of objects": scalar("O8", content(b"a" * 8)),
        "scalar of an object": scalar("O8", text("a")),
        "scalar of 7 bytes": scalar("f8", content(bytes(7))),
        "scalar of 9 bytes": scalar("f8", content(bytes(9))),
        "scalar of None": scalar("f8", b"N"),
        "scalar without content": call("numpy.core.multiarray.scalar", plain),
        "scalar of a class": call("numpy.core.multiarray.scalar", b"cnumpy\ndtype\n", eight),
        "scalar of 40 MB": scalar("U9999999", content(b"a")),
        "of objects that contains itself": array_of(
            b"q\x01" + tuple_of(version, one, dtype("O"), c_order, list_of(b"h\x01"))
        ),
        "of objects, nested": nested + level * MANY,
        "item set": array("f8", content(bytes(80)), 10) + integer(2**62) + b"Ns",
        "items set": array("f8", content(bytes(80)), 10) + b"(" + integer(0) + b"Nu",
        "items appended": array("f8", content(bytes(80)), 10) + b"(NNe",
        "item appended": array("f8", content(bytes(80)), 10) + b"Na",
    }


def _claims() -> dict[str, bytes]:
    """Return opcodes that claim a length, an index or a number that the file does not have."""
    size = struct.pack
    return {
        "LONG_BINPUT 2**31": b"Nr" + size("<I", 2**31),
        "LONG_BINPUT 2**31 - 1": b"Nr" + size("<I", 2**31 - 1),
        "PUT 2**31 - 1": b"Np2147483647\n",
        "PUT 10**18": b"Np1000000000000000000\n",
        "PUT 10**1000": b"Np1" + b"0" * 1000 + b"\n",
        "PUT -1": b"Np-1\n",
        "GET 2**63": b"g9223372036854775808\n",
        "GET -1": b"Ng-1\n",
        "BINGET of nothing": b"h\x07",
        "LONG_BINGET 2**32 - 1": b"j\xff\xff\xff\xff",
        "PUT of nothing": b"q\x00",
        "LONG of 1,000,000 digits": b"L" + b"9" * 10**6 + b"L\n",
        "INT of 1,000,000 digits": b"I" + b"9" * 10**6 + b"\n",
        "INT of underscores": b"I" + b"1_" * 10**6 + b"\n",
        "FLOAT of 1,000,000 digits": b"F" + b"9" * 10**6 + b"\n",
        "FLOAT of words": b"Fspam\n",
        "LONG1 of 255 bytes": b"\x8a\xff" + b"\x7f" * 255,
        "LONG4 of 16 MB": b"\x8b" + size("<I", 1 << 24) + b"\x7f" * (1 << 24),
        "LONG4 of 2 GB": b"\x8b" + size("<i", 2**31 - 1) + b"1" * 100,
        "LONG4 of -1": b"\x8b" + size("<i", -1),
        "BINSTRING of -1": b"T" + size("<i", -1),
        "BINSTRING of 2 GB": b"T" + size("<i", 2**31 - 1) + b"a",
        "BINUNICODE of 4 GB": b"X" + size("<I", 2**32 - 1) + b"a",
        "BINUNICODE8 of 2**63 - 1": b"\x8d" + size("<Q", 2**63 - 1),
        "BINBYTES of 4 GB": b"B" + size("<I", 2**32 - 1),
        "BINBYTES8 of 2**64 - 1": b"\x8e" + size("<Q", 2**64 - 1),
        "BYTEARRAY8 of 2**60": b"\x96" + size("<Q", 2**60),
        "FRAME of 2**63": b"\x95" + size("<Q", 2**63) + b"N",
        "PROTO 255": b"\x80\xff" + b"N",
    }


def _nested() -> dict[str, bytes]:
    pairs = call("collections.OrderedDict", list_of(b"N" + b"\x85" * MANY + b"N\x86"))
    return {
        "tuples": b"N" + b"\x85" * 10**6,
        "tuples between marks": b"(" * MANY + b"t" * MANY,
        "tuples as a key": b"}N" + b"\x85" * 10**6 + b"Ns",
        "tuples as one of several keys": b"}(K\x01NN" + b"\x85" * MANY + b"Nu",
        "tuples as a key of OrderedDict": pairs,
        "tuples in a tuple as a key": b"}" + tuple_of(b"N" + b"\x85" * MANY) + b"Ns",
        "tuples as a key of DICT": b"(N" + b"\x85" * MANY + b"Nd",
        "tuples in a set": b"\x8f(N" + b"\x85" * MANY + b"\x90",
        "tuples in a frozenset": b"(N" + b"\x85" * MANY + b"\x91",
        "lists": b"]" * MANY + b"a" * (MANY - 1),
        "lists between marks": b"(" * MANY + b"l" * MANY,
        "dictionaries": b"}" + b"U\x01a}" * MANY + b"s" * MANY,
        "OrderedDict": b"ccollections\nOrderedDict\nq\x00)R" + b"U\x01ah\x00)R" * MANY + b"s" * MANY,
        "lists and dictionaries": b"](" + b"}U\x01a](" * MANY + b"es" * MANY + b"e",
        "list in itself": b"]q\x00h\x00a",
        "tuple in itself": b"]q\x00(h\x00tq\x01h\x00h\x01a",
        "dictionary in itself": b"}q\x00U\x01ah\x00s",
        "list in itself many times": b"]q\x00(" + b"h\x00" * MANY + b"e",
    }


def _keys() -> dict[str, bytes]:
    """Return dictionaries with keys of the same hash."""
    integers = [MODULUS * n for n in range(-4, 5)]
    wide = b"".join(b"\x8a\x0a" + (MODULUS * n).to_bytes(10, "little") + b"N" for n in range(1000))
    many = b"".join(long(base + offset) + b"N" for base in range(MANY // 9) for offset in integers)
    powers = [2.0 ** (61 * n) for n in range(-15, 16)]
    floats = b"".join(b"G" + struct.pack(">d", base * n) + b"N" for base in range(1, MANY // 31) for n in powers)
    tuples = b"".join(long(a) + long(b) + b"\x86N" for a, b in _pairs_of_same_hash(30_000))
    return {
        "integers of 80 bits": b"}(" + wide + b"u",
        "integers": b"}(" + many + b"u",
        "integers one by one": b"}" + b"".join(long(n) + b"Ns" for n in range(MANY)),
        "floats": b"}(" + floats + b"u",
        "tuples": b"}(" + tuples + b"u",
        "tuples in OrderedDict": call("collections.OrderedDict", list_of(tuples.replace(b"\x86N", b"\x86N\x86"))),
        "tuples in DICT": b"(" + tuples + b"d",
        "tuples in a set": b"\x8f(" + tuples.replace(b"\x86N", b"\x86") + b"\x90",
        "tuples with long text": b"}(" + text("a" * 10**6) + b"\x85Nu",
        "many parts": b"}(" + tuple_of(b"N" * 10**6) + b"Nu",
        "probes": b"}(" + b"".join(long(n) + b"N" for n in _integers_of_long_probes()) + b"u",
        "list": b"}]Ns",
        "dictionary": b"}}Ns",
        "array": b"}" + array("f8", content(bytes(8)), 1) + b"Ns",
        "dtype": b"}" + dtype("f8") + b"Ns",
        "class": b"}cnumpy\ndtype\nNs",
        "bytearray": b"}\x96" + bytes(8) + b"Ns",
    }


def _pairs_of_same_hash(count: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of integers that have the same hash as tuples."""
    prime_1, prime_2, prime_5, mask = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64 - 1
    inverse, target, first = pow(prime_2, -1, 2**64), 1234567, 0
    while count:
        first += 1
        lane = prime_5 + first * prime_2 & mask
        lane = (lane << 31 | lane >> 33) * prime_1 & mask
        second = (target - lane) * inverse & mask
        if second < MODULUS:
            count -= 1
            yield first, second


def _integers_of_long_probes() -> Iterator[int]:
    """Yield integers that fill a part of a dictionary in the order in which it is searched, and others that start there."""
    bits, slot = 19, 1
    for _ in range(MANY):
        yield slot
        slot = (5 * slot + 1) % 2**bits
    yield from (1 + (n << bits) for n in range(1, 20_000))


def _repeated() -> dict[str, bytes]:
    """Return pickles that use a part many times."""
    megabyte = text("a" * 10**6) + b"q\x00"
    doubled = b"".join(b"(h%sh%stq%s0" % ((bytes([n]),) * 2 + (bytes([n + 1]),)) for n in range(100))
    ten = b"".join(b"]q%s(" % bytes([n + 1]) + b"h%s" % bytes([n]) * 10 + b"e0" for n in range(20))
    in_dictionary = b"".join(b"}q%s(U\x01ah%sU\x01bh%su0" % (bytes([n + 1]), bytes([n]), bytes([n])) for n in range(60))
    pairs = list_of(*(tuple_of(text(str(n)), b"N") for n in range(1000)))
    return {
        "encoded": megabyte + b"c_codecs\nencode\nq\x01](" + b"h\x01h\x00\x85R" * 20_000 + b"e",
        "numbers": scalar_parts() + b"](" + b"h\x05h\x06R" * MANY * 2 + b"e",
        "text of numpy": megabyte
        + dtype("S1000000")
        + b"h\x00\x86q\x01cnumpy.core.multiarray\nscalar\nq\x02]("
        + b"h\x02h\x01R" * 20_000
        + b"e",
        "arrays of the same bytes": megabyte
        + dtype("i1")
        + b"q\x01(I1\n(I1000000\nth\x01I00\nh\x00tq\x02]("
        + (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRh\x02b") * 10_000
        + b"e",
        "OrderedDict of the same pairs": pairs
        + b"\x85q\x01ccollections\nOrderedDict\nq\x02]("
        + b"h\x02h\x01R" * MANY
        + b"e",
        "empty OrderedDict": b"ccollections\nOrderedDict\nq\x02](" + b"h\x02)R" * MANY * 2 + b"e",
        "empty arrays": b"(cnumpy\nndarray\n(I0\ntS'b'\ntq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02]("
        + b"h\x02h\x01R" * MANY
        + b"e",
        "tuples, doubled": b"Nq\x000" + doubled + b"hd",
        "lists, ten times": b"Nq\x000" + ten + b"h\x14",
        "dictionaries, doubled": b"Nq\x000" + in_dictionary + b"h\x3c",
        "array in a list": array("i1", content(bytes(10**6)), 10**6) + b"q\x00](" + b"h\x00" * MANY + b"e",
        "list in a list": b"](" + b"N" * MANY + b"eq\x00](" + b"h\x00" * MANY + b"e",
        "empty lists": b"](" + b"]" * 1_500_000 + b"e",
        "empty dictionaries": b"](" + b"}" * 1_500_000 + b"e",
        "marks": b"(" * 10**7,
        "dictionaries at the bottom": b"}" * 1_500_000,
        "items": b"}" + b"(u" * 1_500_000,
    }


def scalar_parts() -> bytes:
    """Return the opcodes that memoize the function that builds numbers as 5, and its arguments as 6."""
    return dtype("f8") + content(bytes(8)) + b"\x86q\x06cnumpy.core.multiarray\nscalar\nq\x05"


def _values() -> dict[str, bytes]:
    return {
        "day 200": date(b"\x07\xe3\4\xc8\x13\x1f\x32\0\0\0"),
        "day 0": date(b"\x07\xe3\4\0\x13\x1f\x32\0\0\0"),
        "month 13": date(b"\x07\xe3\x0d\x0b\x13\x1f\x32\0\0\0"),
        "hour 99": date(b"\x07\xe3\4\x0b\x63\x1f\x32\0\0\0"),
        "year 0": date(b"\0\0\4\x0b\x13\x1f\x32\0\0\0"),
        "year 65535": date(b"\xff\xff\4\x0b\x13\x1f\x32\0\0\0"),
        "microsecond 2**24 - 1": date(b"\x07\xe3\4\x0b\x13\x1f\x32\xff\xff\xff"),
        "date of 9 bytes": date(DATE[:9]),
        "date with a time zone": date(DATE, text("UTC")),
        "date of numbers": call("datetime.datetime", integer(2020), integer(1), integer(1)),
        "text that is not UTF-8": b"X\x04\0\0\0\xff\xff\xff\xff",
        "text with an unknown escape": b"V\\U00110000\n",
        "string without quotes": b"Sspam\n",
        "string that ends in a backslash": b"S'\\'\n",
        "bytes in a bytearray": b"\x96" + struct.pack("<Q", 1) + b"a(" + integer(300) + b"e",
    }


def _opcodes() -> dict[str, bytes]:
    return {
        "nothing on the stack": b"",
        "only a mark": b"(",
        "TUPLE without a mark": b"Nt",
        "LIST without a mark": b"l",
        "APPENDS without a mark": b"]e",
        "SETITEMS without a mark": b"}u",
        "SETITEM of an empty stack": b"s",
        "DICT without a mark": b"d",
        "APPEND of an empty stack": b"a",
        "APPEND to a number": b"K\x01Na",
        "APPEND to a tuple": b")Na",
        "APPEND below a mark": b"](Na",
        "SETITEM below a mark": b"}(NNs",
        "POP_MARK without a mark": b"1",
        "POP of an empty stack": b"0",
        "DUP of an empty stack": b"2",
        "MEMOIZE of an empty stack": b"\x94",
        "TUPLE3 of two": b"NN\x87",
        "REDUCE of one": b"NR",
        "BUILD of an empty stack": b"b",
        "PERSID": b"Pspam\n",
        "BINPERSID": b"NQ",
        "EXT1": b"\x82\x01",
        "EXT2": b"\x83\x01\x01",
        "EXT4": b"\x84\x01\0\0\0",
        "NEXT_BUFFER": b"\x97",
        "READONLY_BUFFER": b"B\1\0\0\0a\x98",
        "EMPTY_SET": b"\x8f",
        "FROZENSET": b"(N\x91",
        "unknown": b"N\xff",
        "NUL": bytes(1000),
    }


def _files() -> dict[str, bytes]:
    """Return files that are wrong as a whole."""
    good, bomb = pickle.dumps({"a": [1, 2]}, 2), gzip.compress(bytes(64 << 20))
    return {
        "empty": b"",
        "without an end": good[:-1],
        "with more bytes": good + b"more",
        "two pickles": good + good,
        "gz bomb": bomb * 20,
        "gz bomb in a pickle": gzip.compress(b"X\xff\xff\xff\x3f" + bytes(1 << 28)),
        "gz of empty lists": gzip.compress(b"](" + b"]" * (8 << 20) + b"e."),
        "gz of a gz": gzip.compress(gzip.compress(good)),
        "gz that is cut": gzip.compress(good)[:-5],
        "gz with a wrong checksum": gzip.compress(good)[:-8] + bytes(8),
        "gz followed by more": gzip.compress(good) + b"more",
        "gz header only": b"\x1f\x8b",
        "gz of an unknown method": b"\x1f\x8b\x07" + bytes(20),
        "text": b"frame,lick\n" * 1000,
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(1000),
        "all bytes": bytes(range(256)),
    }


_GROUPS = {
    "classes": _classes,
    "states": _states,
    "dtypes": _dtypes,
    "arrays": _arrays,
    "claims": _claims,
    "nested": _nested,
    "keys": _keys,
    "repeated": _repeated,
    "values": _values,
    "opcodes": _opcodes,
}
GROUPS = (*_GROUPS, "files")
"""Groups of hostile files."""
