"""The recipe `bottleneck`: no Keras while it learns, one file for ONNX Runtime and one for Keras."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_set import QUIET, draw_set, random_weights, task_on, tiny_backbone

from tellapart.models import bottleneck
from tellapart.models.backend import keras
from tellapart.models.bottleneck import balance, fit_bottleneck
from tellapart.models.forward import Forward
from tellapart.models.scratch import predict
from tellapart.models.task import Fitted, Options, Task, Written
from tellapart.photos.batches import pixels_of

pytestmark = QUIET


@pytest.fixture
def task(tmp_path: Path) -> Task:
    options = Options(
        image_size=64, epochs=20, backbone=tiny_backbone(), weights=random_weights(tmp_path / "w.weights.h5")
    )
    return task_on(draw_set(tmp_path / "photos"), tmp_path / "cache", options)


def pixels(task: Task, fitted: Fitted) -> np.ndarray:
    return np.stack(list(pixels_of(task.root, task.valid, fitted.spec)))


def saved(fitted: Fitted, path: Path) -> Path:
    assert fitted.keras_file is not None
    fitted.keras_file(path)
    return path


def test_the_onnx_file_and_the_one_of_keras_answer_as_the_head_did(task: Task, tmp_path: Path) -> None:
    fitted = fit_bottleneck(task)
    assert isinstance(fitted.network, Written)
    assert (fitted.valid.argmax(axis=1) == task.labels(task.valid)).mean() > 0.6
    photos = pixels(task, fitted)
    outputs = Forward(fitted.as_onnx()).named_outputs(photos)
    assert list(outputs) == ["probabilities", "features"]
    assert outputs["probabilities"] == pytest.approx(fitted.valid, abs=5e-3)  # features are kept in half precision
    assert fitted.answer(photos) == pytest.approx(outputs["probabilities"], abs=1e-4)
    network = keras.models.load_model(saved(fitted, tmp_path / "model.keras"), safe_mode=True)
    assert predict(network, photos) == pytest.approx(outputs["probabilities"], abs=1e-4)


def test_means_of_lower_maps_are_brought_to_the_spread_of_the_others() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(0, 2, (50, 3)), generator.normal(5, 0.1, (50, 4))], axis=1)
    scales = balance(features, (3, 4))
    assert scales[:3].tolist() == [1, 1, 1]
    assert len(set(scales[3:].tolist())) == 1
    spread = (features * scales).std(axis=0)
    assert spread[3:].mean() == pytest.approx(spread[:3].mean(), rel=1e-5)
    assert balance(features[:, :3], (3,)).tolist() == [1, 1, 1]
    assert balance(np.ones((5, 4)), (2, 2)).tolist() == [1, 1, 1, 1]


def test_many_photos_are_learned_from_in_large_batches(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bottleneck.head_plan(task).batch_size == 32
    monkeypatch.setattr(bottleneck, "_MANY", len(task.train))
    assert bottleneck.head_plan(task).batch_size == 128
    assert bottleneck.head_plan(task).epochs == 20


def test_neither_learning_nor_answering_loads_a_training_framework(tmp_path: Path) -> None:
    draw_set(tmp_path / "photos")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.path[:0] = sys.argv[1:3]\n"
        "from tiny_set import task_on\n"
        "from tellapart.models import pocket\n"
        "from tellapart.models.backbones import find_backbone\n"
        "from tellapart.models.bottleneck import fit_bottleneck\n"
        "from tellapart.models.task import Options\n"
        "options = Options(image_size=32, epochs=2, backbone=find_backbone('pocket'), weights=pocket.FILE)\n"
        "fitted = fit_bottleneck(task_on(Path(sys.argv[3]), Path(sys.argv[4]), options))\n"
        "assert fitted.valid.shape[1] == 3\n"
        "sys.exit(len({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    tests = Path(__file__).parent.parent
    words = [str(tests), str(tests / "models"), str(tmp_path / "photos"), str(tmp_path / "cache")]
    result = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
