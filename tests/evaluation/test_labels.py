import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tellapart.errors import MissingExtraError, PhotosError
from tellapart.evaluation import labels as module
from tellapart.evaluation.labels import check_installed, sizes, suspect_labels

CLASSES = 3


def blobs(n: int, seed: int = 0, spread: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that can be told apart, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    features = generator.normal(size=(n, 12))
    features[np.arange(n), labels] += spread
    return features, labels


def swapped(labels: np.ndarray, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The labels with a share of them changed, and which ones."""
    generator = np.random.default_rng(seed)
    wrong = generator.permutation(len(labels))[: round(share * len(labels))]
    changed = labels.copy()
    changed[wrong] = (labels[wrong] + generator.integers(1, CLASSES, len(wrong))) % CLASSES
    return changed, wrong


def test_swapped_labels_come_first_with_the_right_class_proposed() -> None:
    features, true = blobs(300)
    labels, wrong = swapped(true, 0.05)
    found = suspect_labels(features, labels)
    assert sorted(found.order.tolist()) == list(range(300)), "all photos stand in the order"
    assert np.isin(wrong, found.order[:30]).mean() > 0.9
    assert (found.proposed[wrong] == true[wrong]).mean() > 0.9
    assert (np.diff(found.suspicion[found.order]) <= 0).all()
    named = np.nonzero(found.probable)[0]
    assert len(named) >= 8
    assert np.isin(named, wrong).mean() > 0.8


def test_right_labels_are_hardly_ever_called_wrong() -> None:
    features, labels = blobs(300)
    assert suspect_labels(features, labels).probable.mean() <= 0.01


def test_of_many_wrong_labels_most_are_named_and_of_two_classes_as_well() -> None:
    """A fixed bound of the probability would name none here: a model that learned a fifth wrongly is not sure."""
    features, labels = blobs(300)
    two = labels < 2
    for x, true in ((features, labels), (features[two], labels[two])):
        wrong = np.random.default_rng(0).permutation(len(true))[: len(true) // 5]
        changed = true.copy()
        changed[wrong] = (true[wrong] + 1) % (true.max() + 1)
        named = np.nonzero(suspect_labels(x, changed).probable)[0]
        assert len(named) > len(wrong) / 3
        assert np.isin(named, wrong).mean() > 0.9


def test_of_labels_that_nobody_could_tell_none_is_called_wrong() -> None:
    """Where the model knows nothing it is not sure of anything, and has no right to accuse."""
    features, labels = blobs(300, spread=0.0)
    assert suspect_labels(features, labels).probable.sum() == 0


def test_copies_with_the_same_wrong_label_do_not_vouch_for_each_other() -> None:
    features, true = blobs(60, spread=2.5)
    noise = np.random.default_rng(1).normal(size=(60, 200))  # by which each photo can be known again
    features = np.hstack([features, noise])
    labels, wrong = swapped(true, 0.1)
    twice, labels_twice, groups = np.vstack([features] * 2), np.tile(labels, 2), np.tile(np.arange(60), 2)
    alone, together = (suspect_labels(twice, labels_twice, each).suspicion[wrong].mean() for each in (None, groups))
    assert together > alone + 0.2


def test_the_same_photos_give_the_same_suspicions() -> None:
    features, labels = blobs(90)
    one, other = suspect_labels(features, labels), suspect_labels(features, labels)
    assert (one.suspicion == other.suspicion).all()
    assert (one.order == other.order).all()


def test_a_class_that_is_too_small_is_refused_and_copies_do_not_count() -> None:
    features, labels = blobs(12)
    with pytest.raises(PhotosError, match="A class of 4 different photos"):
        suspect_labels(features, labels)
    features, labels = blobs(30)
    groups = np.where(labels == 1, labels, 10 + np.arange(30))
    assert sizes(labels, groups).tolist() == [10, 1, 10]
    with pytest.raises(PhotosError, match="A class of 1 different"):
        suspect_labels(features, labels, groups)


def test_five_of_each_class_are_enough() -> None:
    features, labels = blobs(15)
    assert suspect_labels(features, labels).order.shape == (15,)


def test_without_cleanlab_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "cleanlab" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r'cleanlab is not installed\. Next: pip install "tellapart\[labels\]"'):
        check_installed()
    with pytest.raises(MissingExtraError):
        suspect_labels(*blobs(30))


def test_it_is_quiet_and_imports_cleanlab_only_when_used() -> None:
    script = (
        "import sys, numpy as np; from tellapart.evaluation.labels import suspect_labels; "
        "before = {'cleanlab', 'pandas'} & set(sys.modules); "
        "suspect_labels(np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2); "
        "print(sorted(before), 'cleanlab' in sys.modules)"
    )
    words = [sys.executable, "-W", "always::UserWarning", "-c", script]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert result.stdout == "[] True\n"
    assert result.stderr == ""
