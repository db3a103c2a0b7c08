"""What the photos of a run say of themselves: would more of them help, and would a random split have flattered."""

from typing import Any

from tellapart.climb import Climb
from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.intervals import group_numbers
from tellapart.evaluation.learning_curve import learning_curve
from tellapart.evaluation.naive import naive_score
from tellapart.models.choice import features_of_run
from tellapart.photos.batches import label_numbers


def about_more_photos(climb: Climb) -> dict[str, Any]:
    """Measure the learning curve and the naive score on frozen features of the training and validation photos.

    Returns:
        `learning_curve` and `naive` of results.json; the latter is None where no photos belong together.
    """
    photos, options, progress = (*climb.split.train, *climb.split.valid), climb.options, climb.progress
    backbone, features = features_of_run(
        climb.choice, options.image_size, climb.photos.root, photos, cache=climb.cache, progress=progress
    )
    classes = climb.photos.classes
    groups = group_numbers([photo.path for photo in photos], climb.split.groups)
    frozen = Frozen(backbone, features, label_numbers(photos, classes), groups, classes)
    told = {
        "learning_curve": learning_curve(frozen, seed=options.seed, progress=progress),
        "naive": naive_score(frozen, seed=options.seed, progress=progress),
    }
    for found in filter(None, told.values()):
        progress.note(found["sentence"])
    return told
