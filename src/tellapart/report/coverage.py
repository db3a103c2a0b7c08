"""What it costs, and buys, to let a model say "not sure", several classes, or "none of these"."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.report.style import DARK, GREY, INK, LIGHT, PALE, dress, figure_of, legend_above, one_axes, put_title
from tellapart.words import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by form alone: in grey the colours of the first and the last are alike.
_MARKS = (("s", "white"), ("D", LIGHT), ("^", DARK))
_TOLD = 0.05  # the wished share of errors that is told in a sentence, where validation can promise it


def coverage(
    title: str, rejection: Mapping[str, Any], *, photos: str = "test photos", ax: "Axes | None" = None
) -> "Figure":
    """Draw the share of wrong answers against the share of photos that are answered at all.

    Args:
        title: What the recipe is called.
        rejection: Of the recipe in results.json.
        photos: What the photos are called.
        ax: Axes to draw into; by default a figure of its own.
    """
    place = one_axes(ax, 4.8)
    curve = rejection["curve"]
    answered = _percent(curve, "coverage")
    place.fill_between(
        answered,
        _percent(curve, "error_low"),
        _percent(curve, "error_high"),
        color=PALE,
        edgecolor=GREY,
        linewidth=0.6,
        label="95 % interval",
    )
    place.plot(answered, _percent(curve, "error"), color=DARK, linewidth=2, label="wrong answers")
    for (marker, colour), row in zip(_MARKS, rejection["wished"], strict=False):
        if row["threshold"] is None or row["error"] is None:
            continue
        place.plot(
            [100 * row["coverage"]],
            [100 * row["error"]],
            linestyle="",
            marker=marker,
            markersize=10,
            markerfacecolor=colour,
            markeredgecolor=INK,
            label=f"--reject {row['wished']:g}",
            zorder=4,
        )
    put_title(place, f"{title}: fewer answers, fewer errors", whole=ax is None, legend_rows=3)
    dress(place, f"{photos} that it answers (%)", "of these wrong (%)")
    place.set_xlim(0, 103)
    # The interval of the few surest photos is wide, and would flatten the rest.
    place.set_ylim(0, min(100.0, 1.3 * max(100 * curve[-1]["error_high"], *_percent(curve, "error"), 4.0)))
    legend_above(place)
    return figure_of(place)


def about_doubts(recipe: Mapping[str, Any]) -> list[str]:
    """Tell in words what a recipe's doubts are worth; empty for runs of early versions.

    Args:
        recipe: Of results.json; `rejection`, `conformal` and `stranger` may be None.
    """
    told = (
        _about_rejection(recipe["rejection"]),
        _about_sets(recipe["conformal"]),
        _about_strangers(recipe["stranger"]),
    )
    return [sentence for sentence in told if sentence]


def _about_rejection(rejection: Mapping[str, Any] | None) -> str:
    if rejection is None:
        return ""
    promised = [row for row in rejection["wished"] if row["threshold"] is not None and row["error"] is not None]
    if not promised:
        most = percent(rejection["wished"][-1]["wished"], 0)
        return (
            f"Even with “not sure” no share of errors up to {most} can be promised with "
            f"{counted(rejection['n_valid'], 'validation photo')}."
        )
    row = next((row for row in promised if row["wished"] >= _TOLD), promised[-1])
    wished, error = percent(row["wished"], 0), percent(row["error"])
    interval = f"{percent(row['error_low'])} to {percent(row['error_high'])}"
    if row["coverage"] == 1:
        return f"For {wished} errors it need never say “not sure”: {error} of its answers are wrong ({interval})."
    return (
        f"If it may say “not sure”, with {wished} errors wished for: it answers "
        f"{percent(row['coverage'], 0)} of the test photos and is wrong on {error} of those ({interval}), "
        f"instead of {percent(rejection['curve'][-1]['error'])} of all."
    )


def _about_sets(conformal: Mapping[str, Any] | None) -> str:
    if conformal is None:
        return ""
    level = percent(conformal["level"], 0)
    if conformal["quantile"] >= 1:
        return (
            f"{counted(conformal['n'], 'validation photo')} are too few for sets of classes that hold the right one "
            f"for {level} of the photos: each holds all classes."
        )
    size = conformal["mean_size"]
    return (
        f"If it may name several classes, for {level} of the photos: the set holds the right class for "
        f"{percent(conformal['coverage'], 0)} of the test photos ({percent(conformal['coverage_low'], 0)} to "
        f"{percent(conformal['coverage_high'], 0)}), with {size:.1f} {'class' if size == 1 else 'classes'} on average."
    )


def _about_strangers(stranger: Mapping[str, Any] | None) -> str:
    if stranger is None:
        return ""
    if stranger["threshold"] is None:
        return f"It never says “none of these”: {stranger['why']}."
    return (
        f"Of photos of something else it says “none of these”. By mistake it says so of about "
        f"{percent(1 - stranger['quantile'], 0)} of the photos of its own classes; of the test photos it was "
        f"{percent(stranger['share'], 0)} ({percent(stranger['low'], 0)} to {percent(stranger['high'], 0)})."
    )


def _percent(rows: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [100 * row[name] for row in rows]
