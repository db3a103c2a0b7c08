"""A head behind a backbone in ONNX form answers as NumPy does."""

import numpy as np
import pytest

from tellapart.models import pocket
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.dense import fresh_head
from tellapart.models.forward import Forward
from tellapart.models.head_file import Head, count_numbers, read_by_head, with_head, written
from tellapart.models.linear import LinearHead
from tiny_backbone import CHANNELS as TINY_CHANNELS
from tiny_backbone import SIZE as TINY
from tiny_backbone import tiny_backbone

CHANNELS, CLASSES = 320 + 96, 3  # of the last maps, and of the lower ones


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return backbone_onnx(find_backbone("pocket"), 32, pocket.FILE, tmp_path_factory.mktemp("cache"))


def heads() -> dict[str, Head]:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(CHANNELS, CLASSES)).astype(np.float32)
    return {
        "linear": LinearHead(weights, np.array([0.1, -0.2, 0.3], np.float32), 1.0, {}),
        "dense": fresh_head(CHANNELS, 16, CLASSES, generator),
    }


@pytest.mark.parametrize("name", ["linear", "dense"])
def test_the_file_answers_as_the_head_does(backbone: bytes, name: str) -> None:
    head = heads()[name]
    photos = np.random.default_rng(1).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    found = Forward(with_head(backbone, head)).named_outputs(photos)
    assert list(found) == ["probabilities", "features"]
    assert found["probabilities"] == pytest.approx(head.probabilities(found["features"]), abs=1e-5)
    assert found["probabilities"].std() > 0.01
    assert written(backbone, head).answer(photos) == pytest.approx(found["probabilities"], abs=1e-5)


def test_features_are_those_of_the_last_maps_and_behind_them_those_of_the_lower(backbone: bytes) -> None:
    photos = np.random.default_rng(1).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    plain = Forward(backbone).named_outputs(photos)
    found = Forward(with_head(backbone, heads()["linear"])).named_outputs(photos)["features"]
    assert found == pytest.approx(np.concatenate([plain["features"], plain["lower"]], axis=1), abs=1e-6)
    assert np.array_equal(read_by_head(Forward(backbone), photos), found)
    assert min(plain["features"].std(), plain["lower"].std()) > 0.01


def test_a_backbone_without_lower_maps_has_those_of_the_last_alone() -> None:
    head = LinearHead(np.ones((TINY_CHANNELS, CLASSES), np.float32), np.zeros(CLASSES, np.float32), 1.0, {})
    photos = np.zeros((2, TINY, TINY, 3), np.float32)
    found = Forward(with_head(tiny_backbone(), head)).named_outputs(photos)
    assert found["features"] == pytest.approx(Forward(tiny_backbone()).named_outputs(photos)["features"], abs=1e-5)


def test_the_numbers_of_a_head_are_counted(backbone: bytes) -> None:
    before = count_numbers(backbone)
    assert count_numbers(with_head(backbone, heads()["linear"])) - before == CHANNELS * CLASSES + CLASSES
    dense = heads()["dense"]
    assert written(backbone, dense).parameters - before == sum(array.size for layer in dense.layers for array in layer)
    assert with_head(backbone, dense) == with_head(backbone, dense)
