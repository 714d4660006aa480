"""The exceptions of visbehavior."""

from __future__ import annotations

import pickle

import pytest

from visbehavior import errors

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.VisBehaviorError)
]


@pytest.mark.parametrize("error", CLASSES)
def test_each_class_is_in_the_tree_of_the_docstring(error: type[errors.VisBehaviorError]) -> None:
    assert error.__name__ in str(errors.__doc__)


@pytest.mark.parametrize("error", [c for c in CLASSES if c is not errors.VisBehaviorError])
def test_each_class_has_the_builtin_base_of_the_tree_and_keeps_its_facts(error: type[errors.VisBehaviorError]) -> None:
    line = next(line for line in str(errors.__doc__).splitlines() if f"+-- {error.__name__} " in line)
    builtin = line.split()[2]
    assert builtin in {base.__name__ for base in error.__mro__}
    raised = error("What. Where. What to do.", path="/x", size=3)
    assert str(raised) == "What. Where. What to do."
    copy = pickle.loads(pickle.dumps(raised))
    assert (str(copy), copy.path, copy.size) == (str(raised), "/x", 3)
