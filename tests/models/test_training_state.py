import random
from pathlib import Path

import numpy as np
import pytest

from tellapart.models.training_state import TrainingState, chance, read_state, set_chance, write_state


def a_state() -> TrainingState:
    many = [np.full((2, number + 1), number, np.float32) for number in range(12)]
    return TrainingState({"rows": [{"loss": 0.1}]}, {"network": many, "best": [np.float32(3.5)]}, chance())  # type: ignore[list-item]


def test_a_state_comes_back_with_its_arrays_in_order(tmp_path: Path) -> None:
    write_state(tmp_path / "a.safetensors", "mine", a_state())
    found = read_state(tmp_path / "a.safetensors", "mine")
    assert found is not None
    assert found.told["rows"] == [{"loss": 0.1}]
    assert [array.shape[1] for array in found.arrays["network"]] == list(range(1, 13))
    assert found.arrays["best"][0] == 3.5
    assert found.chance.tolist() == chance().tolist()


def test_a_state_of_something_else_or_damaged_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    assert read_state(path, "mine") is None
    write_state(path, "other", a_state())
    assert read_state(path, "mine") is None
    write_state(path, "mine", a_state())
    content = path.read_bytes()
    for half in (content[: len(content) // 2], b"", b"{}" * 40):
        path.write_bytes(half)
        assert read_state(path, "mine") is None


def test_chance_goes_on_where_it_was() -> None:
    before = random.getstate()
    try:
        random.seed(3)
        random.random()
        kept = chance()
        told = [random.random() for _ in range(5)]
        set_chance(kept)
        assert [random.random() for _ in range(5)] == told
    finally:
        random.setstate(before)


def test_a_loss_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_state(tmp_path / "a", "mine", TrainingState({"loss": float("nan")}, {}, chance()))
    assert not list(tmp_path.iterdir())
