"""Answers by an engine are those of one process, in the same order."""

from pathlib import Path

import numpy as np
import pytest
from needed import needs_parquet
from worked import Backwards

from photo_maker import noise, save
from served_model import served_content
from tellapart.deploy.runtime import Model
from tellapart.errors import ShardError
from tellapart.scale.asking import answered

pytestmark = needs_parquet


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        save(noise(number), path)
    return paths


def test_the_same_answers_in_order(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(served_content(), "the model file")
    photos[4].write_bytes(b"no photo")
    monkeypatch.chdir(photos[0].parent)
    relative = [Path(path.name) for path in photos]
    told = list(answered(model, relative, Backwards(), shard=3))
    plain = list(model.answers(relative))
    assert [one.path for one in told] == [path.name for path in photos]
    assert [one.error for one in told] == [one.error for one in plain]
    assert [one.stranger for one in told] == [one.stranger for one in plain]
    for one, other in zip(told, plain, strict=True):
        assert (one.probabilities is None) == (other.probabilities is None)
        if one.probabilities is not None and other.probabilities is not None:
            assert one.probabilities.dtype == np.float32
            assert one.probabilities.tobytes() == other.probabilities.tobytes()


def test_a_shard_that_fails_ends_it(photos: list[Path]) -> None:
    model = Model(served_content(), "the model file")
    with pytest.raises(ShardError, match="3 photos were not answered: its worker ended"):
        list(answered(model, photos, Backwards("3"), shard=3))
