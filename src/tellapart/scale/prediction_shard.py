"""A shard of predictions: from photos and a model file to the bytes of a Parquet file."""

from typing import Any

import numpy as np

from tellapart.deploy.runtime import Answer, Model
from tellapart.scale.parquet import PROBABILITY, file_of, lists_of_texts, numbers, texts
from tellapart.scale.seeing import facts_of, seen
from tellapart.scale.sources import Source
from tellapart.scale.tasks import Made, Shared, Task

_models: dict[str, Model] = {}  # the one that this process has open, by the SHA-256 of its file


def predict_shard(task: Task, shared: Shared) -> Made:
    """Answer the photos of a task.

    The columns: path; predicted, the most probable class; a float32 `p_CLASS` for each class; answer, which may be
    "not sure" or "none of these"; set, the classes that it may be of; stranger; error. A photo that cannot be read
    has its path and its error alone.

    Args:
        task: Inputs `sources`; `model`, the SHA-256 of the model file; `threshold`, from which confidence on it
            answers.
        shared: The model file.
    """
    sources = [Source.from_json(told) for told in task.inputs["sources"]]
    model = _opened(task.inputs["model"], shared)

    def ask(pictures: np.ndarray) -> list[Answer]:
        return model.answer_pixels(pictures, threshold=task.inputs["threshold"], beside=True)

    rows = list(seen(sources, model.spec, ask))
    columns = {"path": texts([source.shown for source in sources]), **_columns(model, rows)}
    told = {"kind": "predictions", "model": task.inputs["model"], "classes": list(model.classes)}
    return Made(file_of(columns, told), facts_of(rows))


def _columns(model: Model, rows: list[tuple[Answer | None, str]]) -> dict[str, Any]:
    answers = [answer for answer, _ in rows]
    shares = [None if answer is None else answer.probabilities for answer in answers]
    predicted = [None if share is None else model.classes[int(share.argmax())] for share in shares]
    return {
        "predicted": texts(predicted),
        **{
            PROBABILITY + name: numbers([None if share is None else share[place] for share in shares])
            for place, name in enumerate(model.classes)
        },
        "answer": texts([None if answer is None else answer.answer for answer in answers]),
        "set": lists_of_texts([None if answer is None else answer.set for answer in answers]),
        "stranger": numbers([None if answer is None else answer.stranger for answer in answers]),
        "error": texts([error or None for _, error in rows]),
    }


def _opened(digest: str, shared: Shared) -> Model:
    """The model, opened once a worker: its golden photos are answered anew each time."""
    if digest not in _models:
        _models.clear()
        _models[digest] = Model(shared(), "the model file")
    return _models[digest]
