import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_set import QUIET, draw_set, photos_of, task_on

from tellapart.models import pocket
from tellapart.models.backbones import find_backbone
from tellapart.models.forward import Forward
from tellapart.models.head_file import count_numbers
from tellapart.models.linear import SMALLEST, STRENGTHS, fit_linear, fit_linear_head
from tellapart.models.task import Options, Written
from tellapart.photos.batches import pixels_of

pytestmark = QUIET


def clouds(seed: int, n: int = 90, channels: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Points about three centres on axes of very different length."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    points = generator.normal(size=(n, channels)) + 2.5 * np.eye(3, channels)[labels]
    return (points * np.geomspace(0.01, 100, channels) + 5).astype(np.float32), labels


@pytest.mark.parametrize("channels", [20, 400], ids=["more photos than channels", "fewer"])
def test_it_is_scikit_learns_regression_on_standardised_features(channels: int) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, labels = clouds(0, channels=channels)
    head = fit_linear_head(features, labels, np.arange(len(labels)))
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    theirs = LogisticRegression(C=head.strength, max_iter=2000, tol=1e-8).fit(scaled, labels).predict_proba(scaled)
    assert head.probabilities(features) == pytest.approx(theirs, abs=5e-3)


def test_the_strength_with_the_lowest_loss_is_taken() -> None:
    features, labels = clouds(1)
    head = fit_linear_head(features, labels, np.arange(len(labels)))
    tried = list(head.losses)
    assert tuple(tried) == STRENGTHS[: len(tried)]
    assert len(tried) == len(STRENGTHS) or head.losses[tried[-1]] > head.losses[tried[-2]]
    assert head.strength == min(head.losses, key=lambda strength: head.losses[strength])
    shuffled = np.random.default_rng(0).permutation(labels)  # nothing to learn: what learns least loses least
    assert fit_linear_head(features, shuffled, np.arange(len(labels))).strength == STRENGTHS[0]


def test_groups_stay_whole_in_cross_validation() -> None:
    features, _ = clouds(2, n=60, channels=200)
    labels = np.random.default_rng(3).permutation(np.arange(60) % 3)
    twice, marked = np.vstack([features, features]), np.concatenate([labels, labels])
    loose = fit_linear_head(twice, marked, np.arange(120))
    whole = fit_linear_head(twice, marked, np.concatenate([np.arange(60), np.arange(60)]))
    assert min(loose.losses.values()) < 0.5 < min(whole.losses.values()), "copies give the answer away"


def test_two_classes_have_two_columns() -> None:
    features, labels = clouds(4)
    two = labels < 2
    head = fit_linear_head(features[two], labels[two], np.arange(int(two.sum())))
    shares = head.probabilities(features[two])
    assert shares.shape == (60, 2)
    assert (shares.argmax(axis=1) == labels[two]).mean() > 0.9


def test_rare_classes_count_as_much_as_common_ones() -> None:
    features, labels = clouds(5, n=300, channels=5)
    noisy = features + np.random.default_rng(0).normal(0, 300, features.shape).astype(np.float32)
    kept = np.flatnonzero((labels > 0) | (np.arange(300) < 60))  # a fifth of class 0
    head = fit_linear_head(noisy[kept], labels[kept], np.arange(len(kept)))
    assert head.probabilities(noisy[kept]).mean(axis=0)[0] > 0.2


def test_the_recipe_is_one_file_that_answers_as_its_head_does(tmp_path: Path) -> None:
    options = Options(image_size=32, backbone=find_backbone("pocket"), weights=pocket.FILE)
    task = task_on(draw_set(tmp_path / "photos"), tmp_path, options)
    fitted = fit_linear(task)
    assert isinstance(fitted.network, Written)
    pixels = np.stack(list(pixels_of(task.root, task.valid, fitted.spec)))
    outputs = Forward(fitted.as_onnx()).named_outputs(pixels)
    assert list(outputs) == ["probabilities", "features"]
    assert outputs["probabilities"] == pytest.approx(fitted.valid, abs=1e-5)
    assert fitted.answer(pixels) == pytest.approx(fitted.valid, abs=1e-5)
    assert (fitted.valid.argmax(axis=1) == task.labels(task.valid)).mean() > 0.6
    assert fitted.parameters == count_numbers(fitted.as_onnx()) > fitted.trainable_parameters == (320 + 96) * 3 + 3
    assert fit_linear(task).as_onnx() == fitted.as_onnx()


def test_the_groups_of_a_task_reach_the_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.models import linear

    given: list[np.ndarray] = []

    def spied(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> linear.LinearHead:
        given.append(groups)
        return fit_linear_head(features, labels, groups)

    monkeypatch.setattr(linear, "fit_linear_head", spied)
    root = draw_set(tmp_path / "photos")
    options = Options(image_size=32, backbone=find_backbone("pocket"), weights=pocket.FILE)
    task = task_on(root, tmp_path, options)
    first, second = task.train[0].path, task.train[3].path
    fit_linear(replace(task, groups={first: "burst", second: "burst"}))
    assert given[0][0] == given[0][3]
    assert len(np.unique(given[0])) == len(task.train) - 1
    assert {photo.path for photo in photos_of(root)} >= {first, second}


def test_a_class_that_a_fold_has_not_learned_costs_the_floor() -> None:
    features, labels = clouds(6)
    rare = np.append(np.flatnonzero(labels < 2), np.flatnonzero(labels == 2)[:2])
    together = np.minimum(np.arange(len(rare)), len(rare) - 2)  # both photos of class 2 are a group
    head = fit_linear_head(features[rare], labels[rare], together)
    lowest = -2 * np.log(SMALLEST) / len(rare)
    assert all(loss >= lowest for loss in head.losses.values())
    assert head.probabilities(features[rare]).shape == (len(rare), 3)


def test_the_photos_are_not_held_over_and_over() -> None:
    features, labels = clouds(7, n=6000, channels=100)
    features = np.ascontiguousarray(features)
    fit_linear_head(features[:300], labels[:300], np.arange(300))  # imports
    tracemalloc.start()
    fit_linear_head(features, labels, np.arange(len(labels)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Once in float64, which is twice, and four fifths of that for a fold; a little for answers and the optimiser.
    assert peak < 4.5 * features.nbytes
