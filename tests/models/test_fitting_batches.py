"""Training with smaller batches where memory is too little."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from as_user import Notes
from tellapart.errors import MemoryShortError
from tellapart.models import networks, training, training_state
from tellapart.models.backend import keras
from tellapart.models.training import Epoch, History, Plan, Watcher, train
from tellapart.photos.batches import Batches, rows_of

pytestmark = QUIET
PLAN = Plan(epochs=2, batch_size=16)


class ResourceExhaustedError(Exception):
    """As TensorFlow has one."""


def parts(size: int, seen: list[int] | None = None, most: int = 1000) -> tuple[Batches, Batches]:
    """Batches of points; of more than `most` none can be made."""
    points = np.random.default_rng(0).normal(size=(48, 2))
    plain = rows_of(points)

    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        if seen is not None:
            seen.append(len(positions))
        if len(positions) > most:
            raise ResourceExhaustedError("OOM when allocating tensor")
        return plain(positions, generator)

    labels = np.arange(48) % 3
    return Batches(fetch, labels, size, 0), Batches(plain, labels, 64, 0, shuffle=False)


def network() -> Any:
    keras.utils.set_random_seed(0)
    return networks.head(2, 3, dropout=0.5)


def test_half_a_batch_is_as_if_it_had_been_planned_so() -> None:
    notes, seen = Notes(), list[int]()
    halved = network()
    history = train(halved, parts(16, seen, most=5), PLAN, Watcher("tiny", notes))
    assert history.batch_size == 4
    assert {16, 8} <= set(seen)
    planned = network()
    expected = train(planned, parts(4), PLAN, Watcher("tiny"))
    assert [row.loss for row in history.rows] == [row.loss for row in expected.rows]
    for one, other in zip(halved.get_weights(), planned.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert notes.lines == [
        f"tiny: a batch of {size} photos does not fit into memory. It begins anew with {size // 2}, which is another "
        "training than planned."
        for size in (16, 8)
    ]


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("halved_before", [True, False])
def test_a_halved_training_that_is_killed_goes_on_with_its_own_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halved_before: bool
) -> None:
    """What was kept is of the batches that fitted; a state of larger ones is not gone on with by smaller ones."""
    monkeypatch.setattr(training_state, "LEAST", 0.0)
    monkeypatch.setattr(training_state, "TIMES", 0.0)
    plan, kept = replace(PLAN, epochs=4), tmp_path / "state.safetensors"

    def ending(row: Epoch) -> bool:
        if row.epoch == 3:
            raise KilledError
        return False

    with pytest.raises(KilledError):
        train(network(), parts(16, most=5 if halved_before else 1000), plan, Watcher("tiny", Notes(), ending, kept))
    keras.backend.clear_session()
    again, seen = network(), list[int]()
    history = train(again, parts(16, seen, most=5), plan, Watcher("tiny", Notes(), kept=kept))
    planned = network()
    expected = train(planned, parts(4), plan, Watcher("tiny"))
    assert history.batch_size == 4
    assert [row.loss for row in history.rows] == [row.loss for row in expected.rows]
    for one, other in zip(again.get_weights(), planned.get_weights(), strict=True):
        assert np.array_equal(one, other)
    done = sum(size <= 4 for size in seen) / (48 / 4)
    assert done < 3 if halved_before else done >= 4


def test_what_fits_is_not_spoken_of() -> None:
    assert train(network(), parts(16), PLAN, Watcher("tiny")).batch_size == 0


def test_where_one_photo_does_not_fit_it_is_one_line() -> None:
    with pytest.raises(MemoryShortError, match=r"not enough memory for tiny, whose batches are of one photo.*Next:"):
        train(network(), parts(16, most=0), PLAN, Watcher("tiny"))


def test_other_errors_of_a_training_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(training, "_train", fail)
    with pytest.raises(ValueError, match="a defect"):
        train(network(), parts(16), PLAN, Watcher("tiny"))


def test_two_phases_keep_the_smaller_batch() -> None:
    assert (History(batch_size=8) + History()).batch_size == 8
    assert (History() + History(batch_size=4)).batch_size == 4
