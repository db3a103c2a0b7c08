"""What steps took on this machine, and what is expected of them."""

import json
from pathlib import Path

import pytest

from tellapart import times
from tellapart.times import REFERENCE, Cost, cost_of, expected, key_of, probe, read_times, remember


def test_the_record_comes_back_and_moves_with_every_run(tmp_path: Path) -> None:
    assert read_times(tmp_path) == {}
    remember(tmp_path, {"a": Cost(0.0, 0.02, 10, 0.004, 1), "b": Cost(0, 0, 0, 3.0, 1)})
    remember(tmp_path, {"a": Cost(0.0, 0.04, 20, 0.004, 1)})
    assert read_times(tmp_path) == {"a": Cost(0.0, 0.03, 15, 0.004, 2), "b": Cost(0, 0, 0, 3.0, 1)}


def test_what_came_from_the_cache_or_was_not_trained_does_not_count(tmp_path: Path) -> None:
    remember(tmp_path, {"a": Cost(0.1, 0.02, 10, 0.004, 1)})
    remember(tmp_path, {"a": Cost(0.001, 0.0, 10, 0.004, 1)})
    assert read_times(tmp_path)["a"] == Cost(0.1, 0.02, 10, 0.004, 2)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"format": 2, "costs": {}}', '{"format": 1, "costs": {"a": {"more": 1}}}', '{"format": 1}', "7"],
)
def test_a_damaged_record_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / times.FILE).write_text(content, encoding="utf-8")
    assert read_times(tmp_path) == {}
    remember(tmp_path, {"a": Cost(0, 0, 0, 1.0, 1)})
    assert list(read_times(tmp_path)) == ["a"]


@pytest.mark.parametrize("value", ["x", -1, None, float("inf"), float("nan")])
def test_a_cost_that_cannot_be_is_left_out(tmp_path: Path, value: object) -> None:
    bad = {"features": value, "epoch": 0, "epochs": 0, "rest": 0, "runs": 1}
    good = {**bad, "features": 0.5}
    told = json.dumps({"format": 1, "costs": {"bad": bad, "good": good}})
    (tmp_path / times.FILE).write_text(told, encoding="utf-8")
    assert list(read_times(tmp_path)) == ["good"]


def test_a_cost_is_read_from_an_entry() -> None:
    entry = {"seconds": {"features": 20.0, "train": 8.0, "total": 48.0}, "epochs": 4}
    assert cost_of(entry, 50, 100) == Cost(0.2, 0.04, 4, 0.2, 1)
    nothing = {"seconds": {"features": 0.0, "train": 9.0, "total": 5.0}, "epochs": 0}
    assert cost_of(nothing, 50, 100) == Cost(0.0, 0.0, 0, 0.0, 1)


def test_a_machine_is_expected_to_be_as_it_was_or_as_fast_as_its_probe() -> None:
    own = Cost(1, 2, 3, 4, 5)
    kept = {key_of("finetuned-vgg16", "vgg16", 64): own}
    assert expected("finetuned", "vgg16", 64, kept, 1.0) == own
    assert expected("finetuned", "vgg16", 96, kept, 1.0) != own
    fast = expected("baseline", None, None, {}, 2.0)
    assert (fast.epoch, fast.rest) == (REFERENCE["baseline"].epoch / 2, REFERENCE["baseline"].rest / 2)
    vgg16, other = (expected("bottleneck", name, None, {}, 1.0).features for name in ("vgg16", "resnet50"))
    assert vgg16 > other > REFERENCE["bottleneck"].features


def test_the_probe_gives_a_speed() -> None:
    assert 0.0005 < probe(0.2) < 1000
