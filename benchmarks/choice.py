"""Which rule should choose a recipe on validation: what each costs in true accuracy and in time.

    python benchmarks/choice.py [--draws 300] [--seed 0]

Made-up ladders: the true accuracies and seconds of runs in docs/LOG.md, and ladders on which everything, or nothing, is
equally good. What is hard for one recipe is mostly hard for all. From each ladder validation photos are drawn, every
rule chooses, and the choice is held against the truth: `regret` is the true accuracy of the most accurate recipe less
that of the chosen one, in points (mean, and the share of draws in which it is over 5); `seconds` is the geometric mean
of what the chosen one takes over what the dearest takes. Prints a table for each number of photos.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tellapart.evaluation.comparison import Comparison, Marks, compare_pairs, marks

SIZES = (12, 40, 120, 400)
_POOL = 60_000
_CLASSES = 4
# True accuracy and seconds of the steps, without the floor.
LADDERS = {
    "furniture4": ((0.757, 26), (0.818, 57), (0.854, 170), (0.858, 306), (0.961, 40), (0.962, 154)),
    "food5": ((0.487, 23), (0.523, 40), (0.640, 204), (0.665, 310), (0.835, 33), (0.850, 159)),
    "demo": ((0.646, 11), (0.583, 41), (0.625, 53), (0.630, 62), (0.875, 7), (0.938, 14)),
    "all alike": ((0.900, 11), (0.900, 41), (0.900, 53), (0.900, 62), (0.900, 70), (0.900, 140)),
    "a little better each": ((0.850, 11), (0.870, 41), (0.890, 53), (0.910, 62), (0.930, 70), (0.950, 140)),
}


@dataclass(frozen=True)
class Drawn:
    """What a rule sees: the best on validation, and every other recipe held against it."""

    best: str
    pairs: list[Comparison]
    errors: dict[str, float]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Rule:
    """Who counts as level with the best; the cheapest of these is chosen.

    Attributes:
        level: No test may tell at this level that it is worse.
        margin: It may be so much less accurate.
        errors: The same in standard errors of the paired difference.
        loss: The 95 % interval must leave out a greater loss of accuracy.
    """

    level: float = 0.05
    margin: float = math.inf
    errors: float = math.inf
    loss: float = math.inf

    def choose(self, drawn: Drawn) -> str:
        """The name of the recipe."""
        held = [drawn.best, *(pair.b for pair in drawn.pairs if self._is_level(pair, drawn.errors[pair.b]))]
        return min(held, key=lambda name: drawn.seconds[name])

    def _is_level(self, pair: Comparison, error: float) -> bool:
        worse = pair.p_value < self.level and pair.difference < 0
        surer = pair.log_loss_p_value < self.level and pair.log_loss_difference > 0
        far = -pair.difference > min(self.margin, self.errors * error if error else math.inf) + 1e-9
        return not worse and not surer and not far and pair.low >= -self.loss


RULES = {
    "the best itself": Rule(margin=-1.0),
    "not told at 5 %": Rule(),
    "not told at 20 %": Rule(level=0.2),
    "not told, within 1 error": Rule(errors=1.0),
    "not told, within 2 points": Rule(margin=0.02),
    "not told, within 5 points": Rule(margin=0.05),
    "not told at 20 %, within 2 points": Rule(level=0.2, margin=0.02),
    "not told, 2 points and 1 error": Rule(margin=0.02, errors=1.0),
    "no loss over 5 points (95 %)": Rule(level=0.0, loss=0.05),
}


def ladder_pool(rows: tuple[tuple[float, float], ...], generator: np.random.Generator) -> dict[str, Marks]:
    """Marks of every recipe on very many photos, each as accurate as it should be."""
    labels = generator.integers(0, _CLASSES, _POOL)
    hardness = generator.normal(size=(_POOL, _CLASSES))
    pool = {}
    for place, (accuracy, _) in enumerate(rows):
        noise = hardness + generator.normal(size=(_POOL, _CLASSES))
        truth = noise[np.arange(_POOL), labels]
        others = noise.copy()
        others[np.arange(_POOL), labels] = -np.inf
        # The gap by which the true class must be ahead for this accuracy.
        gap = float(np.quantile(others.max(axis=1) - truth, accuracy))
        noise[np.arange(_POOL), labels] += gap
        shares = np.exp(1.3 * (noise - noise.max(axis=1, keepdims=True)))
        pool[f"r{place}"] = marks(labels, shares / shares.sum(axis=1, keepdims=True))
    return pool


def draw(pool: Mapping[str, Marks], seconds: Mapping[str, float], n: int, generator: np.random.Generator) -> Drawn:
    """Validation photos of a ladder."""
    some = generator.integers(0, _POOL, n)
    marked = {name: Marks(mark.correct[some], mark.losses[some]) for name, mark in pool.items()}
    best = min(
        marked, key=lambda name: (-marked[name].correct.mean(), round(marked[name].losses.mean(), 2), seconds[name])
    )
    pairs = compare_pairs([(best, name) for name in marked if name != best], marked)
    errors = {}
    for pair in pairs:
        differences = marked[pair.b].correct.astype(float) - marked[best].correct
        errors[pair.b] = float(differences.std(ddof=1) / np.sqrt(n))
    return Drawn(best, pairs, errors, seconds)


def main() -> None:
    """Print a table for each ladder and number of photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    say = sys.stdout.write
    for ladder, rows in LADDERS.items():
        pool = ladder_pool(rows, generator)
        accuracy = {name: float(mark.correct.mean()) for name, mark in pool.items()}
        seconds = {f"r{place}": float(row[1]) for place, row in enumerate(rows)}
        say(f"\n{ladder}\n{'':34}" + "".join(f"{n:>22}" for n in SIZES) + "\n")
        lines: dict[str, list[str]] = {name: [] for name in RULES}
        for n in SIZES:
            drawn = [draw(pool, seconds, n, generator) for _ in range(options.draws)]
            for name, rule in RULES.items():
                chosen = [rule.choose(one) for one in drawn]
                regret = 100 * (max(accuracy.values()) - np.array([accuracy[one] for one in chosen]))
                cost = np.exp(np.mean([np.log(seconds[one] / max(seconds.values())) for one in chosen]))
                lines[name].append(f"{regret.mean():8.2f} {100 * (regret > 5).mean():4.0f} % {cost:5.2f}")
        for name, cells in lines.items():
            say(f"{name:34}" + "".join(f"{cell:>22}" for cell in cells) + "\n")


if __name__ == "__main__":
    main()
