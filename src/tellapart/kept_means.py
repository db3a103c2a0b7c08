"""What a frozen backbone made of the photos of a run, looked up for the explanations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tellapart.climb import Climb
from tellapart.models.features import kept_features, source_of


def means_of(climb: Climb, entry: Mapping[str, Any]) -> Callable[[Sequence[str]], np.ndarray | None] | None:
    """Give what looks up the features of photos, as the recipe's own backbone computed them before its head learned.

    Args:
        climb: The run.
        entry: Of the recipe, in results.json.

    Returns:
        From paths to (paths, channels), float32, with rows of NaN for photos of which nothing is kept; or None
        where it would have nothing. None for a recipe without a backbone.
    """
    name = entry.get("backbone")
    row = next((row for row in climb.choice.backbones if row.name == name), None) if climb.choice else None
    if climb.choice is None or row is None:
        return None
    source = source_of(row, int(entry["image_size"]), climb.choice.weights[row.name])

    def found(paths: Sequence[str]) -> np.ndarray | None:
        photos = [*climb.split.train, *climb.split.valid]
        kept = kept_features(source, photos, climb.cache, lower=True)
        if kept is None:
            return None
        place = {photo.path: number for number, photo in enumerate(photos)}
        rows = np.full((len(paths), kept.shape[1]), np.nan, np.float32)
        there = [number for number, path in enumerate(paths) if path in place]
        rows[there] = kept[[place[paths[number]] for number in there]]
        return rows

    return found
