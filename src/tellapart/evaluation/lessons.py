"""What a step bought over the step before it, in a few plain sentences."""

from dataclasses import dataclass

from tellapart.evaluation.comparison import Comparison, points
from tellapart.evaluation.metrics import Score, TestScore


@dataclass(frozen=True)
class Step:
    """What a lesson is drawn from: a recipe's name, its question and its scores."""

    name: str
    asks: str
    train: Score
    test: TestScore

    @property
    def gap(self) -> float:
        """Training accuracy less test accuracy: what was learned by heart."""
        return self.train.accuracy - self.test.accuracy


def lesson(before: Step | None, step: Step, pair: Comparison | None) -> str:
    """Answer the step's question, in training and in test accuracy.

    Args:
        before: The step before it on this run's ladder, if any.
        step: The step.
        pair: The test of the two on the same photos.
    """
    if before is None or pair is None:
        return f"{step.asks} It is right on {step.test.accuracy:.1%} of {step.test.n} test photos."
    return " ".join([step.asks, _moved(before, step), _gap(before, step), _told(step, pair)])


def _moved(before: Step, step: Step) -> str:
    train = f"training accuracy went from {before.train.accuracy:.1%} to {step.train.accuracy:.1%}"
    test = f"test accuracy from {before.test.accuracy:.1%} to {step.test.accuracy:.1%}"
    return f"From {before.name} to {step.name} {train} and {test}."


def _gap(before: Step, step: Step) -> str:
    change = step.gap - before.gap
    if abs(change) < 0.02:
        return f"The gap between the two stayed at about {100 * step.gap:.0f} points."
    verb = "closed" if change < 0 else "widened"
    return f"The gap between the two {verb} from {100 * before.gap:.0f} to {100 * step.gap:.0f} points."


def _told(step: Step, pair: Comparison) -> str:
    if not pair.told_apart:
        return (
            f"On test photos the difference of {points(pair.difference)} (95 % interval "
            f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}) could be chance: "
            f"{step.test.n} photos cannot tell the two apart."
        )
    if pair.difference > 0:
        return f"So it bought {points(pair.difference)} on test photos, more than chance would give."
    return f"So it cost {points(-pair.difference)[1:]} on test photos, more than chance would take."
