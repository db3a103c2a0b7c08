import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from photo_maker import save
from tellapart.errors import PhotosError, UnknownNameError
from tellapart.estimator import ImageClassifier

COLOURS = {"blue": (60, 80, 200), "green": (60, 190, 80), "red": (200, 70, 60)}
FEEDS_NUMBERS = "it fits or predicts a matrix of numbers, or wants the messages of one; photos come as paths"
# scikit-learn's checks that cannot be put to a list of paths; what they hold is tested below on photos.
NOT_FOR_PATHS = dict.fromkeys(
    (
        "check_fit_score_takes_y",
        "check_estimators_overwrite_params",
        "check_dont_overwrite_parameters",
        "check_estimators_fit_returns_self",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
        "check_positive_only_tag_during_fit",
        "check_estimators_dtypes",
        "check_complex_data",
        "check_dtype_object",
        "check_estimators_empty_data_messages",
        "check_pipeline_consistency",
        "check_estimators_nan_inf",
        "check_estimator_sparse_tag",
        "check_estimator_sparse_array",
        "check_estimator_sparse_matrix",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_classifier_data_not_an_array",
        "check_classifiers_one_label",
        "check_classifiers_classes",
        "check_classifiers_train",
        "check_classifiers_regression_target",
        "check_supervised_y_2d",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_fit2d_1sample",
        "check_fit2d_1feature",
        "check_dict_unchanged",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
        "check_fit2d_predict1d",
        "check_requires_y_none",
    ),
    FEEDS_NUMBERS,
)


class Everything(ImageClassifier):
    """Says that it takes matrices, so that scikit-learn runs all of its checks and not the first alone."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """Paths of 36 noisy photos of three colours, and their labels."""
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    paths, labels = [], []
    for number in range(36):
        label = list(COLOURS)[number % 3]
        pixels = np.clip(generator.normal(COLOURS[label], 25, (24, 30, 3)), 0, 255).astype(np.uint8)
        paths.append(str(save(Image.fromarray(pixels), root / f"{number:02}.png")))
        labels.append(label)
    return paths, labels


def classifier(**settings: Any) -> ImageClassifier:
    return ImageClassifier(**{"recipe": "baseline", "epochs": 1, "image_size": 32, **settings})


@pytest.fixture(scope="module")
def fitted(photos: tuple[list[str], list[str]], tmp_path_factory: pytest.TempPathFactory) -> ImageClassifier:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        return classifier(epochs=8).fit(*photos)


def test_every_check_of_scikit_learn_that_can_be_put_to_paths_passes() -> None:
    results = check_estimator(
        Everything(recipe="baseline", epochs=1, image_size=32),
        expected_failed_checks=NOT_FOR_PATHS,
        on_fail=None,
        on_skip=None,
    )
    by_status: dict[str, set[str]] = {}
    for result in results:
        by_status.setdefault(result["status"], set()).add(result["check_name"])
    told = {result["check_name"]: repr(result["exception"]) for result in results if result["status"] == "failed"}
    assert told == {}
    assert by_status["xfail"] == set(NOT_FOR_PATHS)
    assert not by_status["passed"] & set(NOT_FOR_PATHS)
    assert by_status.get("skipped", set()) <= {"check_array_api_input"}
    assert len(by_status["passed"]) >= 15


def test_it_learns_and_answers(fitted: ImageClassifier, photos: tuple[list[str], list[str]]) -> None:
    paths, labels = photos
    assert fitted.classes_.tolist() == sorted(COLOURS)
    assert fitted.n_features_in_ == 1
    probabilities = fitted.predict_proba(paths)
    assert probabilities.shape == (36, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(36), abs=1e-5)
    assert fitted.predict(paths).tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()
    assert fitted.score(paths, labels) > 0.8
    assert is_classifier(fitted)


def test_its_model_file_knows_its_doubts(fitted: ImageClassifier, photos: tuple[list[str], list[str]]) -> None:
    doubts = fitted.model_.doubts
    assert doubts.thresholds is not None
    assert doubts.thresholds.n == fitted.model_.passport["conformal"]["n"]
    assert doubts.stranger is None
    least = doubts.thresholds.least
    answers = list(fitted.model_.answers(photos[0], reject=least))
    assert {answer.answer for answer in answers} <= {*fitted.classes_, "not sure"}
    assert all(answer.set for answer in answers)


@pytest.mark.slow
def test_on_a_backbone_it_tells_strangers(photos: tuple[list[str], list[str]], tmp_path: Path) -> None:
    paths, labels = photos
    model = classifier(recipe="bottleneck", backbone="pocket", epochs=2).fit(paths, labels).model_
    strange = save(Image.fromarray(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))), tmp_path / "ramp.png")
    answers = list(model.answers([*paths, strange]))
    assert answers[-1].answer == "none of these"
    assert sum(answer.answer == "none of these" for answer in answers[:-1]) <= 3


def test_paths_may_come_in_any_shape(fitted: ImageClassifier, photos: tuple[list[str], list[str]]) -> None:
    some = photos[0][:5]
    expected = fitted.predict_proba(some).tobytes()
    column = np.array(some, dtype=object).reshape(-1, 1)
    shapes: list[Any] = [[Path(path) for path in some], np.array(some), column, tuple(some)]
    for shape in shapes:
        assert fitted.predict_proba(shape).tobytes() == expected


def test_order_and_company_of_photos_do_not_matter(
    fitted: ImageClassifier, photos: tuple[list[str], list[str]]
) -> None:
    paths = photos[0]
    together = fitted.predict_proba(paths)
    assert fitted.predict_proba(paths[::-1])[::-1] == pytest.approx(together, abs=1e-6)
    assert np.concatenate([fitted.predict_proba([path]) for path in paths[:6]]) == pytest.approx(together[:6], abs=1e-6)


def test_fitting_again_gives_the_same_and_changes_no_setting(photos: tuple[list[str], list[str]]) -> None:
    estimator = classifier()
    before = estimator.get_params()
    assert estimator.fit(*photos) is estimator
    first = estimator.predict_proba(photos[0])
    assert estimator.get_params() == before
    assert estimator.fit(*photos).predict_proba(photos[0]).tobytes() == first.tobytes()
    public = {name for name in vars(estimator) if not name.startswith("_") and not name.endswith("_")}
    assert public == set(before)


def test_labels_may_be_numbers(photos: tuple[list[str], list[str]]) -> None:
    numbers = np.array([{"blue": 10, "green": 9, "red": 100}[label] for label in photos[1]])
    estimator = classifier(epochs=6).fit(photos[0], numbers)
    assert estimator.classes_.tolist() == [9, 10, 100]
    assert estimator.predict(photos[0]).dtype == numbers.dtype
    assert estimator.score(photos[0], numbers) > 0.6


def test_settings_can_be_read_set_and_cloned() -> None:
    estimator = classifier(backbone="resnet50", seed=3)
    assert estimator.get_params()["backbone"] == "resnet50"
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()
    assert copy.set_params(seed=4).seed == 4
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        copy.set_params(colour="red")


def test_cross_validation_works_on_paths(photos: tuple[list[str], list[str]]) -> None:
    scores = cross_val_score(classifier(), *photos, cv=2, error_score="raise")
    assert len(scores) == 2
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.slow
def test_grid_search_works_on_paths(photos: tuple[list[str], list[str]]) -> None:
    search = GridSearchCV(classifier(), {"image_size": [16, 32]}, cv=2, error_score="raise").fit(*photos)
    assert search.best_params_["image_size"] in (16, 32)
    assert search.predict(photos[0][:2]).shape == (2,)


def test_a_fitted_one_survives_pickling(fitted: ImageClassifier, photos: tuple[list[str], list[str]]) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict_proba(photos[0]).tobytes() == fitted.predict_proba(photos[0]).tobytes()
    assert again.classes_.tolist() == fitted.classes_.tolist()


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_before_fitting_it_says_so(method: str, photos: tuple[list[str], list[str]]) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(classifier(), method)(photos[0])


def test_a_photo_that_cannot_be_read_is_named(
    fitted: ImageClassifier, photos: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    broken = os.fspath(tmp_path / "broken.jpg")
    with pytest.raises(PhotosError, match=r"broken\.jpg: .*Next: leave it out"):
        classifier().fit([*photos[0], broken], [*photos[1], "red"])
    with pytest.raises(PhotosError, match=r"broken\.jpg: "):
        fitted.predict([broken])


@pytest.mark.parametrize("numbers", [np.zeros((4, 3)), np.zeros(4), [[1, 2], [3, 4]], np.zeros((2, 8, 8, 3))])
def test_numbers_instead_of_paths_are_refused_in_one_line(fitted: ImageClassifier, numbers: Any) -> None:
    for refuse in (lambda: classifier().fit(numbers, ["a"] * len(numbers)), lambda: fitted.predict(numbers)):
        with pytest.raises(PhotosError, match=r"Accepted: a list of paths\. Next: give the files") as caught:
            refuse()
        assert "\n" not in str(caught.value)


def test_labels_that_do_not_fit_are_refused(photos: tuple[list[str], list[str]]) -> None:
    paths, labels = photos
    with pytest.raises(PhotosError, match="36 photos and 35 labels"):
        classifier().fit(paths, labels[:-1])
    with pytest.raises(PhotosError, match="All labels are of one class"):
        classifier().fit(paths, ["red"] * 36)
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(paths, np.linspace(0, 1, 36))
    with pytest.raises((PhotosError, ValueError)):
        classifier().fit([], [])


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning:sklearn")
def test_labels_that_are_not_numbers_are_refused(photos: tuple[list[str], list[str]]) -> None:
    with pytest.raises(ValueError, match="NaN"):
        classifier().fit(photos[0], np.full(36, np.nan))


def test_a_class_with_too_few_photos_is_named_by_its_label(photos: tuple[list[str], list[str]]) -> None:
    labels = ["rare" if number < 3 else label for number, label in enumerate(photos[1])]
    with pytest.raises(PhotosError, match=r"'rare' has 3"):
        classifier().fit(photos[0], labels)
    numbers = [0 if number < 3 else 9 + number % 2 for number in range(36)]
    with pytest.raises(PhotosError, match=r"0'? has 3"):
        classifier().fit(photos[0], numbers)


def test_a_column_of_labels_is_taken_with_a_warning(photos: tuple[list[str], list[str]]) -> None:
    with pytest.warns(DataConversionWarning, match="column-vector"):
        estimator = classifier().fit(photos[0], np.array(photos[1]).reshape(-1, 1))
    assert estimator.classes_.tolist() == sorted(COLOURS)


def test_an_unknown_recipe_or_backbone_is_named_when_fitting(photos: tuple[list[str], list[str]]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean baseline"):
        classifier(recipe="base-line").fit(*photos)
    with pytest.raises(UnknownNameError, match="No backbone is called"):
        classifier(recipe="bottleneck", backbone="vgg").fit(*photos)
