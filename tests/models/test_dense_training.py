"""A dense head is trained as Keras trains it, and goes on where it was killed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_keeper import KilledError, broken_after
from tiny_set import QUIET

from tellapart.errors import TrainingError
from tellapart.models import training_state
from tellapart.models.dense import DenseHead, fresh_head, slopes
from tellapart.models.dense_training import DenseTraining
from tellapart.models.keras_file import keras_head
from tellapart.models.networks import HEAD_UNITS
from tellapart.models.time_limit import OVER, training_until
from tellapart.models.training import Epoch, History, Plan, Watcher, train
from tellapart.photos.batches import Batches, rows_of
from tellapart.progress import Silent

pytestmark = QUIET

# So little patience that both what halves the rate and what stops early count.
PLAN = Plan(epochs=40, learning_rate=3e-3, batch_size=16, patience=6)


def clouds(seed: int, n: int = 90, shares: tuple[float, ...] = (0.5, 0.3, 0.2)) -> tuple[np.ndarray, np.ndarray]:
    """Points about three centres in 20 dimensions that lie in each other, and whose each is."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), [round(n * share) for share in shares])
    centres = np.random.default_rng(5).normal(0, 0.5, (3, 20))
    return (centres[labels] + generator.normal(0, 1, (len(labels), 20))).astype(np.float32), labels


def parts(plan: Plan = PLAN, seed: int = 3) -> tuple[Batches, Batches]:
    (points, labels), (others, theirs) = clouds(0), clouds(1)
    return (
        Batches(rows_of(points), labels, plan.batch_size, seed),
        Batches(rows_of(others), theirs, 64, 0, shuffle=False),
    )


def head_before(seed: int = 0, units: int = HEAD_UNITS) -> DenseHead:
    return fresh_head(20, units, 3, np.random.default_rng(seed))


def trained(plan: Plan = PLAN, watcher: Watcher | None = None, dropout: float = 0.5) -> tuple[DenseHead, History]:
    return DenseTraining(head_before(), parts(plan), plan, dropout, watcher or Watcher("dense")).run()


def without_times(history: History) -> list[Epoch]:
    return [replace(row, seconds=0.0) for row in history.rows]


@pytest.mark.slow
def test_without_dropout_it_is_trained_as_keras_trains_it() -> None:
    """The same start, with classes that are weighted: the same epochs, the same end.

    In one batch an epoch: Keras deals several out in an order of its own.
    """
    plan = replace(PLAN, batch_size=90)
    head, history = trained(plan, dropout=0.0)
    network = keras_head(head_before(), 0.0)
    of_keras = train(network, parts(plan), plan, Watcher("keras"))
    assert len(history.rows) == len(of_keras.rows) < plan.epochs
    assert (history.stopped, history.best_epoch) == (of_keras.stopped, of_keras.best_epoch)
    assert len({row.learning_rate for row in history.rows}) > 1
    for own, theirs in zip(history.rows, of_keras.rows, strict=True):
        assert own.loss == pytest.approx(theirs.loss, abs=2e-4)
        assert own.valid_loss == pytest.approx(theirs.valid_loss, abs=2e-4)
        assert own.learning_rate == pytest.approx(theirs.learning_rate)
        assert (own.accuracy, own.valid_accuracy) == pytest.approx((theirs.accuracy, theirs.valid_accuracy), abs=0.02)
    for array, weight in zip(head.arrays, network.get_weights(), strict=True):
        assert array == pytest.approx(weight, abs=2e-3)


def test_dropout_drops_its_share_and_differs_from_epoch_to_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.models import dense_training

    masks: list[np.ndarray] = []

    def spied(head: DenseHead, *given: np.ndarray) -> object:
        masks.append(given[-1])
        return slopes(head, *given)

    monkeypatch.setattr(dense_training, "slopes", spied)
    trained(replace(PLAN, epochs=2), dropout=0.25)
    assert np.unique(np.concatenate(masks)) == pytest.approx([0, 4 / 3])
    assert np.concatenate(masks).mean() == pytest.approx(1, abs=0.05)
    assert not np.array_equal(masks[0], masks[len(masks) // 2])


def test_the_best_epoch_is_kept_and_the_same_seed_gives_the_same() -> None:
    head, history = trained()
    inputs, labels = clouds(1)
    losses = [row.valid_loss for row in history.rows]
    assert losses[history.best_epoch - 1] == min(losses)
    assert -head.logs(inputs)[np.arange(len(labels)), labels].mean() == pytest.approx(min(losses), abs=1e-5)
    again, same = trained()
    assert all(np.array_equal(one, other) for one, other in zip(head.arrays, again.arrays, strict=True))
    assert without_times(history) == without_times(same)


@pytest.mark.parametrize("killed", [(1,), (2, 5), (4,)])
def test_one_that_was_killed_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: tuple[int, ...]
) -> None:
    monkeypatch.setattr(training_state, "LEAST", 0.0)
    monkeypatch.setattr(training_state, "TIMES", 0.0)
    whole, history = trained()
    kept = tmp_path / "state.safetensors"
    for epoch in killed:
        with pytest.raises(KilledError):
            trained(watcher=Watcher("dense", Silent(), broken_after(epoch), kept))
    head, gone_on = trained(watcher=Watcher("dense", kept=kept))
    assert all(np.array_equal(one, other) for one, other in zip(head.arrays, whole.arrays, strict=True))
    assert without_times(gone_on) == without_times(history)
    assert (gone_on.best_epoch, gone_on.stopped) == (history.best_epoch, history.stopped)
    assert gone_on.found_done > 0 or killed == (1,)
    done, told = trained(watcher=Watcher("dense", kept=kept))  # one that had ended is not trained again
    assert told.found_done == pytest.approx(gone_on.rows[-1].seconds, abs=0.5)
    assert all(np.array_equal(one, other) for one, other in zip(head.arrays, done.arrays, strict=True))
    assert trained(replace(PLAN, epochs=2), Watcher("dense", kept=kept))[1].found_done == 0, "of another plan"


def test_it_ends_when_the_time_is_over_or_the_watcher_says_so() -> None:
    with training_until(0.0):
        assert trained()[1].stopped == OVER
    asked: list[int] = []

    def enough(row: Epoch) -> bool:
        asked.append(row.epoch)
        return row.epoch == 3

    history = trained(watcher=Watcher("dense", after_epoch=enough))[1]
    assert (asked, len(history.rows), history.stopped) == ([1, 2, 3], 3, OVER)


def test_who_wants_to_stop_keeps_the_epoch(tmp_path: Path, interrupting: Callable[[int], Silent]) -> None:
    kept = tmp_path / "state.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained(watcher=Watcher("dense", interrupting(3), kept=kept))
    asked: list[int] = []

    def noting(row: Epoch) -> bool:
        asked.append(row.epoch)
        return True

    assert trained(watcher=Watcher("dense", after_epoch=noting, kept=kept))[1].stopped == OVER
    assert asked == [1, 2, 3]


def test_a_loss_that_is_not_finite_ends_it() -> None:
    given = parts()
    broken = replace(given[0], fetch=lambda positions, _: np.full((len(positions), 20), np.nan, np.float32))
    with pytest.raises(TrainingError, match=r"^dense: the training loss is not finite in epoch 1\. Next: "):
        DenseTraining(head_before(), (broken, given[1]), PLAN, 0.5, Watcher("dense")).run()


@pytest.fixture
def interrupting() -> Callable[[int], Silent]:
    from contextlib import contextmanager

    class Bar:
        def __init__(self, after: int) -> None:
            self.left = after + 1  # the first call tells what was done before

        def say(self, text: str) -> None: ...

        def advance(self, _: int = 1) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    def made(after: int) -> Silent:
        progress = Silent()

        @contextmanager
        def bar(title: str, total: int):  # type: ignore[no-untyped-def]  # noqa: ARG001
            yield Bar(after)

        progress.bar = bar  # type: ignore[method-assign]
        return progress

    return made
