from pathlib import Path

import pytest
from scipy.stats import binomtest

from plain_run import plain_run
from tellapart.errors import RunFolderError
from tellapart.paired_runs import Paired, paired
from tellapart.run import Run
from tellapart.shared_photos import shared_photos


def ask(runs: dict[str, Run], recipes: list[tuple[str, str]]) -> list[Paired]:
    a, b = runs
    return paired(runs, {(a, b): shared_photos(runs[a], runs[b])}, {(a, b): recipes})


def test_the_exact_test_on_shared_photos_alone(tmp_path: Path) -> None:
    runs = {
        "a": plain_run(tmp_path / "a", range(60), {"baseline": range(10)}),
        "b": plain_run(tmp_path / "b", range(40), {"baseline": [0, 39]}),
    }
    (found,) = ask(runs, [("baseline", "baseline")])
    assert found.photos == 40
    assert found.accuracy_a == pytest.approx(30 / 40)
    assert found.accuracy_b == pytest.approx(38 / 40)
    pair = found.comparison
    assert (pair.a, pair.b) == ("a/baseline", "b/baseline")
    assert pair.difference == pytest.approx(8 / 40)
    assert pair.p_value == pytest.approx(binomtest(9, 10).pvalue)
    assert pair.p_adjusted >= pair.p_value


def test_all_questions_of_a_call_are_corrected_together(tmp_path: Path) -> None:
    wrong = {"baseline": range(20), "deeper": range(5)}
    runs = {
        "a": plain_run(tmp_path / "a", range(60), wrong),
        "b": plain_run(tmp_path / "b", range(60), {"baseline": [], "deeper": range(5)}),
    }
    alone = ask(runs, [("baseline", "baseline")])[0].comparison
    both = ask(runs, [("baseline", "baseline"), ("deeper", "deeper")])[0].comparison
    assert (alone.tests, both.tests) == (2, 4)
    assert both.p_value == alone.p_value
    assert both.p_adjusted > alone.p_adjusted
    assert both.verdict.startswith("b/baseline is better than a/baseline")


def test_copies_have_one_vote(tmp_path: Path) -> None:
    copies = dict.fromkeys(range(10), "burst")
    runs = {
        "a": plain_run(tmp_path / "a", range(60), {"baseline": range(10)}, groups=copies),
        "b": plain_run(tmp_path / "b", range(60), {"baseline": []}),
    }
    assert ask(runs, [("baseline", "baseline")])[0].comparison.p_value == 1.0


def test_classes_in_another_order(tmp_path: Path) -> None:
    runs = {
        "a": plain_run(tmp_path / "a", range(30), {"baseline": [3]}),
        "b": plain_run(tmp_path / "b", range(30), {"baseline": [3]}, classes=("table", "chair")),
    }
    (found,) = ask(runs, [("baseline", "baseline")])
    assert found.accuracy_a == found.accuracy_b == pytest.approx(29 / 30)
    assert found.comparison.log_loss_difference == 0


def test_a_run_without_its_answers(tmp_path: Path) -> None:
    runs = {name: plain_run(tmp_path / name, range(30), {"baseline": []}) for name in "ab"}
    answers = runs["b"].folder / "recipes" / "baseline" / "predictions.csv"
    lines = answers.read_text(encoding="utf-8").splitlines()
    answers.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"not of the photos in split\.csv"):
        ask(runs, [("baseline", "baseline")])
    answers.unlink()
    with pytest.raises(RunFolderError, match=r"recipes/baseline/predictions\.csv"):
        ask(runs, [("baseline", "baseline")])
