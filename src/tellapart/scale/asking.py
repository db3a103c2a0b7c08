"""Photos answered by an engine, and the answers as they come from one process: in order, and nothing written."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.deploy.runtime import Answer, Model
from tellapart.errors import ShardError
from tellapart.scale.parquet import PROBABILITY, need_pyarrow
from tellapart.scale.prediction_shard import predict_shard
from tellapart.scale.sources import Source
from tellapart.scale.tasks import Engine, Made, Task

SHARD: Final = 250  # photos a task: a second of work, so that the last ones end together


def answered(model: Model, photos: Sequence[Path], engine: Engine, shard: int = SHARD) -> Iterator[Answer]:
    """Answer photos in shards.

    Args:
        model: Goes to each worker once.
        photos: Files that the workers see under the same names.
        engine: Runs the shards.
        shard: Photos of one.

    Yields:
        For each photo, in order, what `Model.answers` gives, but for `answer` and `set`.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ShardError: A shard could not be made.
    """
    need_pyarrow()
    inputs = {"model": hashlib.sha256(model.content).hexdigest(), "threshold": model.threshold(None)}
    names = [Source(str(photo.absolute())).as_json() for photo in photos]
    starts = range(0, len(photos), shard)
    tasks = (Task(str(start), {**inputs, "sources": names[start : start + shard]}) for start in starts)
    waiting, turn = {}, 0
    for task, outcome in engine.run(predict_shard, tasks, model.content):
        if outcome.made is None:
            n_photos = len(task.inputs["sources"])
            raise ShardError(f"{n_photos} photos were not answered: {outcome.error}. Next: the same command again")
        waiting[int(task.name)] = outcome.made
        while turn in waiting:
            yield from _answers(waiting.pop(turn), model, photos[turn : turn + shard])
            turn += shard


def _answers(made: Made, model: Model, photos: Sequence[Path]) -> Iterator[Answer]:
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(made.content))
    shares = np.column_stack([table[PROBABILITY + name].to_numpy() for name in model.classes])
    rows = zip(photos, shares, table["error"].to_pylist(), table["stranger"].to_pylist(), strict=True)
    for photo, row, error, stranger in rows:
        yield Answer(str(photo), None if error else row, error or "", stranger=stranger)
