"""A shard of predictions says what the model says, to the bit."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from needed import needs_parquet

from photo_maker import noise, save
from served_model import CLASSES, served_content, served_model
from tellapart.scale import prediction_shard
from tellapart.scale.prediction_shard import predict_shard
from tellapart.scale.tasks import Task


def task_of(paths: list[str], threshold: float = 0.0) -> Task:
    digest = hashlib.sha256(served_content()).hexdigest()
    return Task("part-00000.parquet", {"sources": paths, "model": digest, "threshold": threshold})


@needs_parquet
def test_a_shard_says_what_the_model_says(tmp_path: Path) -> None:
    from pyarrow import parquet

    paths = [str(save(noise(number), tmp_path / f"{number}.png")) for number in range(20)]
    paths.insert(5, str(tmp_path / "gone.png"))
    threshold = served_model().threshold(0.05)
    made = predict_shard(task_of(paths, threshold), served_content)
    assert made.facts == {"rows": 21, "errors": 1, "missing": 1}
    rows = parquet.read_table(io.BytesIO(made.content)).to_pylist()
    for row, answer in zip(rows, served_model().answers(paths, reject=0.05), strict=True):
        assert row["path"] == answer.path
        if answer.probabilities is None:
            assert row["error"] == answer.error
            assert all(value is None for name, value in row.items() if name not in {"path", "error"})
            continue
        assert row["error"] is None
        assert [row[f"p_{name}"] for name in CLASSES] == answer.probabilities.tolist()
        assert row["predicted"] == CLASSES[int(np.argmax(answer.probabilities))]
        assert (row["answer"], row["set"], row["stranger"]) == (answer.answer, list(answer.set or ()), answer.stranger)


@needs_parquet
def test_a_worker_opens_a_model_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_shard, "_models", {})
    path = str(save(noise(1), tmp_path / "1.png"))
    asked = []

    def shared() -> bytes:
        asked.append(1)
        return served_content()

    first, second = (predict_shard(task_of([path]), shared) for _ in range(2))
    assert first == second
    assert len(asked) == 1
