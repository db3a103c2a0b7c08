"""What a frozen backbone made of photos, looked up for the explanations."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tellapart import kept_means
from tellapart.kept_means import means_of


def climb(paths: dict[str, list[str]]) -> Any:
    parts = {part: tuple(SimpleNamespace(path=path) for path in some) for part, some in paths.items()}
    choice = SimpleNamespace(backbones=(SimpleNamespace(name="pocket"),), weights={"pocket": Path("w")})
    return SimpleNamespace(split=SimpleNamespace(**parts), choice=choice, cache=Path("cache"))


def test_photos_are_found_by_path_and_those_that_are_not_kept_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def kept(source: Any, photos: Any, cache: Path, *, lower: bool) -> np.ndarray:
        asked.append((*source, cache, lower))
        return np.array([[ord(photo.path), 1.0] for photo in photos], np.float32)

    monkeypatch.setattr(kept_means, "source_of", lambda row, size, path: (row.name, size, path))
    monkeypatch.setattr(kept_means, "kept_features", kept)
    found = means_of(climb({"train": ["a", "b"], "valid": ["c"]}), {"backbone": "pocket", "image_size": 64})
    assert found is not None
    rows = found(["c", "test", "a"])
    assert asked == [("pocket", 64, Path("w"), Path("cache"), True)]
    assert rows is not None
    np.testing.assert_array_equal(rows, [[ord("c"), 1], [np.nan, np.nan], [ord("a"), 1]])


def test_without_a_backbone_or_anything_kept_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = climb({"train": ["a"], "valid": []})
    assert means_of(run, {"backbone": None, "image_size": 64}) is None
    assert means_of(run, {"backbone": "vgg16", "image_size": 64}) is None
    run.choice = None
    assert means_of(run, {"backbone": "pocket", "image_size": 64}) is None
    monkeypatch.setattr(kept_means, "source_of", lambda *_: None)
    monkeypatch.setattr(kept_means, "kept_features", lambda *_, **__: None)
    found = means_of(climb({"train": ["a"], "valid": []}), {"backbone": "pocket", "image_size": 64})
    assert found is not None
    assert found(["a"]) is None
