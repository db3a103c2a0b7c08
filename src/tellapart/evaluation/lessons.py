"""What a step bought over the step before it, in a few plain sentences."""

from dataclasses import dataclass
from typing import Final

from tellapart.evaluation.comparison import Comparison, doubt, percent, points, span, would_do
from tellapart.evaluation.metrics import Score, TestScore

_NOTICEABLE: Final = 0.01  # a change of training accuracy or of the gap under one point is none


@dataclass(frozen=True)
class Step:
    """What a lesson is drawn from.

    Attributes:
        name: The recipe.
        asks: Its question, such as "Did tuning help?".
        judged_by: What answers it: "training" accuracy, the "gap" between training and
            test, or the "test" photos.
        train: Its scores on the training photos, without dropout and augmentation.
        test: Its scores on the test photos.
    """

    name: str
    asks: str
    judged_by: str
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
        return f"It is right on {percent(step.test.accuracy)} of {step.test.n} test photos."
    told = [step.asks, _answer(before, step, pair), _moved(before, step), _gap(before, step), _told(step, pair)]
    return " ".join(told)


def _answer(before: Step, step: Step, pair: Comparison) -> str:
    if step.judged_by == "test":
        if pair.doubtful:
            return f"It seems {'so' if pair.difference > 0 else 'not'}, but these test photos cannot tell for certain."
        if not pair.told_apart:
            return "These test photos cannot tell."
        return "Yes." if pair.difference > 0 else "No."
    risen = step.train.accuracy - before.train.accuracy
    bought = risen if step.judged_by == "training" else before.gap - step.gap
    return "Yes." if bought >= _NOTICEABLE else "No."


def _moved(before: Step, step: Step) -> str:
    train = f"training accuracy went from {percent(before.train.accuracy)} to {percent(step.train.accuracy)}"
    test = f"test accuracy from {percent(before.test.accuracy)} to {percent(step.test.accuracy)}"
    return f"From {before.name} to {step.name} {train} and {test}."


def _gap(before: Step, step: Step) -> str:
    if abs(step.gap - before.gap) < _NOTICEABLE:
        return f"The gap between the two stayed at about {100 * step.gap:.0f} points."
    verb = "closed" if step.gap < before.gap else "widened"
    return f"The gap between the two {verb} from {100 * before.gap:.0f} to {100 * step.gap:.0f} points."


def _told(step: Step, pair: Comparison) -> str:
    if pair.same_marks:
        return "Both are right on the same test photos."
    seen = f"On test photos the difference of {points(pair.difference)} ({span(pair)})"
    if pair.doubtful:
        return f"{seen} {doubt(pair)}: {step.test.n} photos do not settle it; {would_do(pair)}."
    if not pair.told_apart:
        return f"{seen} could be chance: {step.test.n} photos cannot tell the two apart; {would_do(pair)}."
    if pair.difference > 0:
        return f"So it bought {points(pair.difference)[1:]} on test photos, more than chance would give."
    return f"So it cost {points(-pair.difference)[1:]} on test photos, more than chance would take."
