import pytest

from tellapart.report import facts

MATRIX = [[8, 2, 0], [1, 9, 0], [3, 0, 0]]
NAMES = ["bed", "chair", "sofa"]


def test_classes_are_scored_from_the_matrix() -> None:
    bed, chair, sofa = facts.class_scores(MATRIX, NAMES)
    assert (bed.photos, bed.recall) == (10, 0.8)
    assert bed.precision == pytest.approx(8 / 12)
    assert chair.f1 == pytest.approx(18 / 21)
    assert (sofa.recall, sofa.precision, sofa.f1) == (0, 0, 0)


def test_mistakes_are_told_most_frequent_first() -> None:
    said = facts.mistakes(MATRIX, NAMES, most=2)
    assert said == ["3 of 3 photos of “sofa” taken for “bed”", "2 of 10 photos of “bed” taken for “chair”"]
    assert facts.mistakes([[3, 0], [0, 3]], ["a", "b"]) == []
    assert facts.right_of(MATRIX) == (17, 23)


def test_parts_stand_in_their_order() -> None:
    assert facts.parts_of([{"part": part} for part in ("test", "train", "valid")]) == [
        "train",
        "valid",
        "test",
    ]
    folds = [{"part": f"fold-{k}"} for k in (10, 2, 1)]
    assert facts.parts_of(folds) == ["fold-1", "fold-2", "fold-10"]
    assert facts.parts_of([]) == []


def test_photos_are_counted_by_class_and_part() -> None:
    split = [{"class": "a", "part": "train"}, {"class": "a", "part": "test"}, {"class": "b", "part": "train"}]
    a, b = facts.class_counts(split, {"a": 2, "b": 1})
    assert (a.parts, a.total) == ((1, 1), 2)
    assert (b.parts, b.total) == ((1, 0), 1)


def test_trials_are_told_by_their_end() -> None:
    states = ["COMPLETE", "COMPLETE", "PRUNED"]
    said = facts.about_trials([{"state": state} for state in states])
    assert said.startswith("3 trials: 2 ran to the end; 1 stopped early")
    assert "failed" not in said


def test_curves_are_told_at_the_best_epoch() -> None:
    rows: list[dict[str, str | float]] = [
        {"epoch": "1", "accuracy": "0.5", "valid_accuracy": "0.4", "valid_loss": "1"},
        {"epoch": "2", "accuracy": "0.9", "valid_accuracy": "0.6", "valid_loss": "0.5"},
    ]
    said = facts.about_curves(rows, None).replace("\xa0", " ")
    assert said == "Best epoch 2 of 2: accuracy 90.0 % on training photos, 60.0 % on validation photos."
    assert "without validation" in facts.about_curves([{"epoch": "1"}], None)


def test_calibration_is_told_in_words() -> None:
    told = {
        "temperature": 1.834, "why": "", "ece_before": 0.081, "ece_after": 0.034,
        "log_loss_before": 0.41, "log_loss_after": 0.36,
    }  # fmt: skip
    assert facts.about_calibration(told) == (
        "On validation photos it was too sure of itself: a temperature of 1.83 gives the lowest log loss there. "
        "On test photos the calibration error goes from 0.081 to 0.034, the log loss from 0.410 to 0.360."
    )
    assert "not sure enough" in facts.about_calibration({**told, "temperature": 0.6})
    assert facts.about_calibration({**told, "log_loss_after": 0.42}).endswith("do not fit a temperature finely.")
    assert "20.00 (stopped at 20)" in facts.about_calibration({**told, "temperature": 20.0, "why": "stopped at 20"})
    kept = facts.about_calibration({**told, "temperature": 1.0, "why": "kept at 1: too few"})
    assert kept == "Temperature kept at 1: too few. Calibration error on test photos: 0.034."


def test_the_gap_is_in_points() -> None:
    assert facts.gap_of({"train": {"accuracy": 0.9}, "test": {"accuracy": 0.7}}) == pytest.approx(20)
