"""Runs side by side: what is compared, what is not, and what is said of it."""

import json
import shutil
from html import unescape
from pathlib import Path

import pytest

import tellapart as ta
from plain_run import plain_run
from tellapart.errors import OptionError, RunFolderError, UnknownNameError


def two(tmp_path: Path) -> list[Path]:
    first = plain_run(tmp_path / "a", range(60), {"baseline": range(20), "bottleneck": range(4)})
    settings = {**first.results["settings"], "seed": 7}
    second = plain_run(
        tmp_path / "b", range(60), {"bottleneck": [1], "baseline": range(18)}, change={"settings": settings}
    )
    return [first.folder, second.folder]


def test_the_chosen_recipes_on_the_same_photos(tmp_path: Path) -> None:
    found = ta.compare(two(tmp_path))
    assert [score.name for score in found.scores] == ["a/baseline", "b/bottleneck"]
    (pair,) = found.comparisons
    assert pair.photos == 60
    assert pair.comparison.told_apart
    assert found.conclusion.startswith(
        "On the same 60 test photos: b/bottleneck is better than a/baseline (+31.7 points"
    )
    assert dict(found.differences)["seed"] == ["0", "7"]
    assert dict(found.differences)["chosen recipe"] == ["baseline", "bottleneck"]
    assert "python" not in dict(found.differences)
    assert ("b", "bottleneck *", "pocket", "60", "0.983") in [row[:5] for row in found.table().rows]


def test_named_recipes_are_each_compared_with_themselves(tmp_path: Path) -> None:
    found = ta.compare(two(tmp_path), recipes="baseline, bottleneck")
    assert [(each.comparison.a, each.comparison.b) for each in found.comparisons] == [
        ("a/baseline", "b/baseline"),
        ("a/bottleneck", "b/bottleneck"),
    ]
    assert found.conclusion == "On the same 60 test photos: none of the 2 pairs can be told apart by accuracy."


def test_three_runs_in_one_sentence(tmp_path: Path) -> None:
    runs = two(tmp_path)
    runs.append(plain_run(tmp_path / "c", range(60), {"deeper": [*range(19), 59]}).folder)
    said = ta.compare(runs).conclusion
    assert "b/bottleneck is better than a/baseline (+31.7 points) and c/deeper (+31.7 points)" in said
    assert said.endswith("; c/deeper and a/baseline cannot be told apart.")


def test_another_split_is_compared_on_what_neither_learned_from(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", range(30), {"baseline": range(3)}).folder
    second = plain_run(tmp_path / "b", range(20, 60), {"baseline": range(20, 24)}).folder
    found = ta.compare([first, second])
    (ground,) = found.grounds
    assert (ground.photos, ground.same_test) == (10, False)
    assert ground.sentence == (
        "a was tested on 30 photos and b on 40; they are compared on the 10 that both tested and neither learned from "
        "(left out: 50 test photos of one that the other learned from)."
    )
    assert found.comparisons[0].accuracy_b == pytest.approx(0.6)


def test_without_shared_photos_nothing_is_compared_in_pairs(tmp_path: Path) -> None:
    first = plain_run(tmp_path / "a", range(30), {"baseline": [0]}).folder
    second = plain_run(tmp_path / "b", range(25, 60), {"baseline": [40]}).folder
    found = ta.compare([first, second])
    assert found.comparisons == []
    assert "share only 5 test photos, too few for any test" in found.grounds[0].sentence
    assert found.conclusion.startswith("Which is better cannot be said")
    assert dict(found.differences)["split"]
    third = plain_run(tmp_path / "c", range(40, 60), {"baseline": [40]}).folder
    assert "a and c share no test photos (left out" in ta.compare([first, third]).grounds[0].sentence


def test_folds_and_one_split_meet_on_the_test_photos_of_the_split(tmp_path: Path) -> None:
    split = plain_run(tmp_path / "a", range(30), {"baseline": [0]}).folder
    folds = plain_run(tmp_path / "b", [], {"baseline": [0, 50]}, folds=5).folder
    found = ta.compare([split, folds])
    assert [score.test["n"] for score in found.scores] == [30, 100]
    assert found.comparisons[0].photos == 30
    assert found.comparisons[0].comparison.difference == 0


def test_page_and_json(tmp_path: Path) -> None:
    found = ta.compare(two(tmp_path), out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(found.as_json()))
    assert told["format"] == 1
    assert told["comparisons"][0]["p_adjusted"] == found.comparisons[0].comparison.p_adjusted
    assert told["differences"][0].keys() == {"what", "values"}
    assert found.conclusion in unescape((tmp_path / "out" / "compare.html").read_text(encoding="utf-8"))


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("monday", "tuesday"):
        plain_run(tmp_path / place / "run", range(30), {"baseline": []})
    found = ta.compare([tmp_path / "monday" / "run", tmp_path / "tuesday" / "run"])
    assert list(found.runs) == ["monday/run", "tuesday/run"]
    assert found.comparisons[0].comparison.difference == 0


def test_bad_input(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    other = plain_run(tmp_path / "other", range(30), {"baseline": []})
    results = json.loads((other.folder / "results.json").read_text(encoding="utf-8"))
    results["photos"]["classes"] = ["chair", "sofa"]
    (other.folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    early = tmp_path / "early"
    early.mkdir()
    (early / "results.json").write_text('{"format": 0}', encoding="utf-8")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    shutil.copy(first / "results.json", unfinished / "run.json")
    for runs, kind, said in (
        ([first], OptionError, "1 run. Accepted: two or more"),
        ([first, tmp_path / "." / "a"], OptionError, "is given twice"),
        ([first, tmp_path], RunFolderError, "is not a finished run"),
        ([first, unfinished], RunFolderError, r"unfinished is not finished. Next: tellapart fit .* --resume"),
        ([first, early], RunFolderError, "format 0; this version reads format 1"),
        ([first, other.folder], OptionError, "a tells chair, table apart and other chair, sofa"),
    ):
        with pytest.raises(kind, match=said) as caught:
            ta.compare(runs)
        assert "\n" not in str(caught.value)
        assert "Next: " in str(caught.value)
    with pytest.raises(UnknownNameError, match="Did you mean bottleneck"):
        ta.compare([first, second], recipes="botleneck")
    with pytest.raises(OptionError, match="No recipe"):
        ta.compare([first, second], recipes=" , ")
