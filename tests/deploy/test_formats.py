from pathlib import Path

import numpy as np
import pytest

from ladder_models import SIZE, nested, photos, recipe
from tellapart.deploy import formats
from tellapart.deploy.formats import FORMATS, Source, calibrated_keras, formats_named
from tellapart.deploy.int8 import outputs_of
from tellapart.deploy.runtime import PROBABILITIES
from tellapart.errors import MissingExtraError, OptionError, RunFolderError, UnknownNameError
from tellapart.models.backend import keras
from tellapart.models.scratch import predict

# Keras asks NumPy for TensorFlow's variables in a way that NumPy 2 deprecates, whenever it saves or reads one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A backbone with its head, calibrated with a temperature of 1.5."""
    folder = tmp_path_factory.mktemp("recipe")
    network, model = nested("small_vgg", SIZE)
    keras.Model(network.input, network.outputs[0]).save(folder / "model.keras")
    return Source(folder, model)


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.write])
def test_a_format_answers_as_the_model(source: Source, tmp_path: Path, name: str) -> None:
    row = FORMATS[name]
    pytest.importorskip(row.module, reason=f"{row.module} is not installed")
    if name == "savedmodel" and keras.backend.backend() != "tensorflow":
        pytest.skip("a SavedModel is TensorFlow's")
    assert row.write is not None
    path = tmp_path / row.file
    if row.is_folder:
        path.mkdir()
    row.write(source, path)
    pictures = photos(5, SIZE, seed=3)
    answers = row.open(path)(pictures)
    assert answers.shape == (5, 3)
    assert np.abs(answers - outputs_of(source.model.content, pictures)[PROBABILITIES]).max() < 1e-5


def test_openvino_keeps_its_weights_whole(source: Source, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    row = FORMATS["openvino"]
    assert row.write is not None
    row.write(source, tmp_path)
    assert (tmp_path / "model.bin").stat().st_size > 4 * 10_000
    assert "f16" not in (tmp_path / "model.xml").read_text(encoding="utf-8").split("stranger")[0]


def test_the_keras_network_has_its_temperature_in_a_layer_that_loads_safely(source: Source, tmp_path: Path) -> None:
    network = calibrated_keras(source)
    assert network.get_layer("temperature").scale == pytest.approx(1 / 1.5)
    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    pictures = photos(3, SIZE)
    assert np.array_equal(predict(network, pictures), predict(again, pictures))
    assert all(type(layer).__module__.startswith("keras.") for layer in again._flatten_layers())


def test_a_network_that_ends_otherwise_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"holds no model\.keras"):
        calibrated_keras(Source(tmp_path, recipe("baseline")[1]))
    photo = keras.Input((SIZE, SIZE, 3))
    keras.Model(photo, keras.layers.Flatten()(photo)).save(tmp_path / "model.keras")
    with pytest.raises(RunFolderError, match="does not end in a dense layer"):
        calibrated_keras(Source(tmp_path, recipe("baseline")[1]))


def test_names_are_read_once_each_and_in_order() -> None:
    assert [row.name for row in formats_named(" ONNX, keras,onnx,")] == ["onnx", "keras"]
    with pytest.raises(UnknownNameError, match=r"Did you mean .*openvino"):
        formats_named("onnx,openvin")
    with pytest.raises(OptionError, match="No format is named"):
        formats_named(" , ")


def test_what_is_not_installed_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"tellapart\[openvino\]"):
        formats_named("openvino")


def test_a_saved_model_needs_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(formats, "find_spec", lambda name: name)
    with pytest.raises(OptionError, match="KERAS_BACKEND=tensorflow"):
        formats_named("savedmodel")
