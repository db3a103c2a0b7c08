import base64
import io
from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image
from tiny_model import FACTS, Handed, passport_of, tiny_model

import tellapart
from tellapart.deploy.export import AGREEMENT, GOLDEN, answer_both, calibrated, stamp
from tellapart.deploy.passport import FORMAT
from tellapart.deploy.runtime import Model
from tellapart.errors import TellapartError
from tellapart.evaluation.calibration import BOUNDS, scaled
from tellapart.models.backend import keras
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx


@pytest.fixture(scope="module")
def handed() -> Handed:
    return tiny_model()


def test_keras_and_onnx_agree_on_every_photo(handed: Handed) -> None:
    answers = answer_both(handed.network, handed.fitted, handed.root, handed.photos)
    assert answers.difference <= AGREEMENT
    assert answers.probabilities.shape == (20, 3)
    assert answers.probabilities.dtype == np.float32
    assert np.allclose(answers.probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(answers.probabilities, axis=0).max() > 1e-3  # photos of noise still differ


def test_an_export_that_differs_is_not_handed_over(handed: Handed) -> None:
    changed = keras.models.clone_model(handed.fitted.network)
    weights = handed.fitted.network.get_weights()
    changed.set_weights([*weights[:-1], weights[-1] + np.array([1.0, 0.0, 0.0])])
    with pytest.raises(TellapartError, match=r"baseline: the exported model differs .*accepted: 1e-04.*not handed"):
        answer_both(handed.network, replace(handed.fitted, network=changed), handed.root, handed.photos)


def test_answers_that_are_not_numbers_are_not_handed_over(handed: Handed) -> None:
    broken = keras.models.clone_model(handed.fitted.network)
    broken.set_weights([weight * np.nan for weight in handed.fitted.network.get_weights()])
    with pytest.raises(TellapartError, match="differs"):
        answer_both(handed.network, replace(handed.fitted, network=broken), handed.root, handed.photos)


def test_the_file_says_what_its_user_needs(handed: Handed) -> None:
    passport = passport_of(handed.content)
    assert passport["format"] == FORMAT
    assert passport["recipe"] == "baseline"
    assert passport["backbone"] is None
    assert passport["backbone_licence"] is None
    assert passport["made_by"] == f"tellapart {tellapart.__version__}"
    assert passport["classes"] == ["chair & co", "椅子", "table"]
    assert passport["pixels"] == {"size": 16, "geometry": "squash", "scaling": "0 to 1"}
    assert passport["temperature"] == 1.0  # where no temperature is given
    assert passport["photos"] == "0" * 64


@pytest.mark.parametrize(
    ("backbone", "licence", "source"),
    [
        ("pocket", "Apache-2.0", "built in, distilled from MobileNetV2"),
        ("vgg16", "CC-BY-4.0", "VGG, Oxford (Simonyan & Zisserman 2014), Caffe models ported to Keras"),
        ("hub:vit_base", None, "hub:vit_base"),
    ],
)
def test_a_backbone_keeps_its_licence(handed: Handed, backbone: str, licence: str | None, source: str) -> None:
    content = stamp(handed.network, replace(handed.fitted, backbone=backbone), handed.root, handed.photos, FACTS)
    assert Model(content, "m").passport["backbone_licence"] == {"licence": licence, "source": source}


def test_golden_photos_are_those_of_the_network(handed: Handed) -> None:
    golden = passport_of(handed.content)["golden"]
    assert len(golden) == GOLDEN
    model = Model(handed.content, "model.onnx")
    expected = model.predict_proba([handed.root / item.path for item in handed.photos[:GOLDEN]])
    for kept, answer in zip(golden, expected, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(kept["png"]))) as picture:
            assert picture.size == (16, 16)
        assert kept["probabilities"] == pytest.approx(answer.tolist(), abs=1e-5)


def test_the_same_network_gives_the_same_bytes(handed: Handed) -> None:
    facts = dict(reversed(FACTS.items()))
    again = stamp(handed.network, handed.fitted, handed.root, handed.photos, facts)
    assert again == handed.content


def test_the_file_is_one_ordinary_onnx_file(handed: Handed) -> None:
    model = onnx.load_from_string(handed.content)
    onnx.checker.check_model(model)
    assert [end.name for end in (model.graph.input[0], model.graph.output[0])] == ["photo", "probabilities"]
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_fewer_photos_than_golden_ones(handed: Handed) -> None:
    content = stamp(handed.network, handed.fitted, handed.root, handed.photos[:1], {"classes": ["a", "b", "c"]})
    assert len(passport_of(content)["golden"]) == 1
    assert Model(content, "model.onnx").classes == ("a", "b", "c")


@pytest.mark.parametrize("temperature", [BOUNDS[0], 0.6, 2.5, BOUNDS[1]])
def test_the_temperature_is_inside_the_graph(handed: Handed, temperature: float) -> None:
    content = calibrated(handed.network, temperature)
    pictures = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)
    before, after = Forward(handed.network)(pictures), Forward(content)(pictures)
    assert np.abs(after - before).max() > 0.01
    assert after == pytest.approx(scaled(before, temperature), abs=1e-6)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert [end.name for end in (model.graph.input[0], model.graph.output[0])] == ["photo", "probabilities"]
    assert content == calibrated(handed.network, temperature)


def test_a_temperature_of_1_leaves_the_bytes_as_they_are(handed: Handed) -> None:
    assert calibrated(handed.network, 1.0) is handed.network


def test_a_photo_without_any_doubt_stays_a_number(handed: Handed) -> None:
    certain = keras.models.clone_model(handed.fitted.network)
    weights = handed.fitted.network.get_weights()
    certain.set_weights([*weights[:-1], np.array([1000.0, 0.0, -1000.0])])
    answers = Forward(calibrated(to_onnx(certain), 20.0))(np.zeros((2, 16, 16, 3)))
    assert np.isfinite(answers).all()
    assert answers.sum(axis=1) == pytest.approx([1, 1])


def test_like_is_held_against_like(handed: Handed) -> None:
    content = calibrated(handed.network, 2.5)
    answers = answer_both(content, handed.fitted, handed.root, handed.photos, 2.5)
    assert answers.difference <= AGREEMENT
    plain = answer_both(handed.network, handed.fitted, handed.root, handed.photos)
    assert answers.probabilities == pytest.approx(scaled(plain.probabilities, 2.5), abs=1e-6)
    with pytest.raises(TellapartError, match="not handed"):
        answer_both(content, handed.fitted, handed.root, handed.photos, 1.0)


def test_golden_photos_have_the_calibrated_answers(handed: Handed) -> None:
    facts = {**FACTS, "temperature": 2.5}
    content = stamp(calibrated(handed.network, 2.5), handed.fitted, handed.root, handed.photos, facts)
    passport = passport_of(content)
    assert passport["temperature"] == 2.5
    before = passport_of(handed.content)["golden"]
    for kept, plain in zip(passport["golden"], before, strict=True):
        wanted = scaled(np.array([plain["probabilities"]]), 2.5)[0]
        assert kept["probabilities"] == pytest.approx(wanted.tolist(), abs=1e-4)
    Model(content, "model.onnx")  # proves itself on them
