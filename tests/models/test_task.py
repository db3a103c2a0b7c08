from pathlib import Path

import pytest

from photo_maker import photo
from tellapart.models.task import Options, Task
from tellapart.models.training import Plan


def task(options: Options) -> Task:
    photos = (photo(0, "b"), photo(1, "a"), photo(2, "b"))
    return Task(Path("root"), ("a", "b"), photos, photos[:1], options, Path("folder"), Path("cache"))


def test_labels_are_numbered_in_the_order_of_the_classes() -> None:
    labels = task(Options()).labels(task(Options()).train)
    assert labels.tolist() == [1, 0, 1]
    assert labels.dtype.name == "int64"


@pytest.mark.parametrize(("ceiling", "expected"), [(None, 40), (3, 3), (100, 40)])
def test_the_users_ceiling_lowers_the_epochs_and_never_raises_them(ceiling: int | None, expected: int) -> None:
    assert task(Options(epochs=ceiling)).capped(Plan(epochs=40)).epochs == expected
