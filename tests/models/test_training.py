import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.errors import TrainingError
from tellapart.models import networks, training
from tellapart.models.backend import keras
from tellapart.models.epochs import Feed
from tellapart.models.fused import fused_batch_norms
from tellapart.models.training import Epoch, History, Plan, Watcher, class_weights, train
from tellapart.photos.batches import Batches, rows_of

pytestmark = QUIET

N_CLASSES = 3
PLAN = Plan(epochs=6, learning_rate=0.02, batch_size=16)


def blobs(seed: int = 0, n: int = 96, spread: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Points in the plane about three centres, and which centre each belongs to."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % N_CLASSES
    centres = np.array([[0, 2], [2, -1], [-2, -1]])
    return centres[labels] + generator.normal(0, spread, (n, 2)), labels


def parts(plan: Plan, *, seed: int = 0, spread: float = 0.4) -> tuple[Batches, Batches]:
    points, labels = blobs(0, spread=spread)
    others, their_labels = blobs(1, spread=spread)
    return (
        Batches(rows_of(points), labels, plan.batch_size, seed),
        Batches(rows_of(others), their_labels, 64, 0, shuffle=False),
    )


def small_network(seed: int = 0, units: int = 16, activation: str = "tanh") -> Any:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    stack = [
        layers.Dense(units, activation=activation),
        layers.Dropout(0.1),
        layers.Dense(N_CLASSES, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((2,)), *stack])


def log_loss(network: Any, part: Batches) -> float:
    inputs, labels = part.fetch(np.arange(len(part.labels)), np.random.default_rng(0)), part.labels
    probabilities = keras.ops.convert_to_numpy(network.predict_on_batch(inputs))
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def told(history: History) -> str:
    """Everything of a history but the time that it took."""
    return repr(replace(history, waited=0.0, rows=tuple(replace(row, seconds=0.0) for row in history.rows)))


def test_the_loss_falls_on_classes_that_can_be_told_apart() -> None:
    history = train(small_network(), parts(PLAN), PLAN, Watcher("tiny"))
    assert [row.epoch for row in history.rows] == [1, 2, 3, 4, 5, 6]
    assert history.rows[-1].loss < history.rows[0].loss / 2
    assert history.rows[-1].valid_accuracy > 0.9
    assert [row.seconds for row in history.rows] == sorted(row.seconds for row in history.rows)
    assert history.stopped == "all epochs done"


def test_early_stopping_restores_the_best_weights() -> None:
    plan = Plan(epochs=60, learning_rate=0.05, batch_size=8, patience=3)
    network, both = small_network(units=64), parts(plan, spread=1.5)
    history = train(network, both, plan, Watcher("tiny"))
    best = history.rows[history.best_epoch - 1]
    assert len(history.rows) == history.best_epoch + plan.patience < plan.epochs
    assert best.valid_loss == min(row.valid_loss for row in history.rows)
    assert log_loss(network, both[1]) == pytest.approx(best.valid_loss, rel=1e-4)
    assert "3 epochs" in history.stopped
    assert history.rows[-1].learning_rate <= plan.learning_rate


def test_best_weights_come_back_when_all_epochs_are_done() -> None:
    plan = Plan(epochs=12, learning_rate=0.05, batch_size=8, patience=20)
    network, both = small_network(units=64), parts(plan, spread=1.5)
    history = train(network, both, plan, Watcher("tiny"))
    assert history.best_epoch < 12
    assert log_loss(network, both[1]) == pytest.approx(history.rows[history.best_epoch - 1].valid_loss, rel=1e-4)


def test_the_learning_rate_is_halved_where_the_validation_loss_rests() -> None:
    plan = Plan(epochs=40, learning_rate=0.05, batch_size=8, patience=9)
    rates = [row.learning_rate for row in train(small_network(), parts(plan, spread=1.5), plan, Watcher("t")).rows]
    assert rates == sorted(rates, reverse=True)
    assert {round(rate / 0.05, 3) for rate in rates} >= {1.0, 0.5}


def test_a_loss_that_explodes_is_named_with_recipe_and_epoch() -> None:
    plan = replace(PLAN, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"^wild: the (training|validation) loss is not finite in epoch 1\. Next: "):
        train(small_network(activation="relu"), parts(plan), plan, Watcher("wild"))


@pytest.mark.parametrize(("place", "what"), [(0, "training"), (1, "validation")])
def test_inputs_that_are_not_numbers_are_named_with_recipe_and_part(place: int, what: str) -> None:
    both = parts(PLAN)
    both[place].fetch = rows_of(np.full((96, 2), np.nan))
    with pytest.raises(TrainingError, match=f"broken: the {what} loss is not finite in epoch 1"):
        train(small_network(), both, PLAN, Watcher("broken"))


def test_a_later_epoch_is_named_too() -> None:
    both = parts(PLAN)
    whole = both[0].fetch

    def spoiled(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return whole(positions, generator) * (np.nan if both[0].epoch >= 2 else 1)

    both[0].fetch = spoiled
    with pytest.raises(TrainingError, match=r"training loss is not finite in epoch [23]"):
        train(small_network(), both, PLAN, Watcher("late"))


@pytest.mark.parametrize(
    ("counts", "weighted"), [((10, 10), False), ((10, 15), False), ((10, 16), True), ((2, 8, 10), True)]
)
def test_classes_are_weighted_above_an_imbalance_of_one_and_a_half(counts: tuple[int, ...], weighted: bool) -> None:
    weights = class_weights(np.repeat(np.arange(len(counts)), counts))
    assert (weights is not None) == weighted
    if weights is not None:
        shares = [weights[number] * count for number, count in enumerate(counts)]
        assert shares == pytest.approx([sum(counts) / len(counts)] * len(counts))


def spied(network: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the network's `fit` will have been given."""
    given: dict[str, Any] = {}
    genuine: Callable[..., Any] = network.fit

    def fit(feed: Any, **how: Any) -> Any:
        given.update(how, training=feed[0], validation=how["validation_data"][0])
        return genuine(feed, **how)

    monkeypatch.setattr(network, "fit", fit)
    return given


def test_only_training_labels_are_smoothed(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(PLAN, epochs=1, label_smoothing=0.3)
    network, both = small_network(), parts(plan)
    given = spied(network, monkeypatch)
    history = train(network, both, plan, Watcher("smooth"))
    assert np.unique(given["training"][1]).tolist() == pytest.approx([0.1, 0.8])
    assert given["training"][1].sum(axis=1) == pytest.approx(np.ones(plan.batch_size))
    assert set(np.unique(given["validation"][1])) == {0.0, 1.0}
    assert log_loss(network, both[1]) == pytest.approx(history.rows[0].valid_loss, rel=1e-4)


def test_unequal_classes_reach_the_loss_as_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    points, labels = blobs()
    kept = np.r_[np.flatnonzero(labels == 0)[:8], np.flatnonzero(labels > 0)]
    plan = replace(PLAN, epochs=1, label_smoothing=0.1)
    network = small_network()
    given = spied(network, monkeypatch)
    train(network, (Batches(rows_of(points[kept]), labels[kept], 16, 0), parts(plan)[1]), plan, Watcher("unequal"))
    assert given["class_weight"] == pytest.approx({0: 3.0, 1: 0.75, 2: 0.75})


def test_histories_add_up() -> None:
    first = History((Epoch(1, 1.0, 0.3, 1.1, 0.3, 2.0, 0.1), Epoch(2, 0.9, 0.4, 1.2, 0.3, 4.0, 0.1)), 1, "first")
    second = History((Epoch(1, 0.5, 0.6, 0.7, 0.5, 3.0, 0.01),), 1, "second")
    both = first + second
    assert [(row.epoch, row.seconds) for row in both.rows] == [(1, 2.0), (2, 4.0), (3, 7.0)]
    assert asdict(both.rows[2]) == {**asdict(second.rows[0]), "epoch": 3, "seconds": 7.0}
    assert (both.best_epoch, both.stopped) == (3, "second")
    assert (History() + second).rows == second.rows
    assert (History() + second).best_epoch == 1
    assert (first + History(second.rows, 0, "none better")).best_epoch == first.best_epoch


class EnoughError(Exception):
    """Raised by the test's own watcher."""


def test_whoever_watches_can_stop_the_training() -> None:
    seen: list[Epoch] = []

    def after_epoch(epoch: Epoch) -> bool:
        seen.append(epoch)
        if epoch.epoch == 3:
            raise EnoughError
        return False

    with pytest.raises(EnoughError):
        train(small_network(), parts(PLAN), PLAN, Watcher("watched", after_epoch=after_epoch))
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]


def test_whoever_watches_can_end_the_training_with_the_best_weights() -> None:
    plan = Plan(epochs=30, learning_rate=0.05, batch_size=8, patience=20)
    network, both = small_network(units=64), parts(plan, spread=1.5)
    history = train(network, both, plan, Watcher("watched", after_epoch=lambda epoch: epoch.epoch == 12))
    assert (len(history.rows), history.stopped) == (12, "the time was over")
    assert history.best_epoch < 12
    assert log_loss(network, both[1]) == pytest.approx(history.rows[history.best_epoch - 1].valid_loss, rel=1e-4)


def outcome(seed: int) -> tuple[bytes, str]:
    network = small_network(seed)
    history = train(network, parts(PLAN, seed=seed), PLAN, Watcher("seeded"))
    return b"".join(array.tobytes() for array in network.get_weights()), told(history)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = outcome(0)
    assert outcome(0) == first
    weights, history = outcome(1)
    assert weights != first[0]
    assert history != first[1]


def test_every_epoch_deals_every_photo_once_and_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt: dict[int, dict[int, list[float]]] = {}
    genuine = Feed.__getitem__

    def noted(self: Any, number: int) -> Any:
        inputs, targets = genuine(self, number)
        if len(self) == 6:  # those of training, and not those of validation
            dealt.setdefault(self._batches._batches.epoch, {})[number] = inputs[:, 0].tolist()
        return inputs, targets

    monkeypatch.setattr(Feed, "__getitem__", noted)
    both = parts(PLAN)
    train(small_network(), both, replace(PLAN, epochs=2), Watcher("dealt"))
    everything = sorted(both[0].fetch(np.arange(96), np.random.default_rng(0))[:, 0].tolist())
    orders = [[place for number in range(6) for place in dealt[epoch][number]] for epoch in sorted(dealt)[-2:]]
    assert all(sorted(order) == everything for order in orders)
    assert orders[0] != orders[1]


def test_a_fading_learning_rate_rises_and_falls_to_nothing() -> None:
    plan = replace(PLAN, epochs=5, fading=True)
    rates = [row.learning_rate for row in train(small_network(), parts(plan), plan, Watcher("fading")).rows]
    assert rates[0] == pytest.approx(plan.learning_rate, rel=0.1)
    assert rates == sorted(rates, reverse=True)
    assert rates[2] == pytest.approx(plan.learning_rate / 2, rel=0.2)
    assert rates[-1] < plan.learning_rate / 50


def test_what_the_network_waits_for_photos_is_told() -> None:
    both = parts(PLAN)
    whole = both[0].fetch

    def late(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        time.sleep(0.15)
        return whole(positions, generator)

    both[0].fetch = late
    start = time.perf_counter()
    history = train(small_network(), both, replace(PLAN, epochs=2), Watcher("waiting"))
    # Twelve batches; what is made while the network is built, or validated, is waited for by nobody.
    assert 0.3 < history.waited < time.perf_counter() - start


def test_a_network_with_batch_norms_learns_by_the_fused_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    @contextmanager
    def noted(network: Any) -> Iterator[int]:
        with fused_batch_norms(network) as n_fused:
            seen.append(n_fused)
            yield n_fused

    monkeypatch.setattr(training, "fused_batch_norms", noted)
    keras.utils.set_random_seed(0)
    photos = np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 3))
    part = Batches(rows_of(photos), np.arange(8) % 3, 4, 0)
    network = networks.deeper(3, 16)
    train(network, (part, part), Plan(1), Watcher("fused"))
    assert seen == [5 if keras.backend.backend() == "tensorflow" else 0]
    assert not any("call" in vars(layer) for layer in network.layers)
