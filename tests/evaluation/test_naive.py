from typing import Any

import numpy as np
import pytest
from planted import planted, with_copies

from tellapart.evaluation import naive as module
from tellapart.evaluation.draws import Frozen
from tellapart.evaluation.naive import naive_score
from tellapart.progress import Silent


def told(frozen: Frozen, seed: int = 0) -> dict[str, Any] | None:
    return naive_score(frozen, seed=seed, progress=Silent())


def hard_with_copies() -> Frozen:
    """Photos with half of the labels by chance, 30 of which have three copies: these can only be learned by heart."""
    return with_copies(planted(60, swapped=0.5, channels=120), np.arange(0, 180, 6), 3)


def test_without_groups_nothing_is_said() -> None:
    assert told(planted(20)) is None


def test_copies_of_hard_photos_flatter_a_random_split() -> None:
    found = told(hard_with_copies())
    assert found is not None
    assert found["naive"] > found["honest"] + 0.1
    assert found["difference"] == pytest.approx(found["naive"] - found["honest"])
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert (found["features"], found["groups"], found["photos_in_groups"]) == ("pocket", 30, 120)
    said = found["sentence"].replace("\xa0", " ")
    assert said.startswith(f"A random split would have promised {100 * found['naive']:.1f} % where ")
    assert said.endswith("by 120 photos in 30 groups that belong together.")


def test_copies_of_easy_photos_make_no_difference() -> None:
    found = told(with_copies(planted(40, apart=8.0), np.array([0, 50]), 1))
    assert found is not None
    assert found["low"] <= 0 <= found["high"]
    assert "would have made no difference that these photos can show" in found["sentence"]


def test_both_kinds_leave_out_the_same_share_and_only_one_tears_groups_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen, torn, left_out = hard_with_copies(), [], []

    def watch(of: Frozen, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
        torn.append(len(set(of.groups[learned]) & set(of.groups[asked])))
        left_out.append(float(asked.mean()))
        return np.asarray(of.labels[asked])

    monkeypatch.setattr(module, "answers", watch)
    assert told(frozen) is not None
    assert len(torn) == 50
    assert min(torn[:25]) > 0
    assert max(torn[25:]) == 0
    assert np.mean(left_out[:25]) == pytest.approx(np.mean(left_out[25:]))


def test_a_class_of_one_group_cannot_be_left_out() -> None:
    labels, groups = np.repeat([0, 1], 10), np.append(np.zeros(10, dtype=int), np.arange(1, 11))
    assert told(Frozen("pocket", np.random.default_rng(0).normal(size=(20, 4)), labels, groups, ("a", "b"))) is None


def test_the_interval_holds_no_difference_where_there_is_none() -> None:
    held = 0
    for seed in range(20):
        frozen = planted(40, seed=seed)
        groups = frozen.groups.copy()
        groups[:60:2] = groups[1:60:2]  # pairs that have nothing in common but the name
        found = told(Frozen("pocket", frozen.features, frozen.labels, groups, frozen.classes), seed)
        assert found is not None
        held += found["low"] <= 0 <= found["high"]
    assert held >= 17
