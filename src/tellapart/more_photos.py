"""What the photos of a run say of themselves: would more of them help, and would a random split have flattered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tellapart.climb import Climb
from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.questions import asked_beside
from tellapart.models.choice import source_of_run
from tellapart.models.features import learning_source, pooled_features
from tellapart.photos.batches import label_numbers


@contextmanager
def about_more_photos(climb: Climb) -> Iterator[Callable[[], dict[str, Any]]]:
    """Measure the learning curve and the naive score on frozen features of the training and validation photos.

    Where that takes long it goes on in a process of its own until it is asked for, within the block.

    Yields:
        What gives, and tells the user, `learning_curve` and `naive` of results.json; the latter is None where no photos
        belong together.
    """
    seed, progress = climb.options.seed, climb.progress

    def told() -> dict[str, Any]:
        found = answers()
        for one in filter(None, found.values()):
            progress.note(one["sentence"])
        return found

    with asked_beside(_frozen(climb), seed=seed, progress=progress) as answers:
        yield told


def _frozen(climb: Climb) -> Frozen:
    photos, options, progress = (*climb.split.train, *climb.split.valid), climb.options, climb.progress
    source = source_of_run(climb.choice, options.image_size, progress)
    fast = options.fast and climb.choice is not None
    learning = learning_source(source, climb.split.train, fast=fast)
    parts = ((learning, climb.split.train), (source, climb.split.valid))
    # As its recipes have left them.
    features = np.concatenate(
        [
            pooled_features(own, climb.photos.root, some, cache=climb.cache, progress=progress, lower=True)
            for own, some in parts
        ]
    )
    classes = climb.photos.classes
    groups = group_numbers([photo.path for photo in photos], climb.split.groups)
    return Frozen(source.backbone.name, features, label_numbers(photos, classes), groups, classes)
