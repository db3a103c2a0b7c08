from typing import Any

import pytest
from matplotlib.text import Annotation, Text

from tellapart.report.steps import ladder
from tellapart.report.style import new_figure, png


def recipe(name: str, accuracy: float, seconds: float, backbone: str | None = None) -> dict[str, Any]:
    low, high = max(0.0, accuracy - 0.1), min(1.0, accuracy + 0.1)
    return {
        "name": name,
        "backbone": backbone,
        "seconds": {"total": seconds},
        "test": {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high},
    }


ALL = [
    recipe("majority", 0.27, 0.0),
    recipe("baseline", 0.55, 21),
    recipe("deeper", 0.6, 35),
    recipe("augmented", 0.67, 80),
    recipe("tuned", 0.71, 1900),
    recipe("bottleneck", 0.92, 45, "vgg16"),
    recipe("finetuned", 0.94, 400, "vgg16"),
]


def labels(recipes: list[dict[str, Any]]) -> list[Annotation]:
    axes = ladder(recipes, best="bottleneck").axes[0]
    return [text for text in axes.texts if isinstance(text, Annotation)]


def test_every_recipe_but_the_floor_is_a_labelled_point() -> None:
    assert [label.get_text() for label in labels(ALL)] == [row["name"] for row in ALL[1:]]


def test_the_floor_the_interval_and_the_choice_are_in_the_legend() -> None:
    legend = ladder(ALL, best="bottleneck").axes[0].get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert {"chosen", "from scratch", "pretrained backbone", "95 % interval"} < set(said)
    assert any("floor" in text and "27 %" in text for text in said)


@pytest.mark.parametrize("spread", [1.0, 1.3, 4.0])
def test_no_two_labels_overlap(spread: float) -> None:
    rows = [recipe(f"step-{i}", 0.7 + 0.01 * i, 30 * spread**i) for i in range(6)]
    figure = ladder(rows)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert not [a for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_labels_of_points_that_crowd_stand_beyond_their_intervals() -> None:
    """The recipes from scratch of the drawn furniture: like scores, long intervals, like times."""
    scores = {"baseline": (0.625, 44), "deeper": (0.604, 103), "augmented": (0.625, 190), "tuned": (0.625, 253)}
    rows = [recipe("linear", 0.875, 2.2), *(recipe(name, *score) for name, score in scores.items())]
    figure = ladder(rows)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    names = [Text.get_window_extent(text) for text in axes.texts]
    bars = [line.get_window_extent() for line in axes.lines if len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert len(bars) >= len(rows)
    assert not [a for i, a in enumerate(names) for b in [*names[:i], *bars] if a.overlaps(b)]


@pytest.mark.parametrize("rows", [ALL, ALL[:1], ALL[1:2], [recipe("perfect", 1.0, 1e6)], [recipe("none", 0.0, 0.0)]])
def test_any_set_of_recipes_can_be_drawn(rows: list[dict[str, Any]]) -> None:
    figure = ladder(rows, best="perfect")
    assert png(figure)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert "%" in axes.get_ylabel()


def test_it_can_share_a_figure() -> None:
    left, _ = new_figure(5, width=12).subplots(1, 2)
    assert png(ladder(ALL, ax=left))


@pytest.mark.parametrize("seconds", [(27, 88, 131), (0.4, 0.6), (2, 4000), (4000, 9000)])
def test_the_axis_of_the_time_has_two_figures_at_least(seconds: tuple[float, ...]) -> None:
    figure = ladder([recipe(f"r{at}", 0.5, many) for at, many in enumerate(seconds)])
    axes = figure.axes[0]
    left, right = axes.get_xlim()
    assert sum(left <= tick <= right for tick in axes.get_xticks()) >= 2
