"""The errors that a user can meet."""

from __future__ import annotations

import pickle

import pytest

from visbehavior import errors

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.VisBehaviorError)
]


@pytest.mark.parametrize("error", CLASSES)
def test_each_is_in_the_tree_that_is_drawn(error: type[errors.VisBehaviorError]) -> None:
    assert error.__name__ in str(errors.__doc__)


@pytest.mark.parametrize("error", [c for c in CLASSES if c is not errors.VisBehaviorError])
def test_each_has_the_builtin_that_is_drawn_and_keeps_its_facts(error: type[errors.VisBehaviorError]) -> None:
    line = next(line for line in str(errors.__doc__).splitlines() if f"+-- {error.__name__} " in line)
    builtin = line.split()[2]
    assert builtin in {base.__name__ for base in error.__mro__}
    raised = error("What. Where. What to do.", path="/x", size=3)
    assert str(raised) == "What. Where. What to do."
    again = pickle.loads(pickle.dumps(raised))
    assert (str(again), again.path, again.size) == (str(raised), "/x", 3)
