"""What a run takes of disk and memory, told before it starts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from as_user import Notes
from tellapart import needs as module
from tellapart.climb import Climb
from tellapart.models.backbones import find_backbone
from tellapart.models.recipes import Recipe, choose_recipes, on_backbones
from tellapart.models.task import Options
from tellapart.needs import needs_of, tell_needs


def climb(place: Path, n: int = 1000, **options: Any) -> Climb:
    photos: Any = SimpleNamespace(items=range(n), root=place)
    split: Any = SimpleNamespace(train=range(n * 6 // 10), valid=range(n // 5))
    return Climb(photos, split, Options(**options), place / "run", place / "cache", Notes())


@pytest.fixture
def ladder(tmp_path: Path) -> tuple[Recipe, ...]:
    """The whole ladder on MobileNetV2, whose weights take 9 MB."""
    weights = tmp_path / "weights.h5"
    with weights.open("wb") as file:
        file.truncate(9_400_000)  # takes no room on the disk
    row = find_backbone("mobilenet_v2")
    return on_backbones(choose_recipes("all"), [row], {row.name: weights})


def test_the_estimate_is_near_to_what_was_measured(tmp_path: Path, ladder: tuple[Recipe, ...]) -> None:
    """furniture4 with MobileNetV2 at 288 pixels: 144 MB in its folder, and 2.9 GB of memory at the peak."""
    found = needs_of(climb(tmp_path), ladder)
    assert 100e6 < found.run < 300e6
    assert 1.5e9 < found.memory < 4e9


def test_it_grows_with_photos_pixels_and_backbone(tmp_path: Path, ladder: tuple[Recipe, ...]) -> None:
    plain = needs_of(climb(tmp_path), ladder)
    many = needs_of(climb(tmp_path, 10_000), ladder)
    assert many.cache > 5 * plain.cache
    assert many.memory == plain.memory
    assert needs_of(climb(tmp_path, image_size=512), ladder).memory > 2 * plain.memory
    cheap = needs_of(climb(tmp_path), choose_recipes("majority,baseline"))
    assert cheap.memory < plain.memory
    assert cheap.run < plain.run / 2


def test_the_state_of_a_training_counts_once(tmp_path: Path, ladder: tuple[Recipe, ...]) -> None:
    finetuned = [recipe for recipe in ladder if recipe.name == "finetuned"]
    frozen = [recipe for recipe in ladder if recipe.name == "bottleneck"]
    one, other = (needs_of(climb(tmp_path), some).run for some in (finetuned, frozen))
    assert one - other == pytest.approx(2 * 9_400_000)
    both = needs_of(climb(tmp_path), [*finetuned, *finetuned]).run
    assert both - one == pytest.approx(3 * 9_400_000)


def test_nothing_is_told_where_there_is_enough(
    tmp_path: Path, ladder: tuple[Recipe, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: 10**12)
    monkeypatch.setattr(module, "available_bytes", lambda: 10**12)
    run = climb(tmp_path)
    tell_needs(run, ladder)
    monkeypatch.setattr(module, "free_bytes", lambda _: None)
    monkeypatch.setattr(module, "available_bytes", lambda: None)
    tell_needs(run, ladder)
    assert isinstance(run.progress, Notes)
    assert run.progress.lines == []


def test_what_is_short_is_told_with_how_much(
    tmp_path: Path, ladder: tuple[Recipe, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: 3_000_000)
    monkeypatch.setattr(module, "available_bytes", lambda: 500_000_000)
    run = climb(tmp_path)
    tell_needs(run, ladder)
    assert isinstance(run.progress, Notes)
    room, memory = run.progress.lines
    assert room.startswith("Room: this run takes about ")
    assert f"and 3.0 MB are free in {tmp_path}. Next: free some space" in room
    assert memory.startswith("Memory: this run takes about ")
    assert "and 500 MB are available" in memory
    assert "Next: " in memory


def test_the_cache_on_another_disk_is_told_by_itself(
    tmp_path: Path, ladder: tuple[Recipe, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(module, "_device", hash)
    monkeypatch.setattr(module, "free_bytes", lambda folder: 1000 if folder.name == "cache" else 10**12)
    monkeypatch.setattr(module, "available_bytes", lambda: None)
    run = climb(tmp_path)
    tell_needs(run, ladder)
    assert isinstance(run.progress, Notes)
    (line,) = run.progress.lines
    assert line.startswith("Room: the cache of this run takes about ")
    assert f"and 1 kB are free in {tmp_path / 'cache'}" in line
