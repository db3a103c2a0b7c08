import numpy as np
import pytest
from planted import planted

from tellapart.evaluation.class_curves import ClassCurve, class_curves, first_classes
from tellapart.evaluation.draws import Frozen

N = 100


def answered(frozen: Frozen, said: dict[int, tuple[int, int]]) -> np.ndarray:
    """Four repetitions of right answers, but for the first n photos of class k, taken for another: {k: (other, n)}."""
    answers = frozen.labels.copy()
    for number, (other, n) in said.items():
        answers[np.flatnonzero(frozen.labels == number)[:n]] = other
    return np.tile(answers, (4, 1))


@pytest.fixture(scope="module")
def frozen() -> Frozen:
    return planted(N, classes=4)


def test_recall_confusion_and_gain_are_counted(frozen: Frozen) -> None:
    half, full = answered(frozen, {0: (1, 40)}), answered(frozen, {0: (1, 20), 1: (0, 10)})
    bed, chair, sofa, _ = class_curves(frozen, half, full)
    assert (bed.name, bed.photos, bed.recall, bed.taken_for, bed.share) == ("bed", N, 0.8, "chair", 0.2)
    assert bed.low < 0.8 < bed.high
    assert bed.gain == pytest.approx(0.2)
    assert bed.gain_low < 0.2 < bed.gain_high
    assert bed.rises
    assert chair.gain == pytest.approx(-0.1)
    assert (chair.rises, chair.taken_for) == (False, "bed")
    assert (sofa.recall, sofa.taken_for, sofa.share, sofa.rises) == (1.0, "", 0.0, False)


def test_a_gain_that_chance_could_make_is_no_gain(frozen: Frozen) -> None:
    rows = class_curves(frozen, answered(frozen, {0: (1, 12)}), answered(frozen, {0: (1, 10)}))
    assert not any(row.rises for row in rows)
    assert first_classes(rows) == ""


def test_gains_that_differ_from_draw_to_draw_are_none(frozen: Frozen) -> None:
    half, full = answered(frozen, {0: (1, 20)}), answered(frozen, {0: (1, 10)})
    assert class_curves(frozen, half, full)[0].rises
    full[::2] = answered(frozen, {0: (1, 30)})[0]
    full[1::2] = answered(frozen, {})[0]
    assert not class_curves(frozen, half, full)[0].rises


def test_pure_chance_is_seldom_taken_for_a_gain(frozen: Frozen) -> None:
    generator, false = np.random.default_rng(0), 0
    for _ in range(100):
        half, full = (
            np.where(generator.random((4, 4 * N)) < 0.8, frozen.labels, (frozen.labels + 1) % 4) for _ in "ab"
        )
        false += any(row.rises for row in class_curves(frozen, half, full))
    assert false <= 8


def test_copies_count_once(frozen: Frozen) -> None:
    half, full = answered(frozen, {0: (1, 20)}), answered(frozen, {0: (1, 5)})
    copies = Frozen("pocket", frozen.features, frozen.labels, np.minimum(frozen.groups, 380), frozen.classes)
    burst = Frozen(
        "pocket", frozen.features, frozen.labels, np.where(frozen.groups < 20, 0, frozen.groups), frozen.classes
    )
    assert class_curves(copies, half, full)[0].rises
    assert not class_curves(burst, half, full)[0].rises


def test_mistakes_that_are_spread_evenly_name_no_class(frozen: Frozen) -> None:
    full = answered(frozen, {})
    full[:, :9] = [1, 2, 3] * 3
    assert class_curves(frozen, full, full)[0].taken_for == ""


def test_of_two_classes_each_is_taken_for_the_other() -> None:
    pair = planted(N, classes=2)
    full = answered(pair, {0: (1, 2)})
    assert class_curves(pair, full, full)[0].taken_for == "chair"


def row(name: str, taken_for: str = "", *, rises: bool = False, gain: float = 0.0) -> ClassCurve:
    return ClassCurve(name, N, 0.8, 0.7, 0.9, taken_for, 0.12, gain, gain - 0.02, gain + 0.02, rises)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("bed", "sofa"), row("sofa", "bed")], ""),
        (
            [row("bed", "sofa", rises=True), row("sofa", "bed"), row("table")],
            "Begin with “bed” and “sofa”, which are taken for each other (12 % and 12 % of their photos).",
        ),
        (
            [row("bed", "sofa", rises=True), row("sofa"), row("table")],
            "Begin with “bed”: when missed, it is mostly taken for “sofa” (12 % of its photos).",
        ),
        (
            [row("bed", rises=True, gain=0.05), row("sofa", rises=True, gain=0.1), row("table")],
            "Begin with “sofa” and “bed”, which gained most by the photos so far.",
        ),
        ([row("bed", rises=True), row("sofa")], "Begin with “bed”, which gained most by the photos so far."),
    ],
)
def test_the_sentence_names_what_to_begin_with(rows: list[ClassCurve], said: str) -> None:
    assert first_classes(rows).replace("\xa0", " ") == said
