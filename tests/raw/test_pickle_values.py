"""Tests of `visbehavior.raw.pickle_values`: the budget, and the keys of dictionaries."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import numpy as np
import pytest

from visbehavior.raw.pickle_scan import RejectedPickle
from visbehavior.raw.pickle_values import Budget, PickledDictionary, date, ordered, short_text


@pytest.fixture
def budget() -> Budget:
    return Budget(1 << 20)


def test_budget_ends_when_its_bytes_are_spent() -> None:
    budget = Budget(1000)
    budget.spend(800)
    with pytest.raises(RejectedPickle, match="need more memory than the file justifies"):
        budget.spend(800)


@pytest.mark.parametrize(
    "key",
    [
        [],
        {},
        (1, (2,)),
        (1,) * 9,
        ("x" * 101,),
        ([],),
        np.arange(2),
        bytearray(),
        object(),
        datetime.timedelta(0),
        Budget,
    ],
)
def test_keys_that_could_take_long_to_hash_are_rejected(budget: Budget, key: Any) -> None:
    dictionary = PickledDictionary(budget)
    for items in (((key, 1),), (("a", 1, key, 2),)):
        with pytest.raises(pickle.UnpicklingError, match="a dictionary with a key that no rig writes"):
            dictionary.__setstate__(items)
    with pytest.raises(pickle.UnpicklingError, match="a dictionary with a key that no rig writes"):
        ordered(budget, [(key, 1)])


def test_keys_other_than_text_are_limited(budget: Budget) -> None:
    dictionary = PickledDictionary(budget)
    dictionary.__setstate__((tuple(str(n) for n in range(400_000)),))
    assert len(dictionary) == 200_000
    few = PickledDictionary(budget)
    few.__setstate__((tuple(range(10_000)),))
    with pytest.raises(RejectedPickle, match="too many keys that are not text"):
        few.__setstate__((tuple(range(20_000)),))
    with pytest.raises(RejectedPickle, match="too many keys that are not text"):
        # All dictionaries of a file share the limit.
        PickledDictionary(budget).__setstate__((tuple(range(14_000)),))


@pytest.mark.parametrize(
    "state", [None, {}, {"a": 1}, (), ("a", 1), (("a",),), (["a", 1],), ((), ()), (None, {"a": 1})]
)
def test_dictionaries_have_no_attributes(budget: Budget, state: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match="a dictionary with attributes"):
        PickledDictionary(budget).__setstate__(state)


@pytest.mark.parametrize("pairs", [{}, "ab", [1], ["ab"], [[1]], [(1, 2, 3)], np.zeros((2, 2))])
def test_ordered_dictionaries_need_pairs(budget: Budget, pairs: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match="an OrderedDict of something else than pairs"):
        ordered(budget, pairs)


def test_dates_are_checked(budget: Budget) -> None:
    when = datetime.datetime(2019, 6, 20, 11, 18, 15, 777_000)
    _, (content, *_) = when.__reduce__()  # type: ignore[misc]
    assert date(budget, content) == when
    assert date(budget, content.decode("latin1")) == when
    for byte, value in ((0, 0xFF), (2, 13), (3, 31), (4, 24), (5, 60), (6, 60), (7, 0xFF)):
        changed = bytearray(content)
        changed[byte] = value
        with pytest.raises((ValueError, TypeError, pickle.UnpicklingError)):
            date(budget, bytes(changed))


def test_text_of_messages_is_short() -> None:
    assert short_text("a\n b\x1b") == "a b\x1b"
    assert short_text("x" * 10**6) == "x" * 120
    assert short_text(ValueError("x" * 10**6)) == "x" * 120
    assert short_text(["x" * 10**6]) == "list"
    assert short_text(ValueError()) == "ValueError"
