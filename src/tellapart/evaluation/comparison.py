"""Which of two recipes is better, tested on the same photos."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Final

import numpy as np

from tellapart.evaluation.intervals import by_group, mean_difference, studentised
from tellapart.evaluation.metrics import log_losses
from tellapart.words import p_value

LEVEL: Final = 0.05
PLANNED: Final = "planned"
OTHER: Final = "other"
# Of a family's 5 %: accuracy is the first question and log loss the second, which is answered where the first is
# not. (Gatekeeping, where a second question is asked only after a yes to the first, would never ask it here.)
_WEIGHTS: Final = (0.8, 0.2)
POWER: Final = 0.8
# Whoever would have to set aside more photos than this for the test alone will not.
REALISTIC: Final = 20_000


@dataclass(frozen=True)
class Marks:
    """What a recipe made of some photos: which it got right, and the log loss on each, (photos,)."""

    correct: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """The accuracy of `b` less that of `a`, and the log loss likewise, paired by photo.

    Attributes:
        a: The earlier recipe.
        b: The later one.
        difference: In shares of 1, with its 95 % bootstrap interval `low` to `high`.
        p_value: McNemar's exact test.
        p_adjusted: After Holm's correction for all tests of its family, of both scores.
        verdict: In words.
        log_loss_difference: In nats, with its 95 % interval; below 0 where `b` is better.
        log_loss_p_value: The paired bootstrap's.
        log_loss_p_adjusted: After the same correction.
        photos_needed: Test photos that would tell the accuracies apart; None where
            they are told apart, or where no realistic number would do.
        family: "planned" where the run was to answer this question, else "other".
        tests: How many tests its family has.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float = 1.0
    verdict: str = ""
    log_loss_difference: float = 0.0
    log_loss_low: float = 0.0
    log_loss_high: float = 0.0
    log_loss_p_value: float = 1.0
    log_loss_p_adjusted: float = 1.0
    photos_needed: int | None = None
    family: str = OTHER
    tests: int = 1

    @property
    def told_apart(self) -> bool:
        """Whether the test tells the two accuracies apart at 5 %."""
        return self.p_adjusted < LEVEL

    @property
    def doubtful(self) -> bool:
        """Whether a difference that seems real, by p-value or interval, does not stand after correction."""
        return not self.told_apart and (self.p_value < LEVEL or self.low > 0 or self.high < 0)

    @property
    def same_marks(self) -> bool:
        """Whether both are right on the very same photos, so that no draw of them differs."""
        return self.difference == self.low == self.high == 0

    @property
    def losses_told_apart(self) -> bool:
        """Whether the test tells the two log losses apart at 5 %."""
        return self.log_loss_p_adjusted < LEVEL


@dataclass(frozen=True)
class Votes:
    """How many photos two recipes were asked; for each group of them -1 for the first, 1 for the second, else 0."""

    photos: int
    signs: np.ndarray


def marks(labels: np.ndarray, probabilities: np.ndarray) -> Marks:
    """Mark answers.

    Args:
        labels: Class numbers, (photos,).
        probabilities: Shape (photos, classes).
    """
    return Marks(probabilities.argmax(axis=1) == labels, log_losses(labels, probabilities))


def compare_all(
    marked: Mapping[str, Marks],
    groups: np.ndarray | None = None,
    *,
    planned: Collection[tuple[str, str]] | None = None,
) -> list[Comparison]:
    """Compare every recipe with every later one, corrected for how many tests there are.

    The planned pairs are one family of tests, all others a second one. Of each
    family with 5 % at most any verdict "better", of accuracies or log losses, is
    wrong where in truth nothing differs. So the few questions that a run is made
    for do not pay for the many that nobody asked.

    Source: Y. Hochberg, A. C. Tamhane, Multiple Comparison Procedures (1987), 1.2
    (families); Holm (1979), 4 (weights), see `holm`.

    Args:
        marked: By recipe, its marks on the same photos.
        groups: The group of each photo, (photos,).
        planned: Pairs (earlier, later) that the run is to answer; None for each
            recipe with the one before it.
    """
    names = list(marked)
    asked = set(pairwise(names) if planned is None else planned)
    pairs = compare_pairs(list(combinations(names, 2)), marked, groups)
    judged = {
        (pair.a, pair.b): pair
        for family in (PLANNED, OTHER)
        for pair in _judged(
            [replace(pair, family=family) for pair in pairs if ((pair.a, pair.b) in asked) == (family == PLANNED)],
            marked,
            groups,
        )
    }
    return [judged[pair.a, pair.b] for pair in pairs]


def _judged(pairs: Sequence[Comparison], marked: Mapping[str, Marks], groups: np.ndarray | None) -> list[Comparison]:
    """One family of pairs on the same photos, with corrected p-values and verdicts."""
    return judge(pairs, [votes(marked[pair.a], marked[pair.b], groups) for pair in pairs])


def judge(pairs: Sequence[Comparison], voted: Sequence[Votes]) -> list[Comparison]:
    """Correct the p-values of one family of tests, and put verdicts into words.

    Args:
        pairs: All of the family, as `compare_pairs` gives them; each may be of photos of its own.
        voted: Of each pair, the votes of its photos.
    """
    p_values = np.array([pair.p_value for pair in pairs] + [pair.log_loss_p_value for pair in pairs])
    weights = np.repeat(_WEIGHTS, len(pairs))
    done = []
    for pair, vote, p, p_loss in zip(pairs, voted, *np.reshape(holm(p_values, weights), (2, -1)), strict=True):
        corrected = replace(pair, p_adjusted=float(p), log_loss_p_adjusted=float(p_loss), tests=len(p_values))
        n = vote.photos
        if not corrected.told_apart:
            # The level that Holm's correction leaves to this place in the order.
            later = p_values / weights >= pair.p_value / _WEIGHTS[0]
            level = LEVEL * _WEIGHTS[0] / float(weights[later].sum())
            needed = photos_needed(vote.signs, n, level)
            # With few photos the formula may say that these were enough; the test says that they were not.
            corrected = replace(corrected, photos_needed=max(needed, n + 1) if needed else None)
        done.append(replace(corrected, verdict=_verdict(corrected, n)))
    return done


def compare_pairs(
    pairs: Sequence[tuple[str, str]], marked: Mapping[str, Marks], groups: np.ndarray | None = None
) -> list[Comparison]:
    """Compare the named pairs, without any correction and without a verdict."""
    if not pairs:
        return []
    losses = np.column_stack([marked[b].losses - marked[a].losses for a, b in pairs])
    compared = []
    for (a, b), loss in zip(pairs, studentised(losses, groups), strict=True):
        differences = marked[b].correct.astype(int) - marked[a].correct.astype(int)
        low, high = mean_difference(differences, groups)
        compared.append(
            Comparison(
                a,
                b,
                float(differences.mean()),
                low,
                high,
                mcnemar(votes(marked[a], marked[b], groups).signs),
                log_loss_difference=loss.value,
                log_loss_low=loss.low,
                log_loss_high=loss.high,
                log_loss_p_value=loss.p_value,
            )
        )
    return compared


def votes(a: Marks, b: Marks, groups: np.ndarray | None) -> Votes:
    """Count for which of two each group of photos votes: for the one that got more of them right."""
    differences = b.correct.astype(int) - a.correct.astype(int)
    return Votes(len(differences), np.asarray(np.sign(by_group(differences[:, np.newaxis], groups)[:, 0])))


def mcnemar(signs: np.ndarray) -> float:
    """Two-sided p-value of McNemar's exact test.

    A group of copies has one vote, so that the test stays exact whatever its
    photos have in common.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157; exact by the binomial distribution.

    Args:
        signs: Of each photo or group, -1, 0 or 1: which of two recipes was right.
    """
    from scipy.stats import binomtest

    only_a, only_b = int((signs < 0).sum()), int((signs > 0).sum())
    return float(binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0


def photos_needed(signs: np.ndarray, n: int, level: float = LEVEL) -> int | None:
    """How many photos McNemar's test would need to tell two recipes apart, with 80 % power.

    It takes the discordance that was seen for the true one, so it is as rough as
    that. None where more than 20,000 photos would be needed.

    Source: R. J. Connor, Sample Size for Testing Differences in Proportions for
    the Paired-Sample Design, Biometrics 43 (1987) 207-211; 1 / difference is
    added because the exact test is as strict as one with a continuity correction.

    Args:
        signs: As in `mcnemar`.
        n: Photos that they stand for.
        level: Two-sided.
    """
    from scipy.special import ndtri

    discordant, difference = float((signs != 0).mean()), abs(float(np.sign(signs).mean()))
    if not difference:
        return None
    under_null = float(ndtri(1 - level / 2)) * math.sqrt(discordant)
    under_truth = float(ndtri(POWER)) * math.sqrt(discordant - difference**2)
    votes = ((under_null + under_truth) / difference) ** 2 + 1 / difference
    needed = math.ceil(votes * n / len(signs))
    return needed if needed <= REALISTIC else None


def holm(p_values: Sequence[float] | np.ndarray, weights: Sequence[float] | np.ndarray | None = None) -> list[float]:
    """Holm's step-down correction.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70; section 4 for weights.

    Args:
        p_values: Of all tests of a family.
        weights: How much of the level each test gets at first, relative to the others; None for equal shares.
    """
    shares = np.ones(len(p_values)) if weights is None else np.asarray(weights, dtype=float)
    each = np.asarray(p_values, dtype=float) / shares
    order = np.argsort(each, kind="stable")
    left = np.cumsum(shares[order][::-1])[::-1]
    adjusted = np.empty(len(each))
    adjusted[order] = np.minimum(np.maximum.accumulate(each[order] * left), 1.0)
    return [float(p) for p in adjusted]


def points(share: float) -> str:
    """A difference of shares as signed points, such as "+3.4 points"."""
    return f"{100 * share:+.1f} points"


def percent(share: float) -> str:
    """A share in percent, such as "96.6 %"."""
    return f"{100 * share:.1f} %"


def would_do(pair: Comparison) -> str:
    """How many test photos would tell the two apart, in words and with two digits, rounded up."""
    if pair.photos_needed is None:
        return "no realistic number would do"
    step = 10 ** max(0, len(str(pair.photos_needed)) - 2)
    return f"about {math.ceil(pair.photos_needed / step) * step:,} would do"


def span(pair: Comparison) -> str:
    """The 95 % interval of the difference in accuracy, in words."""
    return f"95 % interval {100 * pair.low:+.1f} to {100 * pair.high:+.1f}"


def doubt(pair: Comparison) -> str:
    """Why a difference that seems real does not count; for a pair that is `doubtful`."""
    if pair.p_value < LEVEL:
        return (
            f"would count by itself (p {p_value(pair.p_value)}), but it is one of {pair.tests} tests, "
            f"and after correction p {p_value(pair.p_adjusted)}"
        )
    return (
        "has an interval that leaves out 0, but the exact test decides, which is stricter with few photos "
        f"(p {p_value(pair.p_value)}, after correction {p_value(pair.p_adjusted, '')})"
    )


def _verdict(pair: Comparison, n: int) -> str:
    seen = f"{points(pair.difference)}, {span(pair)}"
    if pair.told_apart:
        better, worse = (pair.b, pair.a) if pair.difference > 0 else (pair.a, pair.b)
        return f"{better} is better than {worse} ({seen}; p {p_value(pair.p_adjusted)} after correction)"
    if pair.same_marks:
        told = f"{pair.b} and {pair.a} are right on the same photos, so these {n} cannot tell them apart"
    elif pair.doubtful:
        told = (
            f"{pair.b} and {pair.a} cannot be told apart for certain with {n} photos: the difference ({seen}) "
            f"{doubt(pair)}; {would_do(pair)}"
        )
    else:
        told = f"{pair.b} and {pair.a} cannot be told apart with {n} photos; {would_do(pair)} ({seen})"
    return told + (f". {_of_losses(pair)}" if pair.losses_told_apart else "")


def _of_losses(pair: Comparison) -> str:
    surer, other = (pair.b, pair.a) if pair.log_loss_difference < 0 else (pair.a, pair.b)
    low, high = sorted((abs(pair.log_loss_low), abs(pair.log_loss_high)))
    return (
        f"The probabilities of {surer} are better than those of {other} all the same: its log loss is lower by "
        f"{abs(pair.log_loss_difference):.2f} (95 % interval {low:.2f} to {high:.2f}; "
        f"p {p_value(pair.log_loss_p_adjusted)} after correction)"
    )
