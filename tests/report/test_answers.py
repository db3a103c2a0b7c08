import json
from pathlib import Path

import pytest
from fake_run import build_run

from tellapart.report.answers import answers_of, fares_of, learned_of, steps_of_classes
from tellapart.report.run_folder import RunFolder, read_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return read_run(build_run(tmp_path / "run"))


def test_answers_agree_with_the_confusion_matrix_and_know_their_groups(run: RunFolder) -> None:
    told = answers_of(run, "deeper")
    assert told is not None
    matrix = run.recipes[2]["test"]["confusion"]
    counted = [[int(((told.labels == i) & (told.predicted == j)).sum()) for j in range(4)] for i in range(4)]
    assert counted == matrix
    assert told.paths == sorted(told.paths)
    # The first two test photos of each class are copies of each other.
    assert len(set(told.groups.tolist())) == len(told.paths) - 4
    fares = fares_of(run, "deeper")
    assert [fare.photos for fare in fares] == [13] * 4
    assert fares[0].recall.value == pytest.approx(matrix[0][0] / 13)


def test_answers_that_are_not_there_or_of_other_classes_are_none(run: RunFolder) -> None:
    assert answers_of(run, "no-such-recipe") is None
    assert fares_of(run, "no-such-recipe") == []
    results = {**run.results, "photos": {**run.results["photos"], "classes": ["a", "b", "c", "d"]}}
    assert answers_of(RunFolder(run.path, results), "deeper") is None


def test_the_classes_are_followed_from_step_to_step_without_the_floor(run: RunFolder) -> None:
    steps = steps_of_classes(run)
    assert steps is not None
    assert steps.recipes == ["baseline", "deeper", "augmented", "tuned", "bottleneck", "finetuned"]
    assert len(steps.changes) == 4
    for name in steps.recipes[1:]:
        (run.path / "recipes" / name / "predictions.csv").unlink()
    assert steps_of_classes(run) is None


def test_answers_to_other_photos_are_not_compared(run: RunFolder) -> None:
    file = run.path / "recipes" / "deeper" / "predictions.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("0/test-0.jpg", "0/other.jpg"), encoding="utf-8")
    assert steps_of_classes(run) is None


def test_what_was_learned_is_told_without_the_floor(run: RunFolder) -> None:
    learned = learned_of(run)
    assert [name for name, _, _ in learned] == ["baseline", "deeper", "augmented", "tuned", "bottleneck", "finetuned"]
    assert {(len(history), best) for _, history, best in learned} == {(14, 9)}
    assert json.dumps(learned[0][1][0])
