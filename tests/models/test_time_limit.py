"""The moment at which training ends."""

import time

import numpy as np
import pytest

from tellapart.models import networks, training
from tellapart.models.time_limit import time_is_over, training_until
from tellapart.models.training import Plan, Watcher
from tellapart.photos.batches import Batches


def test_the_time_is_over_within_alone() -> None:
    assert not time_is_over()
    with training_until(time.perf_counter() - 1):
        assert time_is_over()
        with training_until(None):
            assert not time_is_over()
        assert time_is_over()
    with training_until(time.perf_counter() + 100):
        assert not time_is_over()
    with pytest.raises(ValueError, match="defect"), training_until(0.0):
        raise ValueError("defect")
    assert not time_is_over()


def test_training_ends_at_the_end_of_its_epoch() -> None:
    x = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    parts = [Batches(lambda places, _: x[places].astype(np.float32), np.arange(8) % 2, 4, seed=0) for _ in range(2)]
    with training_until(time.perf_counter()):
        history = training.train(networks.baseline(2, 32), (parts[0], parts[1]), Plan(epochs=5), Watcher("baseline"))
    assert len(history.rows) == 1
    assert history.stopped == "the time was over"
