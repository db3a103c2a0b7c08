import inspect
import re

import pytest

from tellapart import errors
from tellapart.errors import (
    MissingExtraError,
    TellapartError,
    TrainingError,
    UnknownNameError,
    UnreadablePhotoError,
    UserError,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    drawn = set(re.findall(r"\b\w+Error\b", errors.__doc__ or ""))
    assert drawn == {kind.__name__ for kind in ALL}
    assert all(issubclass(kind, TellapartError) for kind in ALL)
    for line in (errors.__doc__ or "").splitlines():
        found = re.search(r"│   [├└]── (\w+)", line)
        if found:
            assert issubclass(getattr(errors, found[1]), UserError)


def test_what_the_user_cannot_mend_is_no_user_error() -> None:
    assert not issubclass(TrainingError, UserError)
    assert not issubclass(UnreadablePhotoError, UserError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("botleneck", "Did you mean bottleneck?"), ("BASELINE", "Did you mean baseline?"), ("xyz", "Accepted:")],
)
def test_an_unknown_name_gives_the_nearest_ones(name: str, hint: str) -> None:
    told = str(UnknownNameError("recipe", name, ["tuned", "bottleneck", "baseline"]))
    assert told.startswith(f"No recipe is called '{name}'. {hint}")
    assert told.endswith("Accepted: baseline, bottleneck, tuned.")
    assert "\n" not in told


def test_what_is_missing_says_what_to_type() -> None:
    told = str(MissingExtraError("Keras", "train"))
    assert told == 'Keras is not installed. Next: pip install "tellapart[train]"'
