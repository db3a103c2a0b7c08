"""scikit-learn's estimator contract: photo paths in, class labels out."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from tellapart.deploy.runtime import Model
from tellapart.errors import PhotosError
from tellapart.files import cache_folder
from tellapart.photos.listing import LeftOut, Listed
from tellapart.photos.scan import Photos, inspect
from tellapart.photos.split import split_for_training
from tellapart.progress import Silent

Paths = Sequence[str | Path] | np.ndarray


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One recipe of the ladder as a scikit-learn classifier.

    `X` is a list or array of photo paths, `y` their labels. A fifth of the
    training photos steers the training (early stopping) and is not learned from.

    Args:
        recipe: baseline, deeper, augmented, tuned, bottleneck or finetuned.
        backbone: For the transfer recipes; None for vgg16 where its weights can be had, else the built-in pocket.
        weights: Its weights file; without it they are looked for and fetched.
        image_size: In pixels; None for the recipe's own.
        epochs: A ceiling; None for the recipe's own.
        budget: Seconds that the search of `tuned` may take.
        seed: Fixes split, weights, order and augmentation.

    Attributes:
        classes_: The labels, sorted; the order of `predict_proba`'s columns.
        model_: The fitted `tellapart.Model`: ONNX, no training framework.
        n_features_in_: 1, a path.

    Example:
        ```python
        from sklearn.model_selection import cross_val_score
        import tellapart as ta

        cross_val_score(ta.ImageClassifier(recipe="baseline"), paths, labels, cv=3)
        ```
    """

    def __init__(  # noqa: PLR0913  scikit-learn: one keyword a setting
        self,
        recipe: str = "bottleneck",
        *,
        backbone: str | None = None,
        weights: str | Path | None = None,
        image_size: int | None = None,
        epochs: int | None = None,
        budget: float = 300.0,
        seed: int = 0,
    ) -> None:
        self.recipe = recipe
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.epochs = epochs
        self.budget = budget
        self.seed = seed

    def fit(self, X: Paths, y: Sequence[Any] | np.ndarray) -> Self:  # noqa: N803  scikit-learn's name
        """Train the recipe on photos.

        Raises:
            PhotosError: A photo cannot be read, or a class has too few.
        """
        paths = _paths(X)
        labels = column_or_1d(y, warn=True)
        if len(labels) != len(paths):
            raise PhotosError(f"{len(paths)} photos and {len(labels)} labels. Accepted: one label for each photo.")
        check_classification_targets(labels)
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            found = f"All labels are of one class, {classes[0]!r}" if len(classes) else "There are no photos"
            raise PhotosError(f"{found}. Accepted: photos of two or more classes.")
        names = [str(label) for label in classes]
        self.model_ = self._train(_opened(paths, [_sortable(names)[number] for number in numbers]), names)
        self.classes_ = classes
        self.n_features_in_ = 1
        return self

    def predict(self, X: Paths) -> np.ndarray:  # noqa: N803
        """The most probable label of each photo, (photos,)."""
        check_is_fitted(self)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Paths) -> np.ndarray:  # noqa: N803
        """Probabilities (photos, classes), float32, in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.predict_proba(_paths(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _train(self, photos: Photos, names: list[str]) -> Model:
        """Train, export and load the model; what needs a training framework is imported here."""
        from tellapart.deploy.doubts import doubts_of
        from tellapart.deploy.export import calibrated, stamp
        from tellapart.deploy.stranger_output import strangers_of, with_strangers
        from tellapart.evaluation.calibration import fit_temperature, scaled
        from tellapart.explain.heat_output import with_heat_or_note
        from tellapart.models.choice import resolve
        from tellapart.models.recipes import find_recipe, fit_recipe
        from tellapart.models.task import Options, Task

        recipe = find_recipe(self.recipe)
        backbone, path = None, None
        if recipe.transfer:
            given = Path(self.weights) if self.weights is not None else None
            chosen = resolve([self.backbone] if self.backbone else None, given, Silent())
            backbone, path = chosen.backbones[0], chosen.weights[chosen.names[0]]
        options = Options(self.seed, self.image_size, self.epochs, backbone, path, search_time=self.budget)
        train, valid = split_for_training(photos, seed=self.seed)
        with TemporaryDirectory(prefix="tellapart-") as folder:
            place = Path(folder) / "recipes" / recipe.name
            task = Task(photos.root, photos.classes, train, valid, options, place, cache_folder())
            fitted = fit_recipe(recipe, task)
        temperature = fit_temperature(task.labels(valid), fitted.valid, names).value
        strangers = strangers_of(fitted, task.labels(train))
        network = with_strangers(calibrated(fitted.as_onnx(), temperature), strangers)
        network = with_heat_or_note(network, recipe.name, fitted.backbone, Silent())
        doubts = doubts_of((task.labels(valid), scaled(fitted.valid, temperature)), strangers)
        facts = {"classes": names, "temperature": temperature, **doubts}
        content = stamp(network, fitted, photos.root, valid, facts)
        return Model(content, f"the fitted {recipe.name}")


def _paths(photos: Paths) -> list[str]:
    array = np.asarray(photos)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not all(isinstance(path, str | Path) for path in array.tolist()):
        raise PhotosError(
            f"Photos of shape {array.shape} and type {array.dtype}. Accepted: a list of paths. "
            "Next: give the files themselves, not their pixels or features."
        )
    return [str(path) for path in array.tolist()]


def _sortable(names: list[str]) -> list[str]:
    """The names as they are, or numbered where, as text, they sort otherwise than the labels do (9, 10)."""
    if names == sorted(set(names)):
        return names
    return [f"{number:06d} {name}" for number, name in enumerate(names)]


def _opened(paths: Sequence[str], labels: Sequence[str]) -> Photos:
    """Open every photo."""
    found = []
    for path, label in zip(paths, labels, strict=True):
        photo = inspect(Path(), Listed(path, label))
        if isinstance(photo, LeftOut):
            raise PhotosError(f"{path}: {photo.reason}. Next: leave it out, or mend it.")
        found.append(photo)
    return Photos(Path(), tuple(found), (), ())
