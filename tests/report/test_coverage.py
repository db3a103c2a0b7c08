from typing import Any

import numpy as np
import pytest

from tellapart.report.coverage import about_doubts, coverage
from tellapart.report.style import png


def point(covered: float, error: float, **more: Any) -> dict[str, Any]:
    low, high = max(0.0, error - 0.05), error + 0.05
    return {"threshold": 1 - covered, "coverage": covered, "error": error, "error_low": low, "error_high": high, **more}


NO = {"threshold": None, "why": "cannot be promised with 160 validation photos"}


def told(*, promised: bool = True) -> dict[str, Any]:
    return {
        "n_valid": 160,
        "n": 200,
        "curve": [point(0.1, 0.0), point(0.5, 0.02), point(0.83, 0.04), point(1.0, 0.12)],
        "wished": [
            {"wished": 0.01, **NO},
            point(0.83, 0.04, wished=0.05) if promised else {"wished": 0.05, **NO},
            point(1.0, 0.12, wished=0.1) if promised else {"wished": 0.1, **NO},
        ],
    }


def test_errors_stand_over_coverage_in_percent() -> None:
    figure = coverage("Simple CNN", told())
    (axes,) = figure.axes
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}
    assert lines["wrong answers"] == pytest.approx(np.array([[10, 0], [50, 2], [83, 4], [100, 12]]))
    assert lines["--reject 0.05"].ravel() == pytest.approx([83, 4])
    assert set(lines) == {"wrong answers", "--reject 0.05", "--reject 0.1"}  # what cannot be promised has no mark
    marks = {line.get_marker() for line in axes.lines if line.get_marker() not in {"None", None}}
    assert len(marks) == 2
    assert axes.get_ylim()[1] > 17
    assert "Simple CNN" in figure.get_suptitle()


def test_the_wide_interval_of_few_photos_does_not_flatten_the_rest() -> None:
    wide = told()
    wide["curve"][0]["error_high"] = 0.9
    assert coverage("Simple CNN", wide).axes[0].get_ylim()[1] < 30


def test_the_same_figures_give_the_same_bytes() -> None:
    assert png(coverage("Simple CNN", told())) == png(coverage("Simple CNN", told()))


def sentences(**fields: Any) -> list[str]:
    recipe = {"rejection": None, "conformal": None, "stranger": None, **fields}
    return [sentence.replace("\xa0", " ") for sentence in about_doubts(recipe)]


def test_early_runs_say_nothing() -> None:
    assert sentences() == []


def test_what_not_sure_buys_is_told() -> None:
    assert sentences(rejection=told()) == [
        "If it may say “not sure”, with 5 % errors wished for: it answers 83 % of the test photos and is wrong on "
        "4.0 % of those (0.0 % to 9.0 %), instead of 12.0 % of all."
    ]
    assert sentences(rejection=told(promised=False)) == [
        "Even with “not sure” no share of errors up to 10 % can be promised with 160 validation photos."
    ]
    good = told()
    good["wished"][1] = point(1.0, 0.03, wished=0.05)
    assert sentences(rejection=good)[0].startswith("For 5 % errors it need never say “not sure”: 3.0 % of its")


def test_the_sets_are_told() -> None:
    sets: dict[str, Any] = {"level": 0.9, "quantile": 0.7, "n": 160, "coverage": 0.91, "mean_size": 1.34}
    sets |= {"coverage_low": 0.86, "coverage_high": 0.94, "sizes": [140, 50, 10]}
    assert sentences(conformal=sets) == [
        "If it may name several classes, for 90 % of the photos: the set holds the right class for 91 % of the test "
        "photos (86 % to 94 %), with 1.3 classes on average."
    ]
    assert "8 validation photos are too few" in sentences(conformal={**sets, "quantile": 1.0, "n": 8})[0]


def test_strangers_are_told() -> None:
    stranger = {"threshold": 1.0, "quantile": 0.95, "n": 160, "share": 0.06, "low": 0.03, "high": 0.1}
    assert sentences(stranger=stranger) == [
        "Of photos of something else it says “none of these”. By mistake it says so of about 5 % of the photos of its "
        "own classes; of the test photos it was 6 % (3 % to 10 %)."
    ]
    assert sentences(stranger={"threshold": None, "why": "it knows no others"}) == [
        "It never says “none of these”: it knows no others."
    ]
