"""A head behind a backbone in ONNX form answers as NumPy does."""

import numpy as np
import pytest

from tellapart.models import pocket
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.dense import fresh_head
from tellapart.models.forward import Forward
from tellapart.models.head_file import Head, count_numbers, with_head, written
from tellapart.models.linear import LinearHead

CHANNELS, CLASSES = 320, 3


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


def test_the_numbers_of_a_head_are_counted(backbone: bytes) -> None:
    before = count_numbers(backbone)
    assert count_numbers(with_head(backbone, heads()["linear"])) - before == CHANNELS * CLASSES + CLASSES
    dense = heads()["dense"]
    assert written(backbone, dense).parameters - before == sum(array.size for layer in dense.layers for array in layer)
    assert with_head(backbone, dense) == with_head(backbone, dense)
