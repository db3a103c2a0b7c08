from typing import Any

import numpy as np
import pytest
from fake_curve import fake_curve

from tellapart.report.growth import learning_curve
from tellapart.report.style import png

CURVE = fake_curve(["bed", "chair"])


def labelled(curve: dict[str, Any]) -> dict[str, Any]:
    (axes,) = learning_curve(curve).axes
    return {str(line.get_label()): line for line in axes.lines}


def test_measured_and_forecast_stand_apart() -> None:
    lines = labelled(CURVE)
    measured, forecast = lines["measured"], lines["forecast"]
    assert list(measured.get_xdata()) == CURVE["sizes"]
    assert measured.get_ydata() == pytest.approx([100 * (1 - np.mean(errors)) for errors in CURVE["errors"]])
    assert list(forecast.get_xdata()) == [200, 400, 800]
    assert max(measured.get_xdata()) < min(forecast.get_xdata())
    assert measured.get_marker() != forecast.get_marker()


def test_the_band_covers_the_forecast_alone() -> None:
    (axes,) = learning_curve(CURVE).axes
    bands = [np.asarray(band.get_paths()[0].vertices) for band in axes.collections]
    assert bands
    for corners in bands:
        assert (corners[:, 0].min(), corners[:, 0].max()) == (160, 800)
    low, high = (100 * CURVE["forecast"][-1][end] for end in ("low", "high"))
    last = bands[0][bands[0][:, 0] == 800][:, 1]
    assert (last.min(), last.max()) == pytest.approx((low, high))


def test_the_solid_line_ends_where_the_dashed_one_begins() -> None:
    (axes,) = learning_curve(CURVE).axes
    solid, dashed = ([line for line in axes.lines if line.get_linestyle() == style] for style in ("-", "--"))
    assert np.asarray(solid[0].get_xdata())[-1] == np.asarray(dashed[0].get_xdata())[0] == 160


def test_everything_is_within_the_axes() -> None:
    figure = learning_curve(CURVE)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < min(100 * (1 - error) for errors in CURVE["errors"] for error in errors)
    assert high > 100 * CURVE["forecast"][-1]["high"]
    assert [label.get_text() for label in axes.get_xticklabels()][-3:] == ["200\nall", "400\ntwice", "800\nfour times"]
    assert "vgg16" in figure.get_suptitle()


@pytest.mark.parametrize("photos", [24, 40_000, 400_000])
def test_many_photos_and_few_can_be_drawn(photos: int) -> None:
    scale = photos / CURVE["photos"]
    larger = {
        **CURVE,
        "photos": photos,
        "sizes": [scale * size for size in CURVE["sizes"]],
        **{key: [{**row, "photos": scale * row["photos"]} for row in CURVE[key]] for key in ("curve", "forecast")},
    }
    assert png(learning_curve(larger)).startswith(b"\x89PNG")


def test_the_same_curve_gives_the_same_bytes() -> None:
    assert png(learning_curve(CURVE)) == png(learning_curve(CURVE))
