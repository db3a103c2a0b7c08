"""What classes and channels respond to most among the photos of a set."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tellapart.explain.network import SCORES, Network

_DIGITS: Final = 5  # of a response: what differs less is a tie, which the order of the photos settles


def responses(network: Network, batches: Iterable[np.ndarray], blocks: Sequence[str]) -> dict[str, np.ndarray]:
    """How strongly each photo excites every class and every channel of some blocks.

    Args:
        network: Any.
        batches: Photos, (n, size, size, 3) each.
        blocks: Whose channels.

    Returns:
        Under "scores" the score of each class, (photos, classes); under each block the mean of each channel over
        its map, (photos, channels).
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in (SCORES, *blocks)}
    for some in batches:
        scores, maps = network.scores_and_activations(some, blocks)
        found[SCORES].append(scores)
        for block, values in zip(blocks, maps, strict=True):
            found[block].append(values.mean(axis=(1, 2)))
    return {name: np.concatenate(parts) for name, parts in found.items() if parts}


def most_exciting(values: np.ndarray, groups: Sequence[str], most: int) -> list[int]:
    """Positions of the photos that excite one class or channel most, the strongest first.

    Args:
        values: Of each photo, (photos,).
        groups: Of each photo the group of copies that it is in, "" for none; of a group the strongest alone.
        most: How many.
    """
    found: list[int] = []
    seen: set[str] = set()
    for photo in np.argsort(-np.round(values, _DIGITS), kind="stable").tolist():
        if len(found) == most:
            break
        if groups[photo] not in seen:
            found.append(photo)
            seen |= {groups[photo]} - {""}
    return found


def standing_out(values: np.ndarray, groups: Sequence[str], most: int, photos: int) -> list[int]:
    """The channels whose most exciting photos stand highest above their median photo.

    A channel that is strong on every photo tells nothing, and so does one that shows the photos of another once more:
    of channels that share more than one photo, the first alone is taken.

    Args:
        values: Mean activations, (photos, channels).
        groups: As for `most_exciting`.
        most: How many channels.
        photos: How many photos of each are looked at.
    """
    highest = np.sort(values, axis=0)[-photos:].mean(axis=0)
    height = np.round(highest - np.median(values, axis=0), _DIGITS)
    found: dict[int, set[int]] = {}
    for channel in np.argsort(-height, kind="stable").tolist():
        if len(found) == most or height[channel] <= 0:
            break
        top = set(most_exciting(values[:, channel], groups, photos))
        if all(len(top & others) <= 1 for others in found.values()):
            found[channel] = top
    return list(found)
