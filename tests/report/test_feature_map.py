import numpy as np
import pytest
from fake_run import ODD_CLASSES
from matplotlib.figure import Figure

from tellapart.report.feature_map import feature_map
from tellapart.report.style import png

POINTS = np.random.default_rng(0).uniform(size=(60, 2)).astype(np.float32)
LABELS = [n % 3 for n in range(60)]


def marked(figure: Figure) -> int:
    """How many points stand on the first axes."""
    return sum(len(np.asarray(found.get_offsets())) for found in figure.axes[0].collections)


def names(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def test_each_photo_is_a_point_and_each_mistake_a_ring() -> None:
    figure = feature_map(POINTS, LABELS, ["a", "b", "c"], mistakes=[3, 8])
    assert marked(figure) == 62
    rings = figure.axes[0].collections[-1]
    assert np.allclose(np.asarray(rings.get_offsets()), POINTS[[3, 8]])
    assert names(figure) == ["a", "b", "c", "named wrongly"]


def test_what_was_not_tested_is_paler_and_the_legend_says_so() -> None:
    figure = feature_map(POINTS, LABELS, ["a", "b", "c"], tested=[n < 20 for n in range(60)])
    strengths = {found.get_alpha() for found in figure.axes[0].collections}
    assert strengths == {0.45, 1.0}
    assert names(figure)[-1] == "paler: not tested"
    every = feature_map(POINTS, LABELS, ["a", "b", "c"], tested=[True] * 60)
    assert "paler: not tested" not in names(every)


def test_odd_names_are_drawn_as_text() -> None:
    figure = feature_map(POINTS, [n % 5 for n in range(60)], ODD_CLASSES)
    assert "<script>alert(1)</script>" in names(figure)
    assert png(figure)[:4] == b"\x89PNG"


def test_many_classes_are_named_up_to_sixty() -> None:
    figure = feature_map(np.tile(POINTS, (2, 1)), [n % 70 for n in range(120)], [f"class {n}" for n in range(70)])
    assert len(names(figure)) == 61
    assert names(figure)[-1] == "and 10 more"


def test_both_axes_have_one_scale_and_no_numbers() -> None:
    axes = feature_map(POINTS, LABELS, ["a", "b", "c"], method="PCA").axes[0]
    assert axes.get_aspect() == 1
    assert not len(axes.get_xticks())
    assert axes.get_xlabel().startswith("PCA")


def test_it_can_be_drawn_into_given_axes() -> None:
    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    assert feature_map(POINTS, LABELS, ["a", "b", "c"], ax=right) is figure
    assert not left.collections


@pytest.mark.parametrize("n", [30, 2000])
def test_the_same_points_give_the_same_picture(n: int) -> None:
    points = np.random.default_rng(1).uniform(size=(n, 2))
    labels = [k % 4 for k in range(n)]
    assert len({png(feature_map(points, labels, list("abcd"))) for _ in range(2)}) == 1
