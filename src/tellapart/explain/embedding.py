"""Where photos lie in feature space, laid out on a plane.

Features are what the last linear layer of the model reads. They are compared by
their angle: photos of one class point the same way, however strong they are
(measured in docs/LOG.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST: Final = 5_000  # photos of a map: beyond, t-SNE takes minutes and the points hide each other
FEWEST: Final = 3
_FEWEST_FOR_TSNE: Final = 30
_COMPONENTS: Final = 50
_PERPLEXITY: Final = 30.0
_VOTERS: Final = 5
_ROWS: Final = 256  # photos whose distances to all are held at once
_DIGITS: Final = 6  # of a distance: what differs less is a tie, which the order of the photos settles


@dataclass(frozen=True)
class Layout:
    """Photos laid out on a plane.

    Attributes:
        points: Shape (photos, 2), float32, each from 0 to 1; the second axis points up.
        method: "t-SNE", or "PCA" where photos are too few for it.
        perplexity: Of t-SNE: about how many neighbours a photo looks at; None for PCA.
        trust: How far neighbours on the plane are neighbours in feature space, 0 to 1; None for fewer than 4 photos.
    """

    points: np.ndarray
    method: str
    perplexity: float | None
    trust: float | None


def directions(features: np.ndarray) -> np.ndarray:
    """The features at length 1, so that their distance tells their angle; features of zeros stay zeros.

    Args:
        features: Shape (photos, channels).

    Returns:
        The same shape, float64.
    """
    wide = features.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    pointing: np.ndarray = np.divide(wide, length, out=np.zeros_like(wide), where=length > 0)
    return pointing


def lay_out(features: np.ndarray, seed: int) -> Layout:
    """Lay photos out so that neighbours in feature space are neighbours on a plane.

    PCA to at most 50 dimensions, then t-SNE (van der Maaten and Hinton, 2008), started
    from the first two components, so that the same seed gives the same map. Its
    perplexity is 30, less for under 91 photos; under 30 photos the first two
    components are the map. Trust is the trustworthiness of Venna and Kaski (2001)
    over 5 neighbours.

    Args:
        features: Shape (photos, channels), as `directions` gives them; at least 3 photos.
        seed: For t-SNE.
    """
    import sklearn.manifold  # noqa: F401  first: what is loaded later is not limited
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    # With several threads sums are added up in another order each time, and t-SNE makes another map of it.
    with threadpool_limits(1):
        reduced = _reduced(features)
        perplexity = min(_PERPLEXITY, (len(features) - 1) / 3) if len(features) >= _FEWEST_FOR_TSNE else None
        flat = _two(reduced) if perplexity is None else _embedded(reduced, perplexity, seed)
        return Layout(_framed(flat), "PCA" if perplexity is None else "t-SNE", perplexity, _trust(features, flat))


def _reduced(features: np.ndarray) -> np.ndarray:
    """The first components, (photos, at most 50)."""
    from sklearn.decomposition import PCA

    if not np.ptp(features, axis=0).any():
        return np.zeros((len(features), 2))
    return np.asarray(PCA(min(_COMPONENTS, *features.shape), svd_solver="full").fit_transform(features))


def _two(reduced: np.ndarray) -> np.ndarray:
    return np.pad(reduced[:, :2], ((0, 0), (0, max(0, 2 - reduced.shape[1]))))


def _embedded(reduced: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    start = _two(reduced)
    # The spread that scikit-learn gives its own start; its "pca" stops where there is but one component.
    start = start * 1e-4 / (start[:, 0].std() or 1.0)
    tsne = TSNE(perplexity=perplexity, init=start.astype(np.float32), learning_rate="auto", random_state=seed)
    return np.asarray(tsne.fit_transform(reduced.astype(np.float32)))


def _framed(flat: np.ndarray) -> np.ndarray:
    """The same picture in a square from 0 to 1, both axes on one scale."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    side = float((high - low).max()) or 1.0
    framed: np.ndarray = (flat - (low + high) / 2) / side + 0.5
    return framed.astype(np.float32)


def _trust(features: np.ndarray, flat: np.ndarray) -> float | None:
    """What `sklearn.manifold.trustworthiness` gives, without its matrices of all photos by all photos."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    n_photos, n = len(features), min(_VOTERS, (len(features) - 1) // 2)
    if n_photos <= 3:
        return None
    neighbours = NearestNeighbors(n_neighbors=n).fit(flat).kneighbors(return_distance=False)
    too_far = 0
    for start in range(0, n_photos, _ROWS):
        of_these = neighbours[start : start + _ROWS]
        distances = pairwise_distances(features[start : start + _ROWS], features)
        np.fill_diagonal(distances[:, start:], np.inf)
        shown = np.take_along_axis(distances, of_these, axis=1)
        ranks = 1 + (distances[:, np.newaxis, :] < shown[:, :, np.newaxis]).sum(axis=2)
        too_far += int(np.maximum(ranks - n, 0).sum())
    return 1 - too_far * 2 / (n_photos * n * (2 * n_photos - 3 * n - 1))


def nearest(features: np.ndarray, photo: int, among: np.ndarray, groups: Sequence[str], most: int) -> list[int]:
    """The photos nearest to one, the nearest first; of copies of each other the first alone.

    Args:
        features: Shape (photos, channels), as `directions` gives them.
        photo: The position of the one; neither it nor a copy of it is its own neighbour.
        among: Which photos may be neighbours, (photos,), bool.
        groups: Of each photo the group of copies that it is in, "" for none.
        most: How many.
    """
    far = np.round(np.square(features - features[photo]).sum(axis=1), _DIGITS)
    found: list[int] = []
    seen = {groups[photo]} - {""}
    for other in np.argsort(far, kind="stable").tolist():
        if len(found) == most:
            break
        if among[other] and other != photo and groups[other] not in seen:
            found.append(other)
            seen |= {groups[other]} - {""}
    return found


def agreement(
    features: np.ndarray, labels: np.ndarray, learned: Sequence[np.ndarray | None], groups: Sequence[str]
) -> float | None:
    """How often the photos nearest to a tested one would name its class: the vote of 5 (Cover and Hart, 1967).

    Args:
        features: Shape (photos, channels), as `directions` gives them.
        labels: Class numbers, (photos,).
        learned: Of each tested photo which photos were learned from when it was tested; None for the others.
        groups: As for `nearest`.

    Returns:
        The share of tested photos whose class has most votes; among classes with as many the nearer one wins.
        None where nothing was tested.
    """
    right = []
    for photo, among in enumerate(learned):
        if among is not None:
            votes = labels[nearest(features, photo, among, groups, _VOTERS)].tolist()
            right.append(bool(votes) and max(votes, key=votes.count) == labels[photo])
    return float(np.mean(right)) if right else None


def sample(labels: np.ndarray, keep: Sequence[int], seed: int, most: int = MOST) -> np.ndarray:
    """Choose the photos of a map: all, or some of each class by its share.

    Args:
        labels: Class numbers, (photos,).
        keep: Positions of photos that must be among them, at most `most`.
        seed: For the draw.
        most: How many.

    Returns:
        Positions in rising order.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    kept = np.zeros(len(labels), dtype=bool)
    kept[list(keep)] = True
    rest = np.flatnonzero(~kept)
    order = np.random.default_rng(seed).permutation(rest)
    by_class = order[np.argsort(labels[order], kind="stable")]
    # Every so-manieth of a list that is sorted by class takes of each class its share.
    wanted = most - int(kept.sum())
    kept[by_class[(np.arange(wanted) * len(rest)) // wanted]] = True
    return np.flatnonzero(kept)
