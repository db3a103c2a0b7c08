import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from tellapart.explain.embedding import agreement, directions, lay_out, nearest, sample


def clusters(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that point three ways, and their class numbers."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return directions(np.eye(3, 8)[labels] + generator.normal(0, 0.08, (n, 8))), labels


def test_directions_have_length_one_and_nothing_stays_nothing() -> None:
    found = directions(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert found.tolist() == [[0.6, 0.8], [0.0, 0.0]]


def test_what_lies_together_in_feature_space_lies_together_on_the_map() -> None:
    features, labels = clusters(60)
    layout = lay_out(features, seed=0)
    assert layout.method == "t-SNE"
    assert layout.perplexity == pytest.approx(59 / 3)
    assert layout.points.shape == (60, 2)
    assert layout.points.dtype == np.float32
    within = [np.ptp(layout.points[labels == label], axis=0).max() for label in range(3)]
    centres = np.stack([layout.points[labels == label].mean(axis=0) for label in range(3)])
    between = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1).min()
    assert between > 0.5 * max(within)
    assert layout.trust is not None
    assert layout.trust == pytest.approx(trustworthiness(features, layout.points, n_neighbors=5), abs=1e-6)
    assert layout.trust > 0.9


def test_the_same_seed_gives_the_same_map_to_the_last_bit() -> None:
    features, _ = clusters(45)
    assert lay_out(features, seed=3).points.tobytes() == lay_out(features, seed=3).points.tobytes()


def test_one_thread_alone_adds_up_even_in_a_process_that_has_loaded_nothing() -> None:
    script = (
        "import numpy as np, threadpoolctl\n"
        "from tellapart.explain import embedding\n"
        "embedding._trust = lambda *_: max(one['num_threads'] for one in threadpoolctl.threadpool_info())\n"
        "print(embedding.lay_out(np.random.default_rng(0).normal(size=(40, 4)), 0).trust)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "3"},
    )  # fmt: skip
    assert done.stdout.strip() == "1"


def test_few_photos_are_laid_out_by_pca_alone() -> None:
    features, _ = clusters(29)
    layout = lay_out(features, seed=0)
    assert (layout.method, layout.perplexity) == ("PCA", None)
    centred = features - features.mean(axis=0)
    first = np.abs(np.linalg.svd(centred, full_matrices=False)[2][0] @ centred.T)
    x = layout.points[:, 0] - layout.points[:, 0].mean()
    assert np.corrcoef(np.abs(x), first)[0, 1] > 0.999


def test_points_fill_the_square_on_one_scale() -> None:
    features, _ = clusters(40)
    points = lay_out(features, seed=0).points
    assert points.min() >= 0
    assert points.max() <= 1
    assert np.ptp(points, axis=0).max() == pytest.approx(1)


@pytest.mark.parametrize("n", [3, 4, 40])
def test_photos_that_are_all_alike_lie_in_the_middle(n: int) -> None:
    layout = lay_out(np.ones((n, 4)), seed=0)
    assert np.isfinite(layout.points).all()
    assert (layout.trust is None) == (n == 3)


def test_one_direction_is_enough() -> None:
    features = directions(np.abs(np.random.default_rng(0).normal(size=(35, 1))))
    assert np.isfinite(lay_out(features, seed=0).points).all()


def test_neighbours_are_the_nearest_that_were_learned_from_one_of_each_group() -> None:
    features = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [0.5]])
    groups = ["a", "a", "", "b", "b", ""]
    learned = np.array([True, True, True, True, True, True])
    assert nearest(features, 0, learned, groups, 9) == [2, 3, 5]
    assert nearest(features, 0, learned & (np.arange(6) != 2), groups, 1) == [3]


def test_neighbours_as_near_come_in_the_order_of_the_photos() -> None:
    features = np.array([[0.0], [1.0], [-1.0], [1.0 + 1e-12]])
    assert nearest(features, 0, np.ones(4, dtype=bool), [""] * 4, 3) == [1, 2, 3]


def test_agreement_counts_votes_and_the_nearer_class_wins_a_draw() -> None:
    features = np.array([[0.0], [0.1], [0.2], [0.3], [0.4]])
    labels = np.array([0, 0, 1, 1, 0])
    among = np.array([False, True, True, True, True])
    assert agreement(features, labels, [among, None, None, None, None], [""] * 5) == 1.0
    assert agreement(features, np.array([1, 0, 1, 1, 0]), [among] + [None] * 4, [""] * 5) == 0.0
    assert agreement(features, labels, [None] * 5, [""] * 5) is None


def test_shuffled_classes_agree_by_chance_alone() -> None:
    features, labels = clusters(300)
    shuffled = np.random.default_rng(1).permutation(labels)
    learned: list[np.ndarray | None] = [np.ones(300, dtype=bool)] * 300
    agreed, chance = (agreement(features, given, learned, [""] * 300) for given in (labels, shuffled))
    assert agreed is not None
    assert chance is not None
    assert agreed > 0.95
    assert 0.2 < chance < 0.45


def test_a_sample_takes_its_share_of_each_class_and_keeps_what_it_must() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    chosen = sample(labels, [999, 0], seed=0, most=100)
    assert len(chosen) == 100
    assert {0, 999} <= set(chosen.tolist())
    assert np.abs(np.bincount(labels[chosen]) - [60, 30, 10]).max() <= 2
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() == sample(labels, [999, 0], seed=0, most=100).tolist()


def test_where_photos_are_few_all_are_on_the_map() -> None:
    assert sample(np.zeros(7, dtype=int), [], seed=0).tolist() == list(range(7))
