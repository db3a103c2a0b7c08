"""A training that is broken off and goes on is the same as one that is not."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_training import blobs, parts, small_network
from tiny_set import QUIET

from tellapart.models import training_state
from tellapart.models.backend import keras
from tellapart.models.training import Epoch, History, Plan, Watcher, train
from tellapart.photos.batches import Batches, rows_of
from tellapart.progress import Silent

pytestmark = QUIET

# Of little patience, so that both what halves the rate and what stops early have counted before the break.
PLANS = {
    "resting": Plan(epochs=14, learning_rate=0.01, batch_size=16, patience=7, weight_decay=1e-3),
    "fading": Plan(epochs=9, learning_rate=0.02, batch_size=16, patience=9, label_smoothing=0.1, fading=True),
}


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "LEAST", 0.0)
    monkeypatch.setattr(training_state, "TIMES", 0.0)


def broken_after(epoch: int) -> Callable[[Epoch], bool]:
    def after_epoch(row: Epoch) -> bool:
        if row.epoch == epoch:
            raise KilledError
        return False

    return after_epoch


def noting(asked: list[Epoch]) -> Callable[[Epoch], bool]:
    def after_epoch(row: Epoch) -> bool:
        asked.append(row)
        return False

    return after_epoch


def weights_after(
    plan: Plan, kept: Path | None, killed: tuple[int, ...] = ()
) -> tuple[History, list[np.ndarray], float]:
    """Train, killed in some epochs; each time a new network in a new order of seeds, as a new process has it."""
    for epoch in killed:
        with pytest.raises(KilledError):
            train(
                small_network(7),
                parts(plan, spread=1.5),
                plan,
                Watcher("tiny", after_epoch=broken_after(epoch), kept=kept),
            )
        keras.backend.clear_session()
    network = small_network(7)
    history = train(network, parts(plan, spread=1.5), plan, Watcher("tiny", kept=kept))
    import random

    return (
        history,
        [np.array(variable) for variable in map(keras.ops.convert_to_numpy, network.variables)],
        random.random(),
    )


def without_times(history: History) -> Any:
    return [replace(row, seconds=0.0) for row in history.rows], history.best_epoch, history.stopped


@pytest.mark.parametrize("name", list(PLANS))
@pytest.mark.parametrize("killed", [(2, 5, 6)])
def test_a_training_that_was_killed_is_the_same_as_one_that_was_not(
    tmp_path: Path, name: str, killed: tuple[int, ...]
) -> None:
    plan = PLANS[name]
    whole, weights, drawn = weights_after(plan, None)
    again, others, drawn_again = weights_after(plan, tmp_path / "state.safetensors", killed)
    assert without_times(again) == without_times(whole)
    assert len(whole.rows) > max(killed)
    assert [one.tobytes() for one in weights] == [other.tobytes() for other in others]
    assert drawn == drawn_again, "chance goes on elsewhere"
    assert [row.seconds for row in again.rows] == sorted(row.seconds for row in again.rows)


def test_no_epoch_but_the_current_one_is_done_again(tmp_path: Path) -> None:
    plan = replace(PLANS["resting"], patience=20)
    done: list[int] = []

    class Counted(Batches):
        def next_epoch(self) -> None:
            done.append(self.epoch)
            super().next_epoch()

    def counted() -> tuple[Batches, Batches]:
        points, labels = blobs(0)
        return Counted(rows_of(points), labels, plan.batch_size, 0), parts(plan)[1]

    with pytest.raises(KilledError):
        train(small_network(), counted(), plan, Watcher("tiny", after_epoch=broken_after(6), kept=tmp_path / "s"))
    done.clear()
    train(small_network(), counted(), plan, Watcher("tiny", kept=tmp_path / "s"))
    assert done == [0, *range(6, plan.epochs + 1)], "Keras moves on once before the first epoch"


def test_what_has_ended_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, kept = PLANS["resting"], tmp_path / "state.safetensors"
    asked: list[Epoch] = []
    network = small_network()
    whole = train(network, parts(plan, spread=1.5), plan, Watcher("tiny", kept=kept))
    monkeypatch.setattr(keras.Model, "fit", None)
    other = small_network(3)
    again = train(
        other,
        parts(plan, spread=1.5),
        plan,
        Watcher("tiny", after_epoch=noting(asked), kept=kept),
    )
    assert without_times(again) == without_times(whole)
    assert again.found_done == pytest.approx(whole.rows[-1].seconds, abs=1)
    assert [row.epoch for row in asked] == [row.epoch for row in whole.rows], "the watcher is asked as it was then"
    for one, same in zip(network.get_weights(), other.get_weights(), strict=True):
        assert one.tobytes() == same.tobytes()


@pytest.mark.parametrize(
    "change", [{"batch_size": 8}, {"learning_rate": 0.04}, {"patience": 5}], ids=["batch", "rate", "patience"]
)
def test_a_state_of_another_training_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any]) -> None:
    plan, kept = PLANS["resting"], tmp_path / "state.safetensors"
    train(small_network(), parts(plan), plan, Watcher("tiny", kept=kept))
    asked: list[Epoch] = []

    def first(row: Epoch) -> bool:
        asked.append(row)
        return True

    other = replace(plan, **change)
    assert len(train(small_network(), parts(other), other, Watcher("tiny", after_epoch=first, kept=kept)).rows) == 1
    assert len(asked) == 1


def test_a_watcher_that_ends_training_ends_it_at_the_same_epoch_again(tmp_path: Path) -> None:
    plan, kept = PLANS["fading"], tmp_path / "state.safetensors"
    with pytest.raises(KilledError):
        train(small_network(), parts(plan), plan, Watcher("tiny", after_epoch=broken_after(5), kept=kept))
    over = Watcher("tiny", after_epoch=lambda row: row.epoch >= 2, kept=kept)
    history = train(small_network(), parts(plan), plan, over)
    assert len(history.rows) == 4, "nothing more is trained"
    assert history.stopped == "the time was over"


class Impatient(Silent):
    """A user who wants to stop at a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.steps = 0

    @contextmanager
    def bar(self, title: str, total: int) -> Any:  # noqa: ARG002
        yield self

    def advance(self, n: int = 1) -> None:
        self.steps += n
        if self.steps >= self.step:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        pass


def test_who_stops_in_a_short_epoch_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "LEAST", 1e9)
    plan, kept = replace(PLANS["fading"], epochs=6), tmp_path / "state.safetensors"
    whole = train(small_network(), parts(plan), plan, Watcher("tiny"))
    with pytest.raises(KeyboardInterrupt):
        train(small_network(), parts(plan), plan, Watcher("tiny", Impatient(3 * len(parts(plan)[0]) + 2), kept=kept))
    asked: list[Epoch] = []
    watcher = Watcher("tiny", after_epoch=noting(asked), kept=kept)
    again = train(small_network(), parts(plan), plan, watcher)
    assert without_times(again) == without_times(whole)
    assert [row.epoch for row in asked] == list(range(1, 7))


def test_who_stops_in_a_long_epoch_does_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.models.epochs._SOON", -1.0)
    plan, impatient = PLANS["fading"], Impatient(8)
    with pytest.raises(KeyboardInterrupt):
        train(small_network(), parts(plan), plan, Watcher("tiny", impatient, kept=tmp_path / "s"))
    assert impatient.steps == 8


def test_short_epochs_are_not_each_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_state, "LEAST", 1e9)
    train(small_network(), parts(PLANS["fading"]), PLANS["fading"], Watcher("tiny", kept=tmp_path / "s"))
    assert not (tmp_path / "s").exists()
