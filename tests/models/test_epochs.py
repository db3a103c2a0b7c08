from types import SimpleNamespace

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart.errors import TrainingError
from tellapart.models import epochs
from tellapart.models.epochs import Diary, Feed, Waiting
from tellapart.models.training import Watcher
from tellapart.photos.batches import Batches, rows_of
from tellapart.progress import Silent

pytestmark = QUIET


def test_a_feed_gives_every_batch_with_its_targets() -> None:
    batches = Batches(rows_of(np.arange(5.0)[:, np.newaxis]), np.array([0, 1, 2, 0, 1]), 2, 0, shuffle=False)
    feed = Feed(batches, 3, smoothing=0.3)
    assert len(feed) == 3
    inputs, targets = feed[2]
    assert inputs.tolist() == [[4.0]]
    assert targets == pytest.approx(np.array([[0.1, 0.8, 0.1]]))
    feed.on_epoch_end()
    assert batches.epoch == 1


def test_a_diary_stops_where_the_loss_is_not_finite() -> None:
    with Silent().bar("Training", 2) as bar:
        diary = Diary(Watcher("tiny"), bar)
        diary.on_train_batch_end(0, {"loss": 1.0, "accuracy": 0.5})
        with pytest.raises(TrainingError, match=r"^tiny: the training loss is not finite in epoch 1\. Next: "):
            diary.on_train_batch_end(1, {"loss": float("inf"), "accuracy": 0.5})


def test_waiting_counts_from_the_end_of_a_step_to_the_next_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(epochs, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    feed = Feed(Batches(rows_of(np.arange(4.0)[:, np.newaxis]), np.arange(4) % 2, 2, 0), 2)
    waiting = Waiting(feed)
    for epoch in range(2):
        waiting.on_epoch_begin(epoch)
        now[0] += 3  # until the first batch is ready
        feed[0]
        feed[1]  # ahead of its time
        now[0] += 5  # the step
        waiting.on_train_batch_end(0)
        now[0] += 7
        waiting.on_train_batch_end(1)
    # The first batch of the first epoch does not count, nor does the time that the network takes.
    assert waiting.seconds == 3
    feed.given.clear()
    waiting.on_train_batch_end(0)  # a batch of which nothing is known counts for nothing
    assert waiting.seconds == 3
