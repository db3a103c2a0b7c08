"""Would more photos help? The error of a linear head on frozen features against the photos it learned from."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from tellapart.evaluation.class_curves import class_curves, first_classes
from tellapart.evaluation.draws import Frozen, answers, covariance, folds, spread
from tellapart.evaluation.power_law import Estimate, PowerLaws, as_dict, estimate, fit_power_laws
from tellapart.models.probe import FOLDS, one_thread
from tellapart.progress import Progress
from tellapart.words import decimal

FACTORS: Final = (1, 2, 4)  # of the photos that there are; nothing is said of more
# Of the photos outside the fold, itself 80 % of all. Half of them tells what each class gained from the rest.
SHARES: Final = (0.125, 0.25, 0.5**1.5, 0.5, 0.5**0.5, 1.0)
_HALF: Final = 0.5
_FEWEST: Final = 2  # groups of each class in the smallest draw
_FEWEST_SIZES: Final = 4
_ONE_POINT: Final = 0.01
_STEPS: Final = 16  # of the drawn curve, on either side of the largest size


@dataclass(frozen=True)
class Measured:
    """What the draws gave.

    Attributes:
        shares: Of the photos outside the fold, (sizes,), rising.
        sizes: Photos learned from, on average over the draws, (sizes,).
        predicted: Class numbers, (repeats, sizes, photos); each photo by a head that had not seen its group.
        fold: The fold of each photo, (repeats, photos).
    """

    shares: tuple[float, ...]
    sizes: np.ndarray
    predicted: np.ndarray
    fold: np.ndarray


def learning_curve(frozen: Frozen, *, seed: int, progress: Progress) -> dict[str, Any]:
    """Measure the learning curve of some photos, and forecast it to four times as many.

    Five folds, two or four times; in each, heads learn from nested draws of the photos outside
    the fold and answer for those in it, so that all sizes are judged on the same photos.

    Args:
        frozen: The photos learned from and validated with; the test photos have no part.
        seed: Fixes the draws.
        progress: Where to tell how far it is.

    Returns:
        `learning_curve` of results.json. Where the photos are too few, without sizes, and the sentence says so.
    """
    shares = _shares(frozen)
    if len(shares) < _FEWEST_SIZES:
        return _told(frozen, sentence=_too_few(frozen))
    measured = measure(frozen, shares, seed=seed, progress=progress)
    laws = fit(frozen, measured)
    half = shares.index(_HALF)
    classes = class_curves(frozen, measured.predicted[:, half], measured.predicted[:, -1])
    n = len(frozen.labels)
    forecast = [_forecast(laws, n, factor) for factor in FACTORS]
    verdict, said = _verdict(forecast)
    return _told(
        frozen,
        sizes=[round(size) for size in measured.sizes],
        errors=_errors(frozen, measured),
        fit=as_dict(laws),
        curve=_curve(laws, n),
        forecast=forecast,
        one_point=_one_point(laws, n),
        classes=[asdict(row) for row in classes],
        verdict=verdict,
        sentence=f"{said} {first_classes(classes)}".rstrip(),
    )


def measure(frozen: Frozen, shares: tuple[float, ...], *, seed: int, progress: Progress) -> Measured:
    """Train the heads of all draws; arguments as in `learning_curve`."""
    n, n_repeats = len(frozen.labels), frozen.repeats(4)
    predicted = np.full((n_repeats, len(shares), n), -1)
    fold = np.zeros((n_repeats, n), dtype=int)
    counts = np.zeros(len(shares))
    with one_thread(), progress.bar("Learning curve", n_repeats * FOLDS) as bar:
        for repeat in range(n_repeats):
            generator = np.random.default_rng([seed, repeat])
            for number, asked in enumerate(folds(frozen.labels, frozen.groups, generator)):
                rest = np.flatnonzero(~asked)
                places = spread(frozen.labels[rest], frozen.groups[rest], generator)
                for size, share in enumerate(shares):
                    learned = rest[places < share]
                    predicted[repeat, size, asked] = answers(frozen, learned, asked)
                    counts[size] += len(learned)
                fold[repeat, asked] = number
                bar.advance()
    return Measured(shares, counts / (n_repeats * FOLDS), predicted, fold)


def fit(frozen: Frozen, measured: Measured) -> PowerLaws:
    """The power laws that the measured errors allow.

    Three things make these errors inexact: which photos answer (groups are the units),
    which photos are drawn to learn from (told by how the repetitions differ, in
    proportion to the variance of a mistake), and that all draws come from the same
    photos. The last cannot be seen in the draws; it is taken to be as large as the
    second, and to move all sizes together, which is what a simulation with fresh photos
    asks for (docs/LOG.md).
    """
    wrong = measured.predicted != frozen.labels
    means = wrong.mean(axis=2)
    errors = means.mean(axis=0)
    mistakes = errors * (1 - errors)
    by_chance = mistakes * float(means.var(axis=0, ddof=1).sum() / max(mistakes.sum(), 1e-9))
    # Without a single mistake there is no variance either, yet the next photo may be one.
    least = 1 / len(np.unique(frozen.groups)) ** 2
    inexact = covariance(wrong.mean(axis=0).T, frozen.groups)
    inexact += np.diag(by_chance / len(wrong) + least) + np.sqrt(np.outer(by_chance, by_chance)) + least
    return fit_power_laws(measured.sizes, errors, inexact)


def _shares(frozen: Frozen) -> tuple[float, ...]:
    """Those that leave some photos of each class to learn from."""
    outside = float(frozen.different.min()) * (1 - 1 / FOLDS)
    return tuple(share for share in SHARES if share * outside >= _FEWEST)


def _too_few(frozen: Frozen) -> str:
    counts = frozen.different
    least = int(counts.argmin())
    needed = int(np.ceil(_FEWEST / (SHARES[-_FEWEST_SIZES] * (1 - 1 / FOLDS))))
    return (
        f"Too few photos to say whether more would help: a learning curve takes {needed} different photos of each "
        f"class beside the test photos, and “{frozen.classes[least]}” has {counts[least]}."
    )


def _told(frozen: Frozen, **found: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "sizes": [],
        "errors": [],
        "fit": None,
        "curve": [],
        "forecast": [],
        "one_point": None,
        "classes": [],
    }
    return {
        "features": frozen.backbone,
        "photos": len(frozen.labels),
        **nothing,
        "verdict": "too few",
        **found,
    }


def _errors(frozen: Frozen, measured: Measured) -> list[list[float]]:
    """The error of each draw, size by size."""
    wrong = measured.predicted != frozen.labels
    return [
        [
            float(wrong[repeat, size, measured.fold[repeat] == number].mean())
            for repeat in range(len(wrong))
            for number in np.unique(measured.fold[repeat])
        ]
        for size in range(len(measured.sizes))
    ]


def _curve(laws: PowerLaws, n: int) -> list[dict[str, Any]]:
    first, last = laws.least, laws.at
    places = [*np.geomspace(first, last, _STEPS), *np.geomspace(last, FACTORS[-1] * n, _STEPS)[1:]]
    return [_point(laws, place) for place in places]


def _point(laws: PowerLaws, photos: float) -> dict[str, Any]:
    accuracy = estimate(1 - laws.errors(photos))
    return {"photos": round(photos), "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high}


def _forecast(laws: PowerLaws, n: int, factor: int) -> dict[str, Any]:
    gain = estimate(laws.gains(n, factor * n))
    return {
        "factor": factor,
        **_point(laws, factor * n),
        "gain": gain.value,
        "gain_low": gain.low,
        "gain_high": gain.high,
    }


def _one_point(laws: PowerLaws, n: int) -> dict[str, Any] | None:
    """How many times the photos one point less error takes; None where that is more than four times."""
    factors = np.geomspace(1, FACTORS[-1], 200)
    enough = np.array([laws.gains(n, factor * n) for factor in factors]) >= _ONE_POINT
    needed = np.where(enough.any(axis=0), factors[enough.argmax(axis=0)], np.inf)
    found = Estimate(*(float(np.quantile(needed, share, method="higher")) for share in (0.5, 0.025, 0.975)))
    if not np.isfinite(found.value):
        return None
    high = round(found.high, 2) if np.isfinite(found.high) else None
    return {"factor": round(found.value, 2), "low": round(found.low, 2), "high": high, "photos": round(found.value * n)}


def _verdict(forecast: list[dict[str, Any]]) -> tuple[str, str]:
    """Whether the curve rises, a little or not at all, or cannot be told, and the words for it."""
    _, twice, four_times = forecast
    if four_times["gain_high"] < _ONE_POINT:
        return "flat", (
            "More photos of the same kind would hardly help: even four times as many would bring less than a point of "
            f"accuracy ({_range(four_times)})."
        )
    told = (
        f"twice as many of each class should bring about {_points(twice['gain'])} points of accuracy "
        f"({_range(twice)}), four times as many about {_points(four_times['gain'])} ({_range(four_times)})."
    )
    if twice["gain_low"] >= _ONE_POINT / 2:
        return "rising", f"More photos would help: {told}"
    if twice["gain_high"] < 1.5 * _ONE_POINT:
        return "little", f"More photos would help but little: {told}"
    return "unsure", (
        "More photos may help, but these cannot say how much: twice as many of each class may bring "
        f"{_points(twice['gain_low'])} points of accuracy, or {_points(twice['gain_high'])}."
    )


def _range(row: dict[str, Any]) -> str:
    return f"{_points(row['gain_low'])} to {_points(row['gain_high'])}"


def _points(share: float) -> str:
    return decimal(100 * share, 1)
