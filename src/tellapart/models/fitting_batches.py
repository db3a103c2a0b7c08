"""Training that goes on with smaller batches where memory is too little for the planned ones."""

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tellapart.errors import UserError
from tellapart.models.backend import keras
from tellapart.models.training_state import chance, set_chance
from tellapart.out_of_memory import is_out_of_memory, memory_short
from tellapart.photos.batches import Batches
from tellapart.progress import Progress

Parts = tuple[Batches, Batches]


def with_fitting_batches(
    network: Any, parts: Parts, progress: Progress, name: str, attempt: Callable[[Parts], Any]
) -> tuple[Any, int]:
    """Train a network; where a batch does not fit into memory, begin anew with half as many photos a batch.

    It begins with the weights and the chance that it had, so that the result is that of a training with such batches
    from the start. A state that was kept with larger batches belongs to another training, and is not gone on with.

    Args:
        network: A Keras network.
        parts: Training and validation batches.
        progress: Where it is told.
        name: Of the recipe.
        attempt: Trains on these batches.

    Returns:
        What the attempt gave, and how many photos its batches had.

    Raises:
        MemoryShortError: One photo at a time does not fit.
    """
    before = [(variable, keras.ops.convert_to_numpy(variable.value)) for variable in network.variables]
    chance_before = chance()
    training, validation = parts
    while True:
        size = training.batch_size
        try:
            return attempt((training, validation)), size
        except Exception as problem:
            if isinstance(problem, UserError) or not is_out_of_memory(problem):
                raise
            if size == 1:
                raise memory_short(f"{name}, whose batches are of one photo") from problem
        # Outside of the handler: the error holds the memory of what failed.
        training = replace(training, batch_size=max(1, size // 2))
        validation = replace(validation, batch_size=max(1, validation.batch_size // 2))
        gc.collect()
        for variable, value in before:
            variable.assign(value)
        set_chance(chance_before)
        progress.note(
            f"{name}: a batch of {size} photos does not fit into memory. "
            f"It begins anew with {training.batch_size}, which is another training than planned."
        )
