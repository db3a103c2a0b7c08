from typing import Any

import numpy as np
import pytest

from tellapart.report.reliability import reliability
from tellapart.report.style import png


def told(temperature: float = 1.8) -> dict[str, Any]:
    def rows(*points: tuple[int, float, float]) -> list[dict[str, float]]:
        names = ("n", "confidence", "accuracy", "low", "high")
        return [dict(zip(names, (*point, point[2] - 0.1, point[2]), strict=True)) for point in points]

    return {
        "temperature": temperature,
        "bins_before": rows((2, 0.55, 0.5), (98, 0.97, 0.8)),
        "bins_after": rows((30, 0.6, 0.6), (70, 0.85, 0.9)),
    }


def marks(calibration: dict[str, Any]) -> dict[str, Any]:
    (axes,) = reliability("Simple CNN", calibration).axes
    return {str(points.get_label()): points for points in axes.collections if hasattr(points, "get_sizes")}


def test_marks_stand_at_confidence_and_accuracy_in_percent() -> None:
    found = marks(told())
    assert set(found) == {"before calibration", "after calibration"}
    places = {name: np.asarray(points.get_offsets()) for name, points in found.items()}
    assert places["before calibration"] == pytest.approx(np.array([[55, 50], [97, 80]]))
    assert places["after calibration"] == pytest.approx(np.array([[60, 60], [85, 90]]))
    small, large = found["before calibration"].get_sizes()
    assert large > 3 * small


def test_the_line_of_the_honest_model_is_drawn() -> None:
    figure = reliability("Simple CNN", told())
    (axes,) = figure.axes
    honest = next(line for line in axes.lines if line.get_label() == "as right as sure")
    assert (np.asarray(honest.get_xdata()) == np.asarray(honest.get_ydata())).all()
    assert axes.get_xlim()[0] == 50
    assert "Simple CNN" in figure.get_suptitle()


def test_a_temperature_of_1_has_no_before() -> None:
    assert set(marks(told(1.0))) == {"not changed"}


def test_the_same_figures_give_the_same_bytes() -> None:
    assert png(reliability("Simple CNN", told())) == png(reliability("Simple CNN", told()))
