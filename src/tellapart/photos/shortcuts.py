"""Classes that are photographed otherwise than the rest: what a network would learn instead of the thing.

A small tree that sees no picture, only what file and camera left (size,
compression, sharpness, light), must not be able to tell the classes apart. Where
it can, high scores may mean that the source was recognised.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.cache import kept_json
from tellapart.photos.scan import Photo, digest_of
from tellapart.progress import Progress

MARGIN: Final = 0.10  # Light and shape do differ a little between things; a source of its own tells far more.
# One class against the rest, by one feature: mean of both recalls, its lower bound. 0.5 is chance.
GIVES_AWAY: Final = 0.65
_FEWEST: Final = 10  # Photos of a class; of fewer, five folds hold two each.
_FEATURES_A_CLASS: Final = 3
_CLASSES_A_FEATURE: Final = 3
_TRIED: Final = 4  # Classes for each of these, each in a cross-validation of 20 ms.
_DISTANCE: Final = 0.25  # Two thresholds may tell a class that one, at 0.62, does not.
_FOLDS: Final = 5
_DEPTH: Final = 3
_SHAPE: Final = ("width", "height", "aspect ratio")
_VERSION: Final = "shortcuts 1"  # counts up where the same photos are judged otherwise
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


@dataclass(frozen=True)
class GivenAway:
    """A class that one feature tells from the rest.

    Attributes:
        label: The class.
        feature: In words, such as `sharpness`.
        score: Mean of both recalls of the feature alone, cross-validated; 0.5 is chance.
        low: The lower end of its 95 % interval.
        typical: The feature's median in the class.
        others: Its median in the rest.
    """

    label: str
    feature: str
    score: float
    low: float
    typical: float
    others: float

    @property
    def by_shape(self) -> bool:
        """Whether it may lie in the thing itself, as a chair is taller than wide."""
        return self.feature in _SHAPE


@dataclass(frozen=True)
class Shortcut:
    """How well classes can be told without looking at the picture.

    Attributes:
        accuracy: Of the tree of all features, cross-validated.
        low: The lower end of Wilson's 95 % interval.
        majority: What always saying the commonest class would score.
        given_away: Classes and the single features that give them away; those that tell of the source
            before those of shape, each the plainest first.
        possible: Whether `low` is above `majority` by a clear margin.
    """

    accuracy: float
    low: float
    majority: float
    given_away: tuple[GivenAway, ...]
    possible: bool


def find_shortcuts(photos: Sequence[Photo], groups: Mapping[str, str] | None = None) -> Shortcut | None:
    """Try to tell the classes by what file and camera left; None where photos are too few to try.

    Args:
        photos: As `scan` gives them; those without a `look` are passed over.
        groups: The group of each path that has one; a group stays within one fold.
    """
    usable = _usable(photos)
    labels = np.array([photo.label for photo in usable])
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        return None
    features = features_of(usable)
    together = np.array([(groups or {}).get(photo.path) or photo.path for photo in usable])
    table = np.array(list(features.values())).T
    folds = _folds_of(labels, together)
    said = _cross_validated(table, labels, folds)
    right = int((said == labels).sum())
    low, majority = _lower(right, len(labels)), float(counts.max() / len(labels))
    possible = low > majority + MARGIN
    given_away = _given_away(features, labels, folds) if possible else ()
    return Shortcut(right / len(labels), low, majority, given_away, possible)


def kept_shortcut(
    photos: Sequence[Photo], groups: Mapping[str, str], cache: Path | None, progress: Progress | None = None
) -> Shortcut | None:
    """What `find_shortcuts` finds, read from the cache where the same photos were tried before."""
    if cache is None:
        return find_shortcuts(photos, groups)
    number = {first: number for number, first in enumerate(dict.fromkeys(groups.values()))}
    group = {path: number[first] for path, first in groups.items()}
    told = [f"{one.content} {bool(one.look)} {one.label!r} {group.get(one.path)}" for one in photos]
    path = cache / "shortcuts" / f"{digest_of([_VERSION, version('scikit-learn'), *told])}.json"

    def read(value: Any) -> Shortcut | None:
        if value is None:
            return None
        return Shortcut(**{**value, "given_away": tuple(GivenAway(**one) for one in value["given_away"])})

    def make() -> Any:
        found = find_shortcuts(photos, groups)
        return None if found is None else asdict(found)

    return kept_json(path, make, read, progress)


def features_of(photos: Sequence[Photo]) -> dict[str, np.ndarray]:
    """What is known of each photo without its content, by name, each of shape (photos,)."""
    looks = [photo.look for photo in photos if photo.look is not None]
    width, height = (np.array([getattr(photo, side) for photo in photos], dtype=float) for side in ("width", "height"))
    size = np.array([look.file_bytes for look in looks], dtype=float)
    return {
        "width": width,
        "height": height,
        "aspect ratio": width / height,
        "megapixels": width * height / 1e6,
        "bytes per pixel": size / (width * height),
        "sharpness": np.array([look.sharpness for look in looks]),
        "brightness": np.array([look.brightness for look in looks]),
        "contrast": np.array([look.contrast for look in looks]),
        "JPEG compression": np.array([look.coarseness for look in looks]),
        "file format": np.array([_FORMATS.index(look.format) if look.format in _FORMATS else -1 for look in looks]),
        "camera named in the file": np.array([bool(look.camera) for look in looks], dtype=float),
    }


def _usable(photos: Sequence[Photo]) -> list[Photo]:
    """Measured photos of classes that are large enough."""
    measured = [photo for photo in photos if photo.look is not None]
    names, counts = np.unique([photo.label for photo in measured], return_counts=True)
    large = set(names[counts >= _FEWEST].tolist())
    return [photo for photo in measured if photo.label in large]


def _folds_of(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The fold of each photo: stratified, groups whole. Once for all trees, as it takes longer than they do."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = np.zeros(len(labels), dtype=int)
    splitter = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
        folds[held_out] = number
    return folds


def _cross_validated(table: np.ndarray, labels: np.ndarray, folds: np.ndarray, **settings: Any) -> np.ndarray:
    """What a small tree says of each photo that it has not learned from."""
    from sklearn.tree import DecisionTreeClassifier

    said = np.empty_like(labels)
    for number in np.unique(folds):
        held_out = folds == number
        tree = DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=3, random_state=0, **settings)
        said[held_out] = tree.fit(table[~held_out], labels[~held_out]).predict(table[held_out])
    return said


def _given_away(features: Mapping[str, np.ndarray], labels: np.ndarray, folds: np.ndarray) -> tuple[GivenAway, ...]:
    """The plainest features of each class, source before shape."""
    found = [one for name, values in features.items() for one in _by_feature(name, values, labels, folds)]
    found.sort(key=lambda one: (one.by_shape, -one.low))
    places = Counter[str]()
    kept = []
    for one in found:
        places[one.label] += 1
        if places[one.label] <= _FEATURES_A_CLASS:
            kept.append(one)
    return tuple(kept)


def _by_feature(name: str, values: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> list[GivenAway]:
    """The classes that one feature gives away.

    Each that is found is set aside before the next is looked for: else, of three
    classes, those two that are alike would be told by not being the third.
    """
    found: list[GivenAway] = []
    left = np.ones(len(labels), dtype=bool)
    while len(found) < _CLASSES_A_FEATURE and np.ptp(values[left]) > 0:
        tried = [
            _one(label, name, values[left], labels[left] == label, folds[left])
            for label in _apart(values[left], labels[left])
        ]
        best = max(tried, key=lambda one: one.low, default=None)
        if best is None or best.low <= GIVES_AWAY:
            break
        found.append(best)
        left &= labels != best.label
    return found


def _apart(values: np.ndarray, labels: np.ndarray) -> list[str]:
    """The few classes whose values lie furthest from those of the rest; of a hundred classes only they are tried."""
    from scipy.stats import ks_2samp

    names = np.unique(labels).tolist()
    if len(names) < 2:
        return []
    # Kolmogorov's distance d is what the best single threshold scores: (1 + d) / 2.
    distance = {name: ks_2samp(values[labels == name], values[labels != name], method="asymp")[0] for name in names}
    far = sorted((name for name in names if distance[name] > _DISTANCE), key=lambda name: -distance[name])
    return far[:_TRIED]


def _one(label: str, name: str, values: np.ndarray, own: np.ndarray, folds: np.ndarray) -> GivenAway:
    """One class against the rest by one feature."""
    said = _cross_validated(values[:, np.newaxis], own, folds, class_weight="balanced")
    recalls = (float(said[own].mean()), float((~said[~own]).mean()))
    score = sum(recalls) / 2
    spread = math.sqrt(sum(r * (1 - r) / n for r, n in zip(recalls, (own.sum(), (~own).sum()), strict=True))) / 2
    low = score - 1.96 * spread
    return GivenAway(label, name, score, low, float(np.median(values[own])), float(np.median(values[~own])))


def _lower(correct: int, n: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(correct, n).proportion_ci(0.95, method="wilson").low)
